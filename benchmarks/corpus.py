#!/usr/bin/env python3
"""Write a corpus of realistic snippets as Markdown pages, six to a page, from the templates of one tool.

  corpus.py FOLDER --tool dagster --count 60

A template is a snippet that runs as it stands. What varies: the noun `apples`, the region `north`, and the
whole numbers 11, 13 and 17, which are not part of a date. Variant 0 of a template is the template itself.
"""

from __future__ import annotations

import argparse
import random
import re
from dataclasses import dataclass
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parent / "templates"
TOOLS = ("dagster", "airflow", "prefect")
PER_PAGE = 6
NOUNS = [
    "apples", "invoices", "orders", "parcels", "trades", "tickets", "meters", "visits",
    "payments", "refunds", "sessions", "claims", "shipments", "patients", "journeys", "readings",
    "bookings", "contracts", "suppliers", "deliveries", "clicks", "forecasts", "balances", "lessons",
    "alerts", "budgets", "customers", "products", "vouchers", "permits", "surveys", "samples",
    "turbines", "vessels", "harvests", "wagons", "rooms", "menus", "pumps", "lamps",
]  # fmt: skip
REGIONS = ["north", "south", "east", "west", "harbour", "valley", "island", "delta", "plateau", "coast"]
NUMBERS = {"11": range(1, 23), "13": range(14, 59), "17": range(3, 28)}  # an hour, a minute, a small count
_NUMBER = re.compile(r"(?<![\w.-])(11|13|17)(?![\w.-])")


@dataclass(frozen=True)
class Sample:
    """One snippet of the corpus. ``name`` says template and variant."""

    name: str
    code: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the pages go; pages of an earlier corpus there are removed")
    parser.add_argument("--tool", choices=TOOLS, required=True)
    parser.add_argument("--count", type=int, default=60, help="snippets (60)")
    options = parser.parse_args()
    pages = write_pages(make_samples(options.tool, options.count), options.folder, options.tool)
    print(f"{options.count} snippets on {len(pages)} pages in {options.folder}")


def make_samples(tool: str, count: int) -> list[Sample]:
    """``count`` different snippets; the templates take turns, so a page holds six different ones.

    Raises ValueError when the templates cannot yield that many.
    """
    templates = sorted((TEMPLATES / tool).glob("*.py"))
    if count > len(templates) * len(NOUNS):
        raise ValueError(f"{count} snippets asked, {len(templates)} templates give {len(templates) * len(NOUNS)}")
    return [
        Sample(
            f"{templates[number % len(templates)].stem}-{number // len(templates)}",
            vary(templates[number % len(templates)].read_text(encoding="utf-8"), number // len(templates)),
        )
        for number in range(count)
    ]


def vary(template: str, variant: int) -> str:
    """Variant ``variant`` of a template; the same number gives the same text."""
    if variant == 0:
        return template
    dice = random.Random(variant)
    noun, region = NOUNS[variant], REGIONS[variant % len(REGIONS)]
    numbers = {written: str(dice.choice(among)) for written, among in NUMBERS.items()}
    code = _NUMBER.sub(lambda match: numbers[match.group(1)], template)
    for old, new in (("apples", noun), ("north", region)):
        code = code.replace(old, new).replace(old.capitalize(), new.capitalize()).replace(old.upper(), new.upper())
    return code


def write_pages(samples: list[Sample], folder: Path, tool: str) -> list[Path]:
    """Pages named ``<tool>-NNN.md`` in ``folder``, which lend their tool to what imports none."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{tool}-*.md"):
        old.unlink()
    pages = []
    for number, start in enumerate(range(0, len(samples), PER_PAGE), 1):
        page = folder / f"{tool}-{number:03}.md"
        page.write_text(_page_text(samples[start : start + PER_PAGE], tool, number), encoding="utf-8")
        pages.append(page)
    return pages


def _page_text(samples: list[Sample], tool: str, number: int) -> str:
    parts = [f"# {tool.capitalize()} notes, page {number}"]
    parts += [f"## {sample.name}\n\nHow this is written today:\n\n```python\n{sample.code}```" for sample in samples]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
