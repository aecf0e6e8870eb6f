"""A bad row stops at the gate, is named, is not retried, and what was published before stays as it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from airflow.providers.common.sql.operators.sql import (
    SQLCheckOperator,
    SQLColumnCheckOperator,
    SQLExecuteQueryOperator,
    SQLIntervalCheckOperator,
    SQLTableCheckOperator,
    SQLThresholdCheckOperator,
    SQLValueCheckOperator,
)
from airflow.sdk import DAG, chain
from run_dag import run_dag

TRAPS = Path(__file__)
BAD_FILE = TRAPS.with_name("orders_bad.csv")
TWO = "SELECT 1; SELECT 2"
HALF = "INSERT INTO kept VALUES (1); INSERT INTO no_such_table VALUES (1)"


def query(task_id: str, sql: str | list[str], **options: object) -> SQLExecuteQueryOperator:
    """A query that runs whatever happened to the one before it."""
    return SQLExecuteQueryOperator(task_id=task_id, sql=sql, trigger_rule="all_done", **options)


with DAG("sql_quality_gate_statements", default_args={"conn_id": "shop"}):
    statements = [
        query("create", "CREATE TABLE kept (n INTEGER)"),
        query("last", TWO, split_statements=True),
        query("every", TWO, split_statements=True, return_last=False),
        query("a_list", ["SELECT 1", "SELECT 2"]),
        query("unsplit", TWO),
        query("half", HALF, split_statements=True),
        query("in_transaction", f"BEGIN; {HALF.replace('(1)', '(2)')}; COMMIT", split_statements=True),
        query("parameters_for_all", "SELECT 1; SELECT $n", split_statements=True, parameters={"n": 2}),
    ]
    chain(*statements)

with DAG("sql_quality_gate_other_key", default_args={"snowflake_conn_id": "shop"}):
    query("no_connection", "SELECT 1")

with DAG("sql_quality_gate_sqlite", default_args={"conn_id": "sqlite_shop"}):
    query("unsplit_in_sqlite", TWO)

with DAG("sql_quality_gate_checks", default_args={"conn_id": "shop"}):
    create = query("create", "CREATE TABLE bad_orders AS SELECT -5 AS cents")
    of_nothing = {"table": "bad_orders", "partition_clause": "cents > 100", "column_mapping": {"cents": {"min": {"geq_to": 0}}}}
    create >> [
        SQLColumnCheckOperator(task_id="of_no_rows", **of_nothing),
        SQLColumnCheckOperator(task_id="of_none", accept_none=False, **of_nothing),
        SQLTableCheckOperator(
            task_id="each_of_no_rows",
            table="bad_orders",
            checks={"sign": {"check_statement": "cents > 0", "partition_clause": "cents > 100"}},
        ),
        SQLCheckOperator(task_id="selects_the_bad", sql="SELECT cents FROM bad_orders WHERE cents < 0"),
        SQLCheckOperator(task_id="counts_the_bad", sql="SELECT count(*) = 0 FROM bad_orders WHERE cents < 0"),
        SQLCheckOperator(task_id="first_row_only", sql="SELECT * FROM (VALUES (1), (0))"),
    ]

with DAG("sql_quality_gate_figures", default_args={"conn_id": "shop"}):
    create = query(
        "create",
        "CREATE TABLE loads (day DATE, cents INTEGER);"
        "INSERT INTO loads VALUES ('2026-03-03', 100), ('2026-03-04', 1000), ('2026-02-25', 0)",
        split_statements=True,
    )

    def yesterday(
        task_id: str, metric: str, threshold: float, days_back: int = -1, **options: object
    ) -> SQLIntervalCheckOperator:
        """Today's figure beside that of an earlier day."""
        thresholds = {metric: threshold}
        return SQLIntervalCheckOperator(
            task_id=task_id,
            table="loads",
            date_filter_column="day",
            metrics_thresholds=thresholds,
            days_back=days_back,
            **options,
        )

    create >> [
        SQLValueCheckOperator(task_id="value", sql="SELECT count(*) FROM loads", pass_value=3),
        SQLValueCheckOperator(task_id="other_value", sql="SELECT count(*) FROM loads", pass_value=4),
        SQLValueCheckOperator(task_id="within_tolerance", sql="SELECT 104", pass_value=100, tolerance=0.05),
        SQLValueCheckOperator(task_id="tolerance_of_zero", sql="SELECT 3", pass_value=0, tolerance=0.5),
        SQLValueCheckOperator(task_id="second_row", sql="SELECT * FROM (VALUES (1), (2))", pass_value=1),
        SQLThresholdCheckOperator(task_id="inside", sql="SELECT 5", min_threshold=1, max_threshold="SELECT 10"),
        SQLThresholdCheckOperator(task_id="outside", sql="SELECT 50", min_threshold=1, max_threshold=10),
        yesterday("grew_tenfold", "SUM(cents)", 1.5),
        yesterday("may_grow", "SUM(cents)", 20),
        yesterday("nothing_before", "SUM(cents)", 1.5, days_back=-7),
        yesterday("no_rows_before", "COUNT(*)", 1.5, days_back=-30),
        yesterday("zero_counts", "SUM(cents)", 1.5, days_back=-7, ignore_zero=False),
    ]


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metadata_database: Path) -> Path:
    """The DuckDB file that the connection `shop` names."""
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "duckdb", "host": str(tmp_path / "shop.duckdb")}))
    return tmp_path / "shop.duckdb"


def rows(shop: Path, table: str) -> list[tuple]:
    """All rows of a table."""
    with duckdb.connect(str(shop), read_only=True) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall()


def test_good_rows_are_published_once_however_often(dag_file: Path, shop: Path) -> None:
    """Two runs of the same file leave its three rows."""
    assert [run_dag(dag_file).state for _ in range(2)] == ["success"] * 2
    assert rows(shop, "published_orders") == [(1, 1250, "bern"), (2, 499, "bern"), (3, 800, "oslo")]


def test_bad_rows_are_named_not_retried_and_not_published(dag_file: Path, shop: Path) -> None:
    """Every failed check of the columns is in one message; the earlier rows stay."""
    run_dag(dag_file)
    run = run_dag(dag_file, conf={"file": str(BAD_FILE)})
    assert (run.state, run.task_states["publish"], run.tries["check_columns"]) == ("failed", "upstream_failed", 1)
    error = run.observed.errors["check_columns"]
    found = [part in error for part in ("'order_id', 'unique_check', 1", "'cents', 'min', -30", "'shop', 'null_check', 1")]
    assert (error.split(":")[0], found) == ("AirflowFailException", [True] * 3)
    assert len(rows(shop, "published_orders")) == 3


def test_an_empty_file_stops_at_the_table_check(dag_file: Path, tmp_path: Path) -> None:
    """The column checks let it pass."""
    (tmp_path / "empty.csv").write_text("order_id,cents,shop\n")
    run = run_dag(dag_file, conf={"file": str(tmp_path / "empty.csv")})
    states = [run.task_states[name] for name in ("check_columns", "check_table", "publish")]
    assert states == ["success", "failed", "upstream_failed"]


def test_trap_what_a_check_lets_pass() -> None:
    """No rows; a query that selects the bad rows, which passes because there are some; any row but the first."""
    run = run_dag(TRAPS, dag_id="sql_quality_gate_checks")
    passed = sorted(name for name, state in run.task_states.items() if state == "success")
    assert run.observed.errors["of_none"].startswith("TypeError: '>=' not supported")
    assert run.observed.errors["each_of_no_rows"] == "ValueError: 'none' is not a boolean-like string value"
    assert passed == ["create", "first_row_only", "of_no_rows", "selects_the_bad"]


def test_trap_what_a_figure_lets_pass() -> None:
    """Every row but the first; growth from zero or from a day without rows; a share of zero is zero."""
    run = run_dag(TRAPS, datetime(2026, 3, 4, tzinfo=UTC), dag_id="sql_quality_gate_figures")
    failed = sorted(name for name, state in run.task_states.items() if state == "failed")
    assert failed == ["grew_tenfold", "other_value", "outside", "tolerance_of_zero", "zero_counts"]
    passed_in_silence = {"second_row", "nothing_before", "no_rows_before"}
    assert passed_in_silence <= {name for name, state in run.task_states.items() if state == "success"}


def test_trap_the_interval_check_needs_a_date() -> None:
    """A run by event or by `airflow dags trigger` has none."""
    run = run_dag(TRAPS, dag_id="sql_quality_gate_figures")
    assert run.observed.errors["may_grow"] == "UndefinedError: 'ds' is undefined"
    assert run.task_states["value"] == "success"


def test_trap_several_statements(shop: Path) -> None:
    """A string gives the last result, a list all; a failed second statement leaves the first one's rows."""
    run = run_dag(TRAPS, dag_id="sql_quality_gate_statements")
    assert {name: run.xcoms[name] for name in ("last", "every", "a_list", "unsplit")} == {
        "last": [(2,)],
        "every": [[(1,)], [(2,)]],
        "a_list": [[(1,)], [(2,)]],
        "unsplit": [(2,)],
    }
    assert (run.task_states["half"], run.task_states["in_transaction"], rows(shop, "kept")) == ("failed", "failed", [(1,)])
    assert run.observed.errors["parameters_for_all"].startswith(
        "BinderException: Binder Error: Parameter/argument count mismatch"
    )


def test_trap_the_key_of_a_connection_and_its_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another operator's key is not used; four slashes are no SQLite path; JSON is, and then SQLite takes one statement."""
    run = run_dag(TRAPS, dag_id="sql_quality_gate_other_key")
    assert run.observed.errors == {"no_connection": "AirflowNotFoundException: The conn_id `None` isn't defined"}
    errors = []
    for connection in (f"sqlite:///{tmp_path}/x.db", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "x.db")})):
        monkeypatch.setenv("AIRFLOW_CONN_SQLITE_SHOP", connection)
        errors.append(run_dag(TRAPS, dag_id="sql_quality_gate_sqlite").observed.errors["unsplit_in_sqlite"])
    assert "invalid uri authority" in errors[0]
    assert errors[1] == "ProgrammingError: You can only execute one statement at a time."
