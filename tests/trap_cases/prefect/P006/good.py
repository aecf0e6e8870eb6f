"""The parameter is called region."""

from prefect import flow


@flow
def load(region: str = "north") -> str:
    return region


if __name__ == "__main__":
    load.serve("south", parameters={"region": "south"})
