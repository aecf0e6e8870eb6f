"""Snowflake's MERGE in DuckDB: the forms DuckDB does not read, and the ambiguity that it does not refuse.

Snowflake refuses a MERGE in which one target row meets several source rows and one of them updates it
(ERROR_ON_NONDETERMINISTIC_MERGE, on unless set); DuckDB lets the last one win.
"""

from __future__ import annotations

import duckdb
from sqlglot import exp


class DuplicateRowError(RuntimeError):
    """A MERGE that Snowflake refuses: which of several source rows would win is not defined."""


def run_merge(connection: duckdb.DuckDBPyConnection, merge: exp.Merge) -> list[tuple[object, ...]]:
    """Run a parsed MERGE; raises DuplicateRowError where Snowflake would, before anything is changed."""
    doubled = connection.execute(_ambiguous_rows(merge).sql("duckdb")).fetchall()
    if doubled:
        raise DuplicateRowError(
            f"Duplicate row detected during DML action: target row {doubled[0][1]} meets {doubled[0][0]} source"
            " rows, one of which updates it; keep one source row for each key (QUALIFY ROW_NUMBER() ... = 1, or"
            " leave the DELETE half of an update out)"
        )
    return connection.execute(_without_qualified_targets(merge).sql("duckdb")).fetchall()


def _ambiguous_rows(merge: exp.Merge) -> exp.Select:
    """Target rows, each after its number of source rows, that several source rows match and one updates."""
    matched = [when for when in merge.args["whens"].expressions if when.args.get("matched")]
    action = exp.Case()
    for when in matched:
        kind = "update" if isinstance(when.args["then"], exp.Update) else "delete"
        action = action.when(when.args.get("condition") or exp.true(), exp.Literal.string(kind))
    if not matched:
        return exp.select("1").where("false")
    target = merge.this.alias_or_name
    pairs = (
        exp.select(f"{target}.rowid AS row_id", f"CAST({target} AS VARCHAR) AS row_values", exp.alias_(action, "action"))
        .from_(merge.this.copy())
        .join(merge.args["using"].copy(), on=merge.args["on"].copy())
    )
    return (
        exp.select("count(*)", "any_value(row_values)")
        .from_(pairs.subquery("pairs"))
        .where("action IS NOT NULL")
        .group_by("row_id")
        .having("count(*) > 1 AND bool_or(action = 'update')")
    )


def _without_qualified_targets(merge: exp.Merge) -> exp.Merge:
    """`SET t.total = ...` and `INSERT (t.id)` as DuckDB reads them: without the `t.`."""
    merge = merge.copy()
    for when in merge.args["whens"].expressions:
        then = when.args["then"]
        if isinstance(then, exp.Update):
            written = [assignment.this for assignment in then.expressions]
        else:
            written = then.this.expressions if isinstance(then, exp.Insert) and then.this else []
        for column in written:
            column.set("table", None)
    return merge
