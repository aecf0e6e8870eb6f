#!/usr/bin/env python3
"""Write `references/troubleshooting.md` from `scripts/troubleshooting.json`.

`--check` writes nothing and exits 1 when the page is out of date. A row of the file is an object of text fields:

  id                      unique, in words
  tool                    a key of TOOLS below
  error                   the message on the pinned version; variable parts are "..."
  cause, fix              one line each
  wrong_code, right_code  whole modules: the first ends in the message (or logs it), the second runs
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, fields
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROWS = ROOT / "scripts" / "troubleshooting.json"
PAGE = ROOT / "references" / "troubleshooting.md"
TOOLS = {
    "dagster": "Dagster", "dbt": "dbt in Dagster", "dlt": "dlt", "airflow": "Airflow", "prefect": "Prefect",
    "duckdb": "DuckDB", "databricks": "Databricks",
}  # fmt: skip
HEAD = """# Troubleshooting

Errors of use on the pinned versions: message, cause, fix. Removed and renamed names are in the drift ledger;
`python scripts/research.py errors TEXT` searches both by the words of a message.

"""


@dataclass(frozen=True)
class Row:
    """One error that users meet."""

    id: str
    tool: str
    error: str
    cause: str
    fix: str
    wrong_code: str
    right_code: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say whether the page is out of date")
    options = parser.parse_args()
    page = page_of(read_rows())
    if options.check:
        current = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
        if page != current:
            print("references/troubleshooting.md is out of date; run scripts/write_troubleshooting_page.py", file=sys.stderr)
        return int(page != current)
    PAGE.write_text(page, encoding="utf-8")
    return 0


def read_rows(path: Path = ROWS) -> list[Row]:
    """Every row. Raises ValueError, naming the row, when a field is missing, unknown, empty, or of several lines."""
    names = {field.name for field in fields(Row)}
    rows = []
    for number, one in enumerate(json.loads(path.read_text(encoding="utf-8")), start=1):
        place = f"{path.name}, row {number} ({one.get('id')})"
        if set(one) != names or not all(isinstance(value, str) and value.strip() for value in one.values()):
            raise ValueError(f"{place}: each of {', '.join(sorted(names))} must be text, and nothing else may stand there")
        if any("\n" in one[name] for name in ("error", "cause", "fix")) or one["tool"] not in TOOLS:
            raise ValueError(f"{place}: error, cause and fix are one line each, and tool is one of {', '.join(TOOLS)}")
        rows.append(Row(**one))
    return rows


def page_of(rows: list[Row]) -> str:
    """The page: a heading a tool, and under it one heading a row, which is the message."""
    ordered = sorted(rows, key=lambda row: list(TOOLS).index(row.tool))
    parts = [
        HEAD + " · ".join(f"[{TOOLS[tool]}](#{TOOLS[tool].lower().replace(' ', '-')})" for tool in TOOLS if _has(rows, tool))
    ]
    for tool, some in groupby(ordered, key=lambda row: row.tool):
        parts.append(f"## {TOOLS[tool]}")
        parts += [f"### {_code(row.error)}\n\n- Cause: {row.cause}\n- Fix: {row.fix}" for row in some]
    return "\n\n".join(parts) + "\n"


def _has(rows: list[Row], tool: str) -> bool:
    return any(row.tool == tool for row in rows)


def _code(text: str) -> str:
    """A code span, with two backticks where the text holds one."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


if __name__ == "__main__":
    sys.exit(main())
