# ruff: noqa: E402
"""Run the example of every trap and its corrected twin, in Dagster's environment; print what each of them did, as JSON.

The cases lie in the working directory, which is a copy: `<rule>/bad*.py` and `<rule>/good*.py`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])  # examples/dagster/harness

import dagster as dg
import duckdb
from automation_over_time import running_automation
from daemon_turns import Tick, running_daemon
from finished_run import FinishedRun
from instances import build_template, file_instance, memory_instance
from private_names import shown_to_the_ui
from run_assets import run_assets, run_job, stored_value
from schedule_ticks import ticks_between

SECRET = "hunter22-of-the-shop"
NOON = datetime(2026, 1, 3, 12, 0, 30, tzinfo=UTC)
MINUTE = 60
Show = Callable[[ModuleType, dg.DagsterInstance], Any]


def main() -> None:
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # dbt
    os.environ |= {"SHOP_PASSWORD": SECRET}
    top = Path.cwd()
    parse_dbt(top / "D016" / "shop")
    template = build_template(top / "template")
    shown: dict[str, dict[str, Any]] = {}
    for rule, show in SHOWS.items():
        for case in sorted((top / rule).glob("*.py")):
            place = top / "run" / rule / case.stem
            place.mkdir(parents=True)
            os.chdir(place)
            os.environ["DLT_DATA_DIR"] = str(place / "dlt")
            stored = file_instance(template, place / "home") if rule in STORED else memory_instance(place / "home")
            with stored as instance:
                shown.setdefault(rule, {})[case.stem] = told(show, case, instance)
    os.chdir(top)
    Path("shown.json").write_text(json.dumps(shown, indent=1, default=str))


def told(show: Show, case: Path, instance: dg.DagsterInstance) -> Any:
    try:
        return show(load(case), instance)
    except Exception:
        return {"broke": traceback.format_exc()}


def load(case: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{case.parent.name}_{case.stem}", case)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dlt asks for the module of a function
    spec.loader.exec_module(module)
    return module


def parse_dbt(project: Path) -> None:
    from dbt.cli.main import dbtRunner

    folders = ["--project-dir", str(project), "--profiles-dir", str(project), "--quiet"]
    assert dbtRunner().invoke(["parse", *folders]).success


def materialized(instance: dg.DagsterInstance, asset: str) -> list[str]:
    return sorted(instance.get_materialized_partitions(dg.AssetKey(asset)))


def turns(module: ModuleType, instance: dg.DagsterInstance, *minutes: int) -> list[Tick]:
    with running_daemon(module.defs, instance, NOON) as daemon:
        moments = [datetime.fromtimestamp(NOON.timestamp() + MINUTE * number, UTC) for number in minutes]
        return [tick for moment in moments for tick in daemon.turn(moment)]


def gist(run: FinishedRun) -> dict[str, Any]:
    return {"status": run.status, "steps": run.steps, "checks": {name: one.passed for name, one in run.checks.items()}}


# --- what each pair does


def argument_of_nothing(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    """An older version of `orders` has stored [1, 1]; the present one has [5, 5]."""

    @dg.asset
    def orders() -> list[int]:
        return [1, 1]

    fresh = run_assets(module.defs, instance).errors
    assert run_assets([orders], instance).status == "SUCCESS"
    run = run_assets(module.defs, instance)
    revenue = stored_value(module.defs, "revenue", instance)
    return {"status": run.status, "revenue": revenue, "fresh": [error.split(":")[0] for error in fresh.values()]}


def schedule_without_partition(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    [tick] = turns(module, instance, 24 * 60)
    return {"runs": [run.status for run in tick.runs], "of": tick.partitions, "materialized": materialized(instance, "orders")}


def secret_in_resource(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    return {"in the UI": SECRET in shown_to_the_ui(module.defs)}


def compute_kind(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    return gist(run_job(module.defs, "all_python", instance))


def runs_of_two_turns(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    return [
        {"status": tick.status, "files": sorted(run.tags["file"] for run in tick.runs)} for tick in turns(module, instance, 1, 2)
    ]


def stopped_by_default(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    return sorted({tick.name for tick in turns(module, instance, 90)})


def conditions_without_sensor(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    with running_automation(module.defs, instance, NOON, switch_on=False) as automation:
        automation.turn(datetime(2026, 1, 3, 12, 1, tzinfo=UTC))
        automation.materialize("orders", at=datetime(2026, 1, 3, 12, 2, tzinfo=UTC))
        return automation.turn(datetime(2026, 1, 3, 12, 3, tzinfo=UTC))


def slots(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    instance.event_log_storage.set_concurrency_slots("warehouse", 1)
    return run_assets(module.defs, instance).metadata["orders"]


def tags_of_run(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    return {"max_retries": run_job(module.defs, "load", instance).tags.get("dagster/max_retries")}


def day_and_range(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    day = run_assets(module.defs, instance, partition="2026-01-01")
    some = run_assets(module.defs, instance, partition=("2026-01-02", "2026-01-04"))
    errors = ["multiple partitions" in error for error in some.errors.values()]
    return {"day": day.status, "range": some.status, "refused": errors, "materialized": materialized(instance, "orders")}


def whole_run(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    return gist(run_assets(module.defs, instance))


def one_partition(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    dg.Definitions.validate_loadable(module.defs)
    run = run_assets(module.defs, instance, partition="2026-01-01")
    return {"status": run.status, "asks for the column": ["partition_expr" in error for error in run.errors.values()]}


def hours_in_berlin(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    hours = []
    for month in (1, 7):
        [tick] = ticks_between(module.defs, "morning", datetime(2026, month, 2, tzinfo=UTC), datetime(2026, month, 3, tzinfo=UTC))
        hours.append(tick.astimezone(ZoneInfo("Europe/Berlin")).hour)
    return hours


def source_test(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    """Two orders, one of them without id: the test on the source, of severity warn, fails."""
    os.environ["SHOP_FILE"] = str(Path("shop.duckdb").absolute())
    with duckdb.connect("shop.duckdb") as warehouse:
        warehouse.sql("CREATE TABLE orders AS SELECT * FROM (VALUES (1), (NULL)) AS rows (id)")
    run = run_assets(module.defs, instance)
    return {"status": run.status, "checks": {name: one.passed for name, one in run.checks.items()}, "errors": run.errors}


def rows_of_two_days(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    """Yesterday one order was loaded; today there are two, and everything runs once."""
    run_assets(module.defs, instance, dg.AssetSelection.assets(module.load))
    module.ROWS.append({"id": 2})
    run = run_assets(module.defs, instance)
    with duckdb.connect("shop.duckdb") as warehouse:
        [[loaded]] = warehouse.sql("SELECT count(*) FROM raw.orders").fetchall()
    return {"status": run.status, "loaded": loaded, "built from": run.metadata["daily"]["rows"]}


def kubernetes_tag(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    from dagster_k8s.job import get_user_defined_k8s_config

    dg.Definitions.validate_loadable(module.defs)
    status = run_assets(module.defs, instance).status
    try:
        get_user_defined_k8s_config(module.orders.op.tags)
    except Exception as error:
        return {"status": status, "launch": type(error).__name__, "names the key": "resourcez" in str(error)}
    return {"status": status}


def steps_of_job(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    return gist(run_job(module.defs, "with_all_above", instance))


def rows_after_two_runs(module: ModuleType, instance: dg.DagsterInstance) -> Any:
    statuses = [run_assets(module.defs, instance).status for _ in range(2)]
    with duckdb.connect("shop.duckdb") as warehouse:
        [[rows]] = warehouse.sql("SELECT count(*) FROM raw.orders").fetchall()
    return {"statuses": statuses, "rows": rows}


SHOWS: dict[str, Show] = {
    "D001": argument_of_nothing,
    "D002": schedule_without_partition,
    "D003": secret_in_resource,
    "D004": compute_kind,
    "D005": runs_of_two_turns,
    "D006": runs_of_two_turns,
    "D007": stopped_by_default,
    "D008": conditions_without_sensor,
    "D009": slots,
    "D010": tags_of_run,
    "D011": day_and_range,
    "D012": whole_run,
    "D013": whole_run,
    "D014": one_partition,
    "D015": hours_in_berlin,
    "D016": source_test,
    "D017": rows_of_two_days,
    "D018": kubernetes_tag,
    "D020": steps_of_job,
    "D021": rows_after_two_runs,
}
STORED = ("D002", "D005", "D006", "D007", "D008", "D009")

if __name__ == "__main__":
    main()
