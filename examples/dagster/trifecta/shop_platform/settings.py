"""What differs between deployments: where data goes, and which days there are. Everything comes from the environment."""

import os
import sys
from pathlib import Path

import dagster as dg

ROOT = Path(__file__).parents[1]
# Absolute, because dbt runs inside its project folder; on PATH, because nobody activates an environment in production.
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
database = Path(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")).absolute()
os.environ.setdefault("DESTINATION__DUCKDB__CREDENTIALS", str(database))
os.environ["DBT_TARGET_PATH"] = str(Path(os.environ.get("DBT_TARGET_PATH", "dbt_target")).absolute())
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

WAREHOUSE = os.environ.get("SHOP_WAREHOUSE", "duckdb")  # or snowflake, bigquery: a target of dbt and a destination of dlt
POOL = "duckdb" if WAREHOUSE == "duckdb" else None  # one writer at a time; dagster.yaml holds the limit
DLT_FOLDER = Path(os.environ.get("SHOP_DLT_DIR", "dlt_pipelines")).absolute()
DAYS = dg.DailyPartitionsDefinition("2026-01-01", timezone="Europe/Berlin")
IN_ONE_RUN = dg.BackfillPolicy.single_run()  # a backfill is one load and one dbt run, however many days
