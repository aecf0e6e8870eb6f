"""Only one at a time may write; the limit is not on the server."""

from prefect import flow, task
from prefect.concurrency.sync import concurrency

INSIDE = print


@task
def write(number: int) -> None:
    with concurrency("warehouse"):  # found
        INSIDE(number)


@flow
def load() -> None:
    write.map([1, 2]).result()
