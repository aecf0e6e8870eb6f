"""Triggers of the shop. Put this module where the triggerer can import it: a package, PYTHONPATH or the plugins folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent


def count_orders(path: str) -> int:
    """Orders in the file; blocking, as most clients are."""
    file = Path(path)
    return len(file.read_text().splitlines()) if file.exists() else 0


class OrdersLanded(BaseTrigger):
    """Fires once, with the number of orders, when the file has at least `minimum`; what the read raises fails the task."""

    def __init__(self, path: str, minimum: int = 1, poll_seconds: float = 5.0) -> None:
        super().__init__()
        self.path, self.minimum, self.poll_seconds = path, minimum, poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """All that `__init__` takes: what is left out has its default in the triggerer."""
        arguments = {"path": self.path, "minimum": self.minimum, "poll_seconds": self.poll_seconds}
        return "landing_triggers.OrdersLanded", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event; the blocking read goes to a thread, for one event loop serves every trigger."""
        while (found := await asyncio.to_thread(count_orders, self.path)) < self.minimum:
            await asyncio.sleep(self.poll_seconds)
        yield TriggerEvent({"orders": found})


class OrderFileGrew(BaseEventTrigger):
    """For an AssetWatcher: never ends, and fires once for each growth of the file."""

    def __init__(self, path: str, poll_seconds: float = 5.0) -> None:
        super().__init__()
        self.path, self.poll_seconds = path, poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Equal arguments are one trigger, however many assets watch with it."""
        return "landing_triggers.OrderFileGrew", {"path": self.path, "poll_seconds": self.poll_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """An event a growth; what grew while no triggerer ran is one growth, or none: the count starts anew."""
        known = 0
        while True:
            found = await asyncio.to_thread(count_orders, self.path)
            if found > known:
                yield TriggerEvent({"orders": found})
            known = found
            await asyncio.sleep(self.poll_seconds)
