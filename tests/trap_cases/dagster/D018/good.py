import dagster as dg


@dg.asset(op_tags={"dagster-k8s/config": {"container_config": {"resources": {"limits": {"memory": "2Gi"}}}}})
def orders() -> None: ...


defs = dg.Definitions([orders])
