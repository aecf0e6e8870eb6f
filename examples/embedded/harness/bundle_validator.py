"""What is wrong with the jobs of a Databricks bundle, found without a workspace, a CLI or a network.

Real: the strict parser of `databricks-bundles` (unknown fields, wrong enum values, missing fields, wrong types),
and the time zones of this machine.
Checked here, because no parser does: names that one part of a job uses and another must declare, and Quartz cron.
Left out: whether files, clusters, warehouses, users and permissions exist; what `targets` change; `${...}`, which
only a deployment resolves (fields that hold it pass).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from databricks.bundles.jobs import Job
from quartz_cron import cron_problems

JOB_PARAMETER = re.compile(r"\{\{\s*job\.parameters\.([\w.-]+?)\s*\}\}")
TASK_REFERENCE = re.compile(r"\{\{\s*tasks\.([\w-]+)\.")

Problems = list[str]


def bundle_problems(bundle_file: Path) -> Problems:
    """Problems of every job under `resources.jobs` of a databricks.yml and of the files it includes."""
    bundle = yaml.safe_load(bundle_file.read_text())
    included = {pattern: sorted(bundle_file.parent.glob(pattern)) for pattern in bundle.get("include", ())}
    problems = [f"{bundle_file.name}: include {name!r} matches no file" for name, found in included.items() if not found]
    for file in (bundle_file, *(path for found in included.values() for path in found)):
        jobs = (yaml.safe_load(file.read_text()).get("resources") or {}).get("jobs") or {}
        problems += [f"{file.name}: {name}: {line}" for name, job in jobs.items() for line in job_problems(job)]
    return problems


def job_problems(job: Mapping[str, Any]) -> Problems:
    """Problems of one job, as it stands in a bundle or in the body of the Jobs API; an empty list means none."""
    try:
        Job.from_dict(dict(job))
    except (TypeError, ValueError) as error:
        return [f"databricks-bundles refuses it: {error}"]
    tasks = list(_tasks(job))
    return [
        *_unknown_names(job, tasks),
        *_task_graph_problems(job.get("tasks", ())),
        *_undeclared_parameters(job),
        *_unknown_task_references(job.get("tasks", ())),
        *cron_problems(job.get("schedule")),
    ]


def _tasks(job: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The tasks, and the tasks that for-each tasks repeat."""
    for task in job.get("tasks", ()):
        yield task
        inner = (task.get("for_each_task") or {}).get("task")
        if inner:
            yield inner


def _unknown_names(job: Mapping[str, Any], tasks: list[Mapping[str, Any]]) -> Iterator[str]:
    """Clusters and environments that a task names and the job does not have."""
    for field, section in (("job_cluster_key", "job_clusters"), ("environment_key", "environments")):
        declared = sorted(entry[field] for entry in job.get(section, ()))
        for task in tasks:
            used = task.get(field)
            if used and "${" not in used and used not in declared:
                yield f"task {task['task_key']}: {field} {used!r} is not in {section}, which has {declared}"


def _task_graph_problems(tasks: list[Mapping[str, Any]]) -> Iterator[str]:
    """Doubled keys, dependencies on nothing, outcomes of tasks without one, and circles."""
    keys = [task["task_key"] for task in tasks]
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        yield f"task_key {key!r} is used {keys.count(key)} times"
    conditions = {task["task_key"] for task in tasks if task.get("condition_task")}
    parents = {task["task_key"]: [d["task_key"] for d in task.get("depends_on", ())] for task in tasks}
    for task in tasks:
        for needed in task.get("depends_on", ()):
            key, place = needed["task_key"], f"task {task['task_key']}: depends_on"
            if key not in keys:
                yield f"{place} {key!r}, which is no task_key of this job"
            elif "outcome" in needed and key not in conditions:
                yield f"{place} an outcome of {key!r}, which is no condition_task"
    circle = _circle(parents)
    if circle:
        yield f"depends_on goes in a circle: {circle}"


def _circle(parents: Mapping[str, list[str]]) -> list[str]:
    """The tasks that can never start because each waits for another of them."""
    waiting = dict(parents)
    while ready := [task for task, needs in waiting.items() if not any(need in waiting for need in needs)]:
        for task in ready:
            del waiting[task]
    return sorted(waiting)


def _undeclared_parameters(job: Mapping[str, Any]) -> Iterator[str]:
    """Job parameters that are used and not declared: they reach the task as the text with the braces."""
    declared = sorted(parameter["name"] for parameter in job.get("parameters", ()))
    for used in sorted(set(JOB_PARAMETER.findall(json.dumps(job, default=str)))):
        if used not in declared:
            yield f"{{{{job.parameters.{used}}}}} is used but parameters declares {declared}"


def _unknown_task_references(tasks: list[Mapping[str, Any]]) -> Iterator[str]:
    """`{{tasks.NAME.values...}}` of a task that has not ended for sure when the reading task starts."""
    parents = {task["task_key"]: {d["task_key"] for d in task.get("depends_on", ())} for task in tasks}
    for task in tasks:
        upstream = set(parents[task["task_key"]])
        for _ in parents:
            upstream |= {above for name in upstream for above in parents.get(name, ())}
        for used in sorted(set(TASK_REFERENCE.findall(json.dumps(task, default=str))) - upstream):
            yield f"task {task['task_key']}: reads {{{{tasks.{used}...}}}}, which is not upstream of it"
