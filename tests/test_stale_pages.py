"""Pages that are wrong on purpose: every defect is named at its line, and no right twin fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from proving import ROOT, in_order
from snippet_checker import environments
from snippet_checker.model import Result, Snippet
from snippet_checker.parse import read_snippets
from snippet_checker.plan import plan_checks
from snippet_checker.run import Settings

PAGES = sorted((ROOT / "tests" / "stale_pages").glob("*.md"))
_EXPECTATION = re.compile(r"<!-- expect: (?:(pass)|fail \+(\d+) (\w+)(?:: (.*?))?) -->")


@dataclass(frozen=True)
class Expectation:
    """What must come of the fence below ``line``; ``offset`` counts lines of its code from 1."""

    line: int
    passes: bool
    offset: int = 0
    kind: str = ""
    text: str = ""

    def is_met_by(self, result: Result) -> bool:
        if self.passes:
            return result.passed
        return any(
            finding.kind == self.kind
            and self.text in f"{finding.message} {finding.current}"
            and finding.line == self.line_in(result)
            for finding in result.findings
        )

    def line_in(self, result: Result) -> int:
        """The line of the page; offset 0 is the fence itself."""
        return result.check.snippet.line + self.offset - 1


def expectations(page: Path) -> Iterator[Expectation]:
    in_header = True
    for number, line in enumerate(page.read_text().split("\n"), start=1):
        in_header = in_header and not line.startswith("-->")
        match = _EXPECTATION.match(line)
        if match and not in_header:
            passes, offset, kind, text = match.groups()
            yield Expectation(number, bool(passes), int(offset or 0), kind or "", text or "")


def pair(wanted: list[Expectation], snippets: list[Snippet]) -> list[tuple[Expectation, Snippet]]:
    """Each expectation with the first snippet below it; asserts that every snippet has exactly one."""
    assert len(wanted) == len(snippets)
    for expectation, snippet in zip(wanted, snippets, strict=True):
        assert 0 < snippet.line - expectation.line <= 4, f"{snippet.place} has no expectation directly above it"
    return list(zip(wanted, snippets, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_defect_is_named_and_no_twin_fails(page: Path, warm_tools: Callable[[str], Settings]) -> None:
    """Kind, line and message as the page itself says, beside each fence."""
    snippets = read_snippets(page, f"tests/stale_pages/{page.name}")
    wanted = [expectation for expectation, _ in pair(list(expectations(page)), snippets)]
    checks = plan_checks(snippets, environments.TOOLS)
    tools = sorted({check.tool for check in checks if check.tool})
    settings = next(iter([warm_tools(tool) for tool in tools]))
    results = in_order(checks, replace(settings, timeout=60), *tools)
    missed = [describe(e, r) for e, r in zip(wanted, results, strict=True) if not e.is_met_by(r)]
    assert not missed, "\n".join(missed)


def describe(expectation: Expectation, result: Result) -> str:
    wanted = "pass" if expectation.passes else f"{expectation.kind} at line {expectation.line_in(result)}: {expectation.text}"
    got = [f"{f.kind} at line {f.line}: {f.message}" for f in result.findings] or ["pass"]
    return f"{result.check.place} must {wanted}\n    got {got}"


def test_the_corpus_is_large_enough_and_has_as_many_twins() -> None:
    """At least twenty-two defects per orchestrator, sixteen in the mixed page, and a twin for each."""
    found = {page.stem: list(expectations(page)) for page in PAGES}
    defects = {name: sum(not e.passes for e in own) for name, own in found.items()}
    assert set(found) == {"stale_airflow", "stale_dagster", "stale_mixed", "stale_prefect"}
    assert all(count >= (16 if name == "stale_mixed" else 22) for name, count in defects.items()), defects
    assert all(sum(e.passes for e in own) >= defects[name] for name, own in found.items())
