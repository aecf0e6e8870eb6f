"""A limit changes without a deployment, a client comes from a block, and a result is read where it was not written.

What: a typed variable read in the run, a block type registered as code, results in a storage block that both processes know.
When: what an operator changes between runs. Not for secrets: a variable is in clear for everyone who reads the API.
Run: uv run python flow.py
Expect: the totals of two shops, limited to 100 rows; SHOP_RESULTS_BLOCK=local-file-system/shop-results stores them there.
"""

from __future__ import annotations

import os
from uuid import UUID

from prefect import flow
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.variables import Variable
from pydantic import BaseModel, ConfigDict, Field, SecretStr

ORDERS = {"bern": [1800, 450, 900], "thun": [300]}


class Limits(BaseModel):
    """What the variable `shop_limits` may hold; the server takes any JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(default=100, ge=1)
    shops: tuple[str, ...] = tuple(ORDERS)

    @classmethod
    def read(cls) -> Limits:
        """The values of this moment; defaults where the variable is not set. Raises ValidationError with the field's name."""
        return cls.model_validate(Variable.get("shop_limits", default={}))

    def write(self) -> None:
        """Replace the variable, its tags too: `overwrite=True` without `tags=` deletes them."""
        Variable.set("shop_limits", self.model_dump(mode="json"), tags=["shop"], overwrite=True)


class ShopApi(Block):
    """Where the shop answers and with which key; `ShopApi.register_type_and_schema()` makes it known to a server."""

    _block_type_slug = "shop-api"

    url: str
    key: SecretStr
    timeout_seconds: int = 30


@flow(persist_result=True, result_serializer="json", result_storage=os.environ.get("SHOP_RESULTS_BLOCK"))
def totals() -> dict[str, int]:
    """Cents of each shop's first orders, as many as the variable allows."""
    limits = Limits.read()
    return {shop: sum(ORDERS[shop][: limits.rows]) for shop in limits.shops}


def read_result(flow_run_id: UUID) -> object:
    """The stored result of a run that any process executed; the server knows its key and block, not its value."""
    with get_client(sync_client=True) as client:
        return client.read_flow_run(flow_run_id).state.result()


if __name__ == "__main__":
    print(totals())
