"""Only one at a time may write; the limit is switched off."""

from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.sync import concurrency

INSIDE = print
WAREHOUSE = GlobalConcurrencyLimitCreate(name="warehouse", limit=1, active=False)  # found


def deploy() -> None:
    with get_client(sync_client=True) as client:
        client.create_global_concurrency_limit(WAREHOUSE)


@task
def write(number: int) -> None:
    with concurrency("warehouse", strict=True):
        INSIDE(number)


@flow
def load() -> None:
    write.map([1, 2]).result()
