"""Tell a Dagster webserver that a table was loaded: what the job that loads it calls at its end. Standard library only.

The endpoint takes any key and any partition, so this asks first whether the asset exists and has that partition.
"""

import argparse
import json
import sys
import urllib.error
import urllib.request

KNOWN = """query Known($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { __typename
  ... on AssetNode { isPartitioned partitionKeys } } }"""


def post(url: str, body: dict) -> dict:
    """The JSON answer; raises urllib.error.HTTPError for a status of 400 or more."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def refuse_unknown(url: str, path: list[str], partition: str | None) -> None:
    """Raises LookupError for a key that no code location defines, and for a partition that the asset does not have."""
    answer = post(f"{url}/graphql", {"query": KNOWN, "variables": {"key": {"path": path}}})
    node = answer["data"]["assetNodeOrError"]
    if node["__typename"] != "AssetNode":
        raise LookupError(f"no asset {'/'.join(path)}")
    if node["isPartitioned"] and partition not in node["partitionKeys"]:
        raise LookupError(f"{'/'.join(path)} has no partition {partition!r}")


def report_load(url: str, asset: str, partition: str | None = None, rows: int | None = None) -> None:
    """Record a materialization without a run. `asset`: its key, parts divided by slashes."""
    path = asset.split("/")
    refuse_unknown(url, path, partition)
    body: dict = {"partition": partition} if partition else {}
    if rows is not None:
        body["metadata"] = {"dagster/partition_row_count" if partition else "dagster/row_count": rows}
    post(f"{url}/report_asset_materialization/{asset}", body)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("asset")
    parser.add_argument("--partition")
    parser.add_argument("--rows", type=int)
    given = parser.parse_args()
    try:
        report_load(given.url, given.asset, given.partition, given.rows)
    except (LookupError, urllib.error.URLError) as problem:
        sys.exit(f"not reported: {problem}")
