"""Each row of the troubleshooting page ends in its message on the pinned versions, its fix runs, and a search finds it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from proving import in_order
from research_protocol.drift_ledger import read_ledger
from research_protocol.errors import answer_errors
from snippet_checker import environments
from snippet_checker.model import Language, Level, Marks, Result, Snippet
from snippet_checker.plan import plan_checks
from snippet_checker.run import Settings
from write_troubleshooting_page import PAGE, ROWS, Row, main, page_of, read_rows

ALL = read_rows()
ENVIRONMENT = {"dbt": "dagster", "dlt": "dagster", "duckdb": "embedded", "databricks": "embedded"}


def environment_of(row: Row) -> str:
    return ENVIRONMENT.get(row.tool, row.tool)


def test_the_page_is_what_the_rows_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes a row writes the page again."""
    monkeypatch.setattr("sys.argv", ["write_troubleshooting_page.py", "--check"])
    assert main() == 0
    assert len(page_of(ALL)) <= 24_000


def test_each_orchestrator_has_a_dozen_rows_under_ids_of_their_own() -> None:
    """Issue and page promise at least twelve a tool; ids are unique across ledger and page."""
    count = Counter(row.tool for row in ALL)
    assert {tool for tool in ("dagster", "airflow", "prefect") if count[tool] < 12} == set()
    ids = [row.id for row in ALL] + [row.id for row in read_ledger()]
    assert [one for one, times in Counter(ids).items() if times > 1] == []


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.id)
def test_the_search_for_errors_leads_to_the_row(row: Row) -> None:
    """A message as it is pasted, variable parts and all, is answered with the heading that it is."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    places = [match["place"] for match in answer_errors(row.error.replace("...", "/home/shop/7")).data["matches"]]
    headings = {f"references/{PAGE.name}:{number}" for number, line in enumerate(lines, start=1) if line.startswith("### ")}
    wanted = next(f"references/{PAGE.name}:{number}" for number, line in enumerate(lines, 1) if is_heading_of(line, row))
    assert wanted in headings.intersection(places)


def is_heading_of(line: str, row: Row) -> bool:
    return line.removeprefix("### ").strip("` ") == row.error.strip("` ")


def run_halves(half: str, rows: Sequence[Row], tool: str, settings: Settings) -> list[Result]:
    """The results of one half of each row."""
    codes = [(f"{row.id}-{half}", getattr(row, half)) for row in rows]
    snippets = [Snippet(f"{name}.py", 1, code.count("\n") + 1, Language.PYTHON, code, Marks(tool=tool)) for name, code in codes]
    return in_order(plan_checks(snippets, environments.TOOLS, Level.RUNS), settings, tool)


@pytest.mark.slow
@pytest.mark.parametrize("tool", sorted({environment_of(row) for row in ALL}))
def test_wrong_code_ends_in_the_message_and_right_code_runs(tool: str, warm_tools: Callable[[str], Settings]) -> None:
    """The checker runs both halves of each row in the locked environment; the message comes from the tool itself.

    First all wrong ones: they share a server with the right ones, which make there what the wrong ones lack.
    """
    rows = [row for row in ALL if environment_of(row) == tool]
    settings = replace(warm_tools(tool), timeout=90.0)
    wrong_ones, right_ones = (run_halves(half, rows, tool, settings) for half in ("wrong_code", "right_code"))
    unproved = {}
    for row, wrong, right in zip(rows, wrong_ones, right_ones, strict=True):
        if wrong.passed or not states(wrong, row.error) or not right.passed or states(right, row.error):
            unproved[row.id] = (said_by(wrong)[-1500:], [finding.message for finding in right.findings])
    assert unproved == {}


def states(result: Result, error: str) -> bool:
    """Whether the parts of the message stand in what was raised or logged, in their order."""
    pattern = ".*".join(re.escape(" ".join(part.split())) for part in error.split("..."))
    return re.search(pattern, said_by(result)) is not None


def said_by(result: Result) -> str:
    """The errors with the checker's own words before them left out, then the log."""
    found = [f"{one.kind}: {re.sub(r'^(?:task|asset|flow|job) .*? failed: ', '', one.message)}" for one in result.findings]
    return " ".join(" | ".join([*found, result.output]).split())


@pytest.mark.parametrize("change", [{"error": ""}, {"tool": "luigi"}, {"fix": "two\nlines"}, {"since": "3.0"}])
def test_a_row_of_another_shape_is_refused_with_its_place(tmp_path: Path, change: dict[str, str]) -> None:
    """Whoever adds a row learns which one is wrong."""
    good = json.loads(ROWS.read_text(encoding="utf-8"))[0]
    file = tmp_path / "troubleshooting.json"
    file.write_text(json.dumps([good | change]))
    with pytest.raises(ValueError, match="row 1"):
        read_rows(file)
