#!/usr/bin/env python3
"""Build the locked environments that are missing or out of date; do nothing for those that are not.

Needs Python 3.11 with venv and a package index, nothing else: it brings its own pinned uv.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

if sys.version_info < (3, 11):  # noqa: UP036  a newcomer's python3 may be older
    sys.exit(f"Python 3.11 or newer is needed, and this is {sys.version.split()[0]}; name one: make PYTHON=python3.11 check")

from snippet_checker import environments
from snippet_checker.model import MachineError

NAMES = ("tooling", *environments.TOOLS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help=f"which ones: {', '.join(NAMES)} (all)")
    names = parser.parse_args().names or NAMES
    try:
        for name in names:
            environments.prepare(name, lambda line: print(line, flush=True))
    except MachineError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
