"""The verification report and the home page's figures, from the checker's own answer."""

from __future__ import annotations

import html
import json
from collections import Counter
from pathlib import Path
from typing import Any

from .sources import ROOT, TITLES

HISTORY = ROOT / "scripts" / "site_pages" / "history.json"  # one entry per release, written by `build_site.py --release`


def figures(results: dict[str, Any]) -> dict[str, Counter[str]]:
    """Tool -> level -> number; what failed counts as `failed`, whatever level it stopped at."""
    found: dict[str, Counter[str]] = {}
    for result in results["results"]:
        level = result["level"] if result["passed"] else "failed"
        found.setdefault(result["tool"] or "documents", Counter())[level] += 1
    return found


def report_page(results: dict[str, Any]) -> str:
    """Totals, the trend between releases, then every snippet and example."""
    lines = [
        "---\ntitle: Verification report\ndescription: Every snippet and example with level, version and seconds",
        "search:\n  exclude: true\n---",
    ]
    lines += [
        "# Verification report",
        "",
        "Written by `scripts/check.py` on the locked versions; nothing here is typed by hand.",
        "",
    ]
    lines += ["| environment | version | runs | loads | parses | failed |", "|---|---|--:|--:|--:|--:|"]
    for tool, counts in sorted(figures(results).items()):
        numbers = " | ".join(str(counts[level]) for level in ("runs", "loads", "parses", "failed"))
        lines.append(f"| {TITLES.get(tool, tool)} | {results['versions'].get(tool, '')} | {numbers} |")
    lines += ["", "## Between releases", "", *trend(results), "", "## Snippets and examples", ""]
    lines += ['<div class="scrolled" tabindex="0"><table><thead><tr><th>place</th><th>language</th><th>environment</th>']
    lines += ["<th>level</th><th>seconds</th></tr></thead><tbody>"]
    for result in sorted(results["results"], key=lambda found: (found["page"], found["line"])):
        level = result["level"] if result["passed"] else "failed"
        raised = f" (raises {html.escape(result['raises'])})" if result["raises"] else ""
        cells = [f"{html.escape(result['page'])}:{result['line']}", result["language"], result["tool"] or "", level + raised]
        lines.append("<tr>" + "".join(f"<td>{text}</td>" for text in cells) + f"<td>{result['seconds']:.2f}</td></tr>")
    return "\n".join([*lines, "</tbody></table></div>"]) + "\n"


def trend(results: dict[str, Any]) -> list[str]:
    """A row per release, oldest first, and the state of this build."""
    rows = json.loads(HISTORY.read_text()) if HISTORY.exists() else []
    rows.append(entry("this build", results))
    lines = ["| release | snippets and examples | runs | failed | versions |", "|---|--:|--:|--:|---|"]
    for row in rows:
        versions = ", ".join(f"{tool} {version}" for tool, version in row["versions"].items() if tool != "embedded")
        lines.append(f"| {row['release']} | {row['all']} | {row['runs']} | {row['failed']} | {versions} |")
    return lines


def entry(release: str, results: dict[str, Any]) -> dict[str, Any]:
    """What the history keeps of one release."""
    counts = sum(figures(results).values(), Counter[str]())
    return {
        "release": release, "all": sum(counts.values()), "runs": counts["runs"], "failed": counts["failed"],
        "versions": results["versions"],
    }  # fmt: skip


def keep_release(release: str, results: dict[str, Any], history: Path = HISTORY) -> None:
    """Add this build to the history under the name of a release; the same name is written once."""
    rows = [row for row in (json.loads(history.read_text()) if history.exists() else []) if row["release"] != release]
    history.write_text(json.dumps([*rows, entry(release, results)], indent=1) + "\n")
