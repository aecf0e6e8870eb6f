from dataclasses import dataclass
from typing import get_type_hints

from prefect import flow, task


@dataclass(frozen=True)
class ApplesBatch:
    region: str
    count: int

    @property
    def label(self) -> str:
        return f"{self.region}: {self.count}"


class ApplesPipeline:
    def __init__(self, region: str) -> None:
        self.region = region

    @flow
    def run(self, limit: int = 17) -> ApplesBatch:
        return make_batch(self.region, limit)


@task
def make_batch(region: str, limit: int) -> ApplesBatch:
    return ApplesBatch(region, limit)


assert make_batch.fn("north", 17).label == "north: 17"
assert get_type_hints(make_batch.fn)["return"] is ApplesBatch
assert ApplesPipeline("north").run.name == "run"
