"""The deployment picks the source, and the API's token stays out of all that Dagster stores or prints."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap  # private: what the UI is sent

SECRET = "token-8c1d0f"


class ShopHandler(BaseHTTPRequestHandler):
    """Two orders for who shows the token, 401 for anyone else."""

    def do_GET(self) -> None:
        known = self.headers["Authorization"] == f"Bearer {SECRET}"
        self.send_response(200 if known else 401)
        self.end_headers()
        self.wfile.write(json.dumps([{"order_id": 1}, {"order_id": 2}]).encode() if known else b"")

    def log_message(self, *_: object) -> None:
        """Keep the request line out of the captured output."""


@pytest.fixture
def shop_url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), ShopHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/orders"
        server.shutdown()
        thread.join()


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


def run(definitions: dg.Definitions, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return definitions.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)


def row_count(result: dg.ExecuteInProcessResult) -> object:
    [materialization] = result.asset_materializations_for_node("orders")
    return materialization.metadata["dagster/row_count"].value


def test_local_needs_no_variable(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """Without any variable the file is read."""
    assert row_count(run(example.defs, instance)) == 3


def test_production_sends_the_token(production: dg.Definitions, instance: dg.DagsterInstance) -> None:
    """The same asset reads the API, which answers only to the token."""
    assert row_count(run(production, instance)) == 2


def test_snapshot_names_the_variable_and_not_its_value(production: dg.Definitions) -> None:
    """What the code location sends to the UI holds the variable's name; the secret is nowhere in it."""
    snapshot = dg.serialize_value(RepositorySnap.from_def(production.get_repository_def()))
    assert ("SHOP_API_TOKEN" in snapshot, SECRET in snapshot) == (True, False)


def test_logs_and_stored_runs_hold_no_secret(
    production: dg.Definitions, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither events, nor stored run, nor output hold the secret, though the resource is logged."""
    result = run(production, instance)
    events = [dg.serialize_value(entry) for entry in instance.all_logs(result.run_id)]
    stored = dg.serialize_value(instance.get_run_by_id(result.run_id))
    written = "".join([*events, stored, *capfd.readouterr()])
    assert ("reading from OrdersApi(" in written, SECRET in written) == (True, False)


@pytest.mark.parametrize("missing", ["SHOP_API_URL", "SHOP_API_TOKEN"])
def test_missing_variable_is_named_before_a_run_exists(
    production: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """The error names the variable, and no step has started."""
    monkeypatch.delenv(missing)
    with pytest.raises(dg.DagsterInvalidConfigError, match=f'variable "{missing}" which is not set'):
        run(production, instance)
    assert instance.get_runs_count() == 0


def test_empty_token_is_refused(
    production: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that is set but empty fails before the asset's body, where EnvVar alone lets it through."""
    monkeypatch.setenv("SHOP_API_TOKEN", "")
    with pytest.raises(dg.DagsterResourceFunctionError) as refused:
        run(production, instance)
    assert "token\n  String should have at least 1 character" in str(refused.value.__cause__)


def test_unknown_deployment_is_refused(example: ModuleType) -> None:
    """A misspelt deployment fails while the code location loads, instead of falling back to local."""
    with pytest.raises(ValueError, match="SHOP_DEPLOYMENT='production': no such deployment"):
        example.source_for("production")
