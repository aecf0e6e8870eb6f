import os

import dagster as dg


class Shop(dg.ConfigurableResource):
    user: str
    password: str = os.environ.get("SHOP_PASSWORD", "")  # found


@dg.asset
def orders(shop: Shop) -> None: ...


defs = dg.Definitions([orders], resources={"shop": Shop(user="loader")})
