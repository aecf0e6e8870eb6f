"""What awaits can be interrupted, in a pool too."""

import asyncio
from pathlib import Path

from prefect import flow, task


@task(timeout_seconds=0.2)
async def load(file: Path) -> None:
    await asyncio.sleep(1)
    file.write_text("loaded")


@flow
def load_all(file: Path) -> None:
    load.submit(file).result()
