"""A flow as plain Python: no API, no server, no engine.

Real: the code of the flow and its tasks, in order, in this thread. Simulated: `submit` and `map` run at once and give
futures that hold the value. Absent: everything that Prefect adds: retries, timeouts, caches, states, hooks, validation
and conversion of parameters, names, limits, artifacts, variables, blocks. What needs the API raises an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from prefect import Flow, Task, unmapped
from prefect.logging import disable_run_logger
from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE, temporary_settings


@dataclass(frozen=True)
class PlainFuture:
    """A value that is there already. It knows no state: without the engine there is none."""

    value: Any

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:
        """The value; a failure was raised by `submit` itself."""
        return self.value

    def wait(self, timeout: float | None = None) -> None:
        """Return at once."""


class PlainFutures(list[PlainFuture]):
    """What `map` gives."""

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> list[Any]:
        """All values in order."""
        return [future.value for future in self]

    def wait(self, timeout: float | None = None) -> None:
        """Return at once."""


@contextmanager
def no_server() -> Iterator[None]:
    """Calls of flows and tasks are calls of their functions until the block ends; anything that asks the API fails."""
    settings = {PREFECT_API_URL: None, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False}
    with (
        temporary_settings(settings),
        disable_run_logger(),
        patch.object(Task, "__call__", _call),
        patch.object(Task, "submit", lambda task, *args, **kwargs: PlainFuture(_call(task, *args, **kwargs))),
        patch.object(Task, "map", _map),
        patch.object(Flow, "__call__", _call),
    ):
        yield


def _call(runnable: Task[..., Any] | Flow[..., Any], *args: Any, wait_for: Any = None, **kwargs: Any) -> Any:
    if "return_state" in kwargs:
        raise TypeError(f"{runnable.name!r} is asked for its state; without a server there are no states")
    return runnable.fn(*_values(args), **_values(kwargs))


def _map(task: Task[..., Any], *args: Any, **kwargs: Any) -> PlainFutures:
    names = [*range(len(args)), *kwargs]
    given = _values([*args, *kwargs.values()])
    lengths = {len(value) for value in given if _is_iterated(value)}
    if len(lengths) != 1:
        raise ValueError(f"{task.name!r} is mapped over arguments of lengths {sorted(lengths)}")
    calls = [
        dict(zip(names, (value[i] if _is_iterated(value) else _static(value) for value in given), strict=True))
        for i in range(lengths.pop())
    ]
    return PlainFutures(
        PlainFuture(_call(task, *(call[i] for i in range(len(args))), **{name: call[name] for name in kwargs})) for call in calls
    )


def _is_iterated(value: Any) -> bool:
    return hasattr(value, "__len__") and hasattr(value, "__getitem__") and not isinstance(value, str | bytes | unmapped)


def _static(value: Any) -> Any:
    return value.value if isinstance(value, unmapped) else value


def _values(arguments: Any) -> Any:
    """Futures among arguments, also inside lists, tuples and dictionaries, replaced by their values."""
    if isinstance(arguments, PlainFuture):
        return arguments.value
    if isinstance(arguments, dict):
        return {name: _values(value) for name, value in arguments.items()}
    if type(arguments) in (list, tuple, PlainFutures):
        return [_values(value) for value in arguments] if type(arguments) is not tuple else tuple(map(_values, arguments))
    return arguments
