"""What a write mode, a type or a missing namespace does to a table."""

import warnings
from types import ModuleType
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from dagster_iceberg.config import IcebergCatalogConfig
from dagster_iceberg.io_manager.arrow import PyArrowIcebergIOManager
from run_assets import run_assets
from secret_search import shown_to_the_ui

pytestmark = pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")
IDS = pa.schema([("id", pa.int64())])
BY_ID = {"write_mode": "upsert", "upsert_options": {"join_cols": ["id"]}}
SECRET = "reader:secret-4f1b"


def store(example: ModuleType, instance: dg.DagsterInstance, table: pa.Table, **metadata: Any) -> str:
    """Store a table; the error of the run, or nothing."""
    made = dg.asset(lambda: table, name="lines", metadata=metadata)
    errors = run_assets([made], instance, resources={"io_manager": example.io_manager("local")}).errors
    return errors.get("lines", "")


def stored(example: ModuleType) -> list[dict[str, Any]]:
    return example.open_catalog("local").load_table("shop.lines").scan().to_arrow().to_pylist()


@pytest.mark.parametrize(
    ("metadata", "cents"),
    [({}, [900]), ({"write_mode": "append"}, [450, 900]), (BY_ID, [900])],
    ids=["default", "append", "upsert"],
)
def test_trap_append_doubles_at_a_rerun(
    example: ModuleType, instance: dg.DagsterInstance, metadata: dict[str, Any], cents: list[int]
) -> None:
    """Silent: the second run's row stands beside the first one's; overwriting, the default, and upsert replace it."""
    for value in (450, 900):
        assert store(example, instance, pa.table({"id": [1], "cents": [value]}), **metadata) == ""
    assert sorted(row["cents"] for row in stored(example)) == cents


def test_trap_upsert_needs_its_columns(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """The definition loads, and each run fails when its work is done; `join_cols` makes it good."""
    rows = pa.table({"id": [1]})
    assert "upsert_options must be provided" in store(example, instance, rows, write_mode="upsert")
    assert store(example, instance, rows, **BY_ID) == ""


@pytest.mark.parametrize(("schema", "error"), [(None, "Null type"), (IDS, "")], ids=["inferred", "named"])
def test_trap_an_empty_table_has_no_types(
    example: ModuleType, instance: dg.DagsterInstance, schema: pa.Schema | None, error: str
) -> None:
    """A day without rows fails unless the schema names its types."""
    message = store(example, instance, pa.table({"id": []}, schema=schema))
    assert (bool(message), error in message) == (bool(error), True)


@pytest.mark.parametrize("mode", ["error", "update"])
def test_trap_another_type_is_refused_in_both_modes(example: ModuleType, instance: dg.DagsterInstance, mode: str) -> None:
    """`update` is about columns that come and go; the old rows stay."""
    store(example, instance, pa.table({"id": [1]}), schema_update_mode=mode)
    assert "Mismatch in fields" in store(example, instance, pa.table({"id": ["one"]}), schema_update_mode=mode)
    assert stored(example) == [{"id": 1}]


def test_trap_a_static_partition_is_kept_as_it_is(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """The transform is `identity`; a re-run replaces its own shop and no other."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["bern", "basel"]), metadata={"partition_expr": "shop"})
    def lines(context: dg.AssetExecutionContext) -> pa.Table:
        return pa.table({"shop": [context.partition_key]})

    for shop in ("bern", "basel", "bern"):
        run_assets([lines], instance, partition=shop, resources={"io_manager": example.io_manager("local")})
    fields = example.open_catalog("local").load_table("shop.lines").spec().fields
    assert [(field.name, str(field.transform)) for field in fields] == [("part_shop", "identity")]
    assert sorted(row["shop"] for row in stored(example)) == ["basel", "bern"]


def of_properties(namespace: str, **properties: str) -> PyArrowIcebergIOManager:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return PyArrowIcebergIOManager(name="shop", config=IcebergCatalogConfig(properties=properties), namespace=namespace)


@pytest.mark.parametrize(("namespace", "error"), [("marts", "NoSuchNamespaceError"), ("shop", "")])
def test_trap_the_namespace_is_not_made(example: ModuleType, instance: dg.DagsterInstance, namespace: str, error: str) -> None:
    """The first run fails unless somebody has made it, as the example does."""
    manager = of_properties(namespace, **example.catalog_properties("local"))
    lines = dg.asset(lambda: pa.table({"id": [1]}), name="lines")
    message = run_assets([lines], instance, resources={"io_manager": manager}).errors.get("lines", "")
    assert (bool(message), error in message) == (bool(error), True)


@pytest.mark.parametrize(("properties", "shown"), [({"credential": SECRET}, True), ({}, False)], ids=["property", "variable"])
def test_trap_a_credential_among_the_properties_is_shown(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch, properties: dict[str, str], shown: bool
) -> None:
    """Silent: a value read from the environment when the file loads is in the UI's snapshot; pyiceberg's variable is not."""
    monkeypatch.setenv("PYICEBERG_CATALOG__SHOP__CREDENTIAL", SECRET)
    manager = of_properties("shop", type="rest", uri="http://127.0.0.1:1", **properties)
    snapshot = shown_to_the_ui(dg.Definitions([example.orders], resources={"io_manager": manager}))
    assert ("secret-4f1b" in snapshot) == shown
