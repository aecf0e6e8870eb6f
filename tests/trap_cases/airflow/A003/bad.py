"""Yesterday's orders, loaded each midnight."""

from airflow.sdk import DAG, task
from pendulum import datetime, parse

HOURS = [f"2026-03-03T{hour:02}:30:00+00:00" for hour in range(24)]

with DAG("load", schedule="@daily", start_date=datetime(2026, 3, 1), catchup=False):

    @task
    def load(data_interval_start=None, data_interval_end=None) -> int:  # found
        return sum(data_interval_start <= parse(hour) < data_interval_end for hour in HOURS)

    load()
