"""Say what came of a run: on the terminal with rich, as plain lines, as JSON, as JUnit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from .model import Finding, Language, Level, Result

if TYPE_CHECKING:
    from rich.console import Console


def line_for(result: Result, finding: Finding) -> str:
    """One finding on one line: place, kind, message, way out."""
    current = f" ({finding.current})" if finding.current else ""
    return f"{result.check.snippet.page}:{finding.line}: {finding.kind}: {finding.message}{current}"


def counts(results: Iterable[Result]) -> Counter[str]:
    """How many results ended at each level, and how many failed."""
    return Counter(result.level or "failed" for result in results)


def print_report(results: Sequence[Result], console: Console, versions: Mapping[str, str], facts: Sequence[str]) -> None:
    """The whole report: failures first, then what was proved below `runs`, then the figures."""
    for result in results:
        if not result.passed:
            _print_failure(result, console)
    _print_lower_levels(results, console)
    console.print(_table(results, versions))
    for fact in facts:
        console.print(fact, style="dim", highlight=False)


def _print_failure(result: Result, console: Console) -> None:
    from rich.markup import escape

    for finding in result.findings:
        place = f"{result.check.snippet.page}:{finding.line}"
        console.print(
            f"[bold red]FAIL[/] [bold]{escape(place)}[/]  [red]{escape(finding.kind)}[/]", highlight=False, soft_wrap=True
        )
        console.print(f"     {escape(finding.message[:600])}", highlight=False, soft_wrap=True)
        if finding.current:
            console.print(f"     [green]{escape(finding.current)}[/]", highlight=False, soft_wrap=True)
        for number, text in _around(result, finding.line):
            style = "bold" if number == finding.line else "dim"
            pointer = ">" if number == finding.line else " "
            console.print(f"   {pointer} {number:>4} | {escape(text)}", style=style, highlight=False, soft_wrap=True)
        console.print()


def _around(result: Result, line: int) -> list[tuple[int, str]]:
    """The line and its two neighbours, as they stand on the page."""
    snippet = result.check.snippet
    lines = snippet.code.split("\n")
    first = snippet.line
    if not first <= line < first + len(lines):
        return []
    numbers = range(max(first, line - 1), min(first + len(lines), line + 2))
    return [(number, lines[number - first]) for number in numbers if lines[number - first].strip() or number == line]


def _print_lower_levels(results: Sequence[Result], console: Console) -> None:
    below = [r for r in results if r.passed and r.level is not Level.RUNS and r.check.snippet.marks.reason]
    if below:
        console.print("Proved below [bold]runs[/], each with its reason:", highlight=False)
        for result in below:
            console.print(
                f"  {result.check.place}  {result.level}: {result.check.snippet.marks.reason}", highlight=False, soft_wrap=True
            )
        console.print()


def _table(results: Sequence[Result], versions: Mapping[str, str]) -> Any:
    from rich.table import Table

    columns = ("runs", "loads", "parses", "failed")
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for name in ("environment", "version", "snippets", *columns):
        table.add_column(name, justify="left" if name in ("environment", "version") else "right")
    by_tool: dict[str, list[Result]] = {}
    for result in results:
        by_tool.setdefault(result.check.tool or "documents", []).append(result)
    for tool, own in sorted(by_tool.items()):
        _add_row(table, tool, versions.get(tool, ""), own, columns)
    if len(by_tool) > 1:
        table.add_section()
        _add_row(table, "all", "", results, columns)
    return table


def _add_row(table: Any, name: str, version: str, results: Sequence[Result], columns: Sequence[str]) -> None:
    found = counts(results)
    failed = found["failed"]
    cells = [str(found[column] or "-") for column in columns[:-1]]
    table.add_row(name, version, str(len(results)), *cells, f"[bold red]{failed}[/]" if failed else "[green]0[/]")


def print_plain(results: Sequence[Result], closing: str = "") -> None:
    """One line per finding, then one per passed file: for agents and for editors that read `file:line: message`."""
    for result in results:
        for finding in result.findings:
            print(line_for(result, finding))
    for result in results:
        if result.passed:
            print(f"{result.check.snippet.page}: ok, {result.level} ({result.check.tool}, {result.seconds:.2f} s)")
    if closing:
        print(closing)


def as_values(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Every result as plain values: place, tool, level, findings, seconds."""
    return [
        {
            "page": result.check.snippet.page,
            "line": result.check.snippet.line,
            "language": result.check.snippet.language,
            "tool": result.check.tool,
            "passed": result.passed,
            "level": result.level,
            "reason": result.check.snippet.marks.reason,
            "raises": result.check.snippet.marks.raises,
            "seconds": round(result.seconds, 3),
            "cached": result.cached,
            "findings": [{k: v for k, v in asdict(finding).items() if v != ""} for finding in result.findings],
            "output": result.output[-2000:] if not result.passed else "",
        }
        for result in results
    ]


def write_json(results: Sequence[Result], path: Path, versions: Mapping[str, str]) -> None:
    """The whole run as one JSON document."""
    document = {"versions": dict(versions), "counts": dict(counts(results)), "results": as_values(results)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")


def compact_json(results: Sequence[Result]) -> str:
    """The answer an agent reads: one object, nothing but what it needs to mend its code."""
    findings = [
        {"file": r.check.snippet.page} | {k: v for k, v in asdict(f).items() if v != ""} for r in results for f in r.findings
    ]
    levels = [result.level for result in results if result.level]
    level = max(levels, key=list(Level).index) if levels and not findings else None
    seconds = round(sum(result.seconds for result in results), 2)
    return json.dumps({"ok": not findings, "level": level, "seconds": seconds, "findings": findings})


def write_junit(results: Sequence[Result], path: Path) -> None:
    """One test case per snippet, one suite per page."""
    suites = ElementTree.Element("testsuites")
    by_page: dict[str, list[Result]] = {}
    for result in results:
        by_page.setdefault(result.check.snippet.page, []).append(result)
    for page, own in by_page.items():
        failed = sum(not result.passed for result in own)
        suite = ElementTree.SubElement(suites, "testsuite", name=page, tests=str(len(own)), failures=str(failed))
        for result in own:
            _add_case(suite, result)
    ElementTree.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)


def _add_case(suite: ElementTree.Element, result: Result) -> None:
    snippet = result.check.snippet
    name = f"{snippet.place} ({snippet.language})"
    case = ElementTree.SubElement(suite, "testcase", classname=snippet.page, name=name, time=f"{result.seconds:.3f}")
    if not result.passed:
        text = "\n".join(line_for(result, finding) for finding in result.findings)
        failure = ElementTree.SubElement(case, "failure", message=_xml_safe(result.findings[0].message[:300]))
        failure.text = _xml_safe(f"{text}\n{result.output[-2000:]}")


def _xml_safe(text: str) -> str:
    """XML 1.0 knows no control characters but tab and line ends."""
    return "".join(c for c in text if c in "\t\n\r" or ord(c) >= 32)


def exit_code(results: Sequence[Result]) -> int:
    """0 when everything passed, 1 when content is wrong."""
    return 0 if all(result.passed for result in results) else 1


def is_document(result: Result) -> bool:
    """Whether a result is about something that no orchestrator runs."""
    return result.check.snippet.language not in (Language.PYTHON, Language.BASH)
