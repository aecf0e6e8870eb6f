import pendulum
from airflow.sdk import dag, task

told: list[str] = []


def tell_north(context: dict) -> None:
    told.append(f"{context['run_id']}: {context.get('reason', 'failed')}")


@dag(
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    on_failure_callback=tell_north,
    default_args={"on_failure_callback": tell_north, "retries": 3, "execution_timeout": pendulum.duration(minutes=17)},
)
def watched_apples():
    @task(retry_exponential_backoff=2.0, max_retry_delay=pendulum.duration(minutes=13))
    def fetch() -> int:
        return 11

    fetch()


pipeline = watched_apples()
tell_north({"run_id": "apples", "reason": "trial"})
assert told == ["apples: trial"]
assert pipeline.get_task("fetch").retries == 3
