from prefect import flow, get_run_logger, task
from prefect.runtime import flow_run


@task(task_run_name="apples-{day}")
def load_day(day: str) -> int:
    get_run_logger().info("loading %s", day)
    return len(day) * 17


@flow(flow_run_name="north-{day}")
def load_apples(day: str | None = None) -> int:
    started = flow_run.scheduled_start_time
    return load_day(day or started.date().isoformat())


def name_of(day: str) -> str:
    return load_apples.flow_run_name.format(day=day)


assert name_of("2026-01-11") == "north-2026-01-11"
assert list(load_apples.parameters.properties) == ["day"]

if __name__ == "__main__":
    print(f"serve {load_apples.name} with: prefect deploy --cron '13 11 * * *'")
