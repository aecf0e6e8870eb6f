"""Every file that lands in the inbox gets one run, whatever its name and its date.

What: a sensor asks for one run per new file; run key: the file's name; cursor: the names already seen.
When: producers rename finished files into a folder. Not for thousands an hour: load those by schedule.
Run: dg dev -f definitions.py
Expect: two runs for the two files of the inbox; then one run for each `*.csv` that is moved into it.
"""

import json
import os
from pathlib import Path

import dagster as dg
import duckdb

INBOX = Path(__file__).parent / "inbox"
FILES_PER_TICK = 50  # a tick must end within the daemon's time limit; the rest waits for the next one


class LandedFile(dg.Config):
    """The file that one run loads."""

    path: str = str(INBOX / "orders-2026-03-01.csv")


@dg.asset
def received_orders(config: LandedFile) -> dg.MaterializeResult:
    """Orders of all landed files; loading a file again replaces its rows."""
    name = Path(config.path).name
    with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as database:
        database.execute("CREATE TABLE IF NOT EXISTS received_orders (file TEXT, order_id INT, cents INT)")
        database.begin()
        database.execute("DELETE FROM received_orders WHERE file = ?", [name])
        query = "INSERT INTO received_orders SELECT ?, order_id, quantity * price_cents FROM read_csv(?)"
        [(rows,)] = database.execute(query, [name, config.path]).fetchall()
        database.commit()
    return dg.MaterializeResult(metadata={"file": name, "rows": rows})


load_file = dg.define_asset_job("load_file", selection=[received_orders])


@dg.sensor(job=load_file, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def inbox_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """One run request per file that no earlier tick has seen, at most FILES_PER_TICK of them."""
    inbox = Path(os.environ.get("SHOP_INBOX", INBOX))
    landed = {path.name: path for path in sorted(inbox.glob("*.csv"))}
    seen = set(json.loads(context.cursor or "[]")) & landed.keys()  # forget what has left the inbox
    new = [name for name in landed if name not in seen][:FILES_PER_TICK]
    requests = [
        dg.RunRequest(
            run_key=name,  # the daemon launches a run key once, even when the cursor is lost
            run_config=dg.RunConfig(ops={"received_orders": LandedFile(path=str(landed[name]))}),
        )
        for name in new
    ]
    return dg.SensorResult(run_requests=requests, cursor=json.dumps(sorted(seen | set(new))))


defs = dg.Definitions(assets=[received_orders], jobs=[load_file], sensors=[inbox_sensor])
