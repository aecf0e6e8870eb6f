"""Assets generated from a versioned contract; a contract that breaks its readers stops the code location from loading.

What: contract.json -> one asset a table, with owner, columns, classifications, target, and a check of the real columns.
When: another team or tool compiles the contract. Not for a handful of tables: write the assets.
Run: dg launch --assets "*" -f definitions.py
Expect: raw.orders and marts.daily_revenue in shop_data.duckdb; without raw.orders.cents in contract.json nothing loads.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb

HERE = Path(__file__).parent
sys.path.append(str(HERE))  # wherever the code location is loaded from, its own modules are found
from shop_contract import Contract, Table, Target, read_contract  # noqa: E402


class Warehouse(dg.ConfigurableResource):
    """One target of the contract; the folder is the deployment's, the rest is the contract's."""

    folder: str
    database: str
    schema_name: str

    def replace(self, table: str, columns: str, sql: str) -> tuple[int, list[tuple[str, str]]]:
        """Rows and (name, type) of the columns that the table has afterwards; readers see the old or the new table."""
        with duckdb.connect(str(Path(self.folder) / self.database)) as database:
            name = f"{self.schema_name}.{table}"
            database.execute(f"CREATE SCHEMA IF NOT EXISTS {self.schema_name}")
            database.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM ({sql}) AS made ({columns})")
            [(rows,)] = database.execute(f"SELECT count(*) FROM {name}").fetchall()
            return rows, [(row[0], row[1]) for row in database.execute(f"DESCRIBE {name}").fetchall()]


def resource_key(target: str) -> str:
    """The resource that a target of the contract becomes."""
    return f"warehouse_{target}"


def spec_of(table: Table, version: str) -> dg.AssetSpec:
    """What the contract says about a table, as the facts that the UI shows and selections find."""
    columns = [
        dg.TableColumn(
            column.name,
            column.type,
            constraints=dg.TableColumnConstraints(nullable=column.nullable),
            tags={"classification": column.classification},
        )
        for column in table.columns
    ]
    personal = any(column.classification == "personal" for column in table.columns)
    return dg.AssetSpec(
        table.key,
        deps=[dg.AssetKey(read.key) for read in table.reads],
        owners=[table.owner],
        kinds={"duckdb"},
        group_name=table.target,
        tags={"classification": "personal" if personal else "public"},
        metadata={"dagster/column_schema": dg.TableSchema(columns), "contract_version": version},
        code_version=version,
    )


def asset_of(table: Table, version: str) -> dg.AssetsDefinition:
    """The asset that makes one table in its target, and checks what it made against the contract."""
    key, resource = dg.AssetKey(table.key), resource_key(table.target)
    check = dg.AssetCheckSpec("columns_are_those_of_the_contract", asset=key, blocking=True)

    @dg.multi_asset(
        name="__".join(table.key), specs=[spec_of(table, version)], check_specs=[check], required_resource_keys={resource}
    )
    def make(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        names = ", ".join(column.name for column in table.columns)
        rows, found = getattr(context.resources, resource).replace(table.key[-1], names, table.sql)
        promised = [(column.name, column.type) for column in table.columns]
        result = dg.AssetCheckResult(passed=found == promised, metadata={"found": str(found), "promised": str(promised)})
        yield dg.MaterializeResult(metadata={"dagster/row_count": rows}, check_results=[result])

    return make


def resource_of(target: Target) -> Warehouse:
    """The contract's target in the folder of this deployment."""
    return Warehouse(folder=os.environ.get("SHOP_FOLDER", "."), database=target.database, schema_name=target.schema_name)


def definitions_of(contract: Contract) -> dg.Definitions:
    """Everything that the contract asks for."""
    return dg.Definitions(
        assets=[asset_of(table, contract.version) for table in contract.tables],
        resources={resource_key(name): resource_of(target) for name, target in contract.targets.items()},
    )


CONTRACT = Path(os.environ.get("SHOP_CONTRACT", HERE / "contract.json"))
defs = definitions_of(read_contract(CONTRACT, accepted=HERE / "accepted_contract.json"))
