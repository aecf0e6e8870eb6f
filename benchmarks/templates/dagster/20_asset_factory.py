import dagster as dg

TABLES = {"apples_2025": 11, "apples_2026": 13, "apples_next": 17}


def build_table(name: str, rows: int) -> dg.AssetsDefinition:
    """One asset per table of the contract."""

    @dg.asset(name=name, key_prefix=["north"], metadata={"expected_rows": rows}, tags={"kind": "table"})
    def table(context: dg.AssetExecutionContext) -> int:
        context.log.info("loading %s", context.asset_key.to_user_string())
        return rows

    return table


tables = [build_table(name, rows) for name, rows in TABLES.items()]
defs = dg.Definitions(
    assets=tables,
    jobs=[dg.define_asset_job("all_tables", selection=dg.AssetSelection.key_prefixes("north"))],
)
dg.Definitions.validate_loadable(defs)
result = dg.materialize(tables)
assert result.output_for_node("north__apples_next") == 17
