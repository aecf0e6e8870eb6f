"""`env`: what a project runs on, how that differs from the versions these pages are proved on, and what it means."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .installed import EMBEDDED, ORCHESTRATORS, Installed, ask_installed, is_of_interest
from .interpreters import choose_interpreter, environments_below, find_interpreters
from .model import CONTENT, OK, Answer, CannotLookError
from .pins import ROOT, difference, fits, read_pins, release
from .tool_homes import find_homes, find_services, set_variables
from .version_meaning import PYTHON_RANGES, find_conflicts, new_since


@dataclass(frozen=True)
class Package:
    """One package of interest: installed and pinned version, how they differ, and the Pythons it supports."""

    name: str
    installed: str
    pinned: dict[str, str]  # by tool: the environments are locked one by one
    difference: str
    supports_python: str


def answer_environment(project: Path, named: Path | None, root: Path = ROOT, environ: Mapping[str, str] = os.environ) -> Answer:
    """Everything about the environment of ``project``; exit code 1 when something does not fit."""
    if not project.exists():
        raise CannotLookError(f"{project}: no such file or folder; name the project's root")
    chosen = choose_interpreter(project, named, environ)
    installed = ask_installed(chosen.path)
    pins = read_pins(root)
    packages = list(_packages(installed, pins))
    homes = find_homes(environ)
    problems = list(_problems(installed, pins))
    data: dict[str, Any] = {
        "project": str(project.absolute()),
        "interpreter": asdict(chosen),
        "python": installed.python,
        "this_runs_with": sys.version.split()[0],
        "orchestrators": installed.orchestrators(),
        "packages": [asdict(package) for package in packages],
        "pins": {tool: len(some) for tool, some in pins.items()},
        "python_supported": _supported(installed),
        "problems": problems,
        "meaning": list(_meaning(installed, pins)),
        "other_interpreters": [asdict(one) for one in _others(project, chosen.path, environ)],
        "homes": [asdict(home) for home in homes],
        "variables_set": set_variables(environ),
        "services": [asdict(service) for service in find_services(homes, environ)],
    }
    return Answer(data, list(_lines(data)), CONTENT if problems else OK)


def _others(project: Path, chosen: str, environ: Mapping[str, str]) -> list[Any]:
    found = {one.path: one for one in (*find_interpreters(project, environ), *environments_below(project))}
    return [one for path, one in found.items() if path != chosen and path != sys.executable]


def _packages(installed: Installed, pins: Mapping[str, Mapping[str, str]]) -> Iterator[Package]:
    tools = _tools_of(installed)
    for name, version in sorted(installed.versions.items()):
        pinned = {tool: some[name] for tool, some in pins.items() if name in some and (not tools or tool in tools)}
        if is_of_interest(name):
            differences = {difference(version, pin) for pin in pinned.values()}
            shown = "no pin here" if not differences else sorted(differences, key=lambda one: one != "same")[0]
            yield Package(name, version, pinned, shown, installed.requires.get(name, ""))


def _tools_of(installed: Installed) -> set[str]:
    by_package = {"dagster": "dagster", "apache-airflow": "airflow", "apache-airflow-core": "airflow", "prefect": "prefect"}
    return {tool for package, tool in by_package.items() if package in installed.versions}


def _supported(installed: Installed) -> dict[str, str]:
    """Python ranges of the main packages: by their own metadata where installed, else as at the pins."""
    return {name: installed.requires.get(name) or known for name, known in PYTHON_RANGES.items()}


def _problems(installed: Installed, pins: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    if not installed.orchestrators() and not any(name in installed.versions for name in EMBEDDED):
        yield (
            f"no orchestrator in {installed.executable}; if the project has another environment, name it with --python; "
            f"looked for {', '.join((*ORCHESTRATORS, *EMBEDDED))}"
        )
    yield from find_conflicts(installed.versions)
    for name in PYTHON_RANGES:
        if name in installed.versions and not fits(installed.python, installed.requires.get(name, "")):
            yield f"{name} {installed.versions[name]} declares Python {installed.requires[name]}, this is {installed.python}"
    for tool, name in (("dagster", "dagster"), ("airflow", "apache-airflow"), ("prefect", "prefect")):
        pinned = pins.get(tool, {}).get(name)
        version = installed.versions.get(name)
        if pinned and version and release(version)[:1] != release(pinned)[:1]:
            yield f"{name} {version} is another major version than the {pinned} of these pages; every form here may differ"


def _meaning(installed: Installed, pins: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """What follows from the differences of the orchestrators themselves."""
    if not pins:
        yield "this copy of the pack has no examples/<tool>/uv.lock: versions cannot be compared; SKILL.md names them"
    for tool, name in (("dagster", "dagster"), ("airflow", "apache-airflow"), ("prefect", "prefect")):
        version, pinned = installed.versions.get(name), pins.get(tool, {}).get(name)
        if not version or not pinned:
            continue
        how = difference(version, pinned)
        if how == "same":
            yield f"{name} {version}: the pages hold as they stand"
        elif how.startswith("older"):
            yield f"{name} {version} is older than the pin {pinned}: prove what you take over (check.py --python)"
            yield from new_since(name, version, pinned)
        else:
            yield f"{name} {version} is newer than the pin {pinned}: the pages were not run on it (check.py --python)"


def _lines(data: Mapping[str, Any]) -> Iterator[str]:
    chosen = data["interpreter"]
    yield f"Python {data['python']}: {chosen['path']} ({chosen['found_by']})"
    alike = [package["name"] for package in data["packages"] if package["difference"] == "same"]
    for package in data["packages"]:
        if package["name"] in data["orchestrators"] or package["name"] not in alike:
            pins = ", ".join(sorted(set(package["pinned"].values()))) or "-"
            yield f"  {package['name']:<34} {package['installed']:<12} pin {pins:<12} {package['difference']}"
    if alike:
        yield f"  as pinned: {', '.join(name for name in alike if name not in data['orchestrators'])}"
    for problem in data["problems"]:
        yield f"problem: {problem}"
    for meaning in data["meaning"]:
        yield f"means: {meaning}"
    ranges = "; ".join(f"{name} {asked}" for name, asked in data["python_supported"].items())
    yield f"Python supported: {ranges}"
    for other in data["other_interpreters"]:
        yield f"another interpreter: {other['path']} ({other['found_by']})"
    for home in data["homes"]:
        state = "exists" if home["exists"] else "does not exist"
        settings = f", settings {home['settings']}" if home["settings"] else ""
        yield f"home of {home['tool']}: {home['path']} ({home['named_by']}, {state}{settings})"
    if data["variables_set"]:
        yield f"variables set (values not shown): {', '.join(data['variables_set'])}"
    for service in data["services"]:
        yield f"service: {service['what']} ({service['found_by']})"
    if not data["services"]:
        yield "service: none found on loopback"
