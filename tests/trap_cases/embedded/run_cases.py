# ruff: noqa: E402
"""Run the example of every trap and its corrected twin; what each of them did goes to `shown.json`.

Real: the SQL of tasks, in DuckDB; bundles in Databricks' own strict parser; the programs that jobs and workflows start, as
processes; HTTP. Simulated, by what their documentation says: Snowflake's streams (the harness) and the state of its tasks,
references to job parameters and job clusters, GitHub's concurrency groups, and the wait of a loop that polls.

The cases lie in the working directory, which is a copy: `<rule>/bad*` and `<rule>/good*`.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
import sqlite3
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

EXAMPLES = Path(sys.argv[1])  # examples/embedded
sys.path[:0] = [str(EXAMPLES / "harness"), str(EXAMPLES / "snowflake_task_graph")]

import yaml
from databricks.bundles.jobs import Job
from snowflake_statements import Task, read_task, split_statements, stored_name
from snowflake_stream import Snowflake

TABLES = """
CREATE TABLE raw_orders (order_id INT, cents INT); CREATE TABLE orders (order_id INT, cents INT);
CREATE TABLE order_changes (order_id INT, cents INT);
"""
DAY = 24 * 3600.0
Show = Callable[[Path], Any]


def main() -> None:
    top = Path.cwd()
    shown: dict[str, dict[str, Any]] = {}
    for rule, show in SHOWS.items():
        for case in sorted(one for one in (top / rule).iterdir() if one.name.startswith(("bad", "good"))):
            try:
                shown.setdefault(rule, {})[case.stem] = show(case)
            except Exception:
                shown[rule][case.stem] = {"broke": traceback.format_exc()}
    Path("shown.json").write_text(json.dumps(shown, indent=1))


# --- Snowflake


class TaskGraph:
    """The tasks of a file: made suspended, resumed as it says, run in order; their bodies run in DuckDB."""

    def __init__(self, database: Snowflake) -> None:
        self.database = database
        self.tasks: dict[str, Task] = {}
        self.started: set[str] = set()
        self.refused: list[str] = []

    def apply(self, sql: str) -> None:
        """Deploy a file. A statement that Snowflake refuses is noted, and the next one is applied."""
        for statement in split_statements(sql):
            if statement.words[:2] == ["CREATE", "TASK"]:
                task = read_task(statement)
                self.tasks[task.name] = task
            elif statement.words[:2] == ["ALTER", "TASK"]:
                self._resume(stored_name(statement.words[2]))
            elif statement.words[:3] == ["CREATE", "STREAM", "IF"]:
                self._make_stream(statement.text)
            else:
                self.database.execute(statement.text)

    def _resume(self, name: str) -> None:
        if set(self.tasks[name].after) & self.started:
            self.refused.append(name)
        else:
            self.started.add(name)

    def _make_stream(self, sql: str) -> None:
        name = re.search(r"EXISTS\s+(\w+)", sql)[1]
        if name.lower() not in self.database.streams:
            self.database.execute(sql)

    def tick(self) -> list[str]:
        """The roots' schedule comes: states of the tasks that had a turn, a suspended child counting as done."""
        states = []
        for task in self.tasks.values():
            stream = re.search(r"STREAM_HAS_DATA\(\s*'(\w+)'", task.when)
            if task.name not in self.started or (stream and not self.database.has_data(stream[1])):
                continue
            self.database.execute(task.body)
            states.append(f"{task.name} SUCCEEDED")
        return states


def rows(database: Snowflake, table: str) -> list[int]:
    return [order for (order,) in database.execute(f"SELECT order_id FROM {table} ORDER BY order_id")]


def day_of_tasks(case: Path) -> Any:
    """One order has landed; the file is deployed, and its schedule comes."""
    graph = TaskGraph(Snowflake())
    graph.database.execute(TABLES + "INSERT INTO raw_orders VALUES (1, 100);")
    graph.apply(case.read_text())
    return {"refused": graph.refused, "ran": graph.tick(), "copied": rows(graph.database, "orders")}


def changes_of_a_day(case: Path) -> Any:
    """Three orders are copied; then one changes and one is deleted."""
    graph = TaskGraph(Snowflake())
    graph.database.execute(TABLES)
    graph.apply(case.read_text())
    graph.database.execute("INSERT INTO raw_orders VALUES (1, 100), (2, 200), (3, 300);")
    graph.tick()
    graph.database.execute("UPDATE raw_orders SET cents = 110 WHERE order_id = 1; DELETE FROM raw_orders WHERE order_id = 2;")
    return {"ran": graph.tick(), "source": rows(graph.database, "raw_orders"), "copy": rows(graph.database, "orders")}


def second_deployment(case: Path) -> Any:
    """An order lands, the file is deployed again, the tasks run."""
    graph = TaskGraph(Snowflake())
    graph.database.execute(TABLES)
    graph.apply(case.read_text())
    graph.database.execute("INSERT INTO raw_orders VALUES (1, 100);")
    graph.started.clear()
    graph.apply(case.read_text())
    graph.tick()
    return {"source": rows(graph.database, "raw_orders"), "copy": rows(graph.database, "orders")}


def two_readers(case: Path) -> Any:
    """An order lands, and both statements should see it."""
    graph = TaskGraph(Snowflake())
    graph.database.execute(TABLES)
    graph.apply(case.read_text())
    graph.database.execute("INSERT INTO raw_orders VALUES (1, 100);")
    ran = graph.tick()
    return {"ran": ran, "changes": rows(graph.database, "order_changes"), "copy": rows(graph.database, "orders")}


# --- Databricks, GitHub, a loop


def parameter_of_task(case: Path) -> Any:
    """The bundle's job is parsed strictly; its task runs with what a reference to a declared parameter becomes."""
    [job] = yaml.safe_load(case.read_text())["resources"]["jobs"].values()
    Job.from_dict(job)
    declared = {one["name"]: one["default"] for one in job.get("parameters", ())}
    [given] = job["tasks"][0]["spark_python_task"]["parameters"]
    for name, value in declared.items():
        given = given.replace(f"{{{{job.parameters.{name}}}}}", value)
    done = subprocess.run([sys.executable, case.with_name("load.py"), given], capture_output=True, text=True, check=True)
    return {"accepted": True, **json.loads(done.stdout)}


def cluster_of_task(case: Path) -> Any:
    """The bundle's job is parsed strictly; the cluster of its task is looked up as the workspace does."""
    [job] = yaml.safe_load(case.read_text())["resources"]["jobs"].values()
    Job.from_dict(job)
    clusters = {one["job_cluster_key"]: one["new_cluster"]["node_type_id"] for one in job["job_clusters"]}
    return {"accepted": True, "runs on": clusters.get(job["tasks"][0]["job_cluster_key"])}


def two_runs_of_a_workflow(case: Path) -> Any:
    """Two runs are asked for at once; a group lets the second start when the first has ended."""
    workflow = yaml.safe_load(case.read_text())
    [step] = workflow["jobs"]["load"]["steps"]
    place = case.with_name(f"{case.stem}_place")
    place.mkdir()
    with sqlite3.connect(place / "shop.sqlite") as shop:
        shop.execute("CREATE TABLE orders (day TEXT, cents INT)")
    command = [sys.executable, case.with_name(step["run"].split()[1])]

    def start() -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        process = subprocess.Popen(command, cwd=place, **pipes)
        process.stdout.readline()
        return process

    groups = [[start(), start()]] if "concurrency" not in workflow else ([start()] for _ in range(2))
    codes = []
    for together in groups:
        for process in together:
            process.communicate("\n", timeout=60)
            codes.append(process.returncode)
    with sqlite3.connect(place / "shop.sqlite") as shop:
        [(count,)] = shop.execute("SELECT count(*) FROM orders").fetchall()
    return {"exit codes": codes, "rows of the day": count}


GITHUB_MINUTES = 360  # the limit of a job that names none, as GitHub documents it


def hours_of_a_hanging_job(case: Path) -> Any:
    """The step waits for an answer that never comes; its minutes are simulated."""
    job = yaml.safe_load(case.read_text())["jobs"]["load"]
    with sqlite3.connect(case.parent / "shop.sqlite") as shop:
        shop.execute("CREATE TABLE IF NOT EXISTS orders (day TEXT, cents INT)")
    command = [sys.executable, case.with_name(job["steps"][0]["run"].split()[1])]
    process = subprocess.Popen(command, cwd=case.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "looked\n"
    hangs = process.poll() is None
    process.kill()
    process.communicate()
    return {"hangs": hangs, "hours": job.get("timeout-minutes", GITHUB_MINUTES) / 60}


class StillAskingError(Exception):
    """The test's own patience is at its end."""


def a_day_of_polling(case: Path) -> Any:
    """The platform answers `running` for ever; waiting is simulated."""
    spec = importlib.util.spec_from_file_location(case.stem, case)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds * 20  # fewer turns of the loop; the wait is simulated anyway
        if now > DAY:
            raise StillAskingError

    clock = {"clock": lambda: now} if "clock" in inspect.signature(module.wait_for_run).parameters else {}
    with endless_run() as url:
        try:
            return {"ended": module.wait_for_run(url, sleep=sleep, **clock)}
        except (StillAskingError, TimeoutError) as error:
            return {"ended": type(error).__name__, "hours": round(now / 3600)}


@contextmanager
def endless_run() -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": "running"}')

        def log_message(self, format: str, *arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/runs/1"
    finally:
        server.shutdown()
        server.server_close()


SHOWS: dict[str, Show] = {
    "E001": day_of_tasks,
    "E002": day_of_tasks,
    "E003": changes_of_a_day,
    "E004": second_deployment,
    "E005": two_readers,
    "E006": parameter_of_task,
    "E007": two_runs_of_a_workflow,
    "E008": a_day_of_polling,
    "E009": hours_of_a_hanging_job,
    "E010": cluster_of_task,
}

if __name__ == "__main__":
    main()
