"""The load runs once at a time, loses no day, leaves nothing half done, and its failure reaches somebody."""

from __future__ import annotations

import array
import fcntl
import importlib.util
import os
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO

import duckdb
import pytest
from pytest_httpserver import HTTPServer

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location("cron_pipeline", HERE / "pipeline.py")
pipeline = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pipeline)
HEAD = "order_id,customer,cents\n"
NOW = datetime(2026, 3, 3, 5, 17, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path) -> dict[str, str]:
    """An environment for the pipeline: two days landed in an empty shop."""
    landing = tmp_path / "landing"
    landing.mkdir()
    (landing / "2026-03-01.csv").write_text(HEAD + "1,ada,1200\n2,ben,600\n")
    (landing / "2026-03-02.csv").write_text(HEAD + "3,ada,2250\n")
    names = {"SHOP_LANDING": landing, "SHOP_LOCK": tmp_path / "lock", "SHOP_DATABASE": tmp_path / "shop_data.duckdb"}
    return {"PATH": os.environ["PATH"]} | {name: str(path) for name, path in names.items()}


def orders(shop: dict[str, str]) -> list[tuple[int, str]]:
    """Order and day of all that is loaded."""
    with duckdb.connect(shop["SHOP_DATABASE"], read_only=True) as database:
        return database.execute("SELECT order_id, day::TEXT FROM orders ORDER BY order_id").fetchall()


def start(shop: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """The pipeline as a process of its own."""
    return subprocess.Popen([sys.executable, HERE / "pipeline.py", *arguments], env=shop, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and last line of the log."""
    said = process.communicate(timeout=120)[1]
    return process.returncode, said.strip().splitlines()[-1]


def wait_until(true: Callable[[], bool]) -> None:
    """Look until it holds."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "waited for 60 s"
        time.sleep(0.02)


def waiting_bytes(pipe: IO[str]) -> int:
    """Bytes in the pipe that nobody has read."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


@pytest.fixture
def half_way(shop: dict[str, str]) -> subprocess.Popen[str]:
    """A run that has written the first of its day's orders and waits for the next: its file is a pipe."""
    pipeline.run(shop, None, NOW)
    file = Path(shop["SHOP_LANDING"], "2026-03-02.csv")
    file.unlink()
    os.mkfifo(file)
    process = start(shop, "2026-03-02")
    with file.open("w") as pipe:
        pipe.write(HEAD + "30,ada,2250\n")
        pipe.flush()
        wait_until(lambda: waiting_bytes(pipe) == 0)
        yield process
    process.kill()
    process.wait()


def test_a_second_run_leaves_with_its_own_code(shop: dict[str, str], half_way: subprocess.Popen[str]) -> None:
    """75 tells an overlap from a failure; the first run is not disturbed."""
    code, said = ended(start(shop))
    assert (code, said.endswith(f"another run holds {shop['SHOP_LOCK']}"), half_way.poll()) == (75, True, None)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_leaves_the_day_as_it_was(
    shop: dict[str, str], half_way: subprocess.Popen[str], number: signal.Signals
) -> None:
    """Neither half a day nor a held lock stays behind; the next run loads the day whole."""
    half_way.send_signal(number)
    assert half_way.wait(60) == -number
    assert orders(shop) == [(1, "2026-03-01"), (2, "2026-03-01"), (3, "2026-03-02")]
    file = Path(shop["SHOP_LANDING"], "2026-03-02.csv")
    file.unlink()
    file.write_text(HEAD + "30,ada,2250\n31,ben,10\n")
    assert ended(start(shop, "2026-03-02"))[0] == 0
    assert orders(shop)[2:] == [(30, "2026-03-02"), (31, "2026-03-02")]


def test_missed_runs_and_late_files_are_caught_up_once(shop: dict[str, str]) -> None:
    """What is loaded decides, not the tick; today's file may still grow and waits."""
    landing = Path(shop["SHOP_LANDING"])
    (landing / "2026-03-03.csv").write_text(HEAD + "5,ben,400\n")
    pipeline.run(shop, None, NOW)
    assert [day for _, day in orders(shop)] == ["2026-03-01", "2026-03-01", "2026-03-02"]
    (landing / "2026-02-27.csv").write_text(HEAD + "9,late,1\n")
    for _ in range(2):
        pipeline.run(shop, None, NOW.replace(day=5))
    assert orders(shop)[-2:] == [(5, "2026-03-03"), (9, "2026-02-27")]
    assert len(orders(shop)) == 5


def test_a_bad_file_is_named_and_keeps_no_other_day_back(shop: dict[str, str]) -> None:
    """Nothing of it is loaded; it is tried again by every run until it is mended."""
    bad = Path(shop["SHOP_LANDING"], "2026-03-01.csv")
    bad.write_text(HEAD + "1,ada,1200\n2,ben,six\n")
    with pytest.raises(pipeline.PipelineError, match=r"2026-03-01.csv, line 3: .*'six'") as error:
        pipeline.run(shop, None, NOW)
    assert (error.value.code, orders(shop)) == (65, [(3, "2026-03-02")])
    assert ended(start(shop, "2026-03-09"))[0] == 66


@pytest.mark.parametrize(
    ("moment", "day"),
    [("2026-03-28T23:30+00:00", 29), ("2026-03-29T21:30+00:00", 29), ("2026-03-29T22:30+00:00", 30)],
)
def test_the_day_is_the_shops(moment: str, day: int) -> None:
    """Late in the evening UTC it is tomorrow in Berlin, and when depends on summer time; `date.today()` on a UTC host is not."""
    assert pipeline.shop_day(datetime.fromisoformat(moment)) == date(2026, 3, day)


def test_silence_is_found(shop: dict[str, str]) -> None:
    """No run, or no file: nothing fails, and only the missing day tells."""
    for now, last in ((NOW, None), (NOW.replace(day=4), date(2026, 3, 2))):
        with pytest.raises(pipeline.PipelineError, match=f"last loaded day is {last}") as error:
            pipeline.check(shop, now)
        assert error.value.code == 69
        pipeline.run(shop, None, NOW)
    pipeline.check(shop, NOW)


@pytest.mark.parametrize(("code", "alerted"), [("exit 0", False), ("exit 75", False), ("exit 65", True), ("kill -9 $$", True)])
def test_a_failure_calls_the_hook(tmp_path: Path, code: str, alerted: bool) -> None:
    """From outside, so that a killed process is reported too; the exit code stays the command's."""
    hook = tmp_path / "hook"
    hook.write_text(f'#!/bin/sh\n{{ echo "$1"; cat; }} >{tmp_path}/sent\n')
    hook.chmod(0o755)
    command = ["sh", "-c", f"echo said; {code}"]
    done = subprocess.run([HERE / "alert_on_failure.sh", hook, *command], capture_output=True, text=True)
    number = 137 if "kill" in code else int(code.split()[1])
    assert (done.returncode, done.stdout.startswith("said\n")) == (number, True)
    sent = (tmp_path / "sent").read_text().splitlines() if alerted else None
    assert (tmp_path / "sent").exists() == alerted
    assert sent is None or (sent[0].endswith(f"ended with {number}"), sent[1]) == (True, "said")


def test_a_dead_hook_is_said_and_hides_no_exit_code(tmp_path: Path) -> None:
    """The alert is the last thing that may fail in silence."""
    done = subprocess.run([HERE / "alert_on_failure.sh", tmp_path / "none", "false"], capture_output=True, text=True)
    assert (done.returncode, "alert was not sent" in done.stdout) == (1, True)


def test_the_crontab_runs_as_cron_runs_it(shop: dict[str, str], tmp_path: Path, httpserver: HTTPServer) -> None:
    """Its command line, with cron's bare environment and its rule for %, loads the days, keeps the log and sends the alert."""
    httpserver.expect_request("/alert", method="POST").respond_with_data("ok")
    for script in ("pipeline.py", "alert_on_failure.sh", "send_alert.sh"):
        (tmp_path / script).symlink_to(HERE / script)
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (tmp_path / "alert.env").write_text(f"export SHOP_ALERT_URL={httpserver.url_for('/alert')} SHOP_LANDING=landing\n")
    table = (HERE / "shop.crontab").read_text()
    load, check = re.findall(r"^[\d* ]+(cd .*)$", table, re.MULTILINE)
    for line, code in ((load, 0), (check, 69)):
        command = line.replace("/srv/shop", str(tmp_path)).replace(r"\%", "%")
        environment = {"HOME": "/", "PATH": re.search(r"^PATH=(.*)$", table, re.MULTILINE)[1]}
        assert subprocess.run(["/bin/sh", "-c", command], env=environment).returncode == code
    assert [day for _, day in orders(shop)] == ["2026-03-01", "2026-03-01", "2026-03-02"]
    [sent] = [request.get_data(as_text=True) for request, _ in httpserver.log]
    assert re.search(r"--check ended with 69\n.*the last loaded day is 2026-03-02", sent)
    assert len(list(tmp_path.glob("orders-????-??.log"))) == 1
