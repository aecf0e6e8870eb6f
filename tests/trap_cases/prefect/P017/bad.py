"""A Dask cluster whose workers stay on loopback."""

from prefect import flow, task
from prefect_dask import DaskTaskRunner


@task
def part(number: int) -> int:
    return number


@flow(task_runner=DaskTaskRunner(cluster_kwargs={"n_workers": 1, "host": "127.0.0.1"}))
def load() -> int:  # found
    return part.submit(1).result()
