"""Where the tools keep their state on this machine, and which of their services answer on loopback."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PORTS = {
    3000: "dagster-webserver or dg dev",
    8080: "Airflow's API server",
    8793: "Airflow's log server (a worker or LocalExecutor)",
    4200: "a Prefect server",
    5555: "Celery's Flower",
    5432: "PostgreSQL",
    6379: "Redis",
}
HOMES = (  # tool, variable, default below the home folder, settings file in it
    ("dagster", "DAGSTER_HOME", "", "dagster.yaml"),
    ("airflow", "AIRFLOW_HOME", "airflow", "airflow.cfg"),
    ("prefect", "PREFECT_HOME", ".prefect", "profiles.toml"),
    ("dbt", "DBT_PROFILES_DIR", ".dbt", "profiles.yml"),
    ("dlt", "DLT_DATA_DIR", ".dlt", "config.toml"),
)
PREFIXES = ("DAGSTER_", "AIRFLOW_", "AIRFLOW__", "PREFECT_", "DBT_", "DLT_")
CONNECT_SECONDS = 0.2


@dataclass(frozen=True)
class Home:
    """A tool's home: the variable that names it, or its default; ``settings`` is its settings file where there is one."""

    tool: str
    path: str
    named_by: str
    exists: bool
    settings: str


@dataclass(frozen=True)
class Service:
    """Something that runs: found by a process id in a file, or because it listens. A port says that, not who it is."""

    what: str
    found_by: str


def find_homes(environ: Mapping[str, str] = os.environ) -> list[Home]:
    """Every home that is named or exists."""
    base = Path(environ.get("HOME") or os.path.expanduser("~"))
    homes = []
    for tool, variable, default, settings in HOMES:
        named = environ.get(variable, "")
        path = Path(named).expanduser() if named else base / default
        if named or (default and path.is_dir()):
            found = path / settings
            homes.append(
                Home(tool, str(path), variable if named else "default", path.is_dir(), str(found) if found.is_file() else "")
            )
    return homes


def set_variables(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Names of the variables that configure a tool; values may be secrets and are not shown."""
    return sorted(name for name in environ if name.startswith(PREFIXES))


def find_services(homes: list[Home], environ: Mapping[str, str] = os.environ) -> list[Service]:
    """What runs here: process ids in the homes, and known ports of loopback that accept a connection within 0.2 s."""
    ports = dict(PORTS)
    for name in ("PREFECT_API_URL", "AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "AIRFLOW__API__BASE_URL"):
        if port := _loopback_port(environ.get(name, "")):
            ports.setdefault(port, f"what {name} names")
    listening = [
        Service(f"something listens where {what} would", f"127.0.0.1:{port}") for port, what in ports.items() if _listens(port)
    ]
    return [*_by_process_id(homes), *listening]


def _by_process_id(homes: list[Home]) -> Iterator[Service]:
    for home in homes:
        for file in sorted(Path(home.path).glob("*.pid")) if home.exists else ():
            try:
                number = int(file.read_text().split()[0])
            except (OSError, ValueError, IndexError):
                continue
            state = "runs" if _is_alive(number) else "is gone; the file is left over"
            yield Service(f"{home.tool}: process {number} {state}", str(file))


def _is_alive(number: int) -> bool:
    """Asked of /proc, or by signal 0, which ends nothing; where neither exists (Windows) it is taken for alive."""
    if Path("/proc/self").exists():
        return Path(f"/proc/{number}").exists()
    if os.name != "posix":
        return True
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _loopback_port(url: str) -> int | None:
    try:
        parts = urlsplit(url)
        return parts.port if parts.hostname in ("127.0.0.1", "localhost", "::1") else None
    except ValueError:
        return None


def _listens(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.settimeout(CONNECT_SECONDS)
        return connection.connect_ex(("127.0.0.1", port)) == 0
