"""Events of this process, sent to the server and read back from it.

Real: the events leave through Prefect's own worker thread and are read over the server's API.
Simulated: nothing. The client sends events in the background and the server stores them in batches, so a test
must drain the first and wait for the second.
"""

from __future__ import annotations

import time
from datetime import datetime

from prefect.client.orchestration import get_client
from prefect.events import Event
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter
from private_names import send_what_waits

WAIT_SECONDS = 30
PAGE = 50  # the server refuses a larger one; the synchronous client asks for 100 unless told


def stored_events(name: str, resource_id: str, since: datetime, at_least: int = 1) -> list[Event]:
    """Events `name` about `resource_id` since then, oldest first; waits for `at_least` of them.

    Raises TimeoutError after WAIT_SECONDS.
    """
    send_what_waits()
    deadline = time.monotonic() + WAIT_SECONDS
    while len(found := read_events([name], resource_id, since)) < at_least:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(found)} of {at_least} events {name} about {resource_id} after {WAIT_SECONDS} s")
        time.sleep(0.1)
    return found


def read_events(names: list[str], resource_id: str, since: datetime) -> list[Event]:
    """What is stored now, at most PAGE of them, oldest first."""
    wanted = EventFilter(
        occurred=EventOccurredFilter(since=since),
        event=EventNameFilter(name=names),
        resource=EventResourceFilter(id=[resource_id]),
    )
    with get_client(sync_client=True) as client:
        return sorted(client.read_events(wanted, limit=PAGE).events, key=lambda event: event.occurred)
