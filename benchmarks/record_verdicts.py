"""A pytest plugin that writes down each verdict when it falls, so that a session that dies has said what it knew."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

FILE = Path(os.environ["VERDICTS_FILE"])  # read at the start: a test may change the environment


def pytest_runtest_logreport(report: Any) -> None:
    """One line per test: `passed` or `failed`, whatever the step in which that was decided."""
    if report.when == "call" or report.failed:
        with FILE.open("a", encoding="utf-8") as file:
            file.write(f"{report.outcome}\n")
