"""Traps of Prefect's deployments and schedules, in Python and in prefect.yaml."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from typing import Any

from .embedded_yaml import Mapping
from .model import Trap
from .prefect_loaded import Loaded, entry_place, parameters_of

_FILLED_BY_NOBODY = re.compile(r"{{(?!\s*(?:\$|[\w-]+\.))\s*(.*?)\s*}}")  # variables, blocks and results of steps have a dot
_ZONE = re.compile(r"(?!None$)[A-Za-z_]+(/[\w+-]+)*")  # as it is written; what is computed is not known here
_SECRETS = ("SecretStr", "SecretBytes")


def six_fields(loaded: Loaded) -> Iterator[Trap]:
    """The sixth field is seconds, and it is the last."""
    for clock in loaded.clocks:
        if len(clock.cron.split()) > 5:
            yield Trap(clock.place, f"cron {clock.cron!r}")


def no_time_zone(loaded: Loaded) -> Iterator[Trap]:
    """Without a time zone a cron expression is read in UTC. One that names no hour means the same everywhere."""
    for clock in loaded.clocks:
        if clock.zone is None and _names_hour(clock.cron):
            yield Trap(clock.place, f"cron {clock.cron!r}")


def unknown_time_zone(loaded: Loaded) -> Iterator[Trap]:
    """A name that Prefect itself refuses when the schedule reaches the server, and not before."""
    from prefect.client.schemas.schedules import CronSchedule

    for clock in loaded.clocks:
        if clock.zone and _ZONE.fullmatch(clock.zone):
            try:
                CronSchedule(cron="0 0 * * *", timezone=clock.zone)
            except ValueError:
                yield Trap(clock.zone_place, f"time zone {clock.zone!r}")


def _names_hour(cron: str) -> bool:
    if cron.startswith("@"):
        return cron != "@hourly"
    fields = cron.split()
    return len(fields) == 5 and not re.fullmatch(r"\*(/1)?", fields[1])


def template_of_nobody(loaded: Loaded) -> Iterator[Trap]:
    """Braces in a parameter are text."""
    for deployment in loaded.deployments:
        for name, value in deployment.parameters.items():
            if isinstance(value, str) and _FILLED_BY_NOBODY.search(value):
                yield Trap(deployment.places[name], f"deployment {deployment.name}: parameter {name}")


def unknown_parameter(loaded: Loaded) -> Iterator[Trap]:
    """A name that the flow does not take."""
    for deployment in loaded.deployments:
        known = parameters_of(deployment.flow) if deployment.flow else {}
        takes_all = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in known.values())
        for name in deployment.parameters if deployment.flow and not takes_all else ():
            if name not in known:
                yield Trap(deployment.places[name], f"deployment {deployment.name}: parameter {name}")


def secret_of_stars(loaded: Loaded) -> Iterator[Trap]:
    """A masked value is stored as its mask."""
    for deployment in loaded.deployments:
        for name, value in deployment.values.items():
            if isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] in _SECRETS:
                yield Trap(deployment.places[name], f"deployment {deployment.name}: parameter {name}")


def unknown_key(loaded: Loaded) -> Iterator[Trap]:
    """Keys of a prefect.yaml that its models do not have are dropped."""
    from prefect.cli.deploy import _models as models  # promised by no documentation

    for deployment in loaded.deployments:
        if deployment.entry is None:
            continue
        asked = [(deployment.entry, models.DeploymentConfig), (deployment.entry.get("work_pool"), models.WorkPoolConfig)]
        for entry, model in asked:
            if not isinstance(entry, Mapping):
                continue
            for key in entry:
                if key not in _fields(model):
                    place = entry_place(deployment.place.path, entry, key)
                    yield Trap(place, f"deployment {deployment.name}: key {key}")


def _fields(model: Any) -> set[str]:
    return {name for field, known in model.model_fields.items() for name in (field, known.alias) if name}
