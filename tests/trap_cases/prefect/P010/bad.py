"""A task submits another one to the pool that it occupies, and waits for it."""

from pathlib import Path

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner


@task
def part(number: int) -> int:
    return number


@task
def whole(number: int) -> int:  # found
    Path("started").touch()
    return part.submit(number).result()


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def load() -> list[int]:
    return [future.result() for future in [whole.submit(1), whole.submit(2)]]
