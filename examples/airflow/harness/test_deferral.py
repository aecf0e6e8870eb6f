"""A deferral keeps its arguments, its trigger really runs, and its time-out fails the task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from deferral import Deferral, collect_events, send_event, time_out
from finished_run import FinishedRun
from run_dag import run_dag
from task_loop import RunOptions

TRIGGERS = """
    import asyncio
    from airflow.triggers.base import BaseTrigger, TriggerEvent

    class CountDown(BaseTrigger):
        def __init__(self, start: int, broken: bool = False) -> None:
            super().__init__()
            self.start, self.broken = start, broken

        def serialize(self):
            return "shop_triggers.CountDown", {"start": self.start, "broken": self.broken}

        async def run(self):
            if self.broken:
                raise ConnectionError("the service hung up")
            for number in range(self.start, 0, -1):
                await asyncio.sleep(0)
                yield TriggerEvent(number)

    class LosesItsArguments(CountDown):
        def serialize(self):
            return "shop_triggers.LosesItsArguments", {}
"""
WAITS = """
    from datetime import timedelta
    from airflow.sdk import DAG, BaseOperator
    from shop_triggers import CountDown, LosesItsArguments

    class InDagFile(CountDown):
        def serialize(self):
            return f"{__name__}.InDagFile", {"start": self.start}

    class WaitForCount(BaseOperator):
        def __init__(self, trigger, timeout=None, **options):
            super().__init__(**options)
            self.trigger, self.timeout = trigger, timeout

        def execute(self, context):
            self.defer(trigger=self.trigger, method_name="resume", kwargs={"batch": 7}, timeout=self.timeout)

        def resume(self, context, event, batch=None):
            return [event, batch]

    for name, trigger, timeout in [
        ("counts", CountDown(3), timedelta(hours=1)),
        ("breaks", CountDown(3, broken=True), None),
        ("ends_silently", CountDown(0), None),
        ("loses", LosesItsArguments(3), None),
        ("in_dag_file", InDagFile(3), None),
    ]:
        with DAG(name):
            WaitForCount(task_id="wait", trigger=trigger, timeout=timeout)
"""


@pytest.fixture
def run(tmp_path: Path, metadata_database: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FinishedRun]:
    """Run one of the DAGs above; their triggers stand in an importable module, as a triggerer needs it."""
    (tmp_path / "shop_triggers.py").write_text(dedent(TRIGGERS))
    dag_file = tmp_path / "waits_dag.py"
    dag_file.write_text(dedent(WAITS))
    monkeypatch.syspath_prepend(tmp_path)

    def run_one(dag_id: str, **options: Deferral) -> FinishedRun:
        return run_dag(dag_file, dag_id=dag_id, options=RunOptions(**options))

    return run_one


def test_the_trigger_runs_and_the_arguments_of_defer_arrive(run: Callable[..., FinishedRun]) -> None:
    """The first event resumes the task; `batch` is lost by `dag.test()` and kept here, as in production."""
    assert run("counts").xcoms == {"wait": [3, 7]}
    assert run("counts", on_deferral=send_event({"status": "done"})).xcoms == {"wait": [{"status": "done"}, 7]}


def test_a_timeout_fails_the_task_and_none_is_an_error_of_the_test(run: Callable[..., FinishedRun]) -> None:
    """Without `timeout` a deferred task waits for ever; the harness says so instead of waiting."""
    timed_out = run("counts", on_deferral=time_out)
    assert (timed_out.state, timed_out.observed.errors["wait"]) == ("failed", "TaskDeferralTimeout: Trigger timeout")
    with pytest.raises(ValueError, match="wait: deferred without a timeout"):
        run("breaks", on_deferral=time_out)


@pytest.mark.parametrize(
    ("dag_id", "reason"),
    [
        ("breaks", "ConnectionError('the service hung up')"),
        ("ends_silently", "the trigger ended without an event"),
        ("loses", "missing 1 required positional argument: 'start'"),
        ("in_dag_file", "InDagFile is defined in a DAG file, which a triggerer cannot import"),
    ],
)
def test_a_trigger_that_cannot_fire_fails_the_task(
    run: Callable[..., FinishedRun], capsys: pytest.CaptureFixture[str], dag_id: str, reason: str
) -> None:
    """A test of `run()` alone sees neither the lost argument nor the place of the class; the reason is printed."""
    failed = run(dag_id)
    assert (failed.state, failed.observed.errors["wait"]) == ("failed", "TaskDeferralError: Trigger failure")
    assert reason in capsys.readouterr().out


def test_all_events_of_a_trigger_are_collected(run: Callable[..., FinishedRun]) -> None:
    """A watcher's trigger fires more than once; a limit or a time-out ends one that never ends."""
    import shop_triggers

    assert [event.payload for event in collect_events(shop_triggers.CountDown(3))] == [3, 2, 1]
    assert [event.payload for event in collect_events(shop_triggers.CountDown(3), limit=2)] == [3, 2]
