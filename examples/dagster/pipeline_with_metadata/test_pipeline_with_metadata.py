"""Loading twice leaves one table, and the metadata says what is in it."""

from pathlib import Path
from types import ModuleType

import dagster as dg
import duckdb
import pytest

TABLE = [("2026-03-01", 2, 1800), ("2026-03-02", 2, 3250), ("2026-03-03", 1, 3600)]


def run(example: ModuleType, path: Path | None = None) -> dg.ExecuteInProcessResult:
    """Materialize every asset as the UI's "Materialize all" does."""
    job = example.defs.resolve_implicit_global_asset_job_def()
    config = {"ops": {"orders": {"config": {"path": str(path)}}}} if path else None
    return job.execute_in_process(run_config=config)


def rows() -> list[tuple[str, int, int]]:
    with duckdb.connect("shop_data.duckdb") as database:
        return database.sql("SELECT day::VARCHAR, * EXCLUDE (day) FROM daily_revenue ORDER BY day").fetchall()


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, dg.MetadataValue]:
    [materialization] = result.asset_materializations_for_node(asset)
    return dict(materialization.metadata)


def test_definitions_load(example: ModuleType) -> None:
    """A code location accepts the definitions."""
    dg.Definitions.validate_loadable(example.defs)


def test_second_run_leaves_the_same_table(example: ModuleType) -> None:
    """Running the pipeline twice gives the rows of running it once."""
    assert (run(example).success, run(example).success) == (True, True)
    assert rows() == TABLE


def test_a_corrected_file_replaces_only_its_own_days(example: ModuleType, tmp_path: Path) -> None:
    """A later batch overwrites the days it holds; the row count is the table's, not the batch's."""
    run(example)
    correction = tmp_path / "correction.csv"
    correction.write_text("order_id,day,product,quantity,price_cents\n3,2026-03-02,tea,2,450\n")
    facts = metadata(run(example, correction), "daily_revenue")
    assert rows() == [TABLE[0], ("2026-03-02", 1, 900), TABLE[2]]
    assert (facts["dagster/row_count"].value, facts["loaded_days"].value) == (3, 1)


def test_a_failed_load_keeps_the_old_rows(example: ModuleType, tmp_path: Path) -> None:
    """Delete and insert are one transaction: when the insert fails, nothing was deleted."""
    run(example)
    broken = tmp_path / "broken.csv"
    broken.write_text("order_id,day,product,quantity,price_cents\n3,2026-03-02,tea,1,x\n")
    with pytest.raises(duckdb.ConversionException):
        run(example, broken)
    assert rows() == TABLE


def test_each_run_records_row_count_and_schema(example: ModuleType) -> None:
    """Every step stores its row count and columns under the keys the UI shows as table facts."""
    result = run(example)
    counts = {name: metadata(result, name)["dagster/row_count"].value for name in ("orders", "daily_totals")}
    columns = metadata(result, "daily_revenue")["dagster/column_schema"].schema.columns
    assert counts == {"orders": 5, "daily_totals": 3}
    assert [(c.name, c.type) for c in columns] == [
        ("day", "datetime64[us]"),
        ("orders", "int64"),
        ("revenue_cents", "int64"),
    ]


def test_definitions_carry_owners_kinds_tags_and_lineage(example: ModuleType) -> None:
    """What is known before any run stands on the asset itself."""
    node = example.defs.resolve_asset_graph().get(dg.AssetKey("daily_revenue"))
    assert (node.owners, node.kinds, node.group_name) == (["team:shop-data"], {"duckdb"}, "revenue")
    assert node.tags == {"domain": "shop", "dagster/kind/duckdb": ""}
    assert node.parent_keys == {dg.AssetKey("daily_totals")}
    assert node.metadata["dagster/table_name"] == "shop_data.main.daily_revenue"
