"""See which callbacks and notifiers a run called, and which of them failed.

Real: they are called by Airflow's own code, with its context: task callbacks by the task runner, DAG
callbacks by the dag-processor's function. Both swallow an exception after a line in a log nobody reads; the
record keeps it. Simulated: the process (a task callback runs in the worker, a DAG callback in the dag-processor).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import DAG

TASK_KINDS = ("on_execute", "on_success", "on_failure", "on_retry", "on_skipped")
DAG_KINDS = ("on_success", "on_failure")


@dataclass(frozen=True)
class CallbackCall:
    """One call: the task id or DAG id it belongs to, its kind, its function or notifier, what it raised."""

    owner: str
    kind: str
    name: str
    error: str | None = None


def record_callbacks(dag: DAG) -> list[CallbackCall]:
    """Wrap every callback of `dag` and of its tasks; the list that is returned fills while the DAG runs."""
    calls: list[CallbackCall] = []
    for kind in DAG_KINDS:
        setattr(dag, f"{kind}_callback", _wrap_all(getattr(dag, f"{kind}_callback"), dag.dag_id, kind, calls))
    for task in dag.tasks:
        for kind in TASK_KINDS:
            _wrap_task(task, kind, calls)
    return calls


def _wrap_task(task: Any, kind: str, calls: list[CallbackCall]) -> None:
    name = f"{kind}_callback"
    if hasattr(task, "partial_kwargs"):
        if task.partial_kwargs.get(name):
            task.partial_kwargs[name] = _wrap_all(task.partial_kwargs[name], task.task_id, kind, calls)
    else:
        setattr(task, name, _wrap_all(getattr(task, name), task.task_id, kind, calls) or [])


def _wrap_all(found: Any, owner: str, kind: str, calls: list[CallbackCall]) -> list[Callable[[Any], Any]] | None:
    if not found:
        return None
    callbacks = found if isinstance(found, list | tuple) else [found]
    return [_wrap(callback, owner, kind, calls) for callback in callbacks]


def _wrap(callback: Any, owner: str, kind: str, calls: list[CallbackCall]) -> Callable[[Any], Any]:
    name = getattr(callback, "__name__", type(callback).__name__)

    def call(context: Any) -> Any:
        try:
            answer = callback(context)
        except Exception as error:
            calls.append(CallbackCall(owner, kind, name, f"{type(error).__name__}: {error}"))
            raise
        calls.append(CallbackCall(owner, kind, name))
        return answer

    return call
