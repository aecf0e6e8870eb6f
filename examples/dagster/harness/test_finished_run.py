"""A finished run tells a step that failed from one that never started, and a check from a blocking one."""

import dagster as dg
import pytest
from finished_run import CheckOutcome, FinishedRun, changes_between, read_run
from run_assets import run_assets, run_job


@dg.asset
def orders() -> None: ...


@dg.asset(deps=[orders])
def report() -> None: ...


def a_check(passed: bool, blocking: bool, severity: dg.AssetCheckSeverity) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=orders, blocking=blocking)
    def complete() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=passed, severity=severity, metadata={"rows": 3})

    return complete


def ended(instance: dg.DagsterInstance, check: dg.AssetChecksDefinition) -> tuple[str, str]:
    """How the run ended, and the asset after the checked one."""
    run = run_assets([orders, report, check], instance)
    return run.status, run.steps["report"]


@pytest.mark.parametrize(
    ("passed", "blocking", "severity", "expected"),
    [
        (False, True, dg.AssetCheckSeverity.ERROR, ("FAILURE", "not started")),
        (False, True, dg.AssetCheckSeverity.WARN, ("SUCCESS", "success")),
        (False, False, dg.AssetCheckSeverity.ERROR, ("SUCCESS", "success")),
        (True, True, dg.AssetCheckSeverity.ERROR, ("SUCCESS", "success")),
    ],
)
def test_only_a_blocking_error_stops_the_run(instance, passed, blocking, severity, expected) -> None:
    """A failed check is no failed run, unless it is blocking and an ERROR."""
    assert ended(instance, a_check(passed, blocking, severity)) == expected


def test_a_check_is_read_with_severity_and_metadata(instance: dg.DagsterInstance) -> None:
    """The outcome stands under asset and check, whatever became of the run."""
    run = run_assets([orders, a_check(False, False, dg.AssetCheckSeverity.WARN)], instance)
    assert run.checks == {"orders:complete": CheckOutcome(False, "WARN", {"rows": 3})}


def test_a_check_that_raises_has_no_outcome(instance: dg.DagsterInstance) -> None:
    """An exception in a check, also in one that does not block, fails the run and records no evaluation."""

    @dg.asset_check(asset=orders)
    def broken() -> dg.AssetCheckResult:
        raise ValueError("no table")

    run = run_assets([orders, broken], instance)
    assert (run.status, run.checks, run.errors) == ("FAILURE", {}, {"orders_broken": "ValueError: no table"})


def test_an_error_is_the_cause_and_not_dagsters_wrapper(instance: dg.DagsterInstance) -> None:
    """`raise ... from` leads to the innermost cause; a resource that fails to start names it for its step."""

    class Shop(dg.ConfigurableResource):
        def setup_for_execution(self, context: dg.InitResourceContext) -> None:
            raise ConnectionError("refused") from OSError("port 1")

    @dg.asset
    def asked(shop: Shop) -> None: ...

    run = run_assets([asked], instance, resources={"shop": Shop()})
    assert (run.status, set(run.errors.values())) == ("FAILURE", {"OSError: port 1"})


def test_log_lines_are_the_runs_own(instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]) -> None:
    """`context.log` is stored with the run; what is printed is only in the captured output."""

    @dg.asset
    def chatty(context) -> None:
        context.log.warning("late by %s h", 3)
        print("printed")

    quiet, loud = (run_assets([asset], instance).log for asset in (orders, chatty))
    assert ("WARNING chatty: late by 3 h" in loud, "late" in str(quiet), "printed" in str(loud)) == (True, False, False)
    assert "printed" in capsys.readouterr().out


def test_dynamic_steps_have_their_own_keys(instance: dg.DagsterInstance) -> None:
    """Each mapped step is read by its key; one that fails does not hide the other."""

    @dg.op(out=dg.DynamicOut())
    def shops():
        yield dg.DynamicOutput(1, mapping_key="bern")
        yield dg.DynamicOutput(0, mapping_key="oslo")

    @dg.op
    def share(number: int) -> float:
        return 1 / number

    @dg.job
    def shares() -> None:
        shops().map(share)

    run = run_job(dg.Definitions(jobs=[shares]), "shares", instance)
    states = {key: state for key, state in run.steps.items() if state != "not started"}
    assert states == {"shops": "success", "share[bern]": "success", "share[oslo]": "failure"}
    assert run.errors == {"share[oslo]": "ZeroDivisionError: division by zero"}


def test_changes_name_each_fact_that_differs() -> None:
    """Facts of one run only are None in the other; run ids and log lines do not count."""
    first = FinishedRun("1", "j", "SUCCESS", {"a": "success"}, metadata={"a": {"rows": 1}}, log=["x"])
    second = FinishedRun("2", "j", "FAILURE", {"a": "failure"}, errors={"a": "ValueError: no"})
    assert changes_between(first, first) == {}
    assert changes_between(first, second) == {
        "status": ("SUCCESS", "FAILURE"),
        "steps.a": ("success", "failure"),
        "metadata.a.rows": (1, None),
        "errors.a": (None, "ValueError: no"),
    }


def test_an_unknown_run_is_named(instance: dg.DagsterInstance) -> None:
    """The message holds the id that was asked for."""
    with pytest.raises(KeyError, match="no run 4711"):
        read_run(instance, "4711")
