import os

import dagster as dg


class ApplesApi(dg.ConfigurableResource):
    url: str
    token: str
    page_size: int = 17

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dg.asset
def api_apples(api: ApplesApi) -> list[str]:
    assert api.headers()["Authorization"].startswith("Bearer ")
    return [f"{api.url}/apples?page={page}" for page in range(api.page_size)]


os.environ["NORTH_APPLES_TOKEN"] = "only-for-this-run"
api = ApplesApi(url="https://north.example/api", token=dg.EnvVar("NORTH_APPLES_TOKEN"))
defs = dg.Definitions(assets=[api_apples], resources={"api": api})
dg.Definitions.validate_loadable(defs)
result = dg.materialize([api_apples], resources={"api": api})
assert len(result.output_for_node("api_apples")) == 17
