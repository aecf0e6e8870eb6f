"""Ask a Dagster webserver for a run or a backfill; needs nothing but Python. `launch.py URL MESSAGE_ID JSON` on the shell."""

from __future__ import annotations

import json
import sys
import urllib.request
from typing import Any

FIND = "query Find($filter: RunsFilter) { found: runsOrError(filter: $filter) { __typename ... on Runs { results { runId } } } }"
LAUNCH = """mutation Launch($params: ExecutionParams!) { launched: launchRun(executionParams: $params) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on Error { message }
  ... on RunConfigValidationInvalid { errors { message } } } }"""
BACKFILL = """mutation Backfill($params: LaunchBackfillParams!) { launched: launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on Error { message } } }"""


class Refused(RuntimeError):
    """The webserver answered, with HTTP status 200, that it does not do this."""


def launch_once(url: str, message_id: str, order: dict[str, Any], location: str = "definitions.py") -> str:
    """The id of the run for this message, launched now or before; safe to repeat after a lost answer.

    Two callers with the same message at the same moment can still make two runs: let the run itself be repeatable.
    """
    tags = [{"key": "message_id", "value": message_id}]
    found = _ask(url, FIND, {"filter": {"tags": tags}})["found"]
    if found["results"]:
        return found["results"][0]["runId"]
    params = {
        "selector": {"jobName": "book_order", "repositoryName": "__repository__", "repositoryLocationName": location},
        "runConfigData": {"ops": {"book": {"config": {"order_id": message_id, **order}}}},
        "executionMetadata": {"tags": tags},
    }
    return _expect("LaunchRunSuccess", _ask(url, LAUNCH, {"params": params})["launched"])["run"]["runId"]


def launch_backfill(url: str, asset: list[str], partitions: list[str]) -> str:
    """The id of a new backfill of one asset; partitions that do not exist are dropped, see the test."""
    params = {"assetSelection": [{"path": asset}], "partitionNames": partitions}
    return _expect("LaunchBackfillSuccess", _ask(url, BACKFILL, {"params": params})["launched"])["backfillId"]


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
    print(launch_once(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
