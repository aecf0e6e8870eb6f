"""What the tests of the embedded examples share: the harness folder on the path, and its fixtures."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "harness"))

from dbt_platform_server import dbt_platform  # noqa: E402
from snowflake_stream import snowflake  # noqa: E402

__all__ = ["dbt_platform", "snowflake"]
