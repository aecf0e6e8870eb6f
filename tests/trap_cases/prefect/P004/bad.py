"""Six in the morning, as Quartz writes it."""

from prefect import flow
from prefect.schedules import Cron


@flow
def load() -> None: ...


morning = Cron("0 0 6 * * *", timezone="Europe/Berlin")  # found

if __name__ == "__main__":
    load.serve("daily", schedule=morning)
