"""The deployment picks the source, and the API's token stays out of all that Dagster stores or prints."""

from collections.abc import Iterator
from types import ModuleType

import dagster as dg
import pytest
from finished_run import FinishedRun
from flaky_api import FlakyApi, running_api
from private_names import shown_to_the_ui
from run_assets import run_assets
from secret_search import find_secrets

SECRET = "token-8c1d0f"


@pytest.fixture
def shop_url() -> Iterator[str]:
    with running_api(FlakyApi(body=[{"order_id": 1}, {"order_id": 2}], token=SECRET)) as api:
        yield api.url


@pytest.fixture
def environment(shop_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of production, the secret among them."""
    variables = {"SHOP_DEPLOYMENT": "prod", "SHOP_API_URL": shop_url, "SHOP_API_TOKEN": SECRET}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def production(environment: None, example: ModuleType) -> dg.Definitions:
    """The example's definitions, loaded while the secret is set: a value read at import would be in them."""
    return example.defs


def row_count(run: FinishedRun) -> object:
    return run.metadata["orders"]["dagster/row_count"]


def test_local_needs_no_variable(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """Without any variable the file is read."""
    assert row_count(run_assets(example.defs, instance)) == 3


def test_production_sends_the_token(production: dg.Definitions, instance: dg.DagsterInstance) -> None:
    """The same asset reads the API, which answers only to the token."""
    assert row_count(run_assets(production, instance)) == 2


def test_snapshot_names_the_variable_and_not_its_value(production: dg.Definitions) -> None:
    """What the code location sends to the UI holds the variable's name; the secret is nowhere in it."""
    snapshot = shown_to_the_ui(production)
    assert ("SHOP_API_TOKEN" in snapshot, SECRET in snapshot) == (True, False)


def test_logs_and_stored_runs_hold_no_secret(
    production: dg.Definitions, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither snapshot, events, stored run nor output hold the secret, though the resource is logged."""
    run = run_assets(production, instance)
    logged = [line for line in run.log if "reading from OrdersApi(" in line]
    printed = "".join(capfd.readouterr())
    assert (len(logged), find_secrets(production, instance, {"SHOP_API_TOKEN": SECRET}, printed)) == (1, [])


@pytest.mark.parametrize("missing", ["SHOP_API_URL", "SHOP_API_TOKEN"])
def test_missing_variable_is_named_before_a_run_exists(
    production: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """The error names the variable, and no step has started."""
    monkeypatch.delenv(missing)
    with pytest.raises(dg.DagsterInvalidConfigError, match=f'variable "{missing}" which is not set'):
        run_assets(production, instance)
    assert instance.get_runs_count() == 0


def test_empty_token_is_refused(
    production: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that is set but empty fails before the asset's body, where EnvVar alone lets it through."""
    monkeypatch.setenv("SHOP_API_TOKEN", "")
    run = run_assets(production, instance)
    assert (run.status, run.tries) == ("FAILURE", {})
    assert "token\n  String should have at least 1 character" in run.errors["(run)"]


def test_unknown_deployment_is_refused(example: ModuleType) -> None:
    """A misspelt deployment fails while the code location loads, instead of falling back to local."""
    with pytest.raises(ValueError, match="SHOP_DEPLOYMENT='production': no such deployment"):
        example.source_for("production")
