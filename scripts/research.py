#!/usr/bin/env python3
"""Look before you write: the installed versions, the code base, one name, stale forms, an error message (--help)."""

import sys
from pathlib import Path

if sys.version_info < (3, 10):  # noqa: UP036
    sys.exit(f"research.py: Python {sys.version.split()[0]} is too old; run it with 3.10 or newer")
sys.path.insert(0, str(Path(__file__).resolve().parent))

from research_protocol.command_line import main

if __name__ == "__main__":
    sys.exit(main())
