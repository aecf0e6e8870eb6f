"""What DuckDB's upsert compares."""

from __future__ import annotations

import duckdb
import pytest

TABLES = "CREATE TABLE orders (id INT PRIMARY KEY, changed TIMESTAMP); CREATE TABLE arrived (id INT, changed VARCHAR)"
ARRIVE = "INSERT INTO arrived VALUES (1, '2026-03-02 09:00:00')"
UPSERT = (
    "INSERT INTO orders SELECT id, {changed} FROM arrived ON CONFLICT (id) "
    "DO UPDATE SET changed = excluded.changed WHERE excluded.changed > orders.changed"
)


def test_trap_excluded_has_the_types_of_the_source() -> None:
    """A text that the insert alone would convert cannot be compared: convert it in the SELECT."""
    with duckdb.connect() as database:
        database.execute(f"{TABLES}; {ARRIVE}; INSERT INTO orders SELECT * FROM arrived")
        database.execute("UPDATE arrived SET changed = '2026-03-03 09:00:00'")
        with pytest.raises(duckdb.BinderException, match="Cannot compare values of type VARCHAR and type TIMESTAMP"):
            database.execute(UPSERT.format(changed="changed"))
        database.execute(UPSERT.format(changed="CAST(changed AS TIMESTAMP)"))
        assert database.sql("SELECT changed::VARCHAR FROM orders").fetchall() == [("2026-03-03 09:00:00",)]
