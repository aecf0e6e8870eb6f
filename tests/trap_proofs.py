"""Run the cases of trap rules and look for the traps in them: what the test modules of several tools call."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from proving import ROOT, interpreter
from snippet_checker.isolation import scrubbed_environment

FIND = [sys.executable, str(ROOT / "scripts" / "find_traps.py")]
Findings = list[dict[str, Any]]


def cases_of(tool: str) -> Path:
    """The folder of a tool's cases."""
    return ROOT / "tests" / "trap_cases" / tool


def find(tool: str, *arguments: str | Path) -> tuple[int, Findings]:
    """Exit code and findings of the command with the locked environment of a tool."""
    command = [*FIND, "--timeout", "240", *map(str, arguments), "--json", "--python", str(interpreter(tool))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)["findings"]


def run_cases(tool: str, folder: Path) -> Path:
    """Copy all cases of a tool to ``folder`` and run each once; what came of it is in ``shown.json`` there."""
    shutil.copytree(cases_of(tool), folder, ignore=shutil.ignore_patterns("__pycache__"))
    command = [str(interpreter(tool)), str(folder / "run_cases.py"), str(ROOT / "examples" / tool / "harness")]
    done = subprocess.run(command, cwd=folder, env=scrubbed_environment(os.environ), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    (folder / "run_cases.py").unlink()
    return folder


def marked_lines(cases: Path) -> set[tuple[str, int, str]]:
    """(path, line, rule) of every line of a case that says `# found`; a case is a folder that is named after its rule."""
    return {
        (str(path), number, path.relative_to(cases).parts[0])
        for path in cases.glob("[A-Z]0*/**/*")
        if path.suffix in (".py", ".yaml")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if line.endswith("# found")
    }


def places(findings: Findings) -> set[tuple[str, int, str]]:
    """(path, line, rule) of every finding."""
    return {(one["path"], one["line"], one["id"]) for one in findings}
