"""What DagBag lets pass is found; a sound file has no finding."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from dag_files import load_dag
from dag_integrity import Limits, find_problems, read_limits, serialize_and_back

SOUND = """
    from airflow.sdk import dag, task

    @dag(schedule="@daily", max_active_runs=1, max_active_tasks=2)
    def sound():
        @task(max_active_tis_per_dag=1)
        def work() -> int:
            return 1

        work()

    sound()
"""
OTHER_SOUND = """
    @dag(dag_id="sound")
    def copied_and_not_renamed():
        @task
        def other() -> None: ...

        other()

    copied_and_not_renamed()
"""
BROKEN = {
    "DAG_NOT_CALLED": (SOUND.replace("\n    sound()\n", "\n"), "{file}: defines no DAG (is the @dag function called?)"),
    "DAG_TWICE": (SOUND + OTHER_SOUND, "{file}: defines dag_id 'sound' more than once"),
    "DATABASE_AT_TOP_LEVEL": (
        SOUND + "\n    from airflow.utils.session import create_session\n    with create_session(): pass\n",
        "{file}: RuntimeError: Direct database access via the ORM is not allowed in Airflow 3.0",
    ),
    "NO_SUCH_POOL": (
        SOUND.replace("max_active_tis_per_dag=1", "pool='warehouse'"),
        "sound.work: no pool 'warehouse': it would stay scheduled for ever",
    ),
    "TOO_MANY_SLOTS": (
        SOUND.replace("max_active_tis_per_dag=1", "pool_slots=200"),
        "sound.work: needs 200 slots of 'default_pool': more than it has",
    ),
    "NOT_SERIALIZABLE": (
        SOUND.replace('"@daily"', "EventsTimetable(event_dates=[])").replace("import dag", "import EventsTimetable, dag"),
        "sound: cannot be scheduled: SerializationError: ",
    ),
}


def write(folder: Path, source: str, name: str = "shop_dag.py") -> Path:
    """Put DAG source into a file of `folder`."""
    file = folder / name
    file.write_text(dedent(source))
    return file


@pytest.mark.usefixtures("metadata_database")
def test_a_sound_file_has_no_problem(tmp_path: Path) -> None:
    """The database of this process stays open: the block ended with the child."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    assert find_problems(write(tmp_path, SOUND)) == []
    with create_session() as session:
        assert session.query(DagModel).count() == 0


@pytest.mark.parametrize("case", BROKEN)
def test_what_dag_bag_lets_pass_is_found(tmp_path: Path, case: str) -> None:
    """One finding each, which starts with the place."""
    source, expected = BROKEN[case]
    file = write(tmp_path, source)
    assert [problem[: len(expected.format(file=file))] for problem in find_problems(file)] == [expected.format(file=file)]


def test_one_id_in_two_files_is_found_in_the_folder(tmp_path: Path) -> None:
    """Each file alone is sound; the dag-processor would keep one of them in silence."""
    files = [write(tmp_path, SOUND, f"shop_dag_{letter}.py") for letter in "ab"]
    assert [find_problems(file) for file in files] == [[], []]
    problems = find_problems(tmp_path)
    assert len(problems) == 1
    assert "AirflowDagDuplicatedIdException" in problems[0]


def test_limits_are_those_the_scheduler_sees(tmp_path: Path) -> None:
    """Defaults are filled in, so a limit somebody deleted shows as 16."""
    dag = load_dag(write(tmp_path, SOUND))
    assert read_limits(dag) == Limits(1, 2, {"work": "default_pool"}, {"work": 1})
    unlimited = load_dag(write(tmp_path, SOUND.replace(", max_active_runs=1, max_active_tasks=2", ""), "unlimited_dag.py"))
    assert (read_limits(unlimited).max_active_runs, read_limits(unlimited).max_active_tasks) == (16, 16)


def test_the_way_there_and_back_keeps_what_is_scheduled(tmp_path: Path) -> None:
    """The serialized DAG has the tasks and the timetable, not the functions."""
    back = serialize_and_back(load_dag(write(tmp_path, SOUND)))
    assert (back.task_ids, back.timetable.summary) == (["work"], "0 0 * * *")
    assert hasattr(back.get_task("work"), "python_callable") is False
