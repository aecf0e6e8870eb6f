"""An empty server between two tests, without a restart.

Real: everything goes through the API, and deleting a flow takes its runs and deployments with it.
Left: events (no API deletes them; ask with `since=`), and what belongs to the server itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect_server import PrefectServer
from private_names import send_what_waits

PAGE = 100


def contents() -> dict[str, list[str]]:
    """The names of what is on the server, by kind."""
    with get_client(sync_client=True) as client:
        return {kind: sorted(_name(row) for row in read(client)) for kind, (read, _) in _KINDS.items()}


def wipe(server: PrefectServer) -> None:
    """Delete what flows and tests left on a server that this session started, and results stored in its home.

    Raises RuntimeError for a server that was there before: what is on it may be somebody's.
    """
    if server.pid is None:
        raise RuntimeError(f"{server.api_url} was not started by this session and is not wiped; unset PREFECT_API_URL")
    send_what_waits()
    with get_client(sync_client=True) as client:
        for read, delete in _KINDS.values():
            while rows := read(client):
                for row in rows:
                    delete(client, row)
    shutil.rmtree(server.home / "storage", ignore_errors=True)


def _name(row: Any) -> str:
    return str(getattr(row, "name", None) or getattr(row, "tag", None) or getattr(row, "key", None) or row.id)


Kind = tuple[Callable[[SyncPrefectClient], Iterable[Any]], Callable[[SyncPrefectClient, Any], object]]
_KINDS: dict[str, Kind] = {
    "automations": (lambda api: api.read_automations(limit=PAGE), lambda api, row: api.delete_automation(row.id)),
    "flows": (lambda api: api.read_flows(limit=PAGE), lambda api, row: api.delete_flow(row.id)),
    "artifacts": (lambda api: api.read_artifacts(limit=PAGE), lambda api, row: api.delete_artifact(row.id)),
    "variables": (lambda api: api.read_variables(limit=PAGE), lambda api, row: api.delete_variable_by_name(row.name)),
    "limits": (
        lambda api: api.read_global_concurrency_limits(limit=PAGE),
        lambda api, row: api.delete_global_concurrency_limit_by_name(row.name),
    ),
    "tag limits": (
        lambda api: api.read_concurrency_limits(limit=PAGE, offset=0),
        lambda api, row: api.delete_concurrency_limit_by_tag(row.tag),
    ),
    "work pools": (lambda api: api.read_work_pools(limit=PAGE), lambda api, row: api.delete_work_pool(row.name)),
    "blocks": (lambda api: api.read_block_documents(limit=PAGE), lambda api, row: api.delete_block_document(row.id)),
}
