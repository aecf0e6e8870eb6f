"""The deployment names the block that holds the password."""

from prefect import flow
from prefect.blocks.system import Secret


@flow
def load(password_block: str = "") -> str:
    return Secret.load(password_block).get()


if __name__ == "__main__":
    load.serve("daily", parameters={"password_block": "warehouse-password"})
