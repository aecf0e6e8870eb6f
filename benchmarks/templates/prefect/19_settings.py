from prefect import flow, task
from prefect.settings import PREFECT_API_URL, PREFECT_TASKS_DEFAULT_RETRIES, get_current_settings, temporary_settings


@task
def read_apples(limit: int) -> list[int]:
    return list(range(limit))


@flow
def north_apples() -> int:
    return len(read_apples(17))


with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api", PREFECT_TASKS_DEFAULT_RETRIES: 3}):
    inside = get_current_settings()
    assert str(inside.api.url).endswith("/api")
    assert inside.tasks.default_retries == 3

    @task
    def count_apples() -> int:
        return 11

    assert count_apples.retries == 3

assert get_current_settings().tasks.default_retries == 0
assert len(read_apples.fn(17)) == 17
