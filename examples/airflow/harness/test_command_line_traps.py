"""A task that fails, seen by a script that looks at exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.sdk import DAG, task
from dag_files import dag_file_as_bundle
from run_dag import load_dag
from scheduler_steps import register_dag_file

with DAG("fails_on_the_command_line"):
    task(task_id="load")(lambda: 1 / 0)()

with DAG("works_on_the_command_line"):
    task(task_id="load")(lambda: 1)()


@pytest.fixture(autouse=True)
def bundle(dag_file: Path, metadata_database: Path) -> Iterator[None]:
    """The DAGs of this file are the whole DAGs folder."""
    register_dag_file(dag_file)
    with dag_file_as_bundle(dag_file):
        yield


def ends_well(*words: str) -> bool:
    """Whether `airflow ...` exits with 0; it runs in this process."""
    from airflow.cli.cli_parser import get_parser

    arguments = get_parser().parse_args(words)
    try:
        arguments.func(arguments)
    except SystemExit as end:
        return not end.code
    return True


def test_trap_tasks_test_exits_0_when_the_task_fails() -> None:
    """`airflow dags test` tells, and so is what a script should call."""
    assert ends_well("tasks", "test", "fails_on_the_command_line", "load")
    assert not ends_well("dags", "test", "fails_on_the_command_line")
    assert ends_well("dags", "test", "works_on_the_command_line")


def test_trap_dag_test_raises_nothing_when_the_run_fails(dag_file: Path) -> None:
    """So `python dag.py` exits 0: assert the state of the run that it returns."""
    states = [load_dag(dag_file, f"{end}_on_the_command_line").test().state for end in ("fails", "works")]
    assert states == ["failed", "success"]
