"""Check again whatever changes, with the warm processes kept, until interrupted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from .discover import PAGE_SUFFIXES
from .environments import ROOT
from .model import MachineError


def watch(options: argparse.Namespace, run: Callable[[], int]) -> int:
    """Run once, then after every change to a page or a file below the paths. Ends with Ctrl-C (exit code 130)."""
    try:
        from watchfiles import watch as changes
    except ImportError:
        raise MachineError("--watch needs watchfiles; run it as `uv run scripts/check.py --watch`") from None
    paths = [Path(path) for path in options.paths or ("SKILL.md", "references", "examples")]
    paths = [path if path.exists() else ROOT / path for path in paths]
    there = [path for path in paths if path.exists()]
    saved = changes(*there, debounce=100, step=20, rust_timeout=100, yield_on_timeout=True, raise_interrupt=True)
    next(saved)  # from here on nothing is missed that is saved while a run goes on
    code = _run(run)
    for changed in saved:
        if any(Path(path).suffix in (*PAGE_SUFFIXES, ".py") for _, path in changed):
            code = _run(run)
    return code


def _run(run: Callable[[], int]) -> int:
    try:
        return run()
    except MachineError as error:
        print(error, file=sys.stderr)
        return 2
