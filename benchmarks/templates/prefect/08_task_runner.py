from prefect import flow, task
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner


@task(tags=["north"], timeout_seconds=13)
def fetch_page(page: int) -> list[int]:
    return [page * 11 + number for number in range(17)]


@task(viz_return_value=[])
def flatten(pages: list[list[int]]) -> list[int]:
    return [apple for page in pages for apple in page]


@flow(task_runner=ThreadPoolTaskRunner(max_workers=3))
def fetch_apples(pages: int = 11) -> list[int]:
    futures = [fetch_page.submit(page) for page in range(pages)]
    wait(futures)
    return flatten([future.result() for future in futures])


assert isinstance(fetch_apples.task_runner, ThreadPoolTaskRunner)
assert flatten.fn([fetch_page.fn(0), fetch_page.fn(1)])[17] == 11
assert fetch_page.timeout_seconds == 13
