#!/usr/bin/env python3
"""Measure find_traps.py and check.py on projects that are made here: seconds, CPU seconds, memory, and how they grow.

  projects.py            1,000 plain Python files, 100 and 300 DAGs, 300 and 1,000 assets (about three minutes)

One template per tool, with a name of its own in each file. Nothing is asserted; ratios are within the run.
Where a process is kept warm, CPU s and MB are those of the command: what the kept process uses is not its child's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import ROOT, Cost, measure, python_of
from rich.console import Console
from rich.table import Table

PLAIN = "import json\n\ndef load_{n}(text: str) -> dict:\n    return json.loads(text)\n"
DAG = """\
import pendulum
from airflow.sdk import DAG, task

with DAG("load_{n}", schedule="0 6 * * *", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), tags=["shop"]):

    @task(retries=2)
    def extract() -> list[int]:
        return [1, 2]

    @task
    def load(rows: list[int]) -> int:
        return len(rows)

    load(extract())
"""
ASSETS = "import dagster as dg\n\n@dg.asset\ndef orders():\n    return 1\n\ndefs = dg.Definitions([orders])\n"
ASSETS_PER_FILE = 100


def main() -> None:
    table = Table(title="A project, checked", title_justify="left", show_edge=False)
    for name in ("what", "command", "wall s", "CPU s", "ms CPU each", "peak MB"):
        table.add_column(name, justify="left" if name in ("what", "command") else "right")
    with tempfile.TemporaryDirectory(prefix="projects-") as folder:
        for count in (100, 1000):
            add(table, f"{count} plain files", count, plain(Path(folder, f"plain-{count}"), count), "airflow", ("find_traps.py",))
        for count in (100, 300):
            add(table, f"{count} DAGs", count, dags(Path(folder, f"dags-{count}"), count), "airflow")
        dag = Path(folder, "dags-300", "load_7.py")
        add(table, "1 of those DAGs", 1, dag, "airflow")
        add(table, "the same, kept warm, edited", 1, dag, "airflow", ("find_traps.py --keep-warm",))
        for count in (300, 1000):
            add(table, f"{count} assets", count, assets(Path(folder, f"assets-{count}"), count), "dagster")
        module = write(Path(folder, "one-module"), {"definitions.py": ASSETS})
        add(table, "1 file of assets, kept warm, edited", 1, module / "definitions.py", "dagster", ("find_traps.py --keep-warm",))
    subprocess.run([sys.executable, ROOT / "scripts" / "find_traps.py", "--end-warm"], stdout=subprocess.DEVNULL, check=True)
    Console(width=120).print(table)


def add(
    table: Table, what: str, count: int, project: Path, tool: str, scripts: tuple[str, ...] = ("find_traps.py", "check.py")
) -> None:
    """One row per command."""
    for script in scripts:
        cost = run(script, project, tool)
        each = cost.cpu / count * 1000
        table.add_row(what, script, f"{cost.wall:.1f}", f"{cost.cpu:.1f}", f"{each:.1f}", f"{cost.peak / 1e6:.0f}")


def run(script: str, project: Path, tool: str) -> Cost:
    """The second of two runs: the first one writes byte code, learns what to import, starts what is kept warm."""
    name, *flags = script.split()
    command = [sys.executable, ROOT / "scripts" / name, project, "--python", python_of(tool), *flags]
    command += ["--allow-nothing"] if name == "find_traps.py" else []
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    measure(command, ROOT, environment)
    if flags:
        project.write_text(project.read_text(encoding="utf-8") + "\nEDITED = True\n", encoding="utf-8")
    return measure(command, ROOT, environment)


def plain(folder: Path, count: int) -> Path:
    """Files of no tool: what finding out costs."""
    return write(folder, {f"load_{number}.py": PLAIN.replace("{n}", str(number)) for number in range(count)})


def dags(folder: Path, count: int) -> Path:
    """A DAG per file."""
    return write(folder, {f"load_{number}.py": DAG.replace("{n}", str(number)) for number in range(count)})


def assets(folder: Path, count: int) -> Path:
    """Assets in modules of a hundred, each after the one before it, in one code location."""
    modules = {}
    for start in range(0, count, ASSETS_PER_FILE):
        lines = ["import dagster as dg\n"]
        for number in range(start, start + ASSETS_PER_FILE):
            before = f"asset_{number - 1}" if number > start else ""
            lines.append(f"\n@dg.asset\ndef asset_{number}({before}):\n    return {number}\n")
        modules[f"part_{start}.py"] = "".join(lines)
    names = ", ".join(name.removesuffix(".py") for name in modules)
    modules["definitions.py"] = (
        f"import dagster as dg\nimport {names}\n\ndefs = dg.Definitions(assets=dg.load_assets_from_modules([{names}]))\n"
    )
    return write(folder, modules)


def write(folder: Path, files: dict[str, str]) -> Path:
    """A folder with these files."""
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


if __name__ == "__main__":
    main()
