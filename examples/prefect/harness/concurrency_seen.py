"""How many callers were inside the same piece of work at once.

Real: Prefect's limits, slots and threads. Simulated: each caller stays inside until another one joins it or a moment
has passed, so that two who may be inside together really are, and an absent limit does not hide behind fast work.

A process that found no limit on a task's tags does not ask the server again for seconds: a limit that a test makes after
such a run is not seen by the next.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable
from typing import Any

from prefect.client.schemas.objects import FlowRun, TaskRun


class Gauge:
    """Counts who is inside the functions that it watches. Threads of this process only, no other processes."""

    def __init__(self, seconds: float = 0.3, until: int | None = None) -> None:
        """`seconds`: how long a caller waits inside for company; what a kept limit of 1 costs per call.

        `until`: nobody waits once so many were inside at once; with many `seconds`, for a test that expects company.
        """
        self.calls = 0
        self.most = 0
        self.seconds = seconds
        self.until = until
        self._inside = 0
        self._changed = threading.Condition()

    def watch(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, counted: put it in the place of what the limit protects."""

        @functools.wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            self._enter()
            try:
                return function(*args, **kwargs)
            finally:
                self._leave()

        return counted

    def _enter(self) -> None:
        with self._changed:
            self.calls += 1
            self._inside += 1
            self.most = max(self.most, self._inside)
            self._changed.notify_all()
            alone = self._inside
            self._changed.wait_for(lambda: self._inside > alone or self._is_enough(), timeout=self.seconds)

    def _is_enough(self) -> bool:
        return self.until is not None and self.most >= self.until

    def _leave(self) -> None:
        with self._changed:
            self._inside -= 1


def most_at_once(runs: Iterable[FlowRun | TaskRun]) -> int:
    """The largest number of runs that were Running at the same moment, by their times on the server.

    Works across processes. A run that waits for a slot inside its own code counts as Running; use `Gauge` there.
    """
    moments = [(run.start_time, 1) for run in runs if run.start_time] + [(run.end_time, -1) for run in runs if run.end_time]
    inside = most = 0
    for _, change in sorted(moments):
        inside += change
        most = max(most, inside)
    return most
