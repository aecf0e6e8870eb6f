"""What a bundle deploys for one target, read offline; `databricks bundle validate` needs a login.

Merged as the CLI does (databricks/cli, libs/dyn/merge): maps key by key; tasks, clusters and parameters of a job by their
key; other lists are joined, the target's behind the others. `${var.x}` is filled in; `${workspace...}`, `${bundle...}` and
`${resources...}` stay. Left out: `presets`, `lookup` variables, `sync`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

KEYS = {"tasks": "task_key", "job_clusters": "job_cluster_key", "parameters": "name"}
VARIABLE = re.compile(r"\$\{var\.([\w-]+)\}")

Job = dict[str, Any]


def targets_of(bundle_file: Path) -> list[str]:
    """The names of its targets."""
    return list(yaml.safe_load(bundle_file.read_text())["targets"])


def jobs_of(bundle_file: Path, target: str) -> dict[str, Job]:
    """The jobs that `bundle deploy --target` would make, by key. Raises KeyError for a target or variable that is not there."""
    bundle = yaml.safe_load(bundle_file.read_text())
    chosen = bundle["targets"][target] or {}
    jobs: dict[str, Job] = copy.deepcopy((bundle.get("resources") or {}).get("jobs") or {})
    for pattern in bundle.get("include", ()):
        for file in sorted(bundle_file.parent.glob(pattern)):
            jobs = _merge(jobs, _absolute(yaml.safe_load(file.read_text())["resources"]["jobs"], file.parent))
    jobs = _merge(jobs, (chosen.get("resources") or {}).get("jobs") or {})
    for job in jobs.values() if chosen.get("mode") == "development" else ():
        job |= {"schedule": {"pause_status": "PAUSED", **job["schedule"]}} if "schedule" in job else {}
    if "run_as" in chosen:
        jobs = {key: {"run_as": chosen["run_as"], **job} for key, job in jobs.items()}
    declared = {name: (settings or {}).get("default") for name, settings in (bundle.get("variables") or {}).items()}
    return _fill(jobs, declared | (chosen.get("variables") or {}))


def _merge(first: Any, second: Any, name: str = "") -> Any:
    """`second` over `first`."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first | {key: _merge(first.get(key), value, key) for key, value in second.items()}
    if isinstance(first, list) and isinstance(second, list) and name in KEYS:
        by_key = {entry[KEYS[name]]: entry for entry in first}
        for entry in second:
            by_key[entry[KEYS[name]]] = _merge(by_key.get(entry[KEYS[name]]), entry)
        return list(by_key.values())
    return first + second if isinstance(first, list) and isinstance(second, list) else second


def _absolute(value: Any, folder: Path) -> Any:
    """Paths are relative to the file they are written in."""
    if isinstance(value, dict):
        return {key: _absolute(entry, folder) for key, entry in value.items()}
    if isinstance(value, list):
        return [_absolute(entry, folder) for entry in value]
    return str((folder / value).resolve()) if isinstance(value, str) and value.startswith(("./", "../")) else value


def _fill(value: Any, variables: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _fill(entry, variables) for key, entry in value.items()}
    if isinstance(value, list):
        return [_fill(entry, variables) for entry in value]
    if not isinstance(value, str):
        return value
    for name in VARIABLE.findall(value):
        if variables.get(name) is None:
            raise KeyError(f"${{var.{name}}} is used; this target has values for {sorted(variables)}")
        value = value.replace(f"${{var.{name}}}", str(variables[name]))
    return value
