"""Names and arguments held against the live packages."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from proving import interpreter
from snippet_checker.environments import ROOT

pytestmark = pytest.mark.slow
ASK = """
import importlib, json, os, sys, tempfile
sys.path.insert(0, "scripts")
tempfile.tempdir = sys.argv[2]
probe = importlib.import_module(f"snippet_checker.probe_{sys.argv[1]}")
probe.warm_up()
from snippet_checker.live_names import find_stale_names
sources = json.load(sys.stdin)
answers = [find_stale_names(source, probe) for source in sources]
sys.stderr.write("\\nANSWER" + json.dumps(answers))
"""


def ask(tool: str, sources: list[str], tmp_path: Path) -> list[list[dict[str, Any]]]:
    """The findings for each source, from one process of the tool's environment."""
    command = [str(interpreter(tool)), "-c", ASK, tool, str(tmp_path)]
    done = subprocess.run(command, input=json.dumps(sources), capture_output=True, text=True, cwd=ROOT)
    assert "ANSWER" in done.stderr, done.stderr
    answers: list[list[dict[str, Any]]] = json.loads(done.stderr.rsplit("ANSWER", 1)[1])
    return answers


STALE = {
    "dagster": [
        ("from dagster import solid", 1, "ImportError"),
        ("import dagster as dg\ndg.FreshnessPolicy(maximum_lag_minutes=5)", 2, "TypeError"),
        ("from dagster import asset as a\n\n@a(\n    compute_kind='x',\n)\ndef f(): ...", 4, "DeprecatedParameter"),
        ("import dagster as dg\n@dg.asset(bogus=1)\ndef f(): ...", 2, "TypeError"),
        ("import dagster as dg\ndg.AssetSelection.keys('a')", 2, "DeprecationWarning"),
        ("import dagster as dg\ndg.no_such_name", 2, "AttributeError"),
        ("import dagster as dg\ndef f(context: dg.AssetExecutionContext):\n    context.asset_partition_key_for_output()", 3, "DeprecationWarning"),
        ("def f():\n    return undefined", 2, "NameError"),
    ],
    "airflow": [
        ("from airflow.operators.python import PythonOperator", 1, "DeprecatedImportWarning"),
        ("from airflow.utils.dates import days_ago", 1, "ImportError"),
        ("from airflow.sdk import DAG\nDAG('x', schedule_interval=None)", 2, "TypeError"),
        ("from airflow.providers.standard.operators.bash import BashOperator\nBashOperator(task_id='a', comand='ls')", 2, "TypeError"),
        ("from airflow.sdk import task\n@task(sla=1)\ndef f(): ...", 2, "DeprecatedParameter"),
    ],
    "prefect": [
        ("from prefect.deployments import Deployment", 1, "PrefectImportError"),
        ("from prefect import flow\n@flow(nme='x')\ndef f(): ...", 2, "TypeError"),
        ("from prefect.client import get_client", 1, "DeprecationWarning"),
        ("from prefect import flow\n@flow\ndef f(): ...\nf.serve(nme='x')", 4, "TypeError"),
    ],
}  # fmt: skip
FINE = {
    "dagster": [
        "import dagster as dg\n@dg.asset(kinds={'x'}, pool='p')\ndef f(context: dg.AssetExecutionContext): return context.partition_key",
        "from dagster import *\nprint(asset)",
        "import dagster as dg\ndef asset(**k): ...\nasset(bogus=1)\ndg = None",
        "import dagster_dbt",
        "try:\n    import x\nexcept ImportError as e:\n    print(e)\nmatch 1:\n    case [*rest]: print(rest)\n    case {**more}: print(more)\n    case y: print(y)",
        "def outer():\n    global g\n    g = 1\nprint([c for c in 'x'], (lambda q: q)(1), g, __file__)",
    ],
    "airflow": [
        "from airflow.sdk import dag, task\n@task(retries=2, retry_delay=1, multiple_outputs=True)\ndef f(): ...\n@dag(max_active_runs=1)\ndef d(): f()\nd()",
        "from airflow.providers.standard.operators.bash import BashOperator\nBashOperator(task_id='a', bash_command='ls', retries=1, pool='x')",
    ],
    "prefect": [
        "from prefect import flow, task\n@task(retries=1)\ndef t(): ...\n@flow(log_prints=True)\ndef f(): t.submit()\nf.serve(name='x', cron='* * * * *')",
        "from prefect.schedules import Cron\nCron('0 6 * * *', timezone='UTC')",
    ],
}  # fmt: skip


@pytest.mark.parametrize("tool", STALE)
def test_stale_forms_are_found_at_their_line(tool: str, tmp_path: Path) -> None:
    """Removed, renamed, hidden and deprecated names and arguments, before anything runs."""
    answers = ask(tool, [source for source, _, _ in STALE[tool]], tmp_path)
    found = [[(f["line"], f["kind"]) for f in answer][:1] for answer in answers]
    assert found == [[(line, kind)] for _, line, kind in STALE[tool]]


@pytest.mark.parametrize("tool", FINE)
def test_what_is_current_has_no_finding(tool: str, tmp_path: Path) -> None:
    """Star imports, own names that shadow, comprehensions, patterns, `**kwargs` that pass on."""
    assert ask(tool, FINE[tool], tmp_path) == [[]] * len(FINE[tool])


def test_a_near_miss_is_suggested(tmp_path: Path) -> None:
    """For a keyword that is almost right."""
    [[finding]] = ask("dagster", ["import dagster as dg\n@dg.asset(kind={'x'})\ndef f(): ..."], tmp_path)
    assert finding["current"] == "did you mean kinds=?"
