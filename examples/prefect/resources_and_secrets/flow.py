"""One flow, two deployments: each says where the export goes and which variable holds the key that signs it.

What: the deployment passes a name, the run looks the rest up; the key is read in the run, as a SecretStr.
When: the secret lives where the run is. Not when it lives on the server: load a Secret block in the run.
Run: uv run python flow.py
Expect: export_local/orders.json, signed with the public local key; nothing to configure.
"""

from __future__ import annotations

import hmac
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prefect import flow, get_run_logger, task
from prefect.deployments.runner import RunnerDeployment
from pydantic import SecretStr

Environment = Literal["local", "production"]
ORDERS = [{"order_id": 1, "total_cents": 1800}, {"order_id": 2, "total_cents": 3250}]


@dataclass(frozen=True)
class Target:
    """An environment's folder, and the variable with its key; without one, the key is public."""

    folder: Path
    key_variable: str | None


TARGETS = {
    "local": Target(Path("export_local"), None),
    "production": Target(Path("export_production"), "SHOP_SIGNING_KEY"),
}


def signing_key(environment: Environment) -> SecretStr:
    """The key of this run. Raises LookupError that names the variable when it is missing or empty."""
    variable = TARGETS[environment].key_variable
    if variable is None:
        return SecretStr("public-local-key")
    if not os.environ.get(variable):
        raise LookupError(f"{variable} is not set; runs of environment {environment!r} sign with it")
    return SecretStr(os.environ[variable])


@task
def export(orders: list[dict[str, int]], folder: Path, key: SecretStr) -> Path:
    """Write the orders and their HMAC-SHA256; the file written."""
    body = json.dumps(orders)
    signature = hmac.new(key.get_secret_value().encode(), body.encode(), "sha256").hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "orders.json"
    file.write_text(json.dumps({"orders": orders, "signature": signature}))
    get_run_logger().info("exported to %s with key %s", file, key)
    return file


@flow
def export_orders(environment: Environment = "local") -> Path:
    """Export to the environment's target; the key is looked up before anything else happens."""
    key = signing_key(environment)
    return export(ORDERS, TARGETS[environment].folder, key)


def deployments() -> list[RunnerDeployment]:
    """One deployment an environment, which differ in a parameter and in nothing else."""
    return [export_orders.to_deployment(name, parameters={"environment": name}) for name in TARGETS]


if __name__ == "__main__":
    export_orders()
