"""One source of orders per deployment; the token of the shop's API is read only while a run executes.

What: `local` reads a file beside this module; `prod` calls an HTTP API, its address and token from EnvVar.
When: anything that differs between deployments. Not for what differs between runs: that is run config.
Run: dg launch --assets "*" -f definitions.py
Expect: 3 orders. With SHOP_DEPLOYMENT=prod and a variable unset: DagsterInvalidConfigError with its name.
"""

import json
import os
import urllib.request
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field


class OrderSource(dg.ConfigurableResource):
    """What assets ask for; each deployment binds one subclass."""

    def fetch(self) -> list[dict[str, Any]]:
        """All orders, one dict an order."""
        raise NotImplementedError


class OrdersFile(OrderSource):
    """Orders from a JSON file, for work without credentials."""

    path: str = str(Path(__file__).parent / "orders.json")

    def fetch(self) -> list[dict[str, Any]]:
        """The file's list of orders."""
        return json.loads(Path(self.path).read_text())


class OrdersApi(OrderSource):
    """Orders from the shop's HTTP API."""

    url: str
    token: str = Field(repr=False, min_length=1)  # not in a logged resource; an empty one is refused

    def fetch(self) -> list[dict[str, Any]]:
        """The API's list of orders. Raises urllib.error.HTTPError on any status but 2xx."""
        request = urllib.request.Request(self.url, headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)


@dg.asset
def orders(context: dg.AssetExecutionContext, source: OrderSource) -> dg.MaterializeResult:
    """The orders of this deployment's source."""
    context.log.info("reading from %r", source)
    return dg.MaterializeResult(metadata={"dagster/row_count": len(source.fetch())})


def source_for(deployment: str) -> OrderSource:
    """The source that `deployment` binds; raises ValueError for a name that is none."""
    match deployment:
        case "local":
            return OrdersFile()
        case "prod":
            return OrdersApi(url=dg.EnvVar("SHOP_API_URL"), token=dg.EnvVar("SHOP_API_TOKEN"))
    raise ValueError(f"SHOP_DEPLOYMENT={deployment!r}: no such deployment; use local or prod")


defs = dg.Definitions(
    assets=[orders],
    resources={"source": source_for(os.environ.get("SHOP_DEPLOYMENT", "local"))},
)
