import dagster as dg


class Shop(dg.ConfigurableResource):
    user: str
    password: str = "hunter22-of-the-shop"  # found


@dg.asset
def orders(shop: Shop) -> None: ...


defs = dg.Definitions([orders], resources={"shop": Shop(user="loader")})
