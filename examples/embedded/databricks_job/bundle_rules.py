"""What is wrong with a job of a bundle: the harness's findings, and what the service accepts and then does otherwise.

Sources: the docstrings of databricks-sdk's jobs module, and docs.databricks.com on conditional tasks, task values and
dynamic value references.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from bundle_target import Job
from bundle_validator import job_problems

NAMESPACES = r"(job|task|tasks|input|backfill|workspace)\b"  # other names between braces stay as they are written
FILES = {"notebook_task": "notebook_path", "spark_python_task": "python_file", "dbt_task": "project_directory"}
NEEDS_ENVIRONMENT = ("dbt_task", "spark_python_task", "python_wheel_task")
CLUSTERS = ("job_cluster_key", "new_cluster", "existing_cluster_id")


def problems(job: Job) -> list[str]:
    """Those of the harness, and what the service accepts and then does otherwise than meant."""
    found = job_problems(job)
    if found and found[0].startswith("databricks-bundles refuses it"):
        return found
    return found + [
        problem for rule in (_job_rules, _braces, _files, _compute, _task_values, _hidden_failure) for problem in rule(job)
    ]


def _tasks(job: Job) -> Iterator[Job]:
    for task in job.get("tasks", ()):
        yield task
        if "for_each_task" in task:
            yield task["for_each_task"]["task"]


def _job_rules(job: Job) -> Iterator[str]:
    if not job.get("timeout_seconds"):
        yield "timeout_seconds is 0, which is no limit"
    if (job.get("queue") or {}).get("enabled") is False:
        yield "queue.enabled is false: a tick or a backfill during a run is skipped"


def _braces(job: Job) -> Iterator[str]:
    for name in sorted(set(re.findall(r"\{\{\s*(.*?)\s*\}\}", json.dumps(job)))):
        if not re.match(NAMESPACES, name):
            yield f"{{{{{name}}}}} is no reference: the task gets it as text, braces and all"


def _files(job: Job) -> Iterator[str]:
    for task in _tasks(job):
        for kind, field in FILES.items():
            path = (task.get(kind) or {}).get(field, "")
            if path.startswith("/") and not path.startswith(("/Workspace", "/Repos", "/Volumes")) and not Path(path).exists():
                yield f"task {task['task_key']}: {field} {path} does not exist"


def _compute(job: Job) -> Iterator[str]:
    for task in _tasks(job):
        kinds = [kind for kind in NEEDS_ENVIRONMENT if kind in task]
        if kinds and "environment_key" not in task and not any(name in task for name in CLUSTERS):
            yield f"task {task['task_key']}: a serverless {kinds[0]} needs an environment_key"


def _task_values(job: Job) -> Iterator[str]:
    """Keys that are read and that the notebook does not set in so many words."""
    notebooks = {task["task_key"]: task.get("notebook_task", {}).get("notebook_path", "") for task in _tasks(job)}
    for task, key in sorted(set(re.findall(r"\{\{\s*tasks\.([\w-]+)\.values\.([\w-]+)", json.dumps(job)))):
        path = Path(notebooks.get(task, ""))
        if not path.is_file():
            yield f"task {task}: {key} is read from it, and only a Python notebook sets task values"
        elif not re.search(rf"""taskValues\.set\(\s*key\s*=\s*["']{key}["']""", path.read_text()):
            yield f"task {task}: {path.name} never sets the task value {key!r}"


def _hidden_failure(job: Job) -> Iterator[str]:
    """The run's result is that of its leaves; SUCCESS_WITH_FAILURES sends no mail for failures."""
    for task in job["tasks"]:
        if not _is_seen(task["task_key"], job["tasks"]):
            yield f"task {task['task_key']}: its failure ends in leaves that succeed: the run is SUCCESS_WITH_FAILURES, no alert"


def _is_seen(key: str, tasks: list[Job]) -> bool:
    """Whether a failure of this task reaches a leaf, through tasks that need all above them."""
    behind = [task for task in tasks if key in {dependency["task_key"] for dependency in task.get("depends_on", ())}]
    strict = [task for task in behind if task.get("run_if", "ALL_SUCCESS") in ("ALL_SUCCESS", "NONE_FAILED")]
    return not behind or any(_is_seen(task["task_key"], tasks) for task in strict)
