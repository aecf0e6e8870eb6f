"""What `prefect deploy` takes without a word from a prefect.yaml, or refuses half-way, named before anything is deployed.

Real: Prefect's own models, schedule classes and the parameter schema read from the entry point's source, which is not run.
Absent: the server, the work pool and its job template.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from prefect.cli.deploy._models import (  # promised by no documentation
    ConcurrencyLimitSpec,
    DeploymentConfig,
    PrefectYamlModel,
    RawScheduleConfig,
    WorkPoolConfig,
)
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.utilities.callables import parameter_schema_from_entrypoint
from prefect.utilities.schema_tools import validate
from pydantic import BaseModel, ValidationError

KINDS = {"cron": CronSchedule, "interval": IntervalSchedule, "rrule": RRuleSchedule}
FILLED_BY_NOBODY = re.compile(r"{{(?!\s*(?:\$|[\w-]+\.))\s*(.*?)\s*}}")  # variables, blocks and steps have a dot


def problems_of(file: Path) -> list[str]:
    """All problems of a prefect.yaml, each with its place; entry points are sought from the file's folder."""
    whole = yaml.safe_load(file.read_text())
    try:
        PrefectYamlModel.model_validate(whole)
    except ValidationError as refused:
        return [f"{'.'.join(map(str, error['loc'][:3]))}: {error['msg']}" for error in refused.errors()]
    found = list(_unknown("top level", whole, PrefectYamlModel, also={"definitions"}))
    for deployment in whole.get("deployments", []):
        found += _problems_of_deployment(deployment, file.parent)
    return found


def _problems_of_deployment(deployment: dict[str, Any], folder: Path) -> Iterator[str]:
    name = deployment.get("name")
    yield from _unknown(f"deployment {name}", deployment, DeploymentConfig)
    for key, model in {"work_pool": WorkPoolConfig, "concurrency_limit": ConcurrencyLimitSpec}.items():
        if isinstance(deployment.get(key), dict):
            yield from _unknown(f"deployment {name}: {key}", deployment[key], model)
    schema = parameter_schema_from_entrypoint(str(folder / deployment["entrypoint"])).model_dump()
    given = deployment.get("parameters") or {}
    yield from _wrong_parameters(f"deployment {name}", given, schema)
    for schedule in [deployment.get("schedule"), *(deployment.get("schedules") or [])]:
        if schedule:
            place = f"deployment {name}: schedule {schedule.get('slug') or 'without slug'}"
            yield from _wrong_times(place, schedule)
            yield from _wrong_parameters(place, schedule.get("parameters") or {}, schema)


def _unknown(place: str, given: dict[str, Any], model: type[BaseModel], also: set[str] = frozenset()) -> Iterator[str]:
    known = {name for field, info in model.model_fields.items() for name in (field, info.alias) if name} | also
    for key in given.keys() - known:
        yield f"{place}: unknown key {key!r} is ignored"


def _wrong_parameters(place: str, given: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    for name, value in given.items():
        if name not in schema["properties"]:
            yield f"{place}: the flow has no parameter {name!r}"
        elif lost := FILLED_BY_NOBODY.search(str(value)):
            yield f"{place}: parameter {name!r}: nothing fills in {lost[1]!r}"
        elif "{{" not in str(value):
            for error in validate({name: value}, schema, ignore_required=True):
                yield f"{place}: parameter {name!r}: {error.message}"


def _wrong_times(place: str, schedule: dict[str, Any]) -> Iterator[str]:
    read = RawScheduleConfig.model_validate(schedule)
    kind = next(kind for kind in KINDS if kind in schedule)
    try:
        KINDS[kind](**{kind: getattr(read, kind), "timezone": read.timezone or "UTC"})
    except ValidationError as refused:
        yield f"{place}: {refused.errors()[0]['msg']}"
    if kind == "cron" and len(schedule["cron"].split()) > 5:
        yield f"{place}: the last of {len(schedule['cron'].split())} cron fields is seconds"
    if read.timezone is None:
        yield f"{place}: no time zone; it runs in UTC"


if __name__ == "__main__":
    found = problems_of(Path(sys.argv[1]))
    print(*found or ["no problem"], sep="\n")
    sys.exit(bool(found))
