"""A `dg` project: one component written in Python, two tables made from it by YAML.

What: `CsvTable` loads a CSV file into DuckDB; each folder under `defs/` holds a `defs.yaml` and becomes one asset.
When: several pipelines of one kind, added by people who do not write Python. Not for one asset: write `@dg.asset`.
Run: PYTHONPATH=src dg launch --assets "*"    (or `pip install -e .` once, and no PYTHONPATH)
Expect: assets `orders` (3 rows) and `refunds` (1 row), in `shop_data.duckdb` of the working directory.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "src"))  # an installed project needs neither this line nor this file

from shop_project.definitions import defs as project_definitions

defs = project_definitions()
