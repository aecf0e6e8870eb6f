"""Six in the morning in Berlin, it is meant."""

from prefect import flow
from prefect.schedules import Cron


@flow
def load() -> None: ...


morning = Cron("0 6 * * *")  # found

if __name__ == "__main__":
    load.serve("daily", schedule=morning)
