#!/usr/bin/env python3
"""Write references/traps.md from the trap rules; `--check` writes nothing and exits 1 when the page is out of date."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from find_traps import all_rules

PAGE = Path(__file__).resolve().parents[1] / "references" / "traps.md"
LONGEST = 24_000  # characters: 6,000 tokens
HEAD = """\
# Green but wrong: traps that no error announces

Written by `scripts/write_traps_page.py` from the rules of `scripts/find_traps.py`, which finds them in a project: it loads
the definitions, reads SQL and YAML, runs no body and passes no credential on. Each was shown by a run of its example, beside
a twin that goes right.

```bash
python scripts/find_traps.py src/
python scripts/find_traps.py --explain D005
python scripts/find_traps.py dags/load_orders.py --keep-warm
python scripts/find_traps.py . --write-baseline traps.json
python scripts/find_traps.py . --baseline traps.json --format sarif --output traps.sarif
```

A comment `# trap: ignore[D005] reason` on the definition (`--` in SQL) keeps a finding quiet; without a reason it does not.
For a whole project: `[tool.find-traps]` in its pyproject.toml, with `exclude`, `baseline` and `ignore = { D007 = "reason" }`.
A hint may be meant so, and fails no check.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or compare; 1 when it is out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the page is out of date")
    options = parser.parse_args(arguments)
    if options.check:
        current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        if not current:
            print("references/traps.md: out of date; run scripts/write_traps_page.py", file=sys.stderr)
        return int(not current)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def page() -> str:
    """The whole page: a section for each tool, in it a heading for each rule, which is what a finding links to."""
    parts = [HEAD]
    for tool, rules in all_rules().items():
        parts.append(f"## {tool.capitalize()}\n\nShown on {', '.join(sorted({rule.holds_for for rule in rules}))}.\n")
        for rule in rules:
            message, kind = rule.message[0].upper() + rule.message[1:], " (hint)" if rule.hint else ""
            parts.append(f"### {rule.id}\n\n{message}{kind}. {rule.harm}\nInstead: {rule.fix}.\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
