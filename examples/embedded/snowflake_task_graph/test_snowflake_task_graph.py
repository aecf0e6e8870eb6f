"""The graph in task_graph.sql is in order, and every change of it that Snowflake would accept in silence is found."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlglot

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from snowflake_statements import read_task, split_statements  # noqa: E402
from task_linter import task_problems  # noqa: E402

GRAPH = (HERE / "task_graph.sql").read_text()
PAGE = HERE.parents[2] / "references" / "embedded-snowflake.md"
FINALIZER = "CREATE TASK second_end WAREHOUSE = loading FINALIZE = load_orders AS SELECT 1;\n"
TRIGGERED = "CREATE STREAM feed ON TABLE raw_orders; CREATE TASK follow {} AS SELECT 1; ALTER TASK follow RESUME"


def changed(old: str, new: str) -> list[str]:
    """The problems of the graph's file after one change; the change must be one."""
    assert old in GRAPH, f"{old!r} is not in task_graph.sql"
    return [problem.split(": ", 1)[1] for problem in task_problems(GRAPH.replace(old, new, 1))]


def test_the_graph_is_read_whole() -> None:
    """Five tasks with their predecessors, parameters, conditions and bodies, and no problem."""
    tasks = {
        t.name: t for t in (read_task(s) for s in split_statements(GRAPH) if s.words[:4] == ["CREATE", "OR", "ALTER", "TASK"])
    }
    assert {name: task.after or task.finalizes for name, task in tasks.items()} == {
        "LOAD_ORDERS": None,
        "DAILY_REVENUE": ["LOAD_ORDERS"],
        "FORGET_ORDERS": ["LOAD_ORDERS"],
        "PUBLISH": ["DAILY_REVENUE", "FORGET_ORDERS"],
        "NOTE_THE_END": "LOAD_ORDERS",
    }
    assert tasks["LOAD_ORDERS"].parameters["SUSPEND_TASK_AFTER_NUM_FAILURES"] == "3"
    assert tasks["DAILY_REVENUE"].when == "SYSTEM$GET_PREDECESSOR_RETURN_VALUE('LOAD_ORDERS')::INT > 0"
    assert (tasks["NOTE_THE_END"].body[:5], tasks["NOTE_THE_END"].body[-3:]) == ("BEGIN", "END")
    assert task_problems(GRAPH) == []


def test_sqlglot_alone_accepts_nonsense() -> None:
    """The dialect's parser keeps CREATE TASK as a command, whatever it says: that it parses proves nothing."""
    nonsense = "CREATE TASK t WAREHOSE = x AFTER AS SELEC 1 FRM x"
    assert [type(tree).__name__ for tree in sqlglot.parse(nonsense, read="snowflake")] == ["Command"]
    assert len(task_problems(nonsense)) > 2
    with pytest.raises(sqlglot.ParseError):
        sqlglot.parse(GRAPH, read="snowflake")  # right, and refused at its first LET


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("ALTER TASK publish RESUME;\n", "", "PUBLISH: is never resumed: a root does not run, a child counts as done"),
        ("ALTER TASK load_orders RESUME;\n", "", "LOAD_ORDERS: is never resumed: a root does not run, a child counts as done"),
        (
            "ALTER TASK note_the_end RESUME;\nALTER TASK load_orders",
            "ALTER TASK load_orders RESUME;\nALTER TASK note_the_end",
            "NOTE_THE_END: is resumed after its root LOAD_ORDERS: Unable to update graph",
        ),
        (
            "ALTER TASK IF EXISTS load_orders SUSPEND;\n",
            "",
            "LOAD_ORDERS: is replaced while it may run: begin with ALTER TASK IF EXISTS load_orders SUSPEND",
        ),
        (
            "ALTER TASK publish RESUME",
            "ALTER TASK publish RESUMEE",
            "ALTER TASK has no RESUMEE; it has ADD, MODIFY, REMOVE, RESUME, SET, SUSPEND, UNSET",
        ),
        ("ALTER TASK publish RESUME", "ALTER TASK publsh RESUME", "ALTER TASK of publsh, which no CREATE TASK here makes"),
        (
            "AFTER load_orders\n  WHEN",
            "AFTER load_order\n  WHEN",
            "DAILY_REVENUE: AFTER LOAD_ORDER, which no CREATE TASK here makes",
        ),
        ("AFTER load_orders\nAS", "AFTER publish\nAS", "FORGET_ORDERS: runs after itself"),
        ("AFTER daily_revenue, forget_orders", "AFTER note_the_end", "PUBLISH: AFTER NOTE_THE_END, which is a finalizer"),
        ("FINALIZE = load_orders", "FINALIZE = publish", "NOTE_THE_END: FINALIZE = PUBLISH, which is no root task here"),
        (
            "ALTER TASK daily_revenue RESUME",
            FINALIZER + "ALTER TASK second_end RESUME;\nALTER TASK daily_revenue RESUME",
            "LOAD_ORDERS: has 2 finalizers: NOTE_THE_END, SECOND_END",
        ),
        (
            "ALTER TASK daily_revenue RESUME",
            "CREATE TASK other SCHEDULE = '1 HOUR' AS SELECT 1; ALTER TASK publish ADD AFTER other;"
            "ALTER TASK other RESUME; CREATE TASK both AFTER other, load_orders AS SELECT 1; ALTER TASK both RESUME;"
            "ALTER TASK daily_revenue RESUME",
            "BOTH: belongs to two graphs: LOAD_ORDERS, OTHER",
        ),
    ],
)
def test_a_broken_graph_is_found(old: str, new: str, problem: str) -> None:
    """Root, cycles, links to nothing, and the order in which tasks are suspended and resumed."""
    assert problem in changed(old, new)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("OR ALTER TASK publish", "OR ALTER TAKS publish", "'CREATE OR ALTER TAKS publish WAREHOUSE =' is no statement"),
        ("TASK_AUTO_RETRY_ATTEMPTS", "TASK_RETRY_ATTEMPTS", "LOAD_ORDERS: TASK_RETRY_ATTEMPTS is no parameter of a task"),
        ("FINALIZE = load_orders", "FINALIZE load_orders", "NOTE_THE_END: 'FINALIZE' is not understood before AS"),
        (
            "FINALIZE = load_orders",
            "FINALIZE = load_orders SCHEDULE = '1 HOUR'",
            "NOTE_THE_END: SCHEDULE belongs to the root task",
        ),
        ("USER_TASK_TIMEOUT_MS = 600000", "CONFIG = '{}'", "DAILY_REVENUE: CONFIG belongs to the root task"),
        ("USER_TASK_TIMEOUT_MS = 600000", "USER_TASK_TIMEOUT_MS = 60", "DAILY_REVENUE: USER_TASK_TIMEOUT_MS is 60 milliseconds"),
        ("17 6 * * * UTC", "17 26 * * * UTC", "LOAD_ORDERS: cron field '26' is not within 0-23"),
        (
            "17 6 * * * UTC",
            "0 17 6 * * * UTC",
            "LOAD_ORDERS: SCHEDULE 'USING CRON 0 17 6 * * * UTC' is neither '5 MINUTES' nor"
            " 'USING CRON' with five fields and a time zone",
        ),
        ("17 6 * * * UTC", "17 6 * * * Europe/Berln", "LOAD_ORDERS: there is no time zone 'Europe/Berln'"),
        (
            "'XSMALL'\n",
            "'XSMALL' WAREHOUSE = loading\n",
            "FORGET_ORDERS: USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE is for serverless tasks, and it has a WAREHOUSE",
        ),
        ("  CREATE OR REPLACE TABLE shop_revenue", "  CREAT OR REPLACE TABLE shop_revenue", "PUBLISH: does not parse:"),
        ("INSERT OVERWRITE INTO revenue SELECT", "INSRT INTO revenue SELEC", "DAILY_REVENUE: "),
        ("AS\n  CREATE OR REPLACE TABLE shop_revenue CLONE revenue", "", "PUBLISH: has no AS with a body"),
    ],
)
def test_a_wrong_header_or_body_is_found(old: str, new: str, problem: str) -> None:
    """What stands before AS is held against the reference, what stands behind it is parsed."""
    assert [said for said in changed(old, new) if said.startswith(problem)]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "VALUE('LOAD_ORDERS')",
            "VALUE('load_orders')",
            "DAILY_REVENUE: asks 'load_orders' for its return value; it runs after LOAD_ORDERS (case counts)",
        ),
        (
            "CREATE OR REPLACE TABLE shop_revenue CLONE revenue",
            "CALL note(SYSTEM$GET_PREDECESSOR_RETURN_VALUE())",
            "PUBLISH: has several predecessors: say whose return value",
        ),
        (
            "CONFIG('keep_days')",
            "CONFIG('keep')",
            "FORGET_ORDERS: reads 'keep' of CONFIG, which has ['environment', 'keep_days']",
        ),
        (
            '"keep_days": 30}',
            '"keep_days": 30',
            "LOAD_ORDERS: CONFIG is no JSON: Expecting ',' delimiter: line 1 column 40 (char 39)",
        ),
    ],
)
def test_a_name_that_fails_at_run_time_is_found(old: str, new: str, problem: str) -> None:
    """Return values and configuration are looked up by name when the task runs."""
    assert problem in changed(old, new)


@pytest.mark.parametrize(
    ("header", "problems"),
    [
        ("WAREHOUSE = w WHEN SYSTEM$STREAM_HAS_DATA('feed')", []),
        ("TARGET_COMPLETION_INTERVAL = '5 MINUTES' WHEN SYSTEM$STREAM_HAS_DATA('feed')", []),
        ("WHEN SYSTEM$STREAM_HAS_DATA('feed')", ["a serverless triggered task needs TARGET_COMPLETION_INTERVAL"]),
        ("WAREHOUSE = w WHEN SYSTEM$STREAM_HAS_DATA('fed')", ["WHEN asks for stream 'fed', which no CREATE STREAM here makes"]),
        ("WAREHOUSE = w", ["nothing starts it: no SCHEDULE, AFTER or FINALIZE, and no stream in WHEN"]),
    ],
)
def test_a_triggered_task_needs_a_stream(header: str, problems: list[str]) -> None:
    """Without SCHEDULE and AFTER, data in a stream starts a task; serverless it also says how fast it should be."""
    assert [said.split("FOLLOW: ")[1] for said in task_problems(TRIGGERED.format(header))] == problems


@pytest.mark.parametrize(
    ("sql", "problems"),
    [
        ("CREATE STREAM s TABLE raw", ["line 1: CREATE STREAM says no `ON TABLE name` (or VIEW, STAGE)"]),
        ("CREATE DYNAMIC TABLE d WAREHOUSE = w AS SELECT 1 AS a", ["line 1: DYNAMIC TABLE without TARGET_LAG"]),
        ("CREATE DYNAMIC TABLE d TARGET_LAG = DOWNSTREAM WAREHOUSE = w AS SELECT 1 AS a", []),
        ("SELECT 1;\nMERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE t.x = s.x", ["line 2: does not parse"]),
        ("CREATE TASK t SCHEDULE = '1 HOUR' AS SELECT 1; SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('shop.t')", []),
        ("CREATE TASK t SCHEDULE = '1 HOUR' AS SELECT 1; ALTER TASK t RESUME; DESCRIBE TASK t; DROP TASK IF EXISTS t", []),
        (
            "CREATE TASK t SCHEDULE = '1 HOUR' AS BEGIN IF (1 = 1) THEN SELECT CASE WHEN TRUE THEN 1 END; END IF; END;"
            "ALTER TASK t RESUME",
            [],
        ),
    ],
)
def test_statements_around_tasks_are_told_apart(sql: str, problems: list[str]) -> None:
    """Streams, dynamic tables and the verbs of tasks, none of which sqlglot checks; right forms give no alarm."""
    found = task_problems(sql)
    assert [said.startswith(problem) for said, problem in zip(found, problems, strict=True)] == [True] * len(problems)


def test_the_command_fails_with_the_line(tmp_path: Path) -> None:
    """Exit code 1 and file, line, task; 0 for the graph itself."""
    broken = tmp_path / "broken.sql"
    broken.write_text(GRAPH.replace("AFTER load_orders\n  WHEN", "AFTER load_order\n  WHEN"))
    runs = [
        subprocess.run([sys.executable, HERE / "pipeline.py", *arguments], capture_output=True, text=True)
        for arguments in ([], [broken])
    ]
    assert [(run.returncode, run.stdout.splitlines()[0]) for run in runs] == [
        (0, "no problem found"),
        (1, "broken.sql, line 23: DAILY_REVENUE: AFTER LOAD_ORDER, which no CREATE TASK here makes"),
    ]


@pytest.mark.skipif(not PAGE.exists(), reason="the example was lifted out of its repository, without its page")
def test_the_sql_of_the_page_is_in_order() -> None:
    """The checker cannot look into CREATE TASK; its fences are linted here."""
    fences = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert [task_problems(fence) for fence in fences] == [[]] * 4
