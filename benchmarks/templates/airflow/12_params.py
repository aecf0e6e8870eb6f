import pendulum
from airflow.sdk import Param, dag, task


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    params={
        "region": Param("north", type="string", enum=["north", "elsewhere"], description="Where the apples grow"),
        "limit": Param(17, type="integer", minimum=1, maximum=1100),
        "dry_run": Param(False, type="boolean"),
    },
    render_template_as_native_obj=True,
)
def apples_on_request():
    @task
    def read(params: dict | None = None) -> int:
        chosen = params or {}
        return 0 if chosen.get("dry_run") else int(chosen.get("limit", 11))

    read()


pipeline = apples_on_request()
assert pipeline.params["limit"] == 17
assert pipeline.params["region"] == "north"
