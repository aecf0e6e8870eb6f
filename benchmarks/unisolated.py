#!/usr/bin/env python3
"""The checker's own work on every file of a folder, in one warm process with nothing between the snippets.

What the checker costs beyond this is isolation: a fork, folders and limits per snippet, and the answers sent back.
Runs inside a tool's environment; standard library and the checker only. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from floor import cpu_seconds
from snippet_checker.run_snippet import run_snippet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool")
    parser.add_argument("folder", type=Path, help="Python files, checked in the order of their names")
    parser.add_argument("--warm-up", type=int, default=20, help="files checked before the clock starts (20)")
    options = parser.parse_args()
    files = sorted(options.folder.resolve().glob("*.py"))
    answer_to = os.dup(1)
    os.dup2(2, 1)  # what snippets print is not an answer
    probe = importlib.import_module(f"snippet_checker.probe_{options.tool}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        probe.warm_up()
        (place / "rehearsal").mkdir()
        probe.rehearse(place / "rehearsal")
        for number, file in enumerate(files[: options.warm_up]):
            check(file, probe, place / f"first-{number}")
        started, cpu = time.perf_counter(), cpu_seconds()
        failed = [file.name for number, file in enumerate(files) if not check(file, probe, place / f"run-{number}")]
        cost = {"wall": time.perf_counter() - started, "cpu": cpu_seconds() - cpu}
        os.chdir("/")
    os.write(answer_to, ("\n" + json.dumps(cost | {"results": len(files), "failed": failed})).encode())


def check(file: Path, probe: object, folder: Path) -> bool:
    """Do with one file what the checker does at ``loads``, and say whether it passed."""
    source = file.read_text(encoding="utf-8")
    job = {"source": source, "line": 1, "name": file.stem, "level": "loads", "isolated": False}
    outcome = run_snippet(job, probe, folder)
    return not (outcome["findings"] or outcome["raised"])


if __name__ == "__main__":
    main()
