"""A flow whose code is in an image: what the server stores of it, without Docker and without a registry."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect_server import PrefectServer

IMAGE = "registry.shop.example/orders:2026.3"
TEMPLATE = {  # as the pools of prefect-docker and prefect-kubernetes have it: the image is a variable
    "job_configuration": {"image": "{{ image }}", "env": "{{ env }}"},
    "variables": {"type": "object", "properties": {"image": {"type": "string"}, "env": {"type": "object"}}},
}


@pytest.fixture
def pools(clean_server: PrefectServer) -> None:
    """A pool that takes images, and one of processes."""
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="images", type="docker", base_job_template=TEMPLATE))
        client.create_work_pool(WorkPoolCreate(name="processes", type="process"))


def deploy(what: Any, **options: Any) -> DeploymentResponse:
    """Deploy without building or pushing; what the server has of it."""
    given = {"work_pool_name": "images", "image": IMAGE, "build": False, "push": False} | options
    deployment_id = what.deploy("in-image", print_next_steps=False, **given)
    with get_client(sync_client=True) as client:
        return client.read_deployment(deployment_id)


def test_the_image_is_a_job_variable_and_nothing_is_pulled(
    pools: None, example: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry point is relative to the folder that it was deployed from: in the image the code must lie the same way."""
    monkeypatch.chdir(Path(__file__).parent)
    found = deploy(example.region_revenue, job_variables={"env": {"SHOP_CURRENCY": "CHF"}})
    assert found.job_variables == {"env": {"SHOP_CURRENCY": "CHF"}, "image": IMAGE}
    assert (found.pull_steps, found.path, found.entrypoint) == ([], ".", "flow.py:region_revenue")


def test_trap_from_another_folder_the_entry_point_climbs_out(
    pools: None, example: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is stored all the same; no image has such a path."""
    monkeypatch.chdir(tmp_path)
    assert deploy(example.region_revenue).entrypoint.startswith("../")


def test_trap_a_variable_that_the_pool_lacks_is_stored(pools: None, example: ModuleType) -> None:
    """`imagee` changes nothing and is refused by nobody; the pool's template is the schema to hold it against."""
    assert deploy(example.region_revenue, job_variables={"imagee": "other"}).job_variables == {"imagee": "other", "image": IMAGE}


def test_code_of_a_repository_is_pulled_by_the_worker(pools: None, tmp_path: Path) -> None:
    """`from_source`: a step to the source is stored, and an image is only what the step runs in."""
    (tmp_path / "orders.py").write_text("from prefect import flow\n\n@flow\ndef load(n: int = 1): return n\n")
    loaded = flow.from_source(source=str(tmp_path), entrypoint="orders.py:load")
    found = deploy(loaded, image=None, work_pool_name="processes")
    assert found.pull_steps == [{"prefect.deployments.steps.set_working_directory": {"directory": str(tmp_path)}}]
    assert (found.job_variables, found.entrypoint) == ({}, "orders.py:load")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"work_pool_name": "processes"}, "does not support custom Docker images"),
        ({"work_pool_name": "nowhere"}, "Could not find work pool 'nowhere'"),
        ({"image": None}, "Either an image or remote storage location must be provided"),
    ],
)
def test_what_cannot_work_is_refused(options: dict, message: str, pools: None, example: ModuleType) -> None:
    """A pool of processes with an image, a pool that is not there, neither image nor source."""
    with pytest.raises(ValueError, match=message):
        deploy(example.region_revenue, **options)
