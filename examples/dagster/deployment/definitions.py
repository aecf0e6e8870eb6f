"""An instance for a deployment: Postgres storage, a container for each run, what Kubernetes gives a run.

What: dagster.yaml with the Docker launcher, kubernetes.yaml in its place, resources of a job's pod as a tag.
When: more than one machine, or runs in parallel: SQLite then fails with "database is locked".
Run: dg launch --job load -f definitions.py
Expect: 2 rows; the tag does nothing outside Kubernetes.
"""

import dagster as dg

POD = {"container_config": {"resources": {"limits": {"memory": "2Gi"}}}}


@dg.asset
def orders() -> dg.MaterializeResult:
    """Two orders."""
    return dg.MaterializeResult(metadata={"dagster/row_count": 2})


load = dg.define_asset_job("load", [orders], tags={"dagster-k8s/config": POD})
defs = dg.Definitions(assets=[orders], jobs=[load])
