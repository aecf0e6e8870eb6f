"""The day of the run, asked for in the run."""

from prefect import flow, runtime


@flow
def load(day: str = "") -> str:
    return day or runtime.flow_run.scheduled_start_time.strftime("%Y-%m-%d")


if __name__ == "__main__":
    load.serve("daily", parameters={"day": ""})
