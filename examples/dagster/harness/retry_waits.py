"""Retries without their waits: Dagster computes each wait and records it, and the next try starts at once.

Real: RetryPolicy, RetryRequested, back-off, jitter, limits, the recorded seconds. Simulated: the time between tries.
"""

from __future__ import annotations

import pytest
from private_names import without_retry_waits


def skip_retry_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the rest of the test no step waits before its next try; `FinishedRun.waits` has the seconds."""
    monkeypatch.setattr(*without_retry_waits())
