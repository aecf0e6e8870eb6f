import dagster as dg


class Shop(dg.ConfigurableResource):
    user: str
    password: str


@dg.asset
def orders(shop: Shop) -> None: ...


defs = dg.Definitions([orders], resources={"shop": Shop(user="loader", password=dg.EnvVar("SHOP_PASSWORD"))})
