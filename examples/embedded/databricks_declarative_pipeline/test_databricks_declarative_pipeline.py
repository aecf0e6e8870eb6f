"""Spark's own pipelines run these tables: each file once, bad rows out and counted; what Databricks takes and Spark refuses."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

if not shutil.which("java"):
    pytest.skip("needs Java 17 on the PATH (Debian: openjdk-17-jre-headless)", allow_module_level=True)
pytest.importorskip("pyspark", reason="needs pyspark: uv sync --project examples/embedded --group spark")

from pyspark import pipelines as dp
from pyspark.pipelines import cli
from pyspark.sql import SparkSession

HERE = Path(__file__).parent
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas")]
HEAD = "from pyspark import pipelines as dp\nfrom pyspark.sql import SparkSession\nspark = SparkSession.active()\n"


@pytest.fixture(scope="module")
def spark_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One warm Spark Connect server for all tests; its start costs more than all of them."""
    folder = tmp_path_factory.mktemp("spark")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(HERE / "spark_connect.py"), str(port), str(folder / "warehouse")]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SPARK")}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=folder, env=clean, text=True
        )
        try:
            assert server.stdout.readline() == "serving\n", (folder / "log").read_text()[-2000:]
            yield f"sc://127.0.0.1:{port}"
        finally:
            server.stdin.close()
            server.wait(120)


@pytest.fixture
def project(tmp_path: Path, spark_server: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the pipeline in a database of its own."""
    monkeypatch.setenv("SPARK_REMOTE", spark_server)
    shutil.copytree(HERE, tmp_path / "shop", ignore=shutil.ignore_patterns("__pycache__", "*.py", "storage"))
    shutil.copytree(HERE / "transformations", tmp_path / "shop/transformations", dirs_exist_ok=True)
    database = f"shop_{tmp_path.name}"
    query(f"CREATE DATABASE {database}")
    spec = tmp_path / "shop/spark-pipeline.yml"
    text = spec.read_text().replace("storage: storage", f"storage: file://{tmp_path}/storage\ndatabase: {database}")
    spec.write_text(text.replace("landing: landing", f"landing: {tmp_path}/shop/landing"))
    return spec


def query(sql: str) -> list[tuple[Any, ...]]:
    """Rows of one statement, in a session that is closed: one left open outlives its server by minutes."""
    session = SparkSession.builder.getOrCreate()
    try:
        return [tuple(row) for row in session.sql(sql).collect()]
    finally:
        session.stop()


def update(spec: Path, *, dry: bool = False) -> None:
    """What `spark-pipelines run` and `dry-run` do, without a Java process for each."""
    cli.run(spec, full_refresh=[], full_refresh_all=False, refresh=[], dry=dry)


def declared(spec: Path, source: str) -> None:
    """A dry run of a pipeline of this one source."""
    shutil.rmtree(spec.parent / "transformations")
    (spec.parent / "transformations").mkdir()
    (spec.parent / "transformations/tables.py").write_text(HEAD + source)
    update(spec, dry=True)


def test_each_file_is_read_once_and_bad_rows_are_out_and_counted(project: Path) -> None:
    """A second update repeats nothing, a late file is added, the views follow."""
    database = f"shop_{project.parent.parent.name}"
    for _ in range(2):
        update(project)
        assert query(f"SELECT order_id FROM {database}.orders ORDER BY 1") == [(1,), (2,), (4,)]
    (project.parent / "landing/2026-02-27.csv").write_text("order_id,day,country,cents\n9,2026-02-27,DE,1\n")
    update(project)
    assert query(f"SELECT * FROM {database}.order_quality") == [(7, 1, 2)]
    assert query(f"SELECT country, sum(cents) FROM {database}.revenue GROUP BY 1 ORDER BY 1") == [("AT", 600), ("DE", 3451)]


def test_or_fail_ends_the_update_and_names_the_expectation(project: Path) -> None:
    """The table stays as it was: here, not made."""
    source = project.parent / "transformations/orders.py"
    source.write_text(source.read_text().replace('"or_drop", SOLD', '"or_fail", SOLD'))
    with pytest.raises(Exception, match=r"expectation 'a (country|price)' .* is broken"):
        update(project)


def test_databricks_own_expectations_are_taken_where_they_are(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open-source Spark has none; a decorator of their name and form is handed the rules."""
    assert [name for name in dir(dp) if name.startswith("expect") or name == "read"] == []
    taken: list[dict[str, str]] = []
    monkeypatch.setattr(dp, "expect_all_or_drop", lambda rules: taken.append(rules) or (lambda query: query), raising=False)
    update(project, dry=True)
    assert [sorted(rules) for rules in taken] == [["a country", "a price"]]


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("@dp.table\ndef a(): return spark.range(1)", "INVALID_FLOW_QUERY_TYPE.BATCH_RELATION_FOR_STREAMING_TABLE"),
        (
            "@dp.materialized_view\ndef a(): return spark.readStream.format('rate').load()",
            "INVALID_FLOW_QUERY_TYPE.STREAMING_RELATION_FOR_MATERIALIZED_VIEW",
        ),
        (
            "@dp.materialized_view\ndef a(): return spark.read.table('b')\n"
            "@dp.materialized_view\ndef b(): return spark.read.table('a')",
            "Circular dependencies",
        ),
        ("@dp.materialized_view\ndef a(): return spark.read.table('nowhere')", "Failed to resolve flows in the pipeline"),
        (
            "@dp.materialized_view\ndef a():\n    spark.range(1).collect()\n    return spark.range(1)",
            "ATTEMPT_ANALYSIS_IN_PIPELINE",
        ),
        ("for _ in range(2):\n    @dp.materialized_view\n    def a(): return spark.range(1)", "PIPELINE_DUPLICATE_IDENTIFIERS"),
    ],
)
def test_what_spark_refuses_is_refused_before_anything_runs(project: Path, source: str, error: str) -> None:
    """A dry run finds it; the first is what Databricks takes in `@dlt.table` and `@dp.table` alike."""
    with pytest.raises(Exception, match=error):
        declared(project, source)
