# ruff: noqa: E402
"""Run the example of every trap and its corrected twin, in Airflow's environment; what each of them did goes to `shown.json`.

The cases lie in the working directory, which is a copy: `<rule>/bad*.py` and `<rule>/good*.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")
os.environ |= {
    "AIRFLOW_HOME": str(Path.cwd() / "home"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__OPENLINEAGE__DISABLED": "True",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
}
sys.path.insert(0, sys.argv[1])  # examples/airflow/harness

from dag_files import load_dag, register_dag_file
from finished_run import FinishedRun
from metadata_database import build_template, copy_template, open_database
from run_dag import create_run, run_dag
from task_loop import RunOptions

MIDNIGHT = datetime(2026, 3, 4, tzinfo=UTC)
Show = Callable[[Path], Any]


def main() -> None:
    top = Path.cwd()
    (top / "template").mkdir()
    template = build_template(top / "template")
    shown: dict[str, dict[str, Any]] = {}
    for rule, show in SHOWS.items():
        for case in sorted((top / rule).glob("*.py")):
            place = top / "run" / rule / case.stem
            place.mkdir(parents=True)
            with open_database(copy_template(template, place)):
                shown.setdefault(rule, {})[case.stem] = told(show, case)
    (top / "shown.json").write_text(json.dumps(shown, indent=1, default=str))


def told(show: Show, case: Path) -> Any:
    try:
        return show(case)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:400]}


def ran(run: FinishedRun) -> dict[str, Any]:
    """State, results and, of a failed task, the kind of error."""
    kinds = {task: text.split(":")[0].split(".")[-1] for task, text in run.observed.errors.items()}
    return {"state": run.state, "results": run.xcoms} | ({"errors": kinds} if kinds else {})


def undated(case: Path) -> Any:
    """A run as an asset event or `airflow dags trigger` makes it; today's date is told as TODAY."""
    told = ran(run_dag(case))
    days = {datetime.now(UTC).strftime("%Y-%m-%d"): "TODAY"}
    return json.loads(_replaced(json.dumps(told), days))


def _replaced(text: str, pairs: dict[str, str]) -> str:
    for old, new in pairs.items():
        text = text.replace(old, new)
    return text


def by_hand(case: Path) -> Any:
    return ran(run_dag(case))


def at_midnight(case: Path) -> Any:
    return ran(run_dag(case, MIDNIGHT))


def in_test_and_in_production(case: Path) -> Any:
    """With the metadata database open, as `dag.test()` runs it, and closed, as a worker does."""
    tested, worked = ran(run_dag(case, MIDNIGHT, options=RunOptions(database_open=True))), ran(run_dag(case, MIDNIGHT))
    return {"test": tested["state"], "production": worked["state"]} | ({"errors": worked["errors"]} if "errors" in worked else {})


LOADING = "import sys; sys.path[:0] = sys.argv[2:]; from dag_files import load_dag; load_dag(sys.argv[1])"


def logged_by_parse(case: Path) -> Any:
    """What a run comes to, and whether the log of the parse has its line."""
    environment = os.environ | {"AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    command = [sys.executable, "-c", LOADING, str(case), sys.argv[1]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    logged = "Failed to resolve template field" in done.stdout + done.stderr
    return ran(run_dag(case)) | {"loads": done.returncode == 0, "line in the log": logged}


def reserved(case: Path) -> Any:
    """What a run comes to, and whether its error names a reserved key."""
    run = run_dag(case, MIDNIGHT)
    return ran(run) | {"reserved": any("reserved" in text for text in run.observed.errors.values())}


def tries(case: Path) -> Any:
    run = run_dag(case)
    return {"state": run.state, "tries": run.tries}


def queued_by_scheduler(case: Path) -> Any:
    """The task instances that the scheduler would hand to an executor."""
    from airflow import settings
    from airflow.executors.local_executor import LocalExecutor
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.state import DagRunState

    register_dag_file(case)
    run = create_run(load_dag(case).dag_id)
    session = settings.Session()
    run = session.merge(run)
    run.dag = SerializedDagModel.get(run.dag_id).dag
    run.state = DagRunState.RUNNING
    session.commit()
    ready, _ = run.update_state(session=session, execute_callbacks=False)
    run.schedule_tis(ready, session=session)
    session.commit()
    runner = SchedulerJobRunner(job=Job(), executors=[LocalExecutor()])  # never started: it only has free slots
    return {"queued": [one.task_id for one in runner._executable_task_instances_to_queued(8, session=session)]}


def alerts(case: Path) -> Any:
    run = run_dag(case)
    return {"state": run.state, "load": run.task_states["load"], "called": [one.name for one in run.observed.callbacks]}


def states(case: Path) -> Any:
    run = run_dag(case)
    return {"state": run.state, "tasks": run.task_states}


def tags(case: Path) -> Any:
    from airflow import settings
    from airflow.models.dag import DagTag
    from sqlalchemy import select

    register_dag_file(case)
    return sorted(settings.Session().scalars(select(DagTag.name)))


def registered(case: Path) -> Any:
    """The DAGs and tasks that the scheduler gets of a file, and its import errors."""
    from airflow import settings
    from airflow.models.errors import ParseImportError
    from airflow.models.serialized_dag import SerializedDagModel
    from sqlalchemy import select

    register_dag_file(case)
    session = settings.Session()
    dags = [model.dag for model in session.scalars(select(SerializedDagModel))]
    errors = session.scalars(select(ParseImportError.filename)).all()
    return {"dags": {dag.dag_id: sorted(dag.task_ids) for dag in dags}, "import errors": len(errors)}


def kept(case: Path) -> Any:
    """How many DAGs and tasks are left of a file; of two DAGs with one id it is chance which."""
    found = registered(case)
    return {"dags": len(found["dags"]), "tasks": sum(map(len, found["dags"].values())), "import errors": found["import errors"]}


def growth(case: Path) -> Any:
    """Whether the last wait is longer than twice the first: Airflow adds up to as much again by chance."""
    waits = run_dag(case).observed.waits["ask"]
    return {"waits": len(waits), "grows": waits[-1] > 2 * waits[0]}


def callback_elsewhere(case: Path) -> Any:
    """Deadlines recorded, and whether a process without the DAG file, as the triggerer is, can import the callback."""
    run = run_dag(case)
    path = load_dag(case).deadline[0].callback.path
    command = f"from airflow.sdk._shared.module_loading import import_string; import_string({path!r})"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    error = done.stderr.strip().splitlines()[-1].split(":")[0] if done.returncode else None
    return {"state": run.state, "import": error}


def deadlines(case: Path) -> Any:
    """How many deadlines a run has that somebody would be told about."""
    from airflow import settings
    from airflow.models.deadline import Deadline
    from sqlalchemy import func, select

    register_dag_file(case)
    run = create_run(load_dag(case).dag_id)
    return {"run": bool(run.run_id), "deadlines": settings.Session().scalar(select(func.count()).select_from(Deadline))}


PARSE = """
import sys
sys.path[:0] = sys.argv[2:]
import airflow  # first: it imports the backend itself
from counted_secrets import ASKED
from dag_files import load_dag
for _ in range(3):
    load_dag(sys.argv[1])
print("ASKED", *ASKED)
"""


def asked(case: Path) -> Any:
    """What three parses of a file ask a secrets backend for."""
    environment = os.environ | {"AIRFLOW__SECRETS__BACKEND": "counted_secrets.CountedSecrets"}
    environment["PYTHONPATH"] = str(case.parents[1])
    command = [sys.executable, "-c", PARSE, str(case), sys.argv[1]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("ASKED")] or [done.stderr[-300:]]
    return told.split()[1:]


def both_registered(case: Path) -> Any:
    """What the scheduler gets of two files of one folder, read one after the other; and their import errors."""
    from airflow.models.serialized_dag import SerializedDagModel

    registered(case)
    other = case.with_name(f"{case.stem.removesuffix('_too')}{'' if case.stem.endswith('_too') else '_too'}.py")
    found = registered(other)
    tasks = sum(len(SerializedDagModel.get(dag_id).dag.task_ids) for dag_id in found["dags"])
    return {"dags": len(found["dags"]), "tasks": tasks, "import errors": found["import errors"]}


def waits_for_load(case: Path) -> Any:
    """The load of one o'clock, done, then the report of six of the same day."""
    report = next(one for one in registered(case)["dags"] if one.startswith("morning"))
    run_dag(case, MIDNIGHT + timedelta(hours=1), dag_id=report.replace("morning_report", "nightly_load"))
    run = run_dag(case, MIDNIGHT + timedelta(hours=6), dag_id=report)
    return {"state": run.state, "tasks": run.task_states}


def pod_of_task(case: Path) -> Any:
    """What the Kubernetes executor makes of a task's executor_config."""
    from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator

    (task,) = load_dag(case).tasks
    pod = PodGenerator.from_obj(task.executor_config)
    return {"state": run_dag(case).state, "memory": pod.spec.containers[0].resources.limits["memory"] if pod else None}


SHOWS: dict[str, Show] = {
    "A001": undated,
    "A002": undated,
    "A003": at_midnight,
    "A004": in_test_and_in_production,
    "A005": tries,
    "A006": queued_by_scheduler,
    "A007": alerts,
    "A008": states,
    "A009": tags,
    "A010": registered,
    "A011": kept,
    "A012": growth,
    "A013": callback_elsewhere,
    "A014": reserved,
    "A015": logged_by_parse,
    "A016": deadlines,
    "A017": at_midnight,
    "A018": by_hand,
    "A019": asked,
    "A020": both_registered,
    "A021": waits_for_load,
    "A022": pod_of_task,
    "A023": by_hand,
}

if __name__ == "__main__":
    main()
