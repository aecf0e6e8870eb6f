"""The second step fails, and the file of the first should go."""

from pathlib import Path

from prefect import flow, task


@task
def write(file: Path) -> None:  # found
    file.write_text("half a load")


@write.on_rollback
def remove(transaction: object) -> None:
    Path("orders.csv").unlink()


@task
def check(file: Path) -> None:
    raise ValueError(f"{file} is bad")


@flow
def load() -> None:
    file = Path("orders.csv")
    write(file)
    check(file)
