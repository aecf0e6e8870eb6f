"""A password as a parameter of a deployment."""

from prefect import flow
from pydantic import SecretStr


@flow
def load(password: SecretStr) -> str:
    return password.get_secret_value()


if __name__ == "__main__":
    load.serve("daily", parameters={"password": SecretStr("hunter22")})  # found
