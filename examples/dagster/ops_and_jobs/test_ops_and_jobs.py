"""One step for each folder that is there, and what a fan-out does when one of its steps fails."""

import os
import time
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest
from run_assets import rerun_from_failure, run_job

DAY = 86_400


def export(folder: str, name: str, days_old: int) -> Path:
    """A file in `exports/<folder>`, last changed so many days ago."""
    file = Path("exports", folder, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("order_id\n")
    changed = time.time() - days_old * DAY
    os.utime(file, (changed, changed))
    return file


def said(run) -> list[str]:
    """What the ops logged, without the IO manager's lines."""
    return [line for line in run.log if line.startswith("INFO")]


def left() -> list[str]:
    """What is in the folders now."""
    return sorted(str(path.relative_to("exports")) for path in Path("exports").rglob("*.csv"))


def test_each_folder_gets_a_step_and_old_files_go(example: ModuleType, instance) -> None:
    """The width is that of the run: two folders, two steps, named so that similar folders differ."""
    for folder in ("north-sea", "north_sea"):
        export(folder, "old.csv", 31), export(folder, "new.csv", 29)
    run = run_job(example.defs, "delete_old_exports", instance)
    mapped = sorted(step for step in run.steps if step.startswith("delete[") and "?" not in step)
    assert (run.status, mapped) == ("SUCCESS", ["delete[north_2d_sea]", "delete[north_5f_sea]"])
    assert (left(), said(run)) == (["north-sea/new.csv", "north_sea/new.csv"], ["INFO report: 2 files of 2 folders deleted"])


def test_a_second_run_and_an_empty_root_delete_nothing(example: ModuleType, instance) -> None:
    """No folder at all is no step of `delete`, and the report still runs, with an empty list."""
    run = run_job(example.defs, "delete_old_exports", instance)
    assert (run.status, run.steps["report"], said(run)) == ("SUCCESS", "success", ["INFO report: 0 files of 0 folders deleted"])


def test_one_failed_folder_leaves_the_others_done(example: ModuleType, instance) -> None:
    """The other steps run, the report does not, one alert comes; from failure only the failed folder runs again."""
    export("basel", "old.csv", 31)
    (export("bern", "old.csv", 31).parent / "locked").mkdir()
    os.utime("exports/bern/locked", (0, 0))  # a folder cannot be unlinked: the step fails
    failed = run_job(example.defs, "delete_old_exports", instance)
    assert (failed.steps["delete[basel]"], failed.steps["delete[bern]"], failed.steps["report"]) == (
        "success",
        "failure",
        "not started",
    )
    assert [line.split(":")[0] for line in Path("alerts.txt").read_text().splitlines()] == ["delete_old_exports delete[bern]"]
    Path("exports/bern/locked").rmdir()
    again = rerun_from_failure(example.defs, failed, instance)
    assert (again.status, sorted(again.tries), said(again)) == (
        "SUCCESS", ["delete[bern]", "report"], ["INFO report: 2 files of 2 folders deleted"],
    )  # fmt: skip


def test_the_schedule_brings_its_config(example: ModuleType) -> None:
    """On Sundays other limits hold than those that are the default."""
    config = example.sunday.evaluate_tick(dg.build_schedule_context()).run_requests[0].run_config
    assert config["ops"] == {"folders": {"config": {"root": "/srv/exports"}}, "delete": {"config": {"older_than_days": 90}}}


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (None, {"a": (7, 2), "b": (8, 1)}),
        ({"ops": {"a": {"config": {"limit": 5}}}}, {"a": (5, 1), "b": (8, 1)}),
        ({"ops": {"a": {"config": {}}}}, {"a": (30, 1), "b": (8, 1)}),
    ],
)
def test_config_at_launch_replaces_that_of_an_op_whole(instance, given, seen) -> None:
    """Silent: beside the job's own config the ops are merged, the fields of one op are not: the rest are the class's defaults."""

    class Limits(dg.Config):
        limit: int = 30
        tries: int = 1

    def op(name: str) -> dg.OpDefinition:
        @dg.op(name=name)
        def note(config: Limits) -> None:
            found[name] = (config.limit, config.tries)

        return note

    found: dict[str, tuple[int, int]] = {}
    first, second = op("a"), op("b")

    @dg.job(config=dg.RunConfig(ops={"a": Limits(limit=7, tries=2), "b": Limits(limit=8)}))
    def configured() -> None:
        first(), second()

    run_job(dg.Definitions(jobs=[configured]), "configured", instance, run_config=given)
    assert found == seen


@pytest.mark.parametrize(
    ("key", "error"), [("north-sea", "DagsterInvalidDefinitionError"), ("a", "DagsterInvariantViolationError")]
)
def test_a_mapping_key_is_a_name_and_comes_once(instance, key: str, error: str) -> None:
    """A dash is refused, and so is a key that was there before: both in the run, not at load."""

    @dg.op(out=dg.DynamicOut())
    def twice():
        yield dg.DynamicOutput(1, mapping_key="a")
        yield dg.DynamicOutput(2, mapping_key=key)

    @dg.job
    def fan_out() -> None:
        twice()

    run = run_job(dg.Definitions(jobs=[fan_out]), "fan_out", instance)
    assert (run.status, run.errors["twice"].split(":")[0].split(".")[-1]) == ("FAILURE", error)


def test_a_value_that_cannot_be_pickled_passes_in_process_only(instance) -> None:
    """Silent in tests: execute_in_process hands objects over in memory; a real run pickles them between ops."""

    @dg.op
    def opened():
        return {"lines": ["a", "b"], "close": lambda: None}  # an open file, a connection, a lock

    @dg.op
    def read(lines) -> None:
        assert lines["lines"] == ["a", "b"]

    @dg.job
    def send() -> None:
        read(opened())

    in_process, real = send.execute_in_process(), run_job(dg.Definitions(jobs=[send]), "send", instance)
    assert (in_process.success, real.status, real.errors["opened"].split(":")[0]) == (True, "FAILURE", "AttributeError")


@pytest.mark.parametrize(("reported", "known"), [(False, False), (True, True)])
def test_an_op_that_writes_a_table_is_unseen_unless_it_says_so(instance, reported: bool, known: bool) -> None:
    """Silent: the asset graph learns nothing from an op; log_event(AssetMaterialization) reports it."""

    @dg.op
    def vacuum(context: dg.OpExecutionContext) -> None:
        if reported:
            context.log_event(dg.AssetMaterialization("orders", metadata={"bytes_freed": 4096}))

    @dg.job
    def maintain() -> None:
        vacuum()

    assert run_job(dg.Definitions(jobs=[maintain]), "maintain", instance).status == "SUCCESS"
    assert (instance.get_latest_materialization_event(dg.AssetKey("orders")) is not None) is known
