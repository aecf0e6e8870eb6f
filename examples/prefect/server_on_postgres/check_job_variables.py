"""What a work pool's job template refuses, found before a deployment: wrong types, and names that nobody reads.

problems_of(KubernetesWorker.get_default_base_job_template(), {"namspace": "shop"})
"""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator


def problems_of(template: dict[str, Any], job_variables: dict[str, Any]) -> list[str]:
    """One line for each; the server finds the types only, and takes an unknown name as it is."""
    variables = template["variables"]
    unknown = [f"{name}: no such variable" for name in job_variables if name.split(".")[0] not in variables["properties"]]
    wrong = [f"{error.json_path[2:]}: {error.message}" for error in Draft202012Validator(variables).iter_errors(job_variables)]
    return sorted(unknown + wrong)
