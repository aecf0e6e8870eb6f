import pendulum
from airflow.sdk import Asset, dag, task

raw = Asset("s3://north/raw/apples.parquet", extra={"owner": "north"})
clean = Asset(name="clean_apples", uri="s3://north/clean/apples.parquet", group="apples")


@dag(schedule="@daily", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"))
def produce_apples():
    @task(outlets=[raw])
    def land() -> int:
        return 17

    land()


@dag(schedule=[raw], start_date=pendulum.datetime(2026, 1, 1, tz="UTC"))
def clean_apples():
    @task(inlets=[raw], outlets=[clean])
    def tidy() -> int:
        return 11

    tidy()


producer, consumer = produce_apples(), clean_apples()
assert producer.get_task("land").outlets == [raw]
assert consumer.get_task("tidy").outlets == [clean]
