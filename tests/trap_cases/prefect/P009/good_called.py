"""In the main thread the call is interrupted."""

import subprocess
from pathlib import Path

from prefect import flow, task


@task(timeout_seconds=0.2)
def load(file: Path) -> None:
    subprocess.run(["/bin/sh", "-c", f"sleep 1; echo loaded > '{file}'"])


@flow
def load_all(file: Path) -> None:
    load(file)
