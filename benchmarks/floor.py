#!/usr/bin/env python3
"""The bodies alone: execute every file of a folder one after another in this process, with nothing around them.

Runs inside a tool's environment; standard library only. The first files, one per template, are executed once
before the clock starts, so that no import is counted. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
import types
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="Python files, executed in the order of their names")
    parser.add_argument("--warm-up", type=int, default=20, help="files executed before the clock starts (20)")
    options = parser.parse_args()
    files = sorted(options.folder.glob("*.py"))
    for file in files[: options.warm_up]:
        execute(file)
    started, cpu = time.perf_counter(), cpu_seconds()
    failed = [file.name for file in files if not execute(file)]
    cost = {"wall": time.perf_counter() - started, "cpu": cpu_seconds() - cpu}
    print("\n" + json.dumps(cost | {"results": len(files), "failed": failed}))


def execute(file: Path) -> bool:
    """Execute a file as a module of its own, and say whether it came to its end."""
    module = types.ModuleType(file.stem)
    module.__file__ = str(file)
    sys.modules[file.stem] = module
    try:
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec", dont_inherit=True), module.__dict__)
    except BaseException as error:
        print(f"{file.name}: {type(error).__name__}: {error}", file=sys.stderr)
        return False
    return True


def cpu_seconds() -> float:
    """CPU seconds so far, of this process and of children it has waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main()
