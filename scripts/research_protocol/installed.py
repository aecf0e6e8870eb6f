"""Ask an interpreter, in its own process, what is installed beside it."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .model import CannotLookError

# no import of what is installed: the metadata is read, so that a broken environment answers too
_QUESTION = """
import importlib.metadata, json, platform, sys
found = {}
for one in importlib.metadata.distributions():
    name = one.metadata["Name"]
    if name:
        found.setdefault(name.lower().replace("_", "-").replace(".", "-"), [one.version, one.metadata["Requires-Python"] or ""])
print(json.dumps({"python": platform.python_version(), "prefix": sys.prefix, "packages": found}))
"""
ORCHESTRATORS = ("dagster", "apache-airflow", "prefect")
EMBEDDED = ("dlt", "dbt-core", "databricks-sdk", "databricks-bundles", "snowflake-connector-python", "pyspark")
_OF_INTEREST = re.compile(
    r"^(dagster|apache-airflow|airflow|prefect|dlt|dbt|astronomer|sqlmesh|sling|great-expectations|soda-core|pandera)(-|$)"
    r"|^(duckdb|pandas|polars|pyarrow|pyiceberg|pyspark|sqlalchemy|fastapi|pydantic|typer|click|celery|sqlglot|certifi)$"
    r"|^(snowflake|databricks|openlineage)-|^(opentelemetry-sdk|ruff|pytest|uv|fakesnow)$"
)
TIMEOUT = 60  # seconds


@dataclass(frozen=True)
class Installed:
    """What one environment holds: versions and supported Pythons by the name of the distribution."""

    executable: str
    python: str
    versions: Mapping[str, str]
    requires: Mapping[str, str]

    def orchestrators(self) -> dict[str, str]:
        return {name: self.versions[name] for name in ORCHESTRATORS if name in self.versions}


def ask_installed(executable: str) -> Installed:
    """The packages of an environment, by ``importlib.metadata`` in a process of its own (about 0.2 s)."""
    answer = ask_json([executable, "-I", "-B", "-c", _QUESTION], executable)
    packages = answer["packages"]
    versions = {name: str(one[0]) for name, one in packages.items()}
    return Installed(executable, answer["python"], versions, {name: one[1] for name, one in packages.items()})


def ask_json(command: list[str], executable: str, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a question in another interpreter; its last line is JSON. Raises CannotLookError when it cannot answer."""
    with tempfile.TemporaryDirectory(prefix="research-") as folder:
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=TIMEOUT,
                cwd=folder,
                env=None if environ is None else {**environ, **_homes(folder)},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotLookError(f"{executable}: cannot be run ({error}); name another with --python") from None
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    try:
        answer: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        said = done.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1] if said else f"exit code {done.returncode}, no output"
        raise CannotLookError(f"{executable}: does not answer ({reason}); name another with --python") from None
    return answer


def _homes(folder: str) -> dict[str, str]:
    """Importing a tool may write to its home: it gets one that is thrown away."""
    names = ("HOME", "DAGSTER_HOME", "AIRFLOW_HOME", "PREFECT_HOME", "DBT_PROFILES_DIR", "DLT_DATA_DIR", "TMPDIR")
    return dict.fromkeys(names, folder)


def is_of_interest(name: str) -> bool:
    """Orchestrators, their integrations, and the libraries whose versions break them."""
    return bool(_OF_INTEREST.match(name))
