"""A flow that must not overlap itself."""

from prefect import flow


@flow
def load(region: str = "north") -> str:
    return region
