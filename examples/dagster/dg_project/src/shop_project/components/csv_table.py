"""The component that a `defs.yaml` of this project names."""

import dagster as dg
import duckdb


class CsvTable(dg.Component, dg.Model, dg.Resolvable):
    """A CSV file beside `defs.yaml`, loaded into a DuckDB table named like the asset."""

    file: str
    asset: dg.ResolvedAssetSpec
    database: str = "shop_data.duckdb"

    @staticmethod
    @dg.template_var
    def every_morning() -> dg.AutomationCondition:
        """`{{ every_morning }}` in YAML: an object, not its text."""
        return dg.AutomationCondition.on_cron("0 6 * * *", cron_timezone="Europe/Berlin")

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """One asset; the file is looked for when the project loads, not at the first run."""
        path, table, database = context.path / self.file, self.asset.key.path[-1], self.database
        if not path.is_file():
            raise FileNotFoundError(f"{context.path / 'defs.yaml'}: no file {self.file!r} beside it")

        @dg.multi_asset(name=self.asset.key.to_python_identifier(), specs=[self.asset.merge_attributes(kinds={"duckdb"})])
        def load() -> dg.MaterializeResult:
            with duckdb.connect(database) as connection:
                connection.execute(f'CREATE OR REPLACE TABLE "{table}" AS FROM read_csv(?)', [str(path)])
                [(rows,)] = connection.execute(f'SELECT count(*) FROM "{table}"').fetchall()
            return dg.MaterializeResult(metadata={"dagster/row_count": rows})

        return dg.Definitions(assets=[load])
