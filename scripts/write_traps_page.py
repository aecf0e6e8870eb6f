#!/usr/bin/env python3
"""Write references/traps.md from the trap rules; `--check` writes nothing and exits 1 when the page is out of date."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from trap_rules.dagster_traps import RULES

PAGE = Path(__file__).resolve().parents[1] / "references" / "traps.md"
HEAD = """\
# Green but wrong: traps that no error announces

Written by `scripts/write_traps_page.py` from the rules of `scripts/find_traps.py`, which finds them in a project: it loads
the definitions, runs no body and passes no credential on. Each was shown by a run of its example, beside a twin that goes
right. Rules exist for Dagster so far (1.13.27); what is known of the other tools stands under **Traps** on their pages.

```bash
python scripts/find_traps.py src/
python scripts/find_traps.py --explain D005
```

A comment `# trap: ignore[D005] reason` on the definition keeps a finding quiet; without a reason it does not.

## Dagster
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
    """The whole page: a heading a rule, which is what a finding links to."""
    parts = [HEAD]
    for rule in RULES:
        kind = " A hint: it can be meant so." if rule.hint else ""
        parts.append(
            f"### {rule.id}\n\nA definition {rule.message}.{kind} {rule.harm}\nInstead: {rule.fix}. Shown on {rule.holds_for}.\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
