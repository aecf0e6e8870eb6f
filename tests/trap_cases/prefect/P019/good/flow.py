"""Two stores, each with a deployment of its own."""

from prefect import flow


@flow
def load(store: str = "bern") -> str:
    return store
