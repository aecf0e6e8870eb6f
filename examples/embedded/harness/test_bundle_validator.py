"""The bundle validator passes a job that is right and names what is wrong with each broken twin."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from bundle_validator import bundle_problems, job_problems
from databricks.sdk.service.jobs import JobSettings

JOB: dict[str, Any] = {
    "name": "orders",
    "parameters": [{"name": "day", "default": "{{job.start_time.iso_date}}"}],
    "job_clusters": [{"job_cluster_key": "small", "new_cluster": {"spark_version": "16.4.x", "num_workers": 1}}],
    "environments": [{"environment_key": "checks", "spec": {"environment_version": "4"}}],
    "schedule": {"quartz_cron_expression": "0 0 6 * * ?", "timezone_id": "Europe/Berlin"},
    "tasks": [
        {
            "task_key": "load",
            "job_cluster_key": "small",
            "notebook_task": {"notebook_path": "/load", "base_parameters": {"day": "{{job.parameters.day}}"}},
        },
        {
            "task_key": "any_rows",
            "depends_on": [{"task_key": "load"}],
            "condition_task": {"left": "{{tasks.load.values.rows}}", "op": "GREATER_THAN", "right": "0"},
        },
        {
            "task_key": "check_each",
            "depends_on": [{"task_key": "any_rows", "outcome": "true"}],
            "for_each_task": {
                "inputs": "{{tasks.load.values.files}}",
                "task": {
                    "task_key": "check",
                    "environment_key": "checks",
                    "spark_python_task": {"python_file": "check.py"},
                },
            },
        },
    ],
}


def changed(path: str, value: object) -> dict[str, Any]:
    """The right job with one value changed; numbers in the dotted path are positions in a list."""
    job = copy.deepcopy(JOB)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = job
    for part in parents:
        place = place[part]
    place[last] = value
    return job


def test_a_right_job_has_no_problem() -> None:
    """Clusters, environments, conditions, for-each tasks, parameters and task values all resolve."""
    assert job_problems(JOB) == []


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("tasks.0.notebok_task", {}, "Unexpected field 'notebok_task' for class Task"),
        ("schedule.pause_status", "PAUSD", "'PAUSD' is not a valid PauseStatus"),
        ("max_concurrent_runs", "many", "invalid literal for int() with base 10: 'many'"),
    ],
)
def test_the_strict_parser_speaks_first(path: str, value: object, problem: str) -> None:
    """Its refusal is the only problem: the rest of such a job cannot be read."""
    assert job_problems(changed(path, value)) == [f"databricks-bundles refuses it: {problem}"]


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("tasks.0.job_cluster_key", "smal", "task load: job_cluster_key 'smal' is not in job_clusters, which has ['small']"),
        (
            "tasks.2.for_each_task.task.environment_key",
            "check",
            "task check: environment_key 'check' is not in environments, which has ['checks']",
        ),
        ("tasks.1.depends_on", [{"task_key": "laod"}], "task any_rows: depends_on 'laod', which is no task_key of this job"),
        (
            "tasks.1.depends_on",
            [{"task_key": "load", "outcome": "true"}],
            "task any_rows: depends_on an outcome of 'load', which is no condition_task",
        ),
        ("tasks.0.depends_on", [{"task_key": "any_rows"}], "depends_on goes in a circle: ['any_rows', 'check_each', 'load']"),
        ("parameters", [], "{{job.parameters.day}} is used but parameters declares []"),
        ("tasks.0.task_key", "any_rows", "task_key 'any_rows' is used 2 times"),
        ("tasks.2.depends_on", [], "task check_each: reads {{tasks.load...}}, which is not upstream of it"),
        ("schedule.timezone_id", "Europe/Berlinn", "timezone_id 'Europe/Berlinn' is no time zone of the IANA database"),
        ("schedule.quartz_cron_expression", "0 6 * * *", "'0 6 * * *' has 5 fields; Quartz has 6 or 7, the first is seconds"),
    ],
)
def test_a_name_that_leads_nowhere_is_reported(path: str, value: object, problem: str) -> None:
    """Each of these passes both Databricks parsers."""
    job = changed(path, value)
    JobSettings.from_dict(job)
    assert problem in job_problems(job)


def test_the_sdk_parser_is_no_check() -> None:
    """`databricks-sdk` drops a misspelt field and reads a wrong enum value as None."""
    settings = JobSettings.from_dict(changed("schedule.pause_status", "PAUSD") | {"schedul": {}})
    assert (settings.schedule.pause_status, "schedul" in settings.as_dict()) == (None, False)


def test_what_only_a_deployment_resolves_passes() -> None:
    """Variables of the bundle are not judged."""
    assert job_problems(changed("tasks.0.job_cluster_key", "${var.cluster}")) == []
    assert job_problems(changed("schedule.quartz_cron_expression", "${var.cron}")) == []
    assert job_problems(changed("max_concurrent_runs", "${var.runs}")) == []


def test_a_bundle_is_checked_with_the_files_it_includes(tmp_path: Path) -> None:
    """Problems name the file and the job; an include that finds nothing is one."""
    (tmp_path / "resources").mkdir()
    (tmp_path / "databricks.yml").write_text(
        "bundle: {name: shop}\ninclude: [resources/*.yml, job/*.yml]\n"
        "resources: {jobs: {good: {tasks: [{task_key: a, notebook_task: {notebook_path: /a}}]}}}\n"
    )
    (tmp_path / "resources" / "orders.yml").write_text(
        "resources:\n  jobs:\n    orders:\n      tasks:\n"
        "        - {task_key: a, job_cluster_key: big, notebook_task: {notebook_path: /a}}\n"
    )
    assert bundle_problems(tmp_path / "databricks.yml") == [
        "databricks.yml: include 'job/*.yml' matches no file",
        "orders.yml: orders: task a: job_cluster_key 'big' is not in job_clusters, which has []",
    ]
