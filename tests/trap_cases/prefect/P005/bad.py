"""A template where nothing fills it in."""

from prefect import flow


@flow
def load(day: str = "") -> str:
    return day


if __name__ == "__main__":
    load.serve("daily", parameters={"day": "{{ now | strftime('%Y-%m-%d') }}"})  # found
