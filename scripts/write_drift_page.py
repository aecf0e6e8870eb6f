#!/usr/bin/env python3
"""Write references/api-drift.md, a table per tool, from the drift ledger.

`--check` writes nothing and exits 1 when the page is out of date.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from research_protocol.drift_ledger import DISTRIBUTIONS, Row, read_ledger

PAGE = Path(__file__).resolve().parents[1] / "references" / "api-drift.md"
TITLES = {
    "airflow": "Airflow", "cosmos": "Cosmos", "dagster": "Dagster", "dagster-dbt": "dagster-dbt", "dagster-dlt": "dagster-dlt",
    "prefect": "Prefect", "dlt": "dlt", "dbt": "dbt", "databricks": "Databricks", "snowflake": "Snowflake",
}  # fmt: skip
HEAD = """\
Generated from scripts/drift_ledger.json; not to be read whole: `python3 scripts/research.py drift PATH` searches your code.

# API drift

Forms that were removed, renamed or changed, with the text that the locked versions give for the first form of a row. An empty
`since` is not known; `...` stands for what varies; `silent` means that nothing is said. The code of each row was run both ways,
but for commands, of which only the old form was run.
"""


def main(arguments: Sequence[str] | None = None, page: Path = PAGE) -> int:
    """Write the page, or with --check only compare it; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the page is out of date")
    options = parser.parse_args(arguments)
    wanted = page_of(read_ledger())
    if not options.check:
        page.write_text(wanted, encoding="utf-8")
        return 0
    stale = not page.is_file() or page.read_text(encoding="utf-8") != wanted
    if stale:
        print(f"{page.name}: out of date; run scripts/write_drift_page.py", file=sys.stderr)
    return int(stale)


def page_of(rows: Sequence[Row]) -> str:
    """The text of the page, tools and rows in a fixed order whatever that of the ledger."""
    return "\n".join([HEAD, *(line for tool in TITLES for line in _table(TITLES[tool], tool, rows))])


def _table(title: str, tool: str, rows: Sequence[Row]) -> Iterator[str]:
    of_tool = sorted((row for row in rows if row.tool == tool), key=lambda row: (row.kind, row.old.lower(), row.id))
    if of_tool:
        yield f"## {title} ({DISTRIBUTIONS[tool]})\n"
        yield "| old | since | error | current |\n|---|---|---|---|"
        yield from (f"| {cell_of_code(row.old)} | {row.since} | {_error(row)} | {cell_of_code(row.current)} |" for row in of_tool)
        yield ""


def _error(row: Row) -> str:
    if row.error.startswith("silent:"):
        return cell(row.error)
    return cell_of_code(row.error)


def cell_of_code(text: str) -> str:
    """Text between backticks, more of them than it holds itself; prose around code stays readable so too."""
    inner = cell(text)
    if "`" not in inner:
        return f"`{inner}`"
    return f"`` {inner} ``"


def cell(text: str) -> str:
    """One line with its pipes escaped, since a table cell ends at a pipe even inside code."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
