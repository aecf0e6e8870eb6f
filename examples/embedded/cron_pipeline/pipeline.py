"""A daily load that cron, a systemd timer or GitHub Actions may start: one at a time, no day lost, an exit code that says why.

What: loads each finished day's file into DuckDB, whole or not at all; days without a run are caught up on by the next one.
When: the steps fit one script on one machine. Not for steps that wait for other teams' data or need a machine each.
Run: python pipeline.py [DAY], and python pipeline.py --check from another clock
Expect: exit code 0; else 65 bad file, 66 no file of that day, 69 (--check) yesterday is not there, 75 another run is at work.
"""

from __future__ import annotations

import argparse
import csv
import fcntl
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

SHOP_ZONE = ZoneInfo("Europe/Berlin")
BAD_FILE, NO_FILE, TOO_OLD, BUSY = 65, 66, 69, 75  # of sysexits.h where it has one; cron and systemd know no others by name
SCHEMA = """CREATE TABLE IF NOT EXISTS orders (order_id INT, day DATE, customer TEXT, cents INT);
CREATE TABLE IF NOT EXISTS loaded_days (day DATE PRIMARY KEY)"""
log = logging.getLogger("pipeline")


class PipelineError(Exception):
    """What a caller can act on; `code` is the exit code."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.code = code


@contextmanager
def only_run(lock: Path) -> Iterator[None]:
    """Hold the lock while the body runs; the kernel frees it however the process ends. PipelineError when it is held."""
    with lock.open("a") as file:  # never deleted: two files of one name would be two locks
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PipelineError(BUSY, f"another run holds {lock}") from None
        yield


def shop_day(now: datetime) -> date:
    """The date in the shop at this moment; the machine's own date is that of its time zone, often UTC."""
    return now.astimezone(SHOP_ZONE).date()


def days_to_load(landing: Path, loaded: set[date], today: date) -> list[date]:
    """Days that are over, have a file and are not loaded, whatever the clock has missed and however late a file came."""
    landed = {date.fromisoformat(file.stem) for file in landing.glob("????-??-??.csv")}
    return sorted(day for day in landed - loaded if day < today)


def load_day(database: duckdb.DuckDBPyConnection, landing: Path, day: date) -> None:
    """Replace the day's orders in one transaction, so that a repeated load changes nothing and a killed one leaves nothing."""
    database.begin()
    path = landing / f"{day}.csv"
    if not path.exists():
        raise PipelineError(NO_FILE, f"{path} is not there")
    database.execute("DELETE FROM orders WHERE day = ?", [day])
    with path.open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                values = [int(row["order_id"]), day, row["customer"], int(row["cents"])]
            except (KeyError, TypeError, ValueError) as error:
                raise PipelineError(BAD_FILE, f"{path}, line {number}: {row}: {error!r}") from error
            database.execute("INSERT INTO orders VALUES (?, ?, ?, ?)", values)
    database.execute("INSERT OR IGNORE INTO loaded_days VALUES (?)", [day])
    database.commit()
    log.info("%s loaded", day)


def run(environment: Mapping[str, str], day: date | None, now: datetime) -> None:
    """Load one day again, or all that are missing. A bad day does not keep the others from being loaded; it is raised last."""
    bad = []
    landing = Path(environment.get("SHOP_LANDING", Path(__file__).parent / "landing"))
    with (
        only_run(Path(environment.get("SHOP_LOCK", "shop_orders.lock"))),
        duckdb.connect(environment.get("SHOP_DATABASE", "shop_data.duckdb")) as database,
    ):
        database.execute(SCHEMA)
        loaded = {row[0] for row in database.execute("SELECT day FROM loaded_days").fetchall()}
        days = [day] if day else days_to_load(landing, loaded, shop_day(now))
        for missing in days:
            try:
                load_day(database, landing, missing)
            except PipelineError as error:
                database.rollback()
                bad.append(error)
    log.info("%d of %d days loaded", len(days) - len(bad), len(days))
    if bad:
        raise bad[0]


def check(environment: Mapping[str, str], now: datetime) -> None:
    """Raise PipelineError unless yesterday is loaded: what no failure tells, because nothing ran or no file came."""
    path, yesterday, last = environment.get("SHOP_DATABASE", "shop_data.duckdb"), shop_day(now) - timedelta(days=1), None
    with only_run(Path(environment.get("SHOP_LOCK", "shop_orders.lock"))):  # DuckDB lets nobody read while a run writes
        if path.startswith("md:") or Path(path).exists():
            with duckdb.connect(path, read_only=True) as database:
                [(last,)] = database.execute("SELECT max(day) FROM loaded_days").fetchall()
    if last is None or last < yesterday:
        raise PipelineError(TOO_OLD, f"the last loaded day is {last}, it should be {yesterday}")


def main(arguments: list[str]) -> int:
    """Do what the command line says; the exit code."""
    parser = argparse.ArgumentParser(description="Load the shop's orders.")
    parser.add_argument("day", nargs="?", type=date.fromisoformat, help="load this day again; without it, all that are missing")
    parser.add_argument("--check", action="store_true", help="load nothing, fail when yesterday is not loaded")
    asked, now = parser.parse_args(arguments), datetime.now(UTC)
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        check(os.environ, now) if asked.check else run(os.environ, asked.day, now)
    except PipelineError as error:
        log.error("%s", error)
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
