"""All example DAGs as one bundle: the real dag-processor reads every file, and no dag_id is there twice."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent
PROCESSOR_SECONDS = 400
FIND = "import json, sys; from pathlib import Path; from dag_integrity import find_problems; "
FIND += "print(json.dumps(find_problems(Path(sys.argv[1]))))"


def build_bundle(folder: Path) -> Path:
    """Copy every example without its tests into one bundle, and their plugins into the one folder Airflow has for them."""
    (folder / "plugins").mkdir()
    for example in sorted(path.parent for path in EXAMPLES.glob("*/*.py") if path.parent.name != "harness"):
        shutil.copytree(
            example,
            folder / "bundle" / example.name,
            ignore=shutil.ignore_patterns("test_*", "__pycache__", "plugins"),
            dirs_exist_ok=True,
        )
        for plugin in example.glob("plugins/*.py"):
            shutil.copy(plugin, folder / "plugins")
    return folder / "bundle"


def process(bundle: Path, template: Path) -> sqlite3.Connection:
    """Let `airflow dag-processor` read the bundle once, in an Airflow home of its own; its database."""
    home = bundle.parent
    database = shutil.copy(template, home / "airflow.db")
    bundles = [
        {"name": "shop", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {"path": str(bundle)}}
    ]
    own = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "300",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
    }
    command = [sys.executable, "-m", "airflow", "dag-processor", "--num-runs", "1"]
    told = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, timeout=PROCESSOR_SECONDS)
    assert told.returncode == 0, told.stderr[-3000:]
    return sqlite3.connect(database)


@pytest.mark.slow
def test_the_dag_processor_knows_every_dag_of_every_file(metadata_template: Path, tmp_path: Path) -> None:
    """No import error, no warning, and a DAG of each example's entry file."""
    bundle = build_bundle(tmp_path)
    known = process(bundle, metadata_template)
    assert known.execute("SELECT filename, stacktrace FROM import_error").fetchall() == []
    assert known.execute("SELECT dag_id, message FROM dag_warning").fetchall() == []
    files = {Path(location) for (location,) in known.execute("SELECT fileloc FROM dag")}
    assert {bundle / file.relative_to(EXAMPLES) for file in EXAMPLES.glob("*/dag.py")} - files == set()


def problems_in(bundle: Path) -> list[str]:
    """What the harness finds, in a new process: dbt, which one DAG file calls, does not survive a fork of one that ran it."""
    places = os.pathsep.join([str(EXAMPLES / "harness"), str(bundle.parent / "plugins")])
    own = {"PYTHONPATH": places, "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300"}
    told = subprocess.run([sys.executable, "-c", FIND, bundle], env=os.environ | own, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr[-3000:]
    return json.loads(told.stdout.splitlines()[-1])


@pytest.mark.slow
def test_no_id_is_there_twice(tmp_path: Path) -> None:
    """The dag-processor keeps one of two files with the same dag_id and tells nobody; reading all at once shows it."""
    bundle = build_bundle(tmp_path)
    duplicates = [problem for problem in problems_in(bundle) if "Duplicated" in problem or "more than once" in problem]
    assert duplicates == []
    shutil.copytree(bundle / "cron_schedule", bundle / "cron_schedule_copy")
    (problem,) = [problem for problem in problems_in(bundle) if "Duplicated" in problem]
    assert "cron_schedule" in problem
