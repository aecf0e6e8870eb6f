"""The page of the drift ledger is the ledger: nothing is left out, and an old page is noticed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import write_drift_page
from markdown_it import MarkdownIt
from research_protocol.drift_ledger import DISTRIBUTIONS, Row, read_ledger

ROWS = read_ledger()


def cells_of(page: str) -> list[list[str]]:
    """The cells of every row of every table, as a Markdown reader sees them."""
    rows: list[list[str]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(page):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and rows and token.level > 3:
            rows[-1].append("".join(child.content for child in token.children or []))
    return [row for row in rows if row[0] != "old"]


def stated(row: Row) -> tuple[str, ...]:
    return tuple(" ".join(part.split()) for part in (row.old, row.since, row.error, row.current))


def test_the_page_in_the_repository_is_that_of_the_ledger() -> None:
    """Whoever changes a row and forgets the page is told."""
    assert write_drift_page.main(["--check"]) == 0


def test_every_row_stands_in_the_page_with_its_four_cells() -> None:
    """No pipe, backtick or line break of a text splits or shortens its cell."""
    cells = {tuple(cell.strip() for cell in row) for row in cells_of(write_drift_page.page_of(ROWS))}
    assert {row.id for row in ROWS if stated(row) not in cells} == set()
    assert len(cells_of(write_drift_page.page_of(ROWS))) == len(ROWS)


def test_a_pipe_in_a_text_stays_in_its_cell() -> None:
    """A type such as `int | None` is one cell."""
    row = replace(ROWS[0], old="f(x: int | None)", error="TypeError: `int | None`")
    assert [cells[0] for cells in cells_of(write_drift_page.page_of([row]))] == ["f(x: int | None)"]
    assert [len(cells) for cells in cells_of(write_drift_page.page_of([row]))] == [4]


@pytest.mark.parametrize("old", ["", "an older page\n", None])
def test_a_page_that_is_old_or_missing_is_noticed_and_not_written(tmp_path: Path, old: str | None) -> None:
    """`--check` answers 1 and leaves the file as it is; without it the page is written and then up to date."""
    page = tmp_path / "api-drift.md"
    if old is not None:
        page.write_text(old)
    assert write_drift_page.main(["--check"], page) == 1
    assert (page.read_text() if page.exists() else None) == old
    assert write_drift_page.main([], page) == 0
    assert write_drift_page.main(["--check"], page) == 0


def test_every_tool_of_the_ledger_has_a_title() -> None:
    """A tool without one would be left out of the page."""
    assert set(write_drift_page.TITLES) == set(DISTRIBUTIONS)


def test_the_first_line_says_how_to_search() -> None:
    """A reader is sent to the search, not through the page."""
    first = write_drift_page.page_of(ROWS).splitlines()[0]
    assert ("Generated" in first, "research.py drift PATH" in first) == (True, True)
