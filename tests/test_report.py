"""Saying what came of a run."""

from __future__ import annotations

import io
import json
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from snippet_checker import report
from snippet_checker.model import Check, Finding, Language, Level, Marks, Result, Snippet

CODE = "one = 1\ntwo = tow\nthree = 3\n"


def result(passed: bool, level: Level | None = Level.RUNS, reason: str = "", **finding: str) -> Result:
    snippet = Snippet("page.md", 10, 12, Language.PYTHON, CODE, Marks(reason=reason))
    findings = () if passed else (Finding(11, "NameError", "name 'tow' is not defined [markup]", finding.get("current", "")),)
    return Result(Check(snippet, "dagster", Level.RUNS, CODE), passed, level if passed else None, findings, "\x00out", 0.25)


def printed(*results: Result) -> str:
    out = io.StringIO()
    report.print_report(results, Console(file=out, width=100, color_system=None), {"dagster": "1.13.27"}, ["a fact"])
    return out.getvalue()


def test_a_failure_shows_place_kind_message_way_out_and_the_lines_around_it() -> None:
    """The failing line is pointed at."""
    text = printed(result(False, current="two"))
    assert "FAIL page.md:11  NameError" in text
    assert "name 'tow' is not defined [markup]" in text
    assert "     two\n" in text
    assert [line for line in text.splitlines() if "|" in line] == [
        "       10 | one = 1",
        "   >   11 | two = tow",
        "       12 | three = 3",
    ]


def test_the_table_counts_every_level_and_failure() -> None:
    """Per environment, with the version that was proved."""
    text = printed(result(True), result(True, Level.LOADS, "needs a cluster"), result(False))
    row = next(line for line in text.splitlines() if line.startswith("dagster"))
    assert row.replace("│", " ").split() == ["dagster", "1.13.27", "3", "1", "1", "-", "1"]
    assert "page.md:10  loads: needs a cluster" in text
    assert "a fact" in text


def test_the_compact_answer_is_one_json_object() -> None:
    """What an agent reads: ok, level, findings with file, line, message and the current form."""
    assert json.loads(report.compact_json([result(True, Level.LOADS)])) == {
        "ok": True,
        "level": "loads",
        "seconds": 0.25,
        "findings": [],
    }
    answer = json.loads(report.compact_json([result(False, current="two")]))
    assert (answer["ok"], answer["level"]) == (False, None)
    assert answer["findings"] == [
        {"file": "page.md", "line": 11, "kind": "NameError", "message": "name 'tow' is not defined [markup]", "current": "two"}
    ]


def test_json_and_junit_hold_every_result(tmp_path: Path) -> None:
    """Control characters do not break the XML."""
    results = [result(True), result(False)]
    report.write_json(results, tmp_path / "r.json", {"dagster": "1"})
    report.write_junit(results, tmp_path / "r.xml")
    assert [r["passed"] for r in json.loads((tmp_path / "r.json").read_text())["results"]] == [True, False]
    suite = ElementTree.parse(tmp_path / "r.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert "page.md:11: NameError" in (suite[1][0].text or "")


def test_the_exit_code_is_one_when_any_failed() -> None:
    """And zero when none did."""
    assert (report.exit_code([result(True)]), report.exit_code([result(True), result(False)])) == (0, 1)
