"""The statement that leaves for the warehouse is the day's, holds no key, and has only options that COPY knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import sqlglot
from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator
from airflow.sdk import DAG
from pendulum import datetime
from run_dag import run_dag
from sqlglot import exp

TRAPS = Path(__file__)
DAY = datetime(2026, 3, 4)
ROLE = {"role_arn": "arn:aws:iam::123456789012:role/copy", "region": "eu-central-1"}
KNOWN = {"CREDENTIALS", "REGION", "FORMAT"}  # of Redshift's COPY, those in use here

with DAG("warehouse_copy_default"):
    S3ToRedshiftOperator(
        task_id="copy",
        table="orders",
        s3_bucket="landing",
        s3_key="orders/",
        redshift_conn_id="shop_warehouse",
        redshift_data_api_kwargs={"cluster_identifier": "shop", "database": "shop", "poll_interval": 1},
    )


class DataApi(ThreadingHTTPServer):
    """What Redshift's Data API answers, for every statement; it keeps them."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        super().__init__(("127.0.0.1", 0), _DataApiHandler)


class _DataApiHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["X-Amz-Target"] == "RedshiftData.ExecuteStatement":
            self.server.statements.append(body["Sql"])
        answer = json.dumps({"Id": "one", "Status": "FINISHED", "HasResultSet": False}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def data_api(monkeypatch: pytest.MonkeyPatch, metadata_database: Path) -> Iterator[DataApi]:
    """A warehouse, and connections: to it, to the landing bucket with a role, and a default with keys."""
    with DataApi() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        keys = {"conn_type": "aws", "login": "AKIASHOPSHOP", "password": "key-of-the-shop"}
        endpoint = {"endpoint_url": f"http://127.0.0.1:{server.server_port}", "region_name": "eu-central-1"}
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_WAREHOUSE", json.dumps(keys | {"extra": endpoint}))
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_LANDING", json.dumps({"conn_type": "aws", "extra": ROLE}))
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(keys | {"extra": {"region": "eu-central-1"}}))
        monkeypatch.setenv("SHOP_CLUSTER", "shop")
        yield server
        server.shutdown()


def unknown_options(statement: exp.Expression) -> set[str]:
    """Options of a COPY that are not in KNOWN: sqlglot takes any word for one."""
    return {param.this.name.upper() for param in statement.args["params"]} - KNOWN


def test_the_day_is_deleted_and_copied_with_a_role(dag_file: Path, data_api: DataApi) -> None:
    """Both statements parse as Redshift's; files of the day, the role, no key."""
    assert run_dag(dag_file, DAY).state == "success"
    delete, copy = [sqlglot.parse_one(statement, dialect="redshift") for statement in data_api.statements]
    assert delete.sql("redshift") == "DELETE FROM shop.orders WHERE ordered_on = '2026-03-04'"
    assert isinstance(copy, exp.Copy)
    assert [str(file) for file in copy.args["files"]] == ["'s3://landing/orders/2026-03-04/'"]
    assert ("role/copy" in data_api.statements[1], "key-of" in data_api.statements[1]) == (True, False)
    assert unknown_options(copy) == set()


def test_trap_a_statement_that_parses_may_have_options_that_no_warehouse_knows(dag_file: Path, data_api: DataApi) -> None:
    """sqlglot takes every word of a COPY for an option: look at the names."""
    run_dag(dag_file, DAY)
    misspelt = sqlglot.parse_one(data_api.statements[1].replace("FORMAT AS", "FORMATT"), dialect="redshift")
    assert (isinstance(misspelt, exp.Copy), unknown_options(misspelt)) == (True, {"FORMATT"})


@pytest.mark.usefixtures("metadata_database")
def test_without_a_warehouse_nothing_is_tried(dag_file: Path) -> None:
    """The first task skips the others."""
    assert run_dag(dag_file, DAY).task_states == {"configured": "success", "delete_day": "skipped", "copy_day": "skipped"}


def test_trap_without_a_named_connection_keys_stand_in_the_statement(data_api: DataApi) -> None:
    """The default connection gives its keys, in clear text to the warehouse's query history; its region is not used."""
    assert run_dag(TRAPS, dag_id="warehouse_copy_default").state == "success"
    (statement,) = data_api.statements
    assert ("aws_secret_access_key=key-of-the-shop" in statement, "region" in statement) == (True, False)
