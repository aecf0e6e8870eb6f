"""Six in the morning, as cron writes it."""

from prefect import flow
from prefect.schedules import Cron


@flow
def load() -> None: ...


morning = Cron("0 6 * * *", timezone="Europe/Berlin")

if __name__ == "__main__":
    load.serve("daily", schedule=morning)
