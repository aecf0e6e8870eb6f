"""What the site has for agents: llms.txt, llms-full.txt, and a Markdown twin beside every page."""

from __future__ import annotations

import shutil
from pathlib import Path

from .sources import ROOT, Example, find_pages, heading_of


def write_for_agents(sources: Path, built: Path, examples: list[Example]) -> None:
    """Write the three into the built site; twins are the pages' Markdown under the page's address plus `index.md`."""
    pages = find_pages()
    lines = [
        "# Data orchestration skill pack",
        "",
        "> Runnable, verified patterns for Dagster, Airflow, Prefect and embedded schedulers.",
    ]
    lines += ["", "## Pages", ""] + [f"- [{heading_of(page)}](references/{page.stem}/index.md)" for page in pages]
    lines += ["", "## Examples", ""]
    lines += [f"- [{example.tool}: {example.title}](examples/{example.tool}/{example.name}/index.md)" for example in examples]
    (built / "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    skill = [ROOT / "SKILL.md"] if (ROOT / "SKILL.md").exists() else []
    whole = "\n\n".join(page.read_text(encoding="utf-8").strip() for page in [*skill, *pages])
    (built / "llms-full.txt").write_text(whole + "\n", encoding="utf-8")
    for page in sources.rglob("*.md"):
        inside = page.relative_to(sources)
        folder = inside.parent if inside.name == "index.md" else inside.with_suffix("")
        if (built / folder).is_dir():
            shutil.copyfile(page, built / folder / "index.md")
