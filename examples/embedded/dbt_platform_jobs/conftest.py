"""A client of the simulated account, on a clock that only its own waits move; and the entry file."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest
from dbt_platform_server import DbtPlatform

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from dbt_platform_client import BearerToken, DbtPlatformClient  # noqa: E402


@pytest.fixture
def pipeline() -> ModuleType:
    """The entry file, under a name of its own."""
    spec = importlib.util.spec_from_file_location("dbt_platform_jobs_pipeline", HERE / "pipeline.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def waits() -> list[float]:
    """The seconds that the client slept, none of them for real."""
    random.seed(3)
    return []


@pytest.fixture
def client(dbt_platform: DbtPlatform, waits: list[float]) -> DbtPlatformClient:
    """A client of the test's account, which has job 5."""
    dbt_platform.add_job(5)
    auth, account = BearerToken(dbt_platform.token), dbt_platform.account.id
    return DbtPlatformClient(dbt_platform.url, account, auth, sleep=waits.append, clock=lambda: sum(waits))
