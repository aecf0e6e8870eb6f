"""What a script that asks for import errors, and a folder with one dag_id twice, are not told."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow import settings
from airflow.cli.cli_parser import get_parser
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.models.dag import DagModel
from airflow.models.errors import ParseImportError
from dag_files import dag_file_as_bundle, register_dag_file
from dag_integrity import find_problems
from sqlalchemy import select

pytestmark = pytest.mark.usefixtures("metadata_database")
SOUND = """
from airflow.sdk import DAG, task
with DAG("one_id_in_two_files"):
    task(task_id="NAME")(lambda: 1)()
"""


def list_import_errors(*options: str) -> int:
    """The exit code of `airflow dags list-import-errors`, in this process."""
    arguments = get_parser().parse_args(["dags", "list-import-errors", *options])
    try:
        arguments.func(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_trap_without_a_dag_processor_there_are_no_import_errors(tmp_path: Path) -> None:
    """The command reads the database, and nobody has parsed this file; `--local` parses it."""
    file = tmp_path / "broken.py"
    file.write_text("import no_such_module  # airflow dag\n")
    with dag_file_as_bundle(file):
        assert (list_import_errors(), list_import_errors("--local")) == (0, 1)
        file.write_text(SOUND)
        assert list_import_errors("--local") == 0


def process(folder: Path, name: str) -> None:
    """Read one file and store what was found, as the dag-processor does for each file."""
    bag = BundleDagBag(dag_folder=folder / name, bundle_path=folder, bundle_name="dags-folder")
    sync_bag_to_db(bag, "dags-folder", None)


def test_trap_of_two_files_with_one_id_the_last_one_read_is_the_dag(tmp_path: Path) -> None:
    """No import error, no warning; reading the folder at once finds it."""
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text(SOUND.replace("NAME", name))
    with dag_file_as_bundle(tmp_path / "first.py"):
        register_dag_file(tmp_path / "first.py")
        process(tmp_path, "first.py")
        process(tmp_path, "second.py")
    session = settings.Session()
    assert session.scalars(select(ParseImportError)).all() == []
    assert [Path(dag.fileloc).name for dag in session.scalars(select(DagModel))] == ["second.py"]
    (problem,) = find_problems(tmp_path)
    assert "AirflowDagDuplicatedIdException" in problem
