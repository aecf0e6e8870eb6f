import dagster as dg


class ApplesConfig(dg.Config):
    region: str = "north"
    limit: int = 17
    dry_run: bool = False


@dg.asset
def configured_apples(context: dg.AssetExecutionContext, config: ApplesConfig) -> list[str]:
    if config.dry_run:
        context.log.info("would read %s rows", config.limit)
        return []
    return [f"{config.region}-{number}" for number in range(config.limit)]


run_config = dg.RunConfig(ops={"configured_apples": ApplesConfig(limit=11)})
result = dg.materialize([configured_apples], run_config=run_config)
assert len(result.output_for_node("configured_apples")) == 11
dry = dg.materialize(
    [configured_apples],
    run_config=dg.RunConfig(ops={"configured_apples": ApplesConfig(dry_run=True)}),
)
assert dry.output_for_node("configured_apples") == []
