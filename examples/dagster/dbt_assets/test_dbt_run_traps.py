"""What dbt, started by Dagster, writes where, and what a day without rows leaves behind; dbt runs twice for all tests."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from dagster_dbt import DbtCliResource, DbtProject

pytestmark = pytest.mark.slow
DAYS = "day >= '{{ var('min_day') }}' AND day < '{{ var('max_day') }}'"
BY_DAY = """
{{ config(materialized="incremental", incremental_strategy="delete+insert", unique_key="day") }}
SELECT day, cents FROM read_csv('{{ env_var("SHOP_ORDERS") }}', types={'day': 'varchar'}) WHERE DAYS
"""
CLEARED = '{{ config(pre_hook="{% if is_incremental() %} DELETE FROM {{ this }} WHERE DAYS {% endif %}") }}' + BY_DAY
FILES = {
    "dbt_project.yml": "name: shop\nprofile: shop\n",
    "profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop_data.duckdb}}}\n",
    "models/daily.sql": BY_DAY.replace("DAYS", DAYS),
    "models/cleared.sql": CLEARED.replace("DAYS", DAYS),
}


@dataclass(frozen=True)
class Runs:
    """Two days loaded; then the first one again, for which no row is left. `artifacts`: where each run left its own."""

    folder: Path
    artifacts: list[Path]
    messages: list[list[str]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop" / "models").mkdir(parents=True)
    for name, text in FILES.items():
        (folder / "shop" / name).write_text(text)
    project = DbtProject(folder / "shop", target_path=folder / "built")
    dbt, orders = DbtCliResource(project, dbt_executable=Path(sys.executable).with_name("dbt")), folder / "orders.csv"
    found = Runs(folder, [], [])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_ORDERS", str(orders))
        patch.setenv("DO_NOT_TRACK", "1")
        patch.delenv("DBT_TARGET_PATH", raising=False)
        patch.chdir(folder)
        orders.write_text("day,cents\n2026-01-01,100\n2026-01-02,200\n")
        run_dbt(dbt, found, "2026-01-01", "2026-01-03", target_path=folder / "shop" / "target")
        orders.write_text("day,cents\n2026-01-02,250\n")
        run_dbt(dbt, found, "2026-01-01", "2026-01-02")
    return found


def run_dbt(dbt: DbtCliResource, runs: Runs, first: str, end: str, target_path: Path | None = None) -> None:
    command = ["run", "--vars", json.dumps({"min_day": first, "max_day": end})]
    invocation = dbt.cli(command, target_path=target_path)
    runs.messages.append([event.raw_event["info"]["msg"] for event in invocation.stream_raw_events()])
    runs.artifacts.append(invocation.target_path)


def test_trap_a_relative_database_is_in_the_project(runs: Runs) -> None:
    """dbt works in the project's folder, whatever folder Dagster was started in."""
    assert [path.relative_to(runs.folder) for path in runs.folder.rglob("*.duckdb")] == [Path("shop/shop_data.duckdb")]


def test_trap_a_day_without_rows_keeps_its_old_row(runs: Runs) -> None:
    """Silent: delete+insert deletes the days that come, so the one that lost its orders stays; a pre_hook clears the window."""
    with duckdb.connect(str(runs.folder / "shop" / "shop_data.duckdb"), read_only=True) as database:
        rows = {model: database.sql(f"SELECT day, cents FROM {model} ORDER BY day").fetchall() for model in ("daily", "cleared")}
    assert rows == {"daily": [("2026-01-01", 100), ("2026-01-02", 200)], "cleared": [("2026-01-02", 200)]}


def test_trap_the_target_path_of_a_project_is_not_that_of_its_runs(runs: Runs) -> None:
    """Silent: without DBT_TARGET_PATH a run writes below `target/` of the project; nothing is where target_path points."""
    assert runs.artifacts[1].parent == runs.folder / "shop" / "target"
    assert ((runs.artifacts[1] / "run_results.json").is_file(), (runs.folder / "built").exists()) == (True, False)


def test_trap_other_vars_parse_the_project_anew(runs: Runs) -> None:
    """The first run's parse is at hand for the second, and is not used."""
    reasons = [next(text for text in messages if "partial parsing" in text) for messages in runs.messages]
    assert ["config vars" in reason for reason in reasons] == [False, True]
