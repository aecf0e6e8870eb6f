"""Findings in the forms that other programs read: SARIF 2.1.0, JUnit, GitHub's annotations. Standard library only."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from .model import Finding, Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LOAD = "LOAD"
_RULE = re.compile(r"[A-Z]\d{3}")


def fingerprints(findings: Sequence[Finding], root: Path) -> list[str]:
    """What identifies each finding while lines move: rule, path below `root`, message, and its number among equal ones."""
    seen: Counter[tuple[str, str, str]] = Counter()
    marks = []
    for one in findings:
        key = (one.id, below(one.path, root), one.message)
        seen[key] += 1
        marks.append(hashlib.sha256("\n".join((*key, str(seen[key]))).encode()).hexdigest()[:32])
    return marks


def below(path: str, root: Path) -> str:
    """A path as it stands below `root`, with forward slashes; elsewhere as it is."""
    relative = os.path.relpath(os.path.abspath(path), root)
    return Path(path if relative.startswith("..") else relative).as_posix()


def as_sarif(findings: Sequence[Finding], rules: Iterable[Rule], root: Path, version: str) -> dict[str, Any]:
    """One SARIF log with one run; a hint is a `note`, a trap a `warning`, a file that does not load an `error`."""
    described = [*(_describe(rule) for rule in rules), _text_rule(LOAD, "a file that cannot be looked into", "error")]
    known = {rule["id"] for rule in described}
    described += [_text_rule(kind, "what the installed version does not take", "error") for kind in kinds_beside(findings, known)]
    numbers = {rule["id"]: number for number, rule in enumerate(described)}
    results = [
        {
            "ruleId": one.id,
            "ruleIndex": numbers[one.id],
            "level": level_of(one),
            "message": {"text": f"{one.message}. Instead: {one.fix}" if one.fix else one.message},
            "locations": [_location(one, root)],
            "partialFingerprints": {"trap/v1": mark},
        }
        for one, mark in zip(findings, fingerprints(findings, root), strict=True)
    ]
    driver = {"name": "find_traps", "version": version, "rules": described}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def kinds_beside(findings: Iterable[Finding], known: set[str]) -> list[str]:
    """The kinds of findings that are no rule's: names of errors and warnings, in their order."""
    return list(dict.fromkeys(one.id for one in findings if one.id not in known))


def is_rule(name: str) -> bool:
    """Whether a finding's id is that of a trap rule, not the name of an error or a warning."""
    return _RULE.fullmatch(name) is not None


def level_of(finding: Finding) -> str:
    """The SARIF level of a finding: that of a rule is a warning; that of an error's name, and of LOAD, an error."""
    if not is_rule(finding.id):
        return "error"
    return "note" if finding.hint else "warning"


def as_junit(findings: Sequence[Finding], files: Iterable[str], root: Path) -> bytes:
    """A test case for each file that was looked into; traps are its failures, hints its output."""
    by_file: dict[str, list[Finding]] = {below(file, root): [] for file in files}
    for one in findings:
        by_file.setdefault(below(one.path, root), []).append(one)
    failed = sum(any(not one.hint for one in own) for own in by_file.values())
    suite = ElementTree.Element("testsuite", name="find_traps", tests=str(len(by_file)), failures=str(failed))
    for file, own in by_file.items():
        case = ElementTree.SubElement(suite, "testcase", classname="traps", name=file)
        for one in own:
            element = ElementTree.SubElement(case, "system-out" if one.hint else "failure")
            if not one.hint:
                element.set("message", f"{one.id} {one.message}"[:300])
            element.text = f"{file}:{one.line}: {one.id} {one.message}\ninstead: {one.fix}"
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)


def as_annotations(findings: Iterable[Finding], root: Path) -> Iterator[str]:
    """Workflow commands that GitHub shows beside the lines of a pull request."""
    for one in findings:
        command = {"error": "error", "warning": "warning", "note": "notice"}[level_of(one)]
        place = f"file={_property(below(one.path, root))},line={one.line},title={_property(one.id)}"
        yield f"::{command} {place}::{_data(f'{one.message}. Instead: {one.fix}')}"


def _describe(rule: Rule) -> dict[str, Any]:
    told = _text_rule(rule.id, rule.message, "note" if rule.hint else "warning")
    return told | {"fullDescription": {"text": rule.harm}, "help": {"text": f"Instead: {rule.fix}"}}


def _text_rule(name: str, message: str, level: str) -> dict[str, Any]:
    return {"id": name, "shortDescription": {"text": message}, "defaultConfiguration": {"level": level}}


def _location(finding: Finding, root: Path) -> dict[str, Any]:
    place = {"uri": below(finding.path, root), "uriBaseId": "%SRCROOT%"}
    return {"physicalLocation": {"artifactLocation": place, "region": {"startLine": max(1, finding.line)}}}


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
