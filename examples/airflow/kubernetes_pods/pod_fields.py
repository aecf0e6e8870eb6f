"""Hold a pod that is written as YAML against the types of the Kubernetes client, which itself drops what it does not know."""

from __future__ import annotations

import re
from typing import Any

from kubernetes.client import models

_MANY = re.compile(r"(list|dict)[\[(](?:str, ?)?(\w+)[\])]")


def unknown_fields(document: Any, kind: str = "V1Pod", path: str = "") -> list[str]:
    """The paths of `document` that the Kubernetes type `kind` has no field for, such as `spec.containers[0].resource`.

    Required fields and the values of plain types are not looked at: `PodGenerator.deserialize_model_dict` refuses those.
    """
    model = getattr(models, kind, None)
    if model is None or not isinstance(document, dict):
        return []
    attributes = {json_name: name for name, json_name in model.attribute_map.items()}
    found = []
    for key, value in document.items():
        place = f"{path}.{key}".lstrip(".")
        if key not in attributes:
            found.append(place)
            continue
        inner = model.openapi_types[attributes[key]]
        many = _MANY.fullmatch(inner)
        if many and isinstance(value, list):
            found += [bad for n, one in enumerate(value) for bad in unknown_fields(one, many[2], f"{place}[{n}]")]
        elif many and isinstance(value, dict):
            found += [bad for name, one in value.items() for bad in unknown_fields(one, many[2], f"{place}.{name}")]
        else:
            found += unknown_fields(value, inner, place)
    return found
