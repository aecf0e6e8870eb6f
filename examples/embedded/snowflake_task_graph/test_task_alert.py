"""The alerts' queries, run in DuckDB on a history of runs, fire for every failure and for every silence."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import duckdb
import pytest
import sqlglot

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from task_linter import task_problems  # noqa: E402

ALERTS = (HERE / "task_alert.sql").read_text()
HISTORY = re.compile(r"TABLE\(INFORMATION_SCHEMA\.TASK_HISTORY\(.*?\)\)(?=\s+WHERE)", re.DOTALL)


def fires(alert: str, *runs: tuple[str, str, int], query_change: tuple[str, str] = ("", "")) -> bool:
    """Whether the alert's IF holds; a run is its task, its state and how many minutes ago it ended."""
    condition = re.search(rf"ALERT {alert}.*?IF \(EXISTS \((.*?)\n  \)\)", ALERTS, re.DOTALL)[1].replace(*query_change)
    assert len(HISTORY.findall(condition)) == 1
    query = sqlglot.transpile(HISTORY.sub("task_history", condition), read="snowflake", write="duckdb")[0]
    name = re.search(r"TASK_NAME => '(\w+)'", condition)
    with duckdb.connect() as history:
        history.execute("CREATE TABLE task_history (name TEXT, state TEXT, error_message TEXT, scheduled_time TIMESTAMPTZ,"
                        " completed_time TIMESTAMPTZ)")  # fmt: skip
        for task, state, minutes in runs:
            values = "(?, ?, NULL, now() - to_minutes(?), now() - to_minutes(?))"
            if name is None or name[1] == task:
                history.execute(f"INSERT INTO task_history VALUES {values}", [task, state, minutes, minutes])
        return bool(history.execute(query).fetchall())


@pytest.mark.parametrize("state", ["FAILED", "FAILED_AND_AUTO_SUSPENDED", "CANCELLED"])
def test_each_failed_state_fires(state: str) -> None:
    """Within the alert's own interval, once; a success and an older failure do not."""
    assert fires("orders_failed", ("PUBLISH", state, 5))
    assert not fires("orders_failed", ("PUBLISH", "SUCCEEDED", 5), ("PUBLISH", state, 15))


def test_state_failed_alone_misses_the_run_that_suspends_the_graph() -> None:
    """The last failure before the silence has a state of its own."""
    narrow = ("state IN ('FAILED', 'FAILED_AND_AUTO_SUSPENDED', 'CANCELLED')", "state = 'FAILED'")
    last = ("LOAD_ORDERS", "FAILED_AND_AUTO_SUSPENDED", 5)
    assert (fires("orders_failed", last), fires("orders_failed", last, query_change=narrow)) == (True, False)


@pytest.mark.parametrize(
    ("runs", "late"),
    [
        ([("PUBLISH", "SUCCEEDED", 60)], False),
        ([("PUBLISH", "SUCCEEDED", 1500)], True),
        ([("PUBLISH", "SKIPPED", 60)], True),
        ([("LOAD_ORDERS", "SUCCEEDED", 60)], True),
        ([], True),
    ],
)
def test_silence_fires(runs: list[tuple[str, str, int]], late: bool) -> None:
    """Suspended, skipped, never resumed: no run fails, and only the missing success tells."""
    assert fires("orders_late", *runs) == late
    assert not fires("orders_failed", *runs)


def test_both_alerts_are_resumed() -> None:
    """An alert that is only created never runs."""
    assert task_problems(ALERTS) == []
    assert task_problems(ALERTS.replace("ALTER ALERT orders_late RESUME", "")) == ["line 15: ALERT ORDERS_LATE is never resumed"]
