"""When a variable is read, where a secret must not stand, and which process can read a result."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from uuid import UUID

import httpx
import pytest
from finished_run import run_and_read
from prefect import Flow, flow
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.deployments.runner import DeploymentApplyError
from prefect.exceptions import PrefectHTTPStatusError
from prefect.filesystems import LocalFileSystem
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect.variables import Variable
from prefect.workers.base import BaseJobConfiguration
from prefect.workers.process import ProcessWorker
from prefect_server import PrefectServer
from pydantic import ValidationError

HERE = Path(__file__).parent
TEMPLATES = {"SHOP_LIMIT": "rows {{ prefect.variables.shop_limit }}", "SHOP_KEY": "{{ prefect.blocks.secret.shop-key }}"}
PREFECT_YAML = f"""
pull: [{{prefect.deployments.steps.set_working_directory: {{directory: {HERE}}}}}]
deployments:
  - name: with-values
    entrypoint: flow.py:limited
    parameters: {{limit: "{{{{ prefect.variables.shop_limit }}}}", shop: "{{{{ prefect.variables.not_there }}}}"}}
    work_pool: {{name: shop, job_variables: {{env: {json.dumps(TEMPLATES)}}}}}
"""
FLOW = "from prefect import flow\n@flow\ndef limited(limit: int = 1, shop: str = 'bern'):\n    return shop\n"
READ = """
import sys
from concurrent.futures import ThreadPoolExecutor  # a result that is not there is asked for during three seconds
from contextvars import copy_context
from prefect.client.orchestration import get_client

def told(run):
    try:
        with get_client(sync_client=True) as client:
            return client.read_flow_run(run).state.result()
    except Exception as error:
        return f"{type(error).__name__}: {error}".split(" /")[0]

with ThreadPoolExecutor() as pool:
    asked = [pool.submit(copy_context().run, told, run) for run in sys.argv[1:]]
print(*[answer.result() for answer in asked], sep="\\n")
"""


@flow
def limited(limit: int = 1, shop: str = "bern") -> int:
    return limit


def test_a_changed_variable_is_seen_by_the_next_run(clean_server: PrefectServer, example: ModuleType) -> None:
    """Defaults without a variable; then the operator's values; then a mistake that names itself."""
    outcomes = [run_and_read(example.totals).result]
    example.Limits(rows=1, shops=("bern",)).write()
    outcomes.append(run_and_read(example.totals).result)
    assert outcomes == [{"bern": 3150, "thun": 300}, {"bern": 1800}]
    Variable.set("shop_limits", {"rwos": 2}, overwrite=True)
    with pytest.raises(ValidationError, match="rwos"):
        example.totals()


def test_setting_a_variable_again_deletes_its_tags(clean_server: PrefectServer, example: ModuleType) -> None:
    """Silent: `overwrite=True` without tags. Right: give them again."""
    example.Limits().write()
    kept = [Variable.get("shop_limits"), _tags("shop_limits")]
    Variable.set("shop_limits", {"rows": 2}, overwrite=True)
    assert (kept, _tags("shop_limits")) == ([{"rows": 100, "shops": ["bern", "thun"]}, ["shop"]], [])


def _tags(name: str) -> list[str]:
    with get_client(sync_client=True) as client:
        return client.read_variable_by_name(name).tags


@pytest.mark.slow
def test_prefect_deploy_writes_values_where_the_file_has_names(clean_server: PrefectServer, tmp_path: Path) -> None:
    """Silent: the variable is frozen, a missing one is empty text, **and the secret is on the deployment in clear**."""
    _set_limit_and_key()
    (tmp_path / "flow.py").write_text(FLOW)
    (tmp_path / "prefect.yaml").write_text(PREFECT_YAML)
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    with get_client(sync_client=True) as client:
        deployed = client.read_deployment_by_name("limited/with-values")
    assert deployed.parameters == {"limit": 8, "shop": ""}
    assert deployed.job_variables == {"env": {"SHOP_LIMIT": "rows 8", "SHOP_KEY": "tok-7f3a9c"}}


def test_from_python_the_worker_fills_them_in(clean_server: PrefectServer, tmp_path: Path) -> None:
    """Right: `deploy` keeps the names; what a worker makes of them before each run has the values of that moment."""
    _set_limit_and_key()
    (tmp_path / "flow.py").write_text(FLOW)
    source = Flow.from_source(source=str(tmp_path), entrypoint="flow.py:limited")
    options = {"build": False, "push": False, "print_next_steps": False, "ignore_warnings": True}
    deployment_id = source.deploy("names", work_pool_name="shop", job_variables={"env": TEMPLATES}, **options)
    Variable.set("shop_limit", 9, overwrite=True)
    with get_client(sync_client=True) as client:
        stored = client.read_deployment(deployment_id).job_variables
        template = client.read_work_pool("shop").base_job_template
    filled = asyncio.run(BaseJobConfiguration.from_template_and_values(template, stored)).env
    assert (stored, filled) == ({"env": TEMPLATES}, {"SHOP_LIMIT": "rows 9", "SHOP_KEY": "tok-7f3a9c"})


def _set_limit_and_key() -> None:
    Variable.set("shop_limit", 8, overwrite=True)
    Secret(value="tok-7f3a9c").save("shop-key", overwrite=True)
    with get_client(sync_client=True) as client:
        client.create_work_pool(
            WorkPoolCreate(name="shop", type="process", base_job_template=ProcessWorker.get_default_base_job_template())
        )


def test_a_run_may_name_a_variable_and_a_deployment_may_not(clean_server: PrefectServer) -> None:
    """The server fills it in as the run is made; as a deployment's default it is a 422, a missing one is a 400."""
    Variable.set("shop_limit", 8)
    named = {"__prefect_kind": "workspace_variable", "variable_name": "shop_limit"}
    deployment_id = limited.to_deployment("named").apply()
    with get_client(sync_client=True) as client:
        made = client.create_flow_run_from_deployment(deployment_id, parameters={"limit": named})
        with pytest.raises(PrefectHTTPStatusError, match="'not_there' not found"):
            missing = named | {"variable_name": "not_there"}
            client.create_flow_run_from_deployment(deployment_id, parameters={"limit": missing})
    assert made.parameters == {"limit": 8}
    with pytest.raises(DeploymentApplyError, match="422"):
        limited.to_deployment("frozen", parameters={"limit": named}).apply()


def test_a_block_is_masked_and_an_old_document_may_not_fit(clean_server: PrefectServer, example: ModuleType) -> None:
    """The key is hidden until someone asks for it; with a new required field, documents saved before no longer load."""
    example.ShopApi.register_type_and_schema()
    example.ShopApi(url="http://shop.example", key="tok-7f3a9c").save("north", overwrite=True)
    assert example.ShopApi.load("north").key.get_secret_value() == "tok-7f3a9c"
    path = f"{clean_server.api_url}/block_types/slug/shop-api/block_documents/name/north"
    answers = [httpx.get(path, params={"include_secrets": wanted}).text for wanted in ("false", "true")]
    assert ["tok-7f3a9c" in answer for answer in answers] == [False, True]
    with pytest.warns(UserWarning, match="matches existing registered type"):

        class ShopApi(Block):
            _block_type_slug = "shop-api"
            url: str
            region: str

    with pytest.raises(RuntimeError, match="failed validation"):
        ShopApi.load("north")


@pytest.mark.slow
def test_another_process_reads_results_through_the_block_alone(
    clean_server: PrefectServer, example: ModuleType, tmp_path: Path
) -> None:
    """The block's result; not one stored by path on another machine, nor one whose block was moved or remade."""
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / "here"}):
        runs = [run_and_read(example.totals).id]
        assert example.read_result(runs[0]) == {"bern": 3150, "thun": 300}
    for name in ("kept", "moved", "remade"):
        LocalFileSystem(basepath=str(tmp_path / name)).save(name)
        runs.append(run_and_read(example.totals.with_options(result_storage=f"local-file-system/{name}")).id)
    LocalFileSystem(basepath=str(tmp_path / "elsewhere")).save("moved", overwrite=True)
    (tmp_path / "here").rename(tmp_path / "of another machine")
    LocalFileSystem.delete("remade")
    LocalFileSystem(basepath=str(tmp_path / "remade")).save("remade")
    assert read_elsewhere(runs, tmp_path) == [
        "ValueError: Path",
        "{'bern': 3150, 'thun': 300}",
        "ValueError: Path",
        "ObjectNotFound: None",
    ]


def read_elsewhere(runs: list[UUID], folder: Path) -> list[str]:
    """One line for each run, from a second process with an empty home of its own."""
    command = [sys.executable, "-c", READ, *map(str, runs)]
    environment = os.environ | {"PREFECT_HOME": str(folder / "home")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_missing_block_stops_the_run_before_its_first_line(prefect_server: PrefectServer, example: ModuleType) -> None:
    """Decorating with a name asks nobody; an unsaved block object is refused."""
    absent = example.totals.with_options(result_storage="local-file-system/not-there")
    with pytest.raises(ValueError, match="Unable to find block document named not-there"):
        absent()
    with pytest.raises(TypeError, match="must be persisted server-side"):
        example.totals.with_options(result_storage=LocalFileSystem(basepath="here"))
