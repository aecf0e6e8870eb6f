"""Fields of a resource: frozen, printed, and dropped where they are misspelt."""

import importlib
from pathlib import Path

import dagster as dg
import pytest
from pydantic import Field, PrivateAttr
from run_assets import run_assets

KEY = "-----BEGIN PRIVATE KEY-----"


class Frozen(dg.ConfigurableResource):
    """Keeps its connection in a field that pydantic does not know."""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        self.connection = "open"


class Private(dg.ConfigurableResource):
    """Keeps it in a private attribute."""

    _connection: str = PrivateAttr(default="closed")

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        self._connection = "open"


@pytest.mark.parametrize(("resource", "status"), [(Frozen, "FAILURE"), (Private, "SUCCESS")])
def test_trap_a_resource_keeps_its_state_in_private_attributes(
    instance: dg.DagsterInstance, resource: type[dg.ConfigurableResource], status: str
) -> None:
    """The definitions load; a plain attribute fails every run before its first step."""

    @dg.asset(required_resource_keys={"store"})
    def orders() -> None: ...

    defs = dg.Definitions([orders], resources={"store": resource()})
    dg.Definitions.validate_loadable(defs)
    run = run_assets(defs, instance)
    assert (run.status, bool(run.tries)) == (status, status == "SUCCESS")
    if status == "FAILURE":
        with pytest.raises(dg.DagsterInvalidInvocationError, match="frozen=True"), resource().process_config_and_initialize_cm():
            """Never opened."""


def test_trap_a_resource_prints_its_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent: the repr of a resource shows a key given as text; with EnvVar it is a name, with repr=False nothing."""

    class Warehouse(dg.ConfigurableResource):
        private_key: str

    class Careful(dg.ConfigurableResource):
        private_key: str = Field(repr=False)

    monkeypatch.setenv("SHOP_KEY", KEY)
    by_name = Warehouse(private_key=dg.EnvVar("SHOP_KEY"))
    in_a_run = (resource.process_config_and_initialize() for resource in (by_name, Careful(private_key=dg.EnvVar("SHOP_KEY"))))
    found = [KEY in repr(resource) for resource in (Warehouse(private_key=KEY), by_name, *in_a_run)]
    assert found == [True, False, True, False]


@pytest.mark.slow
def test_trap_snowflakes_resource_prints_a_key_and_drops_a_misspelt_field() -> None:
    """Silent: both; `warehouse` is None where `warehose` was given."""
    from dagster_snowflake import SnowflakeResource

    text, named = (SnowflakeResource(account="shop", user="loader", private_key=key) for key in (KEY, dg.EnvVar("SHOP_KEY")))
    assert (KEY in repr(text), KEY in repr(named), "SHOP_KEY" in repr(named)) == (True, False, True)
    assert SnowflakeResource(account="shop", user="loader", password="p", warehose="loading").warehouse is None


STEPS = """
import os
from pathlib import Path

import dagster as dg


class Client(dg.ConfigurableResource):
    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        with Path("opened.txt").open("a") as opened:
            opened.write(f"{os.getpid()}\\n")


def reader(client: Client) -> None: ...


assets = [dg.asset(reader, name=name) for name in ("orders", "lines")]
defs = dg.Definitions(assets, jobs=[dg.define_asset_job("load", assets)], resources={"client": Client()})


def load() -> dg.JobDefinition:
    return defs.resolve_job_def("load")
"""


@pytest.mark.slow
def test_trap_a_resource_is_opened_in_every_step(
    stored_instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silent: the default executor has a process, and so a connection, for each step; in one process there is one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("client_of_steps.py").write_text(STEPS)
    job, opened = dg.reconstructable(importlib.import_module("client_of_steps").load), []
    for config in ({}, {"execution": {"config": {"in_process": {}}}}):
        Path("opened.txt").write_text("")
        assert dg.execute_job(job, stored_instance, run_config=config).success
        opened.append(len(set(Path("opened.txt").read_text().split())))
    assert opened == [2, 1]
