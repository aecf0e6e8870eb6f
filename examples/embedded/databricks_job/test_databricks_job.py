"""The bundle is in order for each target, what would deploy and go wrong is found, and the graph does what it should."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from databricks.sdk.service.jobs import JobSettings

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from bundle_rules import problems  # noqa: E402
from bundle_target import jobs_of  # noqa: E402
from job_run import repair, run_job  # noqa: E402

LOADED = {"load_orders": {"orders": 3, "countries": ["AT", "DE"]}}
FINISHED = ("load_orders", "any_orders", "check_countries", "check_country[AT]", "check_country[DE]", "build", "succeeded")


@pytest.fixture
def job() -> dict[str, Any]:
    """The job of production."""
    return jobs_of(HERE / "databricks.yml", "prod")["orders"]


def changed(folder: Path, old: str, new: str) -> list[str]:
    """Problems of production after one change to the job's file."""
    shutil.copytree(HERE, folder / "bundle", ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "bundle/resources/orders_job.yml"
    text = re.sub(r" +# .*", "", file.read_text())
    assert old in text
    file.write_text(text.replace(old, new))
    return problems(jobs_of(folder / "bundle/databricks.yml", "prod")["orders"])


@pytest.mark.parametrize("target", ["dev", "prod"])
def test_both_targets_are_in_order(target: str) -> None:
    """Names, files, values, compute, schedule."""
    assert [problems(job) for job in jobs_of(HERE / "databricks.yml", target).values()] == [[]]


def test_a_target_changes_what_it_names(job: dict[str, Any]) -> None:
    """Tasks are merged by their key, variables filled in; development pauses the schedule."""
    build = next(task for task in job["tasks"] if task["task_key"] == "build")
    assert (build["max_retries"], build["dbt_task"]["catalog"], job["run_as"] is not None) == (2, "shop", True)
    dev = jobs_of(HERE / "databricks.yml", "dev")["orders"]
    assert (dev["schedule"]["pause_status"], dev["tasks"][3]["dbt_task"]["catalog"]) == ("PAUSED", "shop_dev")
    assert job["email_notifications"]["on_failure"] == ["orders@shop.example", "data@shop.example"]  # lists are joined
    with pytest.raises(KeyError, match="staging"):
        jobs_of(HERE / "databricks.yml", "staging")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("any_orders, outcome", "any_order, outcome", "depends_on 'any_order', which is no task_key of this job"),
        ("name: day", "name: date", "{{job.parameters.day}} is used but parameters declares ['date']"),
        ("environment_key: dbt\n          d", "environment_key: dbd\n          d", "environment_key 'dbd' is not in"),
        ("notebook_task", "notebok_task", "databricks-bundles refuses it: Unexpected field 'notebok_task' for class Task"),
        ("0 17 6 * * ?", "17 6 * * *", "'17 6 * * *' has 5 fields; Quartz has 6 or 7, the first is seconds"),
        ("0 17 6 * * ?", "0 17 6 * * *", "put ? in exactly one of day of month and day of week"),
        ("{{job.parameters.day}}", "{{jobs.parameters.day}}", "{{jobs.parameters.day}} is no reference: the task gets"),
        ("values.orders", "values.order", "load_orders.py never sets the task value 'order'"),
        ("check_country.py", "check_countries.py", "src/check_countries.py does not exist"),
        ("environment_key: dbt\n          dbt", "dbt", "a serverless dbt_task needs an environment_key"),
        ("timeout_seconds: 7200", "timeout_seconds: 0", "timeout_seconds is 0, which is no limit"),
        ("{ enabled: true }", "{ enabled: false }", "a tick or a backfill during a run is skipped"),
        ("build }]\n          cond", "any_orders }]\n          cond", "task build: its failure ends in leaves that succeed"),
    ],
)  # fmt: skip
def test_what_would_deploy_and_go_wrong_is_found(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """The first five by the harness, the others by this example's rules."""
    assert any(problem in line for line in changed(tmp_path, old, new))


def test_an_undeclared_variable_is_named(tmp_path: Path) -> None:
    """The CLI finds it too, behind a login."""
    with pytest.raises(KeyError, match=r"\$\{var\.warehous\} is used; this target has values for \['catalog', 'warehouse'\]"):
        changed(tmp_path, "${var.warehouse}", "${var.warehous}")


def test_the_json_is_the_bundle_and_loses_nothing_in_the_sdk() -> None:
    """orders_job.json is what pipeline.py prints, and each of its fields is one that the API knows."""
    printed = subprocess.run([sys.executable, HERE / "pipeline.py", "prod"], capture_output=True, text=True, check=True).stdout
    assert printed == (HERE / "orders_job.json").read_text()
    assert JobSettings.from_dict(json.loads(printed)).as_dict() == json.loads(printed)


def test_the_command_checks_each_target() -> None:
    """As CI calls it before the deployment."""
    done = subprocess.run([sys.executable, HERE / "pipeline.py", "check"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "no problem found in dev, prod\n")


def test_a_day_with_orders(job: dict[str, Any]) -> None:
    """Each country is checked, then dbt runs; nobody reports a failure."""
    run = run_job(job, LOADED)
    assert (run.started, run.states["report_failure"], run.result) == (FINISHED, "EXCLUDED", "SUCCESS")


def test_a_day_without_orders_is_a_success(job: dict[str, Any]) -> None:
    """What is behind the branch that was not taken is excluded, not failed."""
    run = run_job(job, {"load_orders": {"orders": 0, "countries": []}})
    assert (run.started, run.states["build"], run.result) == (("load_orders", "any_orders"), "EXCLUDED", "SUCCESS")


@pytest.mark.parametrize("failing", ["load_orders", "check_country[DE]", "build"])
def test_each_failure_is_a_failed_run(job: dict[str, Any], failing: str) -> None:
    """It is reported, and the run is FAILED, so that its mail goes out."""
    run = run_job(job, LOADED, {failing})
    assert (run.started[-1], run.states["succeeded"], run.result) == ("report_failure", "UPSTREAM_FAILED", "FAILED")


@pytest.mark.parametrize("run_if", ["AT_LEAST_ONE_FAILED", "ALL_DONE"])
def test_without_a_strict_leaf_a_failure_counts_as_success(job: dict[str, Any], run_if: str) -> None:
    """The wrong form: the only leaf is the task that handles the failure."""
    tasks = [task | ({"run_if": run_if} if "run_if" in task else {}) for task in job["tasks"] if task["task_key"] != "succeeded"]
    assert run_job({"tasks": tasks}, LOADED, {"build"}).result == "SUCCESS_WITH_FAILURES"
    assert any("task build: its failure ends in leaves that succeed" in line for line in problems(job | {"tasks": tasks}))


def test_equal_to_compares_text() -> None:
    """12.0 is not 12, a boolean is the word true; GREATER_THAN compares numbers."""

    def holds(op: str, value: object, right: str) -> bool:
        condition = {"left": "{{tasks.a.values.x}}", "op": op, "right": right}
        tasks = [{"task_key": "a"}, {"task_key": "b", "depends_on": [{"task_key": "a"}], "condition_task": condition}]
        return run_job({"tasks": tasks}, {"a": {"x": value}}).outcomes["b"]

    assert [holds("EQUAL_TO", 12.0, "12"), holds("GREATER_THAN_OR_EQUAL", 12.0, "12")] == [False, True]
    assert [holds("EQUAL_TO", True, "True"), holds("EQUAL_TO", True, "true")] == [False, True]


def test_a_repair_starts_behind_the_failure(job: dict[str, Any]) -> None:
    """What succeeded is kept, with its task values; `rerun_dependent_tasks` also repeats what ran because of the failure."""
    failed = run_job(job, LOADED, {"check_country[DE]"})
    narrow, wide = (repair(job, failed, LOADED, dependents=dependents) for dependents in (False, True))
    assert narrow.started == wide.started == FINISHED[2:]
    assert (narrow.states["report_failure"], wide.states["report_failure"]) == ("SUCCESS", "EXCLUDED")


def test_the_notebook_sets_what_the_job_reads() -> None:
    """The summary is JSON of the shape that the condition and the loop need."""
    source: dict[str, Any] = {}
    exec((HERE / "src/load_orders.py").read_text(), source)
    values = source["summary"]([(1, "DE"), (2, "AT"), (3, "DE")])
    assert json.loads(json.dumps(values)) == {"orders": 3, "countries": ["AT", "DE"]}


def test_the_dbt_project_is_where_the_task_looks() -> None:
    """project_directory holds a dbt_project.yml, and `--select staging+` selects something."""
    [project] = HERE.glob("*/dbt_project.yml")
    assert yaml.safe_load(project.read_text())["name"] == "shop"
    assert list(project.parent.glob("models/staging/*.sql"))
