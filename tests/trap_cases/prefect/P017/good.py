"""A Dask cluster that stays on loopback as a whole."""

from prefect import flow, task
from prefect_dask import DaskTaskRunner


@task
def part(number: int) -> int:
    return number


@flow(task_runner=DaskTaskRunner(cluster_kwargs={"n_workers": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}))
def load() -> int:
    return part.submit(1).result()
