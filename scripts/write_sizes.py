#!/usr/bin/env python3
"""Write the README's table of what an agent pays: tokens (characters / 4) at each level, files and bytes of the zip.

`--check` writes nothing and exits 1 when the table is out of date.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import make_dist

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- sizes: begin -->", "<!-- sizes: end -->"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the table is out of date")
    options = parser.parse_args()
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    wanted = f"{head}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"
    if options.check:
        if wanted != text:
            print("README.md: the table of sizes is out of date; run scripts/write_sizes.py", file=sys.stderr)
        return int(wanted != text)
    readme.write_text(wanted, encoding="utf-8")
    return 0


def table() -> str:
    """The lines between the two comments; bytes of the zip to the nearest 10 kB, since a lock's patch moves them."""
    skill = (ROOT / "SKILL.md").read_text(encoding="utf-8")
    described = re.search(r"description: >-\n((?:  .*\n)+)", skill)
    listing = " ".join(described[1].split()) if described else ""
    lines = ["", "| what is loaded | tokens |", "|---|--:|", f"| the listing (name and description) | {len(listing) // 4:,} |"]
    lines.append(f"| SKILL.md | {len(skill) // 4:,} |")
    pages = sorted((ROOT / "references").glob("*.md"))
    lines += [f"| [{page.name}](references/{page.name}) | {len(page.read_text(encoding='utf-8')) // 4:,} |" for page in pages]
    chosen, left = make_dist.choose(list(make_dist.always()), make_dist.wanted_examples())
    make_dist.write(target := ROOT / "dist" / f"{make_dist.NAME}.zip", chosen)
    size = round(target.stat().st_size, -4)
    said = f"The upload zip: {len(chosen) + 1} files, about {size // 1000:,} kB; {len(left)} examples of its list did not fit."
    return "\n".join([*lines, "", said, ""])


if __name__ == "__main__":
    sys.exit(main())
