from datetime import timedelta

import dagster as dg

delivered = dg.AssetSpec(
    "delivered_apples",
    group_name="north",
    owners=["team:north"],
    metadata={"dagster/uri": "s3://north/apples/", "contract": 17},
)
policy = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=17), warn_window=timedelta(hours=1))


@dg.asset(deps=[delivered], freshness_policy=policy, kinds={"sql"})
def counted_apples() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"dagster/row_count": 17, "source": dg.MetadataValue.text("north")})


defs = dg.Definitions(assets=[delivered, counted_apples])
dg.Definitions.validate_loadable(defs)
result = dg.materialize([delivered, counted_apples])
event = result.asset_materializations_for_node("counted_apples")[0]
assert event.metadata["dagster/row_count"].value == 17
