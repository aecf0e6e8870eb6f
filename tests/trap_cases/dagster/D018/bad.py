import dagster as dg


@dg.asset(op_tags={"dagster-k8s/config": {"container_config": {"resourcez": {"limits": {"memory": "2Gi"}}}}})
def orders() -> None: ...  # found


defs = dg.Definitions([orders])
