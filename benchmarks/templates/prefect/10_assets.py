from prefect import flow
from prefect.assets import Asset, AssetProperties, materialize

raw = Asset(
    key="s3://north/raw/apples.parquet",
    properties=AssetProperties(name="Raw apples", owners=["north"], description="As delivered."),
)


@materialize(raw, by="airbyte", retries=3)
def land_apples(limit: int) -> list[int]:
    return list(range(limit))


@materialize("s3://north/clean/apples.parquet", asset_deps=[raw])
def clean_apples(apples: list[int]) -> list[int]:
    return [apple for apple in apples if apple % 2]


@flow
def apples_lake(limit: int = 17) -> int:
    return len(clean_apples(land_apples(limit)))


assert land_apples.assets == [raw]
assert len(clean_apples.fn(land_apples.fn(17))) == 17 // 2
assert clean_apples.asset_deps == [raw]
