"""Who answers first, what a broken back end hides, and which URIs parse into wrong fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from airflow.sdk import Connection
from run_dag import run_dag

pytestmark = pytest.mark.usefixtures("metadata_database")
FILES = "airflow.secrets.local_filesystem.LocalFilesystemBackend"
FolderMaker = Callable[..., Path]


@pytest.fixture
def use_backend(monkeypatch: pytest.MonkeyPatch, dag_file: Path) -> Iterator[Callable[[str, dict[str, str]], None]]:
    """Configure a secrets back end for this test; in a deployment each process reads the setting once, at its start."""
    from airflow.sdk.configuration import clear_secrets_backends_cache

    def use(backend: str, options: dict[str, str]) -> None:
        monkeypatch.syspath_prepend(str(dag_file.parent))
        monkeypatch.setenv("AIRFLOW__WORKERS__SECRETS_BACKEND", backend)
        monkeypatch.setenv("AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS", json.dumps(options))
        clear_secrets_backends_cache()

    yield use
    monkeypatch.undo()
    clear_secrets_backends_cache()


def store_in_database(host: str) -> None:
    """Add the connection to the metadata database, as `airflow connections add` does."""
    from airflow import settings
    from airflow.models import Connection as StoredConnection

    settings.Session().add(StoredConnection(conn_id="shop_till", conn_type="http", host=host, port=1))
    settings.Session().commit()


def address(dag_file: Path) -> object:
    """What the task found."""
    return run_dag(dag_file).xcoms["address"]


def test_back_end_then_environment_then_database(dag_file: Path, monkeypatch: pytest.MonkeyPatch, use_backend) -> None:
    """Each one that is added hides those before it: an exported variable does not override a secrets back end."""
    assert address(dag_file) == ["", 0]
    store_in_database("database")
    assert address(dag_file) == ["database", 1]
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_TILL", "http://environment:2")
    assert address(dag_file) == ["environment", 2]
    use_backend(FILES, {"connections_file_path": str(dag_file.with_name("local_secrets.yaml"))})
    assert address(dag_file) == ["files.example", 8443]


def test_our_back_end_answers_what_it_has_and_hands_on_the_rest(dag_file, tmp_path, monkeypatch, use_backend) -> None:
    """The connection comes from its file, the variable that it lacks from the environment."""
    (tmp_path / "connections").mkdir()
    (tmp_path / "connections" / "shop_till").write_text('{"conn_type": "http", "host": "mounted"}\n')
    monkeypatch.setenv("AIRFLOW_VAR_SHOP_PORT", "7")
    use_backend("shop_vault.MountedSecrets", {"folder": str(tmp_path)})
    assert address(dag_file) == ["mounted", 7]


def test_a_back_end_that_fails_is_silent_and_an_old_value_is_used(dag_file, tmp_path, monkeypatch, use_backend) -> None:
    """A lookup that raises is a DEBUG line: the task goes on with what the environment still holds."""
    (tmp_path / "connections").mkdir()
    (tmp_path / "connections" / "shop_till").write_text('{"conn_type": "http", "host": "rotated"')
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_TILL", "http://expired:2")
    use_backend("shop_vault.MountedSecrets", {"folder": str(tmp_path)})
    assert address(dag_file) == ["expired", 2]


def fields(uri: str) -> dict[str, object]:
    """What a URI becomes, without what is empty."""
    parsed = Connection.from_uri(uri, conn_id="x")
    names = ("conn_type", "host", "login", "password", "port", "schema")
    found = {name: getattr(parsed, name) for name in names if getattr(parsed, name)}
    return found | ({"extra": parsed.extra_dejson} if parsed.extra else {})


WRONG = {
    "https://key:secret@api.example": {"conn_type": "https", "login": "key", "password": "secret", "host": "api.example"},
    "snowflake://u:p@acme/SHOP/RAW": {
        "conn_type": "snowflake",
        "login": "u",
        "password": "p",
        "host": "acme",
        "schema": "SHOP/RAW",
    },
    "shop_till://till.example": {"schema": "hop_till//till.example"},
    "http://till.example?verify=false&token=a+b": {
        "conn_type": "http",
        "host": "till.example",
        "extra": {"verify": "false", "token": "a b"},
    },
}


@pytest.mark.parametrize("uri", WRONG)
def test_a_uri_that_parses_into_wrong_fields(uri: str) -> None:
    """No error: the task fails later, or connects elsewhere."""
    assert fields(uri) == WRONG[uri]


def test_a_uri_that_cannot_be_parsed_is_a_connection_that_is_not_defined(dag_file, monkeypatch) -> None:
    """`#` in a password raises inside the lookup, which is swallowed; quoted as %23, or as JSON, it is right."""
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_TILL", "http://u:pa#ss@till.example:5/shop")
    assert address(dag_file) == ["", 0]
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_TILL", "http://u:pa%23ss@till.example:5/shop")
    assert address(dag_file) == ["till.example", 5]


def test_json_keeps_types_that_a_uri_loses() -> None:
    """`"false"` is true in Python; JSON has a real false."""
    parsed = Connection.from_json('{"conn_type": "http", "extra": {"verify": false}}', conn_id="x")
    assert parsed.extra_dejson == {"verify": False}
