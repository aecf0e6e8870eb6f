from dataclasses import dataclass

import dagster as dg


@dataclass
class ApplesBatch:
    region: str
    count: int
    rejected: int = 0


@dg.asset
def apples_batch() -> ApplesBatch:
    return ApplesBatch("north", 17)


@dg.asset
def cleaned_apples(apples_batch: ApplesBatch) -> ApplesBatch:
    return ApplesBatch(apples_batch.region, apples_batch.count - 1, rejected=1)


with dg.DagsterInstance.ephemeral() as instance:
    result = dg.materialize([apples_batch, cleaned_apples], instance=instance)
    assert result.success
    stored = result.asset_value("cleaned_apples")
assert stored == ApplesBatch("north", 17 - 1, rejected=1)
