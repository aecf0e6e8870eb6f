"""Run the example of every trap and its corrected twin against a real Prefect server; what each did goes to `shown.json`.

The cases lie in the working directory, which is a copy: `<rule>/bad*.py` and `<rule>/good*.py`, or folders of that name.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

sys.path.insert(0, sys.argv[1])  # examples/prefect/harness

from clean_slate import wipe
from concurrency_seen import Gauge
from finished_run import FinishedRun, execute_and_read, run_and_read
from prefect import Flow
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import SignatureMismatchError
from prefect_server import client_settings, running_server
from schedule_clock import cron_ticks
from worker_process import start_run

WARNING = 30  # of logging
PATIENCE = 120  # seconds for what must end
STUCK = 6  # seconds after its start for what must not
Show = Callable[[ModuleType, Path], Any]


def main() -> None:
    top = Path.cwd()
    shown: dict[str, dict[str, Any]] = {}
    (top / "server").mkdir()
    with running_server(top / "server") as server, client_settings(server):
        for rule, show in SHOWS.items():
            for case in sorted(one for one in (top / rule).iterdir() if one.name.startswith(("bad", "good"))):
                wipe(server)
                place = top / "run" / rule / case.stem
                place.mkdir(parents=True)
                os.chdir(place)
                shown.setdefault(rule, {})[case.stem] = told(show, case)
        os.chdir(top)
        Path("shown.json").write_text(json.dumps(shown, indent=1, default=str))


def told(show: Show, case: Path) -> Any:
    try:
        return show(load(case / "flow.py" if case.is_dir() else case), case)
    except Exception:
        return {"broke": traceback.format_exc()}


def load(case: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{case.parent.name}_{case.stem}", case)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def deployed_run(flow: Flow[..., Any], case: Path) -> FinishedRun:
    """A run of the deployment that the file serves, without the process that serves it."""
    call = next(node for node in ast.walk(ast.parse(case.read_text())) if isinstance(node, ast.Call) and is_serve(node))
    arguments = ast.unparse(ast.Call(ast.Name("dict"), call.args[1:], call.keywords))
    deployment = flow.to_deployment("shown", **eval(arguments, vars(sys.modules[f"{case.parent.name}_{case.stem}"]))).apply()
    return execute_and_read(flow, start_run(deployment))


def is_serve(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "serve"


# --- what each pair does


def invoice(module: ModuleType, case: Path) -> Any:
    run = run_and_read(module.invoice)
    return {"state": run.state.name, "gross and tax": run.result}


def states_of_two_runs(module: ModuleType, case: Path) -> Any:
    runs = [run_and_read(module.load) for _ in range(2)]
    return [[run.state.name, *run.task_states["orders"]] for run in runs]


def states_and_log(module: ModuleType, case: Path) -> Any:
    """The first line of all that is a warning or worse, each once."""
    runs = [run_and_read(module.load) for _ in range(2)]
    said = {line.splitlines()[0] for run in runs for line in run.messages(WARNING)}
    return {"states": [[run.state.name, *run.task_states["orders"]] for run in runs], "said": sorted(said)}


def states_and_import(module: ModuleType, case: Path) -> Any:
    """What the runs say, as above, and what importing the file does."""
    done = subprocess.run([sys.executable, str(case)], capture_output=True, text=True)
    ignoring = "Ignoring `cache_policy`" in done.stdout + done.stderr
    return states_and_log(module, case) | {"warned at import": ignoring}


def load_all(module: ModuleType, case: Path) -> Any:
    run = run_and_read(module.load_all)
    return {"state": run.state.name, "tasks": sorted(set(run.task_states["load"]))}


def ticks(module: ModuleType, case: Path) -> Any:
    found = cron_ticks(module.morning, datetime(2026, 7, 1, tzinfo=UTC), 2)
    return [str(tick.astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None)) for tick in found]


def result_of_deployment(module: ModuleType, case: Path) -> Any:
    try:
        run = deployed_run(module.load, case)
    except SignatureMismatchError as error:
        return {"deployed": True, "run": str(error)}
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    return {"state": run.state.name, "result": "today" if run.result == today else run.result}


def limit_of_deployment(module: ModuleType, case: Path) -> Any:
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="shop", type="process"))
        command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
        done = subprocess.run(command, cwd=case, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        deployment = client.read_deployment_by_name("load/south")
    limit = deployment.global_concurrency_limit
    return {
        "exit code": done.returncode,
        "named": "concurency_limit" in done.stdout + done.stderr,
        "limit": limit and limit.limit,
    }


def deployed(module: ModuleType, case: Path) -> Any:
    """What `prefect deploy --all` has put on the server when it ends."""
    with get_client(sync_client=True) as client:
        if not [pool for pool in client.read_work_pools() if pool.name == "stores"]:
            client.create_work_pool(WorkPoolCreate(name="stores", type="process"))
        command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
        done = subprocess.run(command, cwd=case, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        names = sorted(one.name for one in client.read_deployments() if one.name.endswith(f"-{case.name}"))
    return {"loads": callable(module.load), "exit code": done.returncode, "deployed": names}


def after_time_limit(module: ModuleType, case: Path) -> Any:
    file = Path("loaded").absolute()
    run = run_and_read(module.load_all, file=file)
    time.sleep(1.5)  # what was interrupted has had the time to write after all
    return {"task": run.task_states["load"], "written all the same": file.exists()}


def ends(module: ModuleType, case: Path) -> Any:
    """In a process of its own, ended when it is stuck."""
    code = f"import sys; sys.path.insert(0, {str(case.parent)!r}); import {case.stem}; print({case.stem}.load())"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    deadline = time.monotonic() + PATIENCE
    while not Path("started").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    try:
        printed, _ = process.communicate(timeout=STUCK if case.stem == "bad" else PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return {"started": Path("started").exists(), "ended": False}
    return {"started": True, "ended": True, "result": printed.strip()}


def result(module: ModuleType, case: Path) -> Any:
    run = run_and_read(module.load)
    return {"state": run.state.name, "result": run.result}


def left_behind(module: ModuleType, case: Path) -> Any:
    run = run_and_read(module.load)
    return {"state": run.state.name, "file is left": Path("orders.csv").exists()}


def inside_at_once(module: ModuleType, case: Path) -> Any:
    gauge = Gauge(5, until=2)  # a caller that finds no limit may come seconds after the first
    with patch.object(module, "INSIDE", gauge.watch(lambda number: None)):
        run = run_and_read(module.load)
    said = {line.splitlines()[0] for line in run.messages(WARNING)} if run.state.is_completed() else set()
    return {"state": run.state.name, "inside at once": gauge.most, "said": sorted(said)}


def inside_a_limit(module: ModuleType, case: Path) -> Any:
    module.deploy()
    return inside_at_once(module, case)


def secret(module: ModuleType, case: Path) -> Any:
    Secret(value="hunter22").save("warehouse-password", overwrite=True)
    return result_of_deployment(module, case)


LISTENERS = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
if __name__ == "__main__":
    spec = spec_from_file_location("case", sys.argv[1])
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.load.task_runner as runner:
        sockets = runner.client.cluster.scheduler.http_server._sockets.values()
        print("DASHBOARD", *sorted({one.getsockname()[0] for one in sockets}))
"""


def listens_on(module: ModuleType, case: Path) -> Any:
    """The addresses of the dashboard while the flow's own runner is up, in a process that Dask may start others from."""
    Path("listeners.py").write_text(LISTENERS)
    done = subprocess.run([sys.executable, "listeners.py", str(case)], capture_output=True, text=True, timeout=PATIENCE)
    told = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("DASHBOARD")]
    return told[0] if told else done.stderr[-300:]


SHOWS: dict[str, Show] = {
    "P001": invoice,
    "P002": states_and_log,
    "P003": load_all,
    "P004": ticks,
    "P005": result_of_deployment,
    "P006": result_of_deployment,
    "P007": limit_of_deployment,
    "P008": ticks,
    "P009": after_time_limit,
    "P010": ends,
    "P011": result,
    "P012": left_behind,
    "P013": states_and_import,
    "P014": states_of_two_runs,
    "P015": inside_at_once,
    "P016": secret,
    "P017": listens_on,
    "P018": inside_a_limit,
    "P019": deployed,
}

if __name__ == "__main__":
    main()
