"""Calls are recorded with their owner and kind, and so is the exception that Airflow swallows."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk import DAG, BaseNotifier, task
from callback_record import CallbackCall
from run_dag import run_dag


class Page(BaseNotifier):
    """A notifier that needs a logical date when it is told to."""

    template_fields = ("text",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context) -> None:
        """Print what would be sent."""
        print(f"paged: {self.text}")


def alert_with_ds(context) -> None:
    """Works only where the run has a logical date."""
    print(context["ds"])


with DAG("alerts", on_failure_callback=Page("{{ run_id }} failed")) as alerts:

    @task(on_failure_callback=Page("{{ ti.task_id }} failed"))
    def fail() -> None:
        raise ValueError("no orders")

    fail()

with DAG("loses_its_alert", on_failure_callback=alert_with_ds) as loses_its_alert:

    @task(on_failure_callback=alert_with_ds)
    def fail_too() -> None:
        raise ValueError("no orders")

    fail_too()

with DAG("hides_its_failure", on_failure_callback=Page("failed")) as hides_its_failure:

    @task
    def break_down() -> None:
        raise ValueError("no orders")

    @task(trigger_rule="all_done")
    def clean_up() -> None: ...

    break_down() >> clean_up()


@pytest.mark.usefixtures("metadata_database")
def test_notifiers_are_seen_with_what_they_rendered(dag_file: Path) -> None:
    """The task's first, then the DAG's; `dag.test()` cannot render the second."""
    run = run_dag(dag_file, dag_id="alerts")
    assert run.observed.callbacks == [CallbackCall("fail", "on_failure", "Page"), CallbackCall("alerts", "on_failure", "Page")]
    paged = [line for line in run.observed.log if line.startswith("paged")]
    assert paged == ["paged: fail failed", f"paged: {run.run_id} failed"]


@pytest.mark.usefixtures("metadata_database")
def test_an_alert_that_fails_is_seen(dag_file: Path) -> None:
    """A run without a logical date has no `ds`: both alerts are lost, and the run looks the same."""
    run = run_dag(dag_file, dag_id="loses_its_alert")
    assert [(call.owner, call.error) for call in run.observed.callbacks] == [
        ("fail_too", "KeyError: 'ds'"),
        ("loses_its_alert", "KeyError: 'ds'"),
    ]


@pytest.mark.usefixtures("metadata_database")
def test_an_alert_that_is_never_called_is_seen(dag_file: Path) -> None:
    """The last task succeeded, so the run did, and no DAG callback was called."""
    run = run_dag(dag_file, dag_id="hides_its_failure")
    assert (run.state, run.task_states["break_down"], run.observed.callbacks) == ("success", "failed", [])
