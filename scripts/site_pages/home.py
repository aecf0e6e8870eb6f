"""The home page: two sentences, the pack's own figures, how to install, where to begin."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from .report import figures
from .sources import TITLES, Example, heading_of

QUESTIONS = (
    ("Which tool, or none at all?", "choosing-a-tool"),
    ("What does this error mean?", "troubleshooting"),
    ("What replaced the call I remember?", "api-drift"),
    ("Why is a green run wrong?", "traps"),
    ("How do I test a Dagster pipeline offline?", "testing-dagster"),
    ("How do I test an Airflow DAG offline?", "testing-airflow"),
    ("How do I test a Prefect flow offline?", "testing-prefect"),
    ("How do I move from one tool to another?", "migrations"),
    ("Where do secrets belong, and where do they leak?", "security-compliance-patterns"),
)


def home_page(results: dict[str, Any], examples: list[Example], pages: list[Path]) -> str:
    """The Markdown of the home page."""
    counts = sum(figures(results).values(), Counter[str]())
    total, runs = sum(counts.values()), counts["runs"]
    versions = " · ".join(f"{TITLES[tool]} {results['versions'][tool]}" for tool in ("dagster", "airflow", "prefect"))
    lines = [
        "---\ntitle: Data orchestration that was run\ndescription: Runnable, verified patterns for Dagster, Airflow, Prefect"
    ]
    lines += ["  and embedded schedulers\nhide:\n  - navigation\n  - toc\n---", "# Data orchestration that was run", ""]
    lines += [
        "Patterns for Dagster, Airflow, Prefect and the schedulers inside other tools, for coding agents and the engineers beside"
    ]
    lines += ["them. Every snippet and every example on this site runs on the versions it names, and one command shows it.", ""]
    lines += ['<dl class="figures">']
    for number, words in (
        (total, "snippets and examples checked"),
        (runs, "of them executed"),
        (len(examples), "example folders"),
    ):
        lines.append(f"<div><dt>{words}</dt><dd>{number}</dd></div>")
    lines += [f"<div><dt>failed</dt><dd>{counts['failed']}</dd></div>", "</dl>", f'<p class="versions">{versions}</p>', ""]
    lines += [
        "[Find a pattern](patterns/index.md){ .md-button .md-button--primary } [See the report](report.md){ .md-button }",
        "",
    ]
    lines += ["## Install it as a skill", "", "```bash", "git clone URL ~/.claude/skills/data-orchestration", "```", ""]
    lines += ["`URL` is this repository's address. A project's own copy goes to `.claude/skills/data-orchestration`.", ""]
    lines += ["## Where to begin", "", "| you | begin with |", "|---|---|"]
    lines += ["| write a pipeline | [the matrix of patterns](patterns/index.md), then copy the example |"]
    lines += ["| review one | [the examples](examples/index.md), each with the test of its promise |"]
    lines += ["| maintain this pack | [contributing](CONTRIBUTING.md) and [the report](report.md) |", ""]
    known = {page.stem: page for page in pages}
    asked = [(question, known[stem]) for question, stem in QUESTIONS if stem in known]
    lines += ["| question | page |", "|---|---|"]
    lines += [f"| {question} | [{heading_of(page)}](references/{page.name}) |" for question, page in asked]
    return "\n".join(lines) + "\n"
