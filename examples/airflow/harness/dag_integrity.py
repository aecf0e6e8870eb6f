"""Find what is wrong with DAG files before any run, as the dag-processor and the scheduler would read them.

Real: the block of the metadata database (in a forked process, because it cannot be undone), DagBag, serialization
there and back, validation of the timetable. Simulated: the dag-processor reads each file alone; here a folder is
read at once, which is what shows a dag_id that two files define (the dag-processor keeps one and says nothing).
"""

from __future__ import annotations

import json
import os
import select
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from private_names import block_database_for_good

if TYPE_CHECKING:
    from airflow.sdk import DAG
    from airflow.serialization.definitions.dag import SerializedDAG


READ_SECONDS = 300


@dataclass(frozen=True)
class Limits:
    """How much of a DAG may run at once; `pools` and `per_task` by task id (`max_active_tis_per_dag`)."""

    max_active_runs: int
    max_active_tasks: int
    pools: dict[str, str]
    per_task: dict[str, int]


def find_problems(dags: Path, pools: Mapping[str, int] | None = None) -> list[str]:
    """Every problem of a DAG file or folder, one line each; an empty list means the scheduler can use all of it.

    `pools` are the slots of each pool that the deployment has. Each line starts with a path or a dag_id.
    """
    slots = pools if pools is not None else {"default_pool": 128}
    return _in_blocked_child(lambda: _read_problems(dags, slots))


def serialize_and_back(dag: DAG) -> SerializedDAG:
    """The DAG that the scheduler works with; raises what Airflow raises for what cannot be serialized."""
    from airflow.serialization.serialized_objects import DagSerialization

    return DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))


def read_limits(dag: DAG) -> Limits:
    """The limits that the scheduler sees, defaults of the configuration filled in."""
    scheduled = serialize_and_back(dag)
    per_task = {task.task_id: task.max_active_tis_per_dag for task in scheduled.tasks}
    return Limits(
        max_active_runs=scheduled.max_active_runs,
        max_active_tasks=scheduled.max_active_tasks,
        pools={task.task_id: task.pool for task in scheduled.tasks},
        per_task={task_id: limit for task_id, limit in per_task.items() if limit is not None},
    )


def _read_problems(dags: Path, pools: Mapping[str, int]) -> list[str]:
    from airflow.dag_processing.dagbag import DagBag

    class CountingBag(DagBag):
        """Notes every DAG that is offered; of two with one id in one file DagBag keeps the last in silence."""

        offered: ClassVar[list[tuple[str, str]]] = []

        def bag_dag(self, dag: DAG) -> None:
            self.offered.append((dag.fileloc, dag.dag_id))
            super().bag_dag(dag)

    bag = CountingBag(dags)
    problems = [f"{path}: {_last_line(error)}" for path, error in bag.import_errors.items()]
    if not bag.dags and not problems:
        problems.append(f"{dags}: defines no DAG (is the @dag function called?)")
    for dag in bag.dags.values():
        problems += _problems_of(dag, pools)
    twice = [offer for offer, times in Counter(bag.offered).items() if times > 1]
    return problems + [f"{path}: defines dag_id {dag_id!r} more than once" for path, dag_id in twice]


def _problems_of(dag: DAG, pools: Mapping[str, int]) -> list[str]:
    try:
        serialize_and_back(dag).timetable.validate()
    except Exception as error:
        return [f"{dag.dag_id}: cannot be scheduled: {type(error).__name__}: {error}"]
    problems = []
    for task in dag.tasks:
        if task.pool not in pools:
            problems.append(f"{dag.dag_id}.{task.task_id}: no pool {task.pool!r}: it would stay scheduled for ever")
        elif task.pool_slots > pools[task.pool]:
            problems.append(f"{dag.dag_id}.{task.task_id}: needs {task.pool_slots} slots of {task.pool!r}: more than it has")
    return problems


def _last_line(error: str) -> str:
    return error.strip().splitlines()[-1]


def _in_blocked_child(work: Callable[[], list[str]]) -> list[str]:
    """Run `work` in a forked child without the metadata database; raises ChildProcessError if it dies or takes too long."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(work, reading, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        late = not select.select([pipe], [], [], READ_SECONDS)[0]
        if late:
            os.kill(child, signal.SIGKILL)
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if late:
        raise ChildProcessError(
            f"reading the DAG files did not end within {READ_SECONDS} s: does one wait at import, or call native code "
            "that this process has used before the fork? Then read them in a new process"
        )
    if not answer:
        raise ChildProcessError(f"the process that read the DAG files ended with status {status} and no answer")
    return json.loads(answer)


def _answer(work: Callable[[], list[str]], reading: int, writing: int) -> Any:
    os.close(reading)
    try:
        block_database_for_good()
        problems = work()
    except BaseException as error:
        problems = [f"{type(error).__name__}: {error}"]
    with os.fdopen(writing, "w") as pipe:
        pipe.write(json.dumps(problems))
    os._exit(0)
