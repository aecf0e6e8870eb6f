import dagster as dg


@dg.multi_asset(
    specs=[
        dg.AssetSpec("apples_header", group_name="north", kinds={"json"}),
        dg.AssetSpec("apples_lines", group_name="north", deps=["apples_header"]),
        dg.AssetSpec("apples_errors", group_name="north", skippable=True),
    ],
    can_subset=True,
)
def split_apples(context: dg.AssetExecutionContext):
    counted = {"apples_header": 1, "apples_lines": 17, "apples_errors": 0}
    for name in ("apples_header", "apples_lines"):  # nothing was rejected: no third result
        if dg.AssetKey(name) in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=name, metadata={"dagster/row_count": counted[name]})


result = dg.materialize([split_apples])
seen = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}
assert seen == {"apples_header", "apples_lines"}
assert len(list(dg.Definitions(assets=[split_apples]).resolve_asset_graph().get_all_asset_keys())) == 3
