"""A page for every example, from its own files: what, when, run, expect, its graph, its code, its test, its download."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .badges import badge_for, file_anchor, with_site_links
from .graphs import draw
from .sources import LANGUAGES, ROOT, TITLES, Example, find_pages, heading_of, parts_of


def example_page(example: Example, graphs: list[dict[str, Any]], results: dict[str, Any], copied: set[Path]) -> str:
    """The Markdown of one example's page."""
    title = f"{example.title} · {TITLES[example.tool]}"
    lead = example.parts.get("What", f"{example.title}: a folder of the {TITLES[example.tool]} examples.")
    lines = [f"---\ntitle: {title}\ndescription: {one_line(lead)}\nsearch:\n  boost: 0.3\n---", f"# {title}", "", lead, ""]
    lines += [f"**{label}** {example.parts[label]}\n" for label in ("When", "Expect") if label in example.parts]
    if "Run" in example.parts:
        lines += ["**Run** from the example's folder:", "", "```bash", example.parts["Run"], "```", ""]
    lines += [f"[Download as zip]({example.name}.zip){{ .md-button download }}", ""]
    lines += [*linked_from(example), ""]
    lines += readme(example, copied)
    for graph in graphs:
        lines += [f"## Graph of {graph['name']}", "", draw(graph["nodes"], graph["edges"], f"graph of {graph['name']}"), ""]
    for path in example.shown:
        if path.name != "README.md":
            lines += file_section(example, path, results)
    return "\n".join(lines) + "\n"


def one_line(text: str, limit: int = 155) -> str:
    """Text for a description: one line without colons that YAML would read, cut at a word."""
    flat = " ".join(text.replace(":", " -").replace('"', "").replace("#", "").replace("`", "").split())
    return flat if len(flat) <= limit else flat[:limit].rsplit(" ", 1)[0] + " …"


def readme(example: Example, copied: set[Path]) -> list[str]:
    """A project's own README, its headings one level lower."""
    path = example.folder / "README.md"
    if not path.exists():
        return []
    inside = path.relative_to(ROOT)
    text = with_site_links(
        path.read_text(encoding="utf-8"), inside, Path("examples") / example.tool / f"{example.name}.md", copied
    )
    body = [f"#{line}" if line.startswith("#") else line for line in text.split("\n")[1:]]
    return ["## About this project", "", *body, ""]


def file_section(example: Example, path: Path, results: dict[str, Any]) -> list[str]:
    """One file with its level, lines that can be linked, and what its docstring says."""
    name = str(path.relative_to(example.folder))
    page = str(path.relative_to(ROOT))
    result = next((found for found in results["results"] if found["page"] == page), None)
    text = path.read_text(encoding="utf-8").rstrip("\n")
    fence = "````" if "```" in text else "```"
    said = list(parts_of(path).values())[:0] if path.suffix == ".py" else []
    language = LANGUAGES[path.suffix]
    anchor = file_anchor(name)
    badge = badge_for(result, results["versions"])
    head = [f"## `{name}` {{ #{anchor} }}", "", badge, ""] if badge else [f"## `{name}` {{ #{anchor} }}", ""]
    return [
        *head,
        *said,
        f'{fence}{language} {{ .lines linenums="1" }}'.replace("{ .lines ", "").replace(" }", ""),
        text,
        fence,
        "",
    ]


def linked_from(example: Example) -> list[str]:
    """The reference pages that send a reader here."""
    path = f"examples/{example.tool}/{example.name}"
    pages = [page for page in find_pages() if path in page.read_text(encoding="utf-8")]
    links = [f"[{heading_of(page)}](../../references/{page.name})" for page in pages]
    return [f"Explained in {', '.join(links)}."] if links else []


def write_zip(example: Example, target: Path) -> None:
    """Everything that belongs to the example, and the pins it was proved on, as one folder."""
    pins = [ROOT / "examples" / example.tool / name for name in ("pyproject.toml", "uv.lock", "conftest.py")]
    pins = [pin for pin in pins if pin.name not in {path.name for path in example.files if path.parent == example.folder}]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in [*example.files, *(pin for pin in pins if pin.exists())]:
            inside = Path(example.name) / (path.relative_to(example.folder) if path in example.files else path.name)
            stamp = zipfile.ZipInfo(str(inside), (2026, 1, 1, 0, 0, 0))  # the same bytes for the same files
            stamp.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(stamp, path.read_bytes())


def index_page(examples: Iterable[Example]) -> str:
    """The gallery: a card per example, by tool."""
    lines = [
        "---\ntitle: Examples\ndescription: Runnable example projects, each with the test of its promise\n---",
        "# Examples",
        "",
    ]
    lines += ["Each folder runs offline and has a test that breaks when its promise is broken.", ""]
    listed = list(examples)
    for tool, title in TITLES.items():
        lines += [f"## {title} {{ #{tool} }}", "", '<div class="cards" markdown>', ""]
        for example in listed:
            if example.tool == tool:
                what = example.parts.get(
                    "What", "Fixtures and helpers that the tests stand on, to lift into a project of your own."
                )
                lines += [f'<div class="card" markdown>\n[{example.title}]({tool}/{example.name}.md)\n\n{what}\n</div>', ""]
        lines += ["</div>", ""]
    return "\n".join(lines)
