"""Retries at once, and the delays that they would have had.

Real: every attempt, the retry condition, the states and hooks. Simulated: the delay is 0 seconds, so neither the
delays nor their jitter are seen; `declared_delays` says what they are. A task that code makes inside the block by
`with_options(retry_delay_seconds=...)` is another task and keeps its delay.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from prefect import Flow, Task


@contextmanager
def without_waiting(*retried: Task[..., Any] | Flow[..., Any]) -> Iterator[None]:
    """Retry these tasks and flows without a delay until the block ends, whoever calls them.

    Raises ValueError for one that declares no retries: its test would show nothing.
    """
    with ExitStack() as restored:
        for subject in retried:
            if not subject.retries:
                raise ValueError(f"{subject.name!r} declares no retries")
            restored.enter_context(patch.object(subject, "retry_delay_seconds", 0))
        yield


def declared_delays(task: Task[..., Any]) -> list[float]:
    """Seconds before each retry, without jitter; Prefect repeats the last of a list that is shorter than the retries."""
    declared = task.retry_delay_seconds
    delays = list(declared) if isinstance(declared, list | tuple) else [declared or 0]
    return [float(delays[min(attempt, len(delays) - 1)]) for attempt in range(task.retries)]
