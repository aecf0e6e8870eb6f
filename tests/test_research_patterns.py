"""`research.py patterns`: what a project defines, found by AST with file and line, on projects written for the test."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from research_protocol import python_sources
from research_protocol.model import CannotLookError
from research_protocol.patterns import answer_patterns

Place = tuple[str, str, str, str]


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text).lstrip("\n"))
    return folder


def places(folder: Path, *tools: str) -> list[Place]:
    """Tool, kind, name and place of everything found, of these tools."""
    found = answer_patterns(folder).data["found"]
    return [(f["tool"], f["kind"], f["name"], f"{f['path']}:{f['line']}") for f in found if not tools or f["tool"] in tools]


def test_dagster_definitions_are_found_under_every_way_to_import_them(tmp_path: Path) -> None:
    """An alias, a name of one's own and a partial application are the asset decorator all the same."""
    code = """
    import functools
    import dagster as dg
    from dagster import asset as node, multi_asset
    from dagster_dbt import dbt_assets

    daily = functools.partial(dg.asset, group_name="daily")

    @dg.asset(group_name="raw")
    def orders(): ...

    @node(name="renamed")
    def prices(): ...

    @daily
    def totals(): ...

    @multi_asset(specs=[dg.AssetSpec("left")])
    def both(): ...

    @dbt_assets(manifest={})
    def shop(): ...

    @dg.asset_check(asset=orders)
    def complete(): ...

    class Warehouse(dg.ConfigurableResource): ...
    class Tables(dg.ConfigurableIOManager): ...
    warehouse = Warehouse()
    every_day = dg.ScheduleDefinition(job="load", cron_schedule="@daily")

    @dg.sensor(job_name="load")
    def landed(): ...

    class Load(dg.Component): ...

    def asset(function): return function

    @asset
    def not_dagster(): ...
    """
    assert places(write(tmp_path, {"defs.py": code})) == [
        ("dagster", "asset", "orders", "defs.py:9"),
        ("dagster", "asset", "renamed", "defs.py:12"),
        ("dagster", "asset", "totals", "defs.py:15"),
        ("dagster", "asset spec", "left", "defs.py:17"),
        ("dagster", "multi-asset", "both", "defs.py:18"),
        ("dagster", "dbt assets", "shop", "defs.py:21"),
        ("dagster", "asset check", "complete", "defs.py:24"),
        ("dagster", "resource", "Warehouse", "defs.py:26"),
        ("dagster", "IO manager", "Tables", "defs.py:27"),
        ("dagster", "resource", "warehouse", "defs.py:28"),
        ("dagster", "schedule", "every_day", "defs.py:29"),
        ("dagster", "sensor", "landed", "defs.py:32"),
        ("dagster", "component", "Load", "defs.py:34"),
    ]


def test_airflow_dags_tasks_operators_and_connections_are_found(tmp_path: Path) -> None:
    """Connections are found where they are used: by keyword, by hook and by look-up."""
    code = """
    from airflow.sdk import DAG, Asset, BaseHook, dag, task, task_group
    from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator as Query
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    with DAG("nightly", schedule="@daily"):
        Query(task_id="count", conn_id="warehouse", sql="SELECT 1")

    @dag(schedule=[Asset("orders")])
    def shop():
        @task.branch(retries=2)
        def choose():
            return PostgresHook("replica")

        @task_group
        def rest(): ...

        BaseHook.get_connection("shop_api")
    """
    assert places(write(tmp_path, {"dags/shop.py": code})) == [
        ("airflow", "DAG", "nightly", "dags/shop.py:5"),
        ("airflow", "connection", "warehouse", "dags/shop.py:6"),
        ("airflow", "operator", "count", "dags/shop.py:6"),
        ("airflow", "asset", "orders", "dags/shop.py:8"),
        ("airflow", "DAG", "shop", "dags/shop.py:9"),
        ("airflow", "task", "choose", "dags/shop.py:11"),
        ("airflow", "connection", "replica", "dags/shop.py:12"),
        ("airflow", "hook", "replica", "dags/shop.py:12"),
        ("airflow", "task group", "rest", "dags/shop.py:15"),
        ("airflow", "connection", "shop_api", "dags/shop.py:17"),
    ]


def test_prefect_flows_deployments_and_blocks_are_found(tmp_path: Path) -> None:
    """A deployment is served, deployed or written in prefect.yaml; a list that is served is none."""
    files = {
        "flow.py": """
        from prefect import flow, task
        from prefect.blocks.core import Block
        from prefect.blocks.system import Secret

        class Shop(Block): ...

        @task(retries=3)
        def read(): ...

        @flow(name="load-orders")
        def load():
            Secret.load("token")
            Shop.load("main")

        if __name__ == "__main__":
            load.serve(name="nightly", cron="0 2 * * *")
            flow.from_source("repo", entrypoint="flow.py:load").deploy(name="weekly", work_pool_name="pool")
            [].serve(name="nothing")
        """,
        "prefect.yaml": "name: shop\ndeployments:\n  - name: monthly\n    entrypoint: flow.py:load\n",
    }
    assert places(write(tmp_path, files)) == [
        ("prefect", "block", "Shop", "flow.py:5"),
        ("prefect", "task", "read", "flow.py:8"),
        ("prefect", "flow", "load-orders", "flow.py:11"),
        ("prefect", "block", "token", "flow.py:12"),
        ("prefect", "block", "main", "flow.py:13"),
        ("prefect", "deployment", "nightly", "flow.py:16"),
        ("prefect", "deployment", "weekly", "flow.py:17"),
        ("prefect", "project", tmp_path.name, "prefect.yaml:1"),
        ("prefect", "deployment", "monthly", "prefect.yaml:3"),
    ]


def test_names_are_followed_through_modules_of_the_project(tmp_path: Path) -> None:
    """A decorator that a package hands on, over two modules, is found in a file that mentions no tool at all."""
    files = {
        "src/company/pipeline/core.py": "from dagster import asset as node\nimport prefect\n",
        "src/company/pipeline/__init__.py": "from .core import node\n",
        "src/company/assets.py": "from company.pipeline import node\n\n@node\ndef orders(): ...\n",
        "src/company/flows.py": "from company.pipeline import core\n\n@core.prefect.flow\ndef load(): ...\n",
        "src/company/other.py": "from company.unknown import node\n\n@node\ndef no_asset(): ...\n",
    }
    assert places(write(tmp_path, files)) == [
        ("dagster", "asset", "orders", "src/company/assets.py:4"),
        ("prefect", "flow", "load", "src/company/flows.py:4"),
    ]


def test_two_packages_are_called_dlt(tmp_path: Path) -> None:
    """`dlt.table` is a table of Databricks, `dlt.source` a source of dlt."""
    files = {
        "load.py": "import dlt\n\n@dlt.source\ndef shop(): ...\n\np = dlt.pipeline('orders', destination='duckdb')\n",
        "tables.py": "import dlt\n\n@dlt.table\ndef silver(): ...\n",
    }
    assert places(write(tmp_path, files)) == [
        ("dlt", "dlt source", "shop", "load.py:4"),
        ("dlt", "dlt pipeline", "orders", "load.py:6"),
        ("databricks", "pipeline table", "silver", "tables.py:4"),
    ]


def test_projects_settings_contracts_and_design_documents_are_found(tmp_path: Path) -> None:
    """What is not Python says how the project is orchestrated, too."""
    files = {
        "dbt/dbt_project.yml": "version: 2\nname: 'shop'\n",
        "dbt/models/orders.sql": "SELECT 1",
        "dbt/target/manifest.json": "{}",
        "defs/load/defs.yaml": "attributes: {}\ntype: dagster_dbt.DbtProjectComponent\n",
        "contracts/orders.yaml": "kind: DataContract\n",
        "api/order.json": '{\n "$schema": "https://json-schema.org/draft/2020-12/schema"}',
        "docs/adr/0001-engine.md": "# Engine\n",
        "README.md": "# Shop\n",
        ".github/workflows/nightly.yml": "on:\n  schedule:\n    - cron: '0 2 * * *'\n",
        "config.yaml": "a: 1\n",
    }
    assert places(write(tmp_path, files)) == [
        ("actions", "schedule", "nightly", ".github/workflows/nightly.yml:2"),
        ("documents", "read first", "README.md", "README.md:1"),
        ("contracts", "contract", "order.json", "api/order.json:2"),
        ("contracts", "contract", "orders.yaml", "contracts/orders.yaml:1"),
        ("dbt", "project", "shop", "dbt/dbt_project.yml:1"),
        ("dagster", "component", "dagster_dbt.DbtProjectComponent", "defs/load/defs.yaml:2"),
        ("documents", "design", "docs/adr/0001-engine.md", "docs/adr/0001-engine.md:1"),
    ]
    [dbt] = [f for f in answer_patterns(tmp_path).data["found"] if f["kind"] == "project"]
    assert dbt["detail"] == "1 models; target/ holds manifest.json"


def test_a_file_that_cannot_be_parsed_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    """Broken, old, binary and deeply nested files are told with their line; an encoding that is declared is read."""
    write(
        tmp_path,
        {
            "good.py": "import prefect\n\n@prefect.flow\ndef load(): ...\n",
            "broken.py": "import dagster\ndef (:\n",
            "python2.py": "import airflow\nprint 'x'\n",
            "signs.py": "import dagster\nx = " + "-" * 6000 + "1\n",
            "sums.py": "import dagster\nx = 1" + "+1" * 20_000 + "\n",
            "large.py": "import dagster\n" + "x = 1\n" * 200_000,
        },
    )
    (tmp_path / "null.py").write_bytes(b"import prefect\0\n")
    (tmp_path / "cookie.py").write_bytes(
        "# coding: latin-1\nimport prefect\n# é\n@prefect.task\ndef é(): ...\n".encode("latin-1")
    )
    answer = answer_patterns(tmp_path)
    assert [f["name"] for f in answer.data["found"]] == ["é", "load"]
    unread = {u["path"]: (u["line"], u["reason"].split(":")[0]) for u in answer.data["unread"]}
    assert unread == {
        "broken.py": (2, "SyntaxError"),
        "python2.py": (2, "SyntaxError"),
        "signs.py": (1, "MemoryError"),
        "sums.py": (1, "RecursionError"),
        "large.py": (1, "1,200,015 bytes; files above 1,000,000 are taken for generated"),
        "null.py": (1, "SyntaxError"),
    }
    assert "not read: 6 files" in answer.lines


def test_environments_packages_and_builds_are_not_the_project(tmp_path: Path) -> None:
    """Folders of others are passed over, by their name or because an environment lies in them; the answer counts them."""
    flow = "import prefect\n\n@prefect.flow\ndef load(): ...\n"
    folders = [".venv/lib", "node_modules/x", ".git", "build/lib", "odd/lib", "src"]
    write(tmp_path, {f"{folder}/flow.py": flow for folder in folders} | {"odd/pyvenv.cfg": "home = /usr\n"})
    answer = answer_patterns(tmp_path)
    assert [f["path"] for f in answer.data["found"]] == ["src/flow.py"]
    assert answer.data["skipped_folders"] == {".venv": 1, "node_modules": 1, ".git": 1, "build": 1, "(virtual environment)": 1}


def test_production_comes_before_tests_and_imports_are_counted(tmp_path: Path) -> None:
    """New code follows what runs: tests are listed last, and the usual way to import a tool is told."""
    flow = "import prefect\n\n@prefect.flow\ndef load(): ...\n"
    write(
        tmp_path, {"a/test_load.py": flow, "tests/x.py": flow, "z.py": flow, "prefect_own.py": "", "b.py": "import prefect_own\n"}
    )
    answer = answer_patterns(tmp_path)
    assert [f["path"] for f in answer.data["found"]] == ["z.py", "a/test_load.py", "tests/x.py"]
    assert answer.data["import_styles"] == {"import prefect": 3}


def test_many_files_are_read_in_processes_with_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a few hundred files all cores take part; nothing is lost, doubled or put in another order."""
    code = "import dagster as dg\n\n@dg.asset\ndef asset_{n}(): ...\n"
    write(tmp_path, {f"m{n % 7}/file_{n:03}.py": code.format(n=n) for n in range(300)} | {"bad.py": "import dagster\n)\n"})
    monkeypatch.setattr(python_sources.os, "cpu_count", lambda: 2)
    in_processes = answer_patterns(tmp_path).data
    monkeypatch.setattr(python_sources, "MANY", 10_000)
    alone = answer_patterns(tmp_path).data
    assert in_processes == alone
    assert (len(alone["found"]), len(alone["unread"])) == (300, 1)


def test_nothing_found_is_no_success(tmp_path: Path) -> None:
    """An empty answer has exit code 1 and asks whether this is the root."""
    answer = answer_patterns(tmp_path)
    assert answer.code == 1
    assert any("is this the root" in line for line in answer.lines)


def test_a_path_that_does_not_exist_is_told(tmp_path: Path) -> None:
    """The message names the path and the way out."""
    with pytest.raises(CannotLookError, match="nowhere: no such file or folder; name the project's root"):
        answer_patterns(tmp_path / "nowhere")
