"""Findings as other programs read them: SARIF against its schema, JUnit, annotations, and a baseline that lines do not move."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from proving import ROOT
from research_protocol.model import CannotLookError
from trap_rules.baseline import without_baseline, write_baseline
from trap_rules.dagster_traps import RULES
from trap_rules.model import Finding
from trap_rules.reports import as_annotations, as_junit, as_sarif, fingerprints

SARIF = json.loads((ROOT / "tests" / "schemas" / "sarif-2.1.0.json").read_text())  # OASIS, as published with SARIF 2.1.0
TRAP = Finding("shop/a.py", 7, "D005", "sensor inbox asks in a loop: 100 %, no key", "run_key=...")
HINT = Finding("shop/a.py", 3, "D007", "schedule daily is stopped", "default_status=...", hint=True)
BROKEN = Finding("shop/b.py", 1, "LOAD", "SyntaxError: invalid syntax", "mend it")


@pytest.fixture
def findings(tmp_path: Path) -> list[Finding]:
    """One trap, one hint and one file that does not load, below tmp_path."""
    return [replace(one, path=str(tmp_path / one.path)) for one in (TRAP, HINT, BROKEN)]


def test_sarif_is_valid_and_points_at_the_line(findings: list[Finding], tmp_path: Path) -> None:
    """Each rule is described, each level is right, each path is relative."""
    log = as_sarif(findings, RULES, tmp_path, "1.2.3")
    jsonschema.Draft4Validator(SARIF).validate(log)
    results = log["runs"][0]["results"]
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert [(one["ruleId"], one["level"]) for one in results] == [("D005", "warning"), ("D007", "note"), ("LOAD", "error")]
    assert [rules[one["ruleIndex"]]["id"] for one in results] == ["D005", "D007", "LOAD"]
    place = results[0]["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]) == ("shop/a.py", {"startLine": 7})


def test_a_log_that_breaks_the_schema_is_refused(findings: list[Finding], tmp_path: Path) -> None:
    """The validation of the test above can fail."""
    log = as_sarif(findings, RULES, tmp_path, "1")
    log["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError, match="fatal"):
        jsonschema.Draft4Validator(SARIF).validate(log)


def test_junit_has_a_case_for_each_file_and_a_hint_fails_none(findings: list[Finding], tmp_path: Path) -> None:
    """A file without a finding is a case that passed."""
    files = [str(tmp_path / "shop" / name) for name in ("a.py", "b.py", "c.py")]
    suite = ElementTree.fromstring(as_junit(findings, files, tmp_path))
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    assert {case.get("name"): [part.tag for part in case] for case in suite} == {
        "shop/a.py": ["failure", "system-out"],
        "shop/b.py": ["failure"],
        "shop/c.py": [],
    }


def test_annotations_escape_what_a_workflow_command_would_cut(findings: list[Finding], tmp_path: Path) -> None:
    """A per cent sign and a line end in the message, a comma or colon in a property."""
    assert list(as_annotations(findings, tmp_path)) == [
        "::warning file=shop/a.py,line=7,title=D005::sensor inbox asks in a loop: 100 %25, no key. Instead: run_key=...",
        "::notice file=shop/a.py,line=3,title=D007::schedule daily is stopped. Instead: default_status=...",
        "::error file=shop/b.py,line=1,title=LOAD::SyntaxError: invalid syntax. Instead: mend it",
    ]


def test_a_baseline_holds_while_lines_move_and_not_for_a_second_one(findings: list[Finding], tmp_path: Path) -> None:
    """What was there is quiet, the same trap once more is told, what was mended is counted."""
    file = tmp_path / "baseline.json"
    write_baseline(file, findings, tmp_path)
    moved = replace(findings[0], line=70)
    again = replace(findings[0], line=90)
    assert without_baseline(file, [moved, again], tmp_path) == ([again], 1, 2)
    assert "shop/a.py: D005" in file.read_text()


def test_equal_findings_have_marks_of_their_own(findings: list[Finding], tmp_path: Path) -> None:
    """Two sensors of one message in one file are two findings."""
    assert len(set(fingerprints([findings[0], findings[0]], tmp_path))) == 2


@pytest.mark.parametrize("text", ["", "[]", '{"findings": 3}'], ids=["empty", "a list", "no findings"])
def test_a_file_that_is_no_baseline_is_refused(text: str, tmp_path: Path) -> None:
    """With the option that writes one."""
    file = tmp_path / "baseline.json"
    file.write_text(text)
    with pytest.raises(CannotLookError, match="--write-baseline"):
        without_baseline(file, [], tmp_path)
