"""Ask a Dagster webserver for a run or a backfill: `launch.py URL MESSAGE_ID JSON [LOCATION]`. Needs nothing but Python."""

from __future__ import annotations

import json
import sqlite3
import sys
import urllib.request
from contextlib import closing
from typing import Any

FIND = "query Find($filter: RunsFilter) { found: runsOrError(filter: $filter) { __typename ... on Runs { results { runId } } } }"
LAUNCH = """mutation Launch($params: ExecutionParams!) { launched: launchRun(executionParams: $params) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on Error { message }
  ... on RunConfigValidationInvalid { errors { message } } } }"""
BACKFILL = """mutation Backfill($params: LaunchBackfillParams!) { launched: launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on Error { message } } }"""


class Refused(RuntimeError):
    """The webserver answered, with HTTP status 200, that it does not do this."""


def launch_once(
    url: str, message_id: str, order: dict[str, Any], location: str = "definitions.py", lock: str = "launch_once.lock"
) -> str:
    """The id of the run for this message, launched now or before; safe to repeat after a lost answer.

    `lock` is a file that all callers share: the API has no run key, so they look and launch one after the other.
    Raises sqlite3.OperationalError when the turn does not come within a minute.
    """
    with closing(sqlite3.connect(lock, timeout=60, isolation_level=None)) as turn:
        turn.execute("BEGIN EXCLUSIVE")  # until the connection is closed, or its process dies
        return find_run(url, message_id) or launch_run(url, message_id, order, location)


def find_run(url: str, message_id: str) -> str | None:
    """The id of the run that has this message's tag."""
    found = _ask(url, FIND, {"filter": {"tags": _tags(message_id)}})["found"]
    return found["results"][0]["runId"] if found["results"] else None


def launch_run(url: str, message_id: str, order: dict[str, Any], location: str) -> str:
    """The id of a new run with this message's tag, whatever runs there are."""
    params = {
        "selector": {"jobName": "book_order", "repositoryName": "__repository__", "repositoryLocationName": location},
        "runConfigData": {"ops": {"book": {"config": {"order_id": message_id, **order}}}},
        "executionMetadata": {"tags": _tags(message_id)},
    }
    return _expect("LaunchRunSuccess", _ask(url, LAUNCH, {"params": params})["launched"])["run"]["runId"]


def launch_backfill(url: str, asset: list[str], partitions: list[str]) -> str:
    """The id of a new backfill of one asset; partitions that do not exist are dropped, see the test."""
    params = {"assetSelection": [{"path": asset}], "partitionNames": partitions}
    return _expect("LaunchBackfillSuccess", _ask(url, BACKFILL, {"params": params})["launched"])["backfillId"]


def _tags(message_id: str) -> list[dict[str, str]]:
    return [{"key": "message_id", "value": message_id}]


def _ask(url: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        answer = json.load(response)
    if answer.get("errors"):
        raise Refused(answer["errors"][0]["message"])
    return answer["data"]


def _expect(typename: str, answer: dict[str, Any]) -> dict[str, Any]:
    if answer["__typename"] != typename:
        details = [answer.get("message"), *(error["message"] for error in answer.get("errors", []))]
        raise Refused(f"{answer['__typename']}: {'; '.join(filter(None, details))}")
    return answer


if __name__ == "__main__":
    print(launch_once(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), *sys.argv[4:]))
