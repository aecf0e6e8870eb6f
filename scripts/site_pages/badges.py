"""A page as the site shows it: a badge on every snippet, links that stay on the site."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from typing import Any

from .sources import ROOT, TITLES

FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,})(?P<language>[\w-]*)\s*$")
MARK = re.compile(r"^ *<!-- snippet: .* -->\s*$")
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]\n]*(?:\n[^\]\n]*)?)\]\((?P<target>[^)\s]+)\)")
TEXT_LANGUAGES = ("text", "mermaid")


def with_badges(page: str, text: str, results: dict[str, Any]) -> str:
    """The Markdown of `page` (a path in the repository) with the marks taken out and a badge above each proved fence."""
    known = {result["line"]: result for result in results["results"] if result["page"] == page}
    lines, written, inside = text.split("\n"), [], ""
    for number, line in enumerate(lines, start=1):
        fence = FENCE.match(line)
        if inside:
            inside = "" if line.strip() == inside else inside
        elif MARK.match(line):
            continue
        elif fence:
            inside = fence["ticks"]
            badge = badge_for(known.get(number + 1), results["versions"])
            if badge and fence["language"] not in TEXT_LANGUAGES:
                written += ["", fence["indent"] + badge, ""]
        written.append(line)
    return "\n".join(written)


def badge_for(result: dict[str, Any] | None, versions: dict[str, str]) -> str:
    """One line of HTML: level, tool and version; what was expected to fail says so."""
    if result is None:
        return ""
    tool = result["tool"]
    version = f" · {tool} {versions[tool]}" if tool in versions and tool != "embedded" else ""
    if not result["passed"]:
        kind, words = "failed", "failed"
    elif result["raises"]:
        kind, words = "raises", f"raises {result['raises']}"
    else:
        kind, words = result["level"], result["level"]
    reason = f' title="{html.escape(result["reason"], quote=True)}"' if result["reason"] else ""
    return f'<p class="proof proof-{kind}"{reason}>{html.escape(words + version)}</p>'


def with_site_links(text: str, page: Path, place: Path, copied: set[Path]) -> str:
    """Links of the repository turned into links of the site.

    `page` is where the text lies in the repository, `place` where it will lie in the site's sources (both relative).
    A file that has no page is noted in `copied` and linked as a file.
    """

    def turned(match: re.Match[str]) -> str:
        target, _, anchor = match["target"].partition("#")
        if not target or "://" in target or target.startswith("mailto:"):
            return match[0]
        inside = Path(os.path.normpath(page.parent / target))
        goal, anchor = goal_of(inside, anchor)
        if goal is None and (ROOT / inside).is_dir():
            return match["text"]  # a folder that has no page is named, not linked
        if goal is None:
            copied.add(inside)
            goal = Path("files") / inside
        link = os.path.relpath(goal, place.parent)
        return f"[{match['text']}]({link}{'#' + anchor if anchor else ''})"

    return outside_of_fences(text, lambda part: LINK.sub(turned, part))


def goal_of(inside: Path, anchor: str) -> tuple[Path | None, str]:
    """The site's source file for a path of the repository; None when it has no page of its own."""
    parts = inside.parts
    if inside.suffix == ".md" and (parts[0] == "references" or inside.name in ("CHANGELOG.md", "CONTRIBUTING.md", "SKILL.md")):
        return inside, anchor
    if inside.name == "README.md" and len(parts) == 1:
        return Path("index.md"), ""
    if parts == ("examples",) or (parts[:1] == ("examples",) and len(parts) == 2 and parts[1] in TITLES):
        return Path("examples/index.md"), anchor
    if (
        parts[:1] == ("examples",)
        and len(parts) > 2
        and parts[1] in TITLES
        and (ROOT / "examples" / parts[1] / parts[2]).is_dir()
    ):
        file = "/".join(parts[3:])
        return Path("examples") / parts[1] / f"{parts[2]}.md", file_anchor(file) if file else anchor
    if parts[:2] == ("examples", "dbt_shop"):
        return Path("examples/embedded/dbt_shop.md"), file_anchor("/".join(parts[2:])) if parts[2:] else anchor
    return None, anchor


def file_anchor(name: str) -> str:
    """The id of a file's heading on the page of its example; a README is the page's own text."""
    if name == "README.md":
        return "about-this-project"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def outside_of_fences(text: str, change: Any) -> str:
    """`text` with `change` applied to what lies outside code fences."""
    parts: list[str] = []
    kept: list[str] = []
    inside = ""
    for line in text.split("\n"):
        fence = FENCE.match(line)
        if inside:
            parts.append(line)
            inside = "" if line.strip() == inside else inside
        elif fence:
            parts += [change("\n".join(kept))] if kept else []
            kept, inside = [], fence["ticks"]
            parts.append(line)
        else:
            kept.append(line)
    return "\n".join([*parts, change("\n".join(kept))] if kept else parts)
