"""What the shop adds to its Airflow: a template macro, a page at the API server, and a note of every failed try."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from airflow.api_fastapi.core_api.security import get_user
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import TaskInstanceState
from fastapi import Depends, FastAPI


def price(cents: int) -> str:
    """`{{ macros.shop.price(1999) }}` is "EUR 19.99"."""
    return f"EUR {int(cents) / 100:.2f}"


class FailureNotes:
    """Writes a line a failed try to the file that SHOP_FAILURES names.

    Called by the worker, by the scheduler (a task whose process was lost) and by the API server (a state set by hand):
    use only what all three kinds of task instance have.
    """

    @hookimpl
    def on_task_instance_failed(self, task_instance: Any, error: BaseException | str | None) -> None:
        """Also called when a retry follows: the state tells."""
        state = TaskInstanceState(task_instance.state).value
        with Path(os.environ["SHOP_FAILURES"]).open("a") as notes:
            notes.write(f"{task_instance.dag_id}.{task_instance.task_id} {state}: {error}\n")


def failures() -> list[str]:
    """The notes, oldest first."""
    notes = Path(os.environ["SHOP_FAILURES"])
    return notes.read_text().splitlines() if notes.exists() else []


app = FastAPI(dependencies=[Depends(get_user)])  # without it everybody may read: Airflow guards its own routes only
app.get("/failures")(failures)


class ShopPlugin(AirflowPlugin):
    """Found by its base class; restart scheduler, API server, dag-processor and workers after a change."""

    name = "shop"
    macros = [price]  # noqa: RUF012
    listeners = [FailureNotes()]  # noqa: RUF012
    fastapi_apps = [{"app": app, "url_prefix": "/shop", "name": "The shop's failures"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {"name": "Failures", "href": "/shop/failures", "destination": "nav", "url_route": "shop_failures"}
    ]
