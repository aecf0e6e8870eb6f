"""What versions mean: which do not work together, and what an older or newer one than the pin lacks or changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from .pins import is_before, release

# The range that each package's own metadata declares at the pins; a test holds them against it.
PYTHON_RANGES = {
    "dagster": ">=3.10,<3.15",
    "dagster-dbt": ">=3.10,<3.14",
    "dagster-dlt": ">=3.10,<3.15",
    "apache-airflow": ">=3.10,!=3.15",
    "astronomer-cosmos": ">=3.10",
    "prefect": ">=3.11,<3.16",
    "prefect-dbt": ">=3.10",
    "dlt": ">=3.10,<3.15",
    "dbt-core": ">=3.10",
}
# New names by minor version, from the difference of what the packages export.
NEW_IN = {
    "apache-airflow": {
        "3.0": "airflow.sdk itself (DAG, dag, task, Asset, Variable, Connection)",
        "3.1": "airflow.sdk.BaseHook, TriggerRule, DAG(deadline=), operators that wait for a person",
        "3.2": "timetables in airflow.sdk, asset partitions, DeadlineAlert at top level, allowed_run_types",
        "3.3": "retry policies, task_state_store, rollup and fan-out mappers, run_task_in_process(client=)",
    },
    "dagster": {},
    "prefect": {"3.0": "transactions, cache policies, automations in Python; blocks of infrastructure are gone"},
}
_DAGSTER_LIBRARY_OFFSET = 16  # 1.13.27 pairs with 0.29.27
_NOT_PAIRED = ("dagster-iceberg", "dagster-openlineage", "dagster-pipes")


def new_since(package: str, installed: str, pinned: str) -> list[str]:
    """What came after the installed version, up to the pin."""
    return [
        f"{package} {minor} brought {names}"
        for minor, names in NEW_IN.get(package, {}).items()
        if is_before(installed, minor) and not is_before(pinned, minor)
    ]


def find_conflicts(versions: Mapping[str, str]) -> list[str]:
    """Installed versions that are known not to work together, each with the way out."""
    return [problem for rule in _RULES for problem in rule(versions)]


def _dagster_pairs(versions: Mapping[str, str]) -> Iterator[str]:
    core = release(versions.get("dagster", ""))
    for name, version in versions.items():
        found = release(version)
        if len(core) < 3 or len(found) < 3 or not name.startswith("dagster-") or name in _NOT_PAIRED:
            continue
        is_library = found[0] == 0 and found[1] >= _DAGSTER_LIBRARY_OFFSET
        wanted = (0, core[1] + _DAGSTER_LIBRARY_OFFSET, core[2]) if is_library else core[:3]
        if (is_library or found[0] == 1) and found[:3] != wanted:
            shown = ".".join(map(str, wanted))
            yield f"{name} {version} does not pair with dagster {versions['dagster']}; install {name}=={shown}"


def _airflow_pairs(versions: Mapping[str, str]) -> Iterator[str]:
    core, sdk = versions.get("apache-airflow-core", ""), versions.get("apache-airflow-task-sdk", "")
    if core and sdk and release(core)[1:2] != release(sdk)[1:2]:
        yield f"apache-airflow-task-sdk {sdk} does not pair with apache-airflow-core {core}; use Airflow's constraints"
    if core and versions.get("apache-airflow", core) != core:
        yield f"apache-airflow {versions['apache-airflow']} and apache-airflow-core {core} differ; use Airflow's constraints"


def _known_breaks(versions: Mapping[str, str]) -> Iterator[str]:
    def both(name: str, other: str) -> bool:
        return name in versions and other in versions

    old_prefect = is_before(versions.get("prefect", "9"), "3.9")
    if old_prefect and not is_before(versions.get("fastapi", "0"), "0.155"):
        yield "prefect before 3.9 cannot start a server with fastapi 0.155 or newer; install 'fastapi<0.155'"
    if old_prefect and not is_before(versions.get("sqlalchemy", "0"), "2.1"):
        yield "schedules of prefect before 3.9 never fire with sqlalchemy 2.1, and nothing says so; install 'sqlalchemy<2.1'"
    if both("dagster-dg-cli", "typer") and not is_before(versions["typer"], "0.26"):
        yield "dg --help lists no command with typer 0.26 or newer; install 'typer<0.26'"
    if both("apache-airflow-providers-celery", "celery") and not is_before(versions["celery"], "5.7"):
        yield "the Celery provider imports celery.backends.database.retry, gone in celery 5.7; install 'celery<5.7'"
    if both("fakesnow", "snowflake-connector-python") and not is_before(versions["snowflake-connector-python"], "5"):
        yield "fakesnow imports snowflake.connector.converter, gone in 5; install 'snowflake-connector-python<5'"
    if "openlineage-dagster" in versions:
        yield "openlineage-dagster belongs to dagster 1.6; its successor is dagster-openlineage"


_RULES: tuple[Callable[[Mapping[str, str]], Iterator[str]], ...] = (_dagster_pairs, _airflow_pairs, _known_breaks)
