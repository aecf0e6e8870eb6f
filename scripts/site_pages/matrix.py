"""Patterns over tools: one table with a level in every cell, and a page per pattern that several tools have."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from .sources import ENTRIES, LANGUAGES, NO_PATTERN, ROOT, TITLES, Example, title_of


def by_pattern(examples: list[Example]) -> dict[str, dict[str, Example]]:
    """Pattern -> tool -> example; harnesses and the shared dbt project are no patterns."""
    found: dict[str, dict[str, Example]] = {}
    for example in examples:
        if example.name not in NO_PATTERN:
            found.setdefault(example.name, {})[example.tool] = example
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def level_of(example: Example, results: dict[str, Any]) -> str:
    """The lowest level of the example's files that the checker ran."""
    inside = str(example.folder.relative_to(ROOT)) + "/"
    levels = [
        result["level"] if result["passed"] else "failed" for result in results["results"] if result["page"].startswith(inside)
    ]
    order = ("failed", "parses", "loads", "runs")
    return min(levels, key=order.index) if levels else "tested"


def matrix_page(patterns: dict[str, dict[str, Example]], results: dict[str, Any]) -> str:
    """The table, with a field that filters its rows in the page."""
    lines = ["---\ntitle: Patterns\ndescription: Every pattern, by tool, with the level it was proved at\n---", "# Patterns", ""]
    lines += [
        "A cell says how far the example was proved, on which version. `tested` stands for a folder that no tool loads as",
        "",
    ]
    lines[-2] += "\na whole and whose tests run it."
    lines += [
        '<p><label for="filter">Filter by pattern or tool</label> <input id="filter" type="search" autocomplete="off"></p>',
        "",
    ]
    lines += ['<div class="scrolled" tabindex="0"><table id="matrix"><thead><tr><th scope="col">Pattern</th>']
    lines += [f'<th scope="col">{title}</th>' for title in TITLES.values()] + ["</tr></thead><tbody>"]
    for name, tools in patterns.items():
        title = html.escape(title_of(name))
        head = f'<a href="{name}/">{title}</a>' if has_page(tools) else title
        lines.append(f'<tr><th scope="row">{head}</th>')
        lines += [f"<td>{cell(tool, tools, results)}</td>" for tool in TITLES] + ["</tr>"]
    lines += ["</tbody></table></div>", "", '<p id="nothing" hidden>No pattern has these words.</p>']
    return "\n".join(lines) + "\n"


def has_page(tools: dict[str, Example]) -> bool:
    """Whether there is something to put side by side."""
    return len([tool for tool in tools if tool in ENTRIES]) > 1


def cell(tool: str, tools: dict[str, Example], results: dict[str, Any]) -> str:
    """A link with level and version, or a dash."""
    if tool not in tools:
        return '<span class="none">–</span>'
    level = level_of(tools[tool], results)
    version = "" if tool == "embedded" else f" · {results['versions'][tool]}"
    words = f"<span hidden>{tool}</span>"
    return f'<a class="proof proof-{level}" href="../examples/{tool}/{tools[tool].name}/">{level}{version}</a>{words}'


def compare_page(name: str, tools: dict[str, Example]) -> str:
    """The entry files of one pattern, a tab per tool; the choice of tool holds for the whole site."""
    title = title_of(name)
    lines = [
        f"---\ntitle: {title}\ndescription: {title} in {', '.join(TITLES[tool] for tool in tools)}\nsearch:\n  boost: 3\n---",
        f"# {title}",
        "",
    ]
    lines += ["The same pattern under each tool. What it promises is tested in each example's folder.", ""]
    for tool, example in tools.items():
        entry = example.folder / ENTRIES.get(tool, "")
        if not entry.is_file():
            continue
        lines += [f'=== "{TITLES[tool]}"', ""]
        body = [
            example.parts.get("What", ""),
            "",
            f"```{LANGUAGES[entry.suffix]}",
            *entry.read_text(encoding="utf-8").rstrip().split("\n"),
            "```",
        ]
        body += ["", f"[The whole example with its test](../examples/{tool}/{name}.md)"]
        lines += [f"    {line}" if line else "" for line in body] + [""]
    return "\n".join(lines) + "\n"


def place_of(name: str) -> Path:
    """Where the page of a pattern lies in the site's sources."""
    return Path("patterns") / f"{name}.md"
