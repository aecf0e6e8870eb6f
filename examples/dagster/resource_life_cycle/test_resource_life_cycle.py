"""What is opened is closed, how often it is opened, and what a key-pair login sends."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType
from typing import Any

import dagster as dg
import duckdb
import pytest
from pydantic import PrivateAttr, ValidationError
from run_assets import run_assets, stored_value
from secret_search import find_secrets

OPENED: list[str] = []


class Client(dg.ConfigurableResource):
    """Writes down when it is opened and closed."""

    closing_fails: bool = False
    _answers: list[int] = PrivateAttr(default_factory=list)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        OPENED.append("open")

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        OPENED.append("close")
        if self.closing_fails:
            raise ConnectionError("lost before the last flush")


class Service(dg.ConfigurableResource):
    client: Client


@pytest.fixture(autouse=True)
def _nothing_opened() -> None:
    OPENED.clear()


def test_both_assets_run_over_one_connection(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """The second asset reads what the first one wrote."""
    run = run_assets(example.defs, instance)
    assert run.metadata == {"orders": {"dagster/row_count": 2}, "revenue": {"cents": 1350}}


@pytest.mark.parametrize(("sql", "status"), [("SELECT 1", "SUCCESS"), ("SELECT * FROM no_such_table", "FAILURE")])
def test_the_connection_is_closed_after_the_run(sql: str, status: str, example: ModuleType, instance: dg.DagsterInstance) -> None:
    """Whether the asset succeeds or raises, the connection that it used is closed when the run has ended."""
    held = []

    @dg.asset
    def reader(store: example.OrderStore) -> None:
        held.append(store.database._connection)
        store.database.query(sql)

    assert run_assets([reader], instance, resources=example.defs.resources).status == status
    with pytest.raises(duckdb.ConnectionException, match="closed"):
        held[0].execute("SELECT 1")


def test_a_resource_is_used_outside_a_run(example: ModuleType, tmp_path: Any) -> None:
    """With the context manager it is open; made by hand it is not, and says what to do."""
    database = example.Database(path=str(tmp_path / "alone.duckdb"))
    with database.process_config_and_initialize_cm() as opened:
        assert opened.query("SELECT 1") == [(1,)]
    with pytest.raises(RuntimeError, match="process_config_and_initialize_cm"):
        database.query("SELECT 1")


# --- what no error announces, and the right form beside it


def test_a_shared_nested_resource_is_opened_twice(instance: dg.DagsterInstance) -> None:
    """The same object as a resource and inside another one is two connections; ask for it through one of them."""

    @dg.asset
    def through_both(client: Client, service: Service) -> None:
        OPENED.append("run")

    @dg.asset
    def through_one(service: Service) -> None:
        OPENED.append("run")

    client, opened = Client(), []
    for asset, resources in (
        (through_both, {"client": client, "service": Service(client=client)}),
        (through_one, {"service": Service(client=client)}),
    ):
        OPENED.clear()
        assert run_assets([asset], instance, resources=resources).status == "SUCCESS"
        opened.append(OPENED.count("open"))
    assert opened == [2, 1]


def test_a_failing_close_leaves_the_run_green(instance: dg.DagsterInstance) -> None:
    """What must be written is flushed in the asset: an error of the teardown fails nothing."""

    @dg.asset
    def lazy(client: Client) -> None:
        """Leaves the flush to the teardown."""

    @dg.asset
    def careful(client: Client) -> None:
        raise ConnectionError("lost before the last flush")

    resources = {"client": Client(closing_fails=True)}
    assert [run_assets([asset], instance, resources=resources).status for asset in (lazy, careful)] == ["SUCCESS", "FAILURE"]


def test_a_retry_gets_the_same_connection(instance: dg.DagsterInstance) -> None:
    """Between two tries of an in-process step nothing is closed or opened: reconnect in the asset."""

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=1))
    def flaky(client: Client) -> None:
        OPENED.append("try")
        raise ConnectionError("gone")

    run_assets([flaky], instance, resources={"client": Client()})
    assert OPENED == ["open", "try", "try", "close"]


def test_a_misspelt_field_is_dropped(instance: dg.DagsterInstance) -> None:
    """Definitions load and the run is green with the default; `extra="forbid"` refuses the field when it is made."""

    class Loose(dg.ConfigurableResource):
        place: str = "here"

    class Strict(dg.ConfigurableResource, extra="forbid"):
        place: str = "here"

    @dg.asset
    def reader(store: Loose) -> str:
        return store.place

    defs = dg.Definitions([reader], resources={"store": Loose(plaec="there")})
    dg.Definitions.validate_loadable(defs)
    run_assets(defs, instance)
    assert stored_value(defs, "reader", instance) == "here"
    with pytest.raises(ValidationError, match="plaec"):
        Strict(plaec="there")


# --- key-pair login


@contextmanager
def snowflake_server() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A server that takes a login as Snowflake's does, and answers queries with no rows; its port, the logins."""
    logins: list[dict[str, Any]] = []

    class Snowflake(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            text = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            data = {"token": "session", "masterToken": "master", "parameters": [], "sessionInfo": {}}
            data |= {"rowtype": [], "rowset": [], "total": 0, "returned": 0, "queryId": "1", "queryResultFormat": "json"}
            if self.path.startswith("/session/v1/login-request"):
                logins.append(json.loads(text)["data"])
            answer = json.dumps({"success": True, "code": None, "message": None, "data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Snowflake)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, logins
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_a_key_pair_signs_the_login_and_is_seen_nowhere(
    example: ModuleType, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server gets a token that the public key verifies; neither snapshot nor events hold the private key."""
    import jwt
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from dagster_snowflake import SnowflakeResource

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    variables = {"SNOWFLAKE_ACCOUNT": "shop", "SNOWFLAKE_USER": "loader", "SNOWFLAKE_PRIVATE_KEY": pem}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    @dg.asset
    def session(snowflake: SnowflakeResource) -> None:
        with snowflake.get_connection():
            """The login is all that is wanted."""

    with snowflake_server() as (port, logins):
        warehouse = example.snowflake_warehouse(host="127.0.0.1", port=port, protocol="http")
        defs = dg.Definitions([session], resources={"snowflake": warehouse})
        assert run_assets(defs, instance).errors == {}
    assert (logins[0]["AUTHENTICATOR"], logins[0]["LOGIN_NAME"]) == ("SNOWFLAKE_JWT", "loader")
    claims = jwt.decode(logins[0]["TOKEN"], key.public_key(), algorithms=["RS256"])
    assert claims["sub"] == "SHOP.LOADER"
    assert find_secrets(defs, instance, {"SNOWFLAKE_PRIVATE_KEY": pem}) == []


BOTH = {"private_key": "k", "password": "p"}


@pytest.mark.slow
@pytest.mark.parametrize(("login", "message"), [({}, "Missing config"), (BOTH, "Cannot provide both")])
def test_exactly_one_way_to_log_in(login: dict[str, str], message: str) -> None:
    """None, or two, is refused when the resource is made."""
    from dagster_snowflake import SnowflakeResource

    with pytest.raises(Exception, match=message) as raised:
        SnowflakeResource(account="shop", user="loader", **login)
    assert type(raised.value).__name__ == "CheckError"
