import pendulum
from airflow.sdk import Asset, AssetAll, AssetAny, dag, task

apples = Asset("file:///north/apples.csv")
prices = Asset("file:///north/prices.csv")
holidays = Asset("file:///north/holidays.csv")


@dag(
    schedule=(apples & prices) | holidays,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    max_active_runs=3,
    description="New apples and new prices, or a holiday.",
)
def reprice_apples():
    @task
    def reprice(triggering_asset_events=None) -> int:
        return len(triggering_asset_events or {}) + 17

    reprice()


pipeline = reprice_apples()
condition = pipeline.timetable.asset_condition
assert isinstance(condition, AssetAny)
assert isinstance(condition.objects[0], AssetAll)
