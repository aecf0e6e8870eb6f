#!/usr/bin/env python3
"""What one more in-process test costs: seconds of a test that runs a pipeline of one empty step by the harness.

Prints, per tool, the first test (which pays for imports, the template of the database, the session's server) and the
median of those after it, set-up and teardown included. Seconds are of this machine as it was; nothing is asserted.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from measure import ROOT

TESTS = 20
SOURCES = {
    "airflow": """
from pathlib import Path

import pytest
from airflow.sdk import DAG, task
from run_dag import run_dag

with DAG("orders", schedule=None):
    @task
    def load(): return 1
    load()

@pytest.mark.parametrize("number", range({tests}))
def test_run(number, metadata_database):
    assert run_dag(Path(__file__)).state == "success"
""",
    "dagster": """
import dagster as dg
import pytest
from run_assets import run_assets

orders = dg.asset(lambda: 1, name="orders")

@pytest.mark.parametrize("number", range({tests}))
def test_run(number, instance):
    assert run_assets([orders], instance).status == "SUCCESS"
""",
    "prefect": """
import pytest
from finished_run import run_and_read
from prefect import flow

@flow
def orders(): return 1

@pytest.mark.parametrize("number", range({tests}))
def test_run(number, clean_server):
    assert run_and_read(orders).state.is_completed()
""",
}


def main() -> None:
    print(f"{'tool':10}{'first test, s':>16}{'median of the rest, s':>24}")
    for tool, source in SOURCES.items():
        seconds = seconds_per_test(tool, source.replace("{tests}", str(TESTS)))
        print(f"{tool:10}{seconds[0]:>16.2f}{statistics.median(seconds[1:]):>24.3f}", flush=True)


def seconds_per_test(tool: str, source: str) -> list[float]:
    """The seconds of each test in a folder that holds the harness, its conftest.py and nothing else."""
    home = ROOT / "examples" / tool
    with tempfile.TemporaryDirectory(prefix="harness-cost-") as name:
        folder = Path(name)
        shutil.copytree(home / "harness", folder / "harness", ignore=lambda _, files: [f for f in files if f.startswith("test_")])
        shutil.copyfile(home / "conftest.py", folder / "conftest.py")
        (folder / "test_cost.py").write_text(source)
        command = [str(home / ".venv" / "bin" / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=times.xml"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{tool}: {done.stdout[-3000:]}")
        return [float(case.attrib["time"]) for case in ElementTree.parse(folder / "times.xml").iter("testcase")]


if __name__ == "__main__":
    main()
