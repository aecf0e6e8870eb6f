"""Snowflake streams on DuckDB: what a task's SQL reads from a stream, and when reading it moves the offset.

Real: the SQL runs, transpiled by sqlglot, in DuckDB; so a wrong MERGE leaves wrong rows.
Simulated, by Snowflake's rules: a stream is the net change since its offset (an update is a DELETE and an INSERT
with METADATA$ISUPDATE; a row that came and went is absent); DML that reads it moves the offset when its
transaction commits, a SELECT never does; each statement is a transaction of its own, in BEGIN ... END too, unless
BEGIN TRANSACTION opens one; inside one a stream always shows the same rows; see `snowflake_merge` for MERGE.
Left out: scripting (variables, IF, loops), privileges, retention and staleness, streams on views.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import duckdb
import pytest
import sqlglot
from snowflake_merge import run_merge
from sqlglot import exp

CHANGES = """
WITH now AS (SELECT rowid AS row_id, * FROM {table}),
inserted AS (FROM now EXCEPT FROM {offset}), deleted AS (FROM {offset} EXCEPT FROM now),
both_ways AS (SELECT row_id FROM inserted INTERSECT SELECT row_id FROM deleted)
SELECT * EXCLUDE (row_id, action), action AS "METADATA$ACTION",
    row_id IN (FROM both_ways) AS "METADATA$ISUPDATE", md5('{table}' || row_id) AS "METADATA$ROW_ID"
FROM (SELECT *, 'DELETE' AS action FROM deleted UNION ALL SELECT *, 'INSERT' FROM inserted)
ORDER BY row_id, action
"""
APPENDED = """
SELECT * EXCLUDE (row_id), 'INSERT' AS "METADATA$ACTION", false AS "METADATA$ISUPDATE",
    md5('{table}' || row_id) AS "METADATA$ROW_ID"
FROM (SELECT rowid AS row_id, * FROM {table}) WHERE row_id NOT IN (SELECT row_id FROM {offset}) ORDER BY row_id
"""
CREATE_STREAM = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?STREAM\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w.]+)\s+ON\s+TABLE\s+([\w.]+)"
    r"(\s+APPEND_ONLY\s*=\s*TRUE)?\s*",
    re.IGNORECASE,
)
BLOCK = re.compile(r"\s*BEGIN\s+(?!TRANSACTION\b|WORK\b|NAME\b|;)(.*)\bEND\s*;?\s*", re.IGNORECASE | re.DOTALL)


DML = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create)


@dataclass(frozen=True)
class Stream:
    """A stream; its offset is a copy of the table as it was when the stream was made or last consumed."""

    name: str
    table: str
    append_only: bool

    @property
    def changes(self) -> str:
        """The query of the stream's rows."""
        return (APPENDED if self.append_only else CHANGES).format(table=self.table, offset=self.offset)

    @property
    def offset(self) -> str:
        """The table that holds the rows at the offset."""
        return f'"offset of {self.name}"'

    @property
    def table_now(self) -> str:
        """The query of the table's rows, each with its row id."""
        return f"SELECT rowid AS row_id, * FROM {self.table}"

    @property
    def next_offset(self) -> str:
        """The table that holds the rows as they were when the running transaction began."""
        return f'"next offset of {self.name}"'


@dataclass
class Snowflake:
    """A database with streams; `consumed` names the streams that the open transaction has read in DML."""

    connection: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)
    streams: dict[str, Stream] = field(default_factory=dict)
    consumed: set[str] | None = None

    def execute(self, sql: str) -> list[tuple[object, ...]]:
        """Run statements of Snowflake's SQL, or a task's body; return the rows of the last one.

        What fails is rolled back and raised; what was committed before it stays.
        """
        block = BLOCK.fullmatch(sql)
        rows: list[tuple[object, ...]] = []
        try:
            for statement in filter(None, sqlglot.parse(block[1] if block else sql, read="snowflake")):
                rows = self._step(statement)
            if self.consumed is not None:
                raise RuntimeError("the transaction is still open at the end and is rolled back: add COMMIT")
        finally:
            self._roll_back()
        return rows

    def create_stream(self, name: str, table: str, append_only: bool = False) -> None:
        """Make a stream whose offset is now; raises ValueError for a table whose rows DuckDB cannot follow."""
        refusal = _why_not_followed(self.connection, table)
        if refusal:
            raise ValueError(f"stream {name}: {refusal}")
        stream = self.streams[name.lower()] = Stream(name, table, append_only)
        self.connection.execute(f"CREATE OR REPLACE TABLE {stream.offset} AS {stream.table_now}")

    def has_data(self, name: str) -> bool:
        """SYSTEM$STREAM_HAS_DATA: whether a task with it in its WHEN runs."""
        return bool(self.changes(name))

    def changes(self, name: str) -> list[dict[str, object]]:
        """The rows of a stream as dictionaries, without consuming it."""
        result = self.connection.execute(self.streams[name.lower()].changes)
        columns = [column[0] for column in result.description]
        return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]

    def _step(self, statement: exp.Expression) -> list[tuple[object, ...]]:
        if isinstance(statement, exp.Transaction):
            self._begin()
        elif isinstance(statement, exp.Commit):
            self._commit()
        elif isinstance(statement, exp.Rollback):
            self._roll_back()
        elif self.consumed is not None:
            return self._run(statement)
        else:
            self._begin()
            rows = self._run(statement)
            self._commit()
            return rows
        return []

    def _run(self, statement: exp.Expression) -> list[tuple[object, ...]]:
        if isinstance(statement, exp.Command):
            return self._run_command(statement.sql("snowflake"))
        if isinstance(statement, DML) and self.consumed is not None:
            tables = {table.sql("snowflake").split(" ")[0].lower() for table in statement.find_all(exp.Table)}
            self.consumed |= tables & self.streams.keys()
        if isinstance(statement, exp.Merge):
            return run_merge(self.connection, statement)
        return self.connection.execute(statement.sql("duckdb")).fetchall()

    def _run_command(self, sql: str) -> list[tuple[object, ...]]:
        stream = CREATE_STREAM.fullmatch(sql)
        if not stream:
            raise ValueError(f"{sql[:60]!r} cannot run in DuckDB: give `execute` the SQL statements only")
        self.create_stream(stream[1], stream[2], append_only=bool(stream[3]))
        return []

    def _begin(self) -> None:
        self.connection.begin()
        self.consumed = set()
        for stream in self.streams.values():
            self.connection.execute(f"CREATE OR REPLACE TABLE {stream.next_offset} AS {stream.table_now}")
            self.connection.execute(f"CREATE OR REPLACE TABLE {stream.name} AS {stream.changes}")

    def _commit(self) -> None:
        for name in self.consumed or ():
            stream = self.streams[name]
            self.connection.execute(f"CREATE OR REPLACE TABLE {stream.offset} AS FROM {stream.next_offset}")
        self.connection.commit()
        self.consumed = None

    def _roll_back(self) -> None:
        if self.consumed is not None:
            self.connection.rollback()
        self.consumed = None


def _why_not_followed(connection: duckdb.DuckDBPyConnection, table: str) -> str | None:
    """DuckDB moves a row, so gives it a new rowid, when an indexed or nested column is updated."""
    name = table.split(".")[-1].lower()
    query = "SELECT constraint_type FROM duckdb_constraints() WHERE lower(table_name) = ?"
    kinds = [kind for (kind,) in connection.execute(query, [name]).fetchall()]
    if {"PRIMARY KEY", "UNIQUE"} & set(kinds):
        return f"{table} has a key; declare none in the test, Snowflake does not enforce it"
    query = "SELECT column_name FROM duckdb_columns() WHERE lower(table_name) = ? AND data_type SIMILAR TO ?"
    nested = connection.execute(query, [name, r"(STRUCT|MAP|UNION).*|.*\]"]).fetchall()
    return f"{table} has nested columns {[column for (column,) in nested]}; use JSON" if nested else None


@pytest.fixture
def snowflake() -> Iterator[Snowflake]:
    """An empty database in memory, for one test."""
    database = Snowflake()
    yield database
    database.connection.close()
