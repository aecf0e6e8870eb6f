"""What ruff's rules about Airflow find in a snippet: habits that no import and no signature betrays."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .model import Check, Finding, Language, Result

# 3xx: removed, moved, changed in Airflow 3; 003: a variable read at each parse; 304: a DAG that differs at each parse
RULES = ("AIR003", "AIR301", "AIR302", "AIR303", "AIR304", "AIR311", "AIR312", "AIR321")


def find_airflow_habits(checks: Sequence[Check]) -> dict[str, list[Finding]]:
    """Findings by the place of each check, for the Airflow snippets among them; nothing where ruff is not installed."""
    asked = [c for c in checks if c.tool == "airflow" and c.snippet.language is Language.PYTHON and not c.snippet.marks.raises]
    beside = Path(sys.executable).with_name("ruff")
    ruff = str(beside) if beside.exists() else shutil.which("ruff")
    if not asked or ruff is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="airflow-rules-") as folder:
        for number, check in enumerate(asked):
            Path(folder, f"{number}.py").write_text(check.source, encoding="utf-8")
        options = ["--isolated", "--preview", "--no-cache", "--exit-zero", "--output-format", "json", "--target-version", "py311"]
        done = subprocess.run(
            [ruff, "check", "--select", ",".join(RULES), *options, folder], stdin=subprocess.DEVNULL, capture_output=True
        )
    found: dict[str, list[Finding]] = {}
    for item in json.loads(done.stdout or "[]"):
        if item["code"] in RULES:  # a syntax error is told by whoever loads the snippet
            place = asked[int(Path(item["filename"]).stem)].place
            found.setdefault(place, []).append(Finding(item["location"]["row"], item["code"], " ".join(item["message"].split())))
    return found


def with_habits(result: Result, habits: list[Finding]) -> Result:
    """The result with the findings on lines that nothing else was found on."""
    told = {finding.line for finding in result.findings}
    added = [finding for finding in habits if finding.line not in told]
    if not added:
        return result
    return dataclasses.replace(result, passed=False, level=None, findings=(*result.findings, *added))
