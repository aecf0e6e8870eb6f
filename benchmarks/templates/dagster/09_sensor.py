import dagster as dg

LANDED = [f"north/apples-{number:03}.csv" for number in range(17)]


@dg.op(config_schema={"path": str})
def load_file(context: dg.OpExecutionContext) -> None:
    context.log.info("loading %s", context.op_config["path"])


@dg.job
def load_apples_file() -> None:
    load_file()


@dg.sensor(job=load_apples_file, minimum_interval_seconds=13)
def new_apples_files(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    fresh = [path for path in LANDED if path > (context.cursor or "")]
    requests = [dg.RunRequest(run_key=path, run_config={"ops": {"load_file": {"config": {"path": path}}}}) for path in fresh]
    return dg.SensorResult(run_requests=requests, cursor=max(fresh, default=context.cursor))


first = new_apples_files(dg.build_sensor_context())
assert len(first.run_requests) == 17
assert new_apples_files(dg.build_sensor_context(cursor=first.cursor)).run_requests == []
dg.Definitions.validate_loadable(dg.Definitions(jobs=[load_apples_file], sensors=[new_apples_files]))
