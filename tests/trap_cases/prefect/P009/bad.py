"""A time limit on a task that blocks its thread."""

import subprocess
from pathlib import Path

from prefect import flow, task


@task(timeout_seconds=0.2)
def load(file: Path) -> None:  # found
    subprocess.run(["/bin/sh", "-c", f"sleep 1; echo loaded > '{file}'"])


@flow
def load_all(file: Path) -> None:
    load.submit(file).result()
