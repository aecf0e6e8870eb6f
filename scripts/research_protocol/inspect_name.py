"""Runs in the interpreter of a project: says what a dotted name is there. Stands alone, for Python 3.8 and newer.

python -I inspect_name.py dagster.AssetExecutionContext      prints one JSON object on its last line
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import io
import json
import os
import re
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

_SHORTER = (  # dagster._core.x.AssetKey as AssetKey, ForwardRef('AssetSpec') and 'AssetSpec' as AssetSpec
    (r"\b(?:[a-z_]\w*\.)+(?=[A-Za-z_])", ""),
    (r"ForwardRef\('([^']+)'\)", r"\1"),
    (r"(: |-> )'([^']+)'", r"\1\2"),
)
LONGEST = 4000  # characters of a signature or a paragraph


def describe(dotted: str) -> dict[str, Any]:
    """What ``dotted`` stands for: signature, marks, first paragraph, place; or why it does not exist and what is near."""
    value, owner, missing, error, said = resolve(dotted)
    if error:
        return {"exists": False, "name": dotted, "error": error, "missing": missing, "near": near_misses(owner, missing, dotted)}
    return {
        "exists": True,
        "name": dotted,
        "kind": kind_of(value),
        "signature": signature_of(value, dotted),
        "marks": sorted({*said, *marks_of(value)}),
        "stale_parameters": stale_parameters(value),
        "first_paragraph": first_paragraph(value),
        **place_of(value),
    }


def resolve(dotted: str) -> tuple[Any, Any, str, str, list[str]]:
    """The value; or the last owner that exists, the part that it lacks, and the error; and what was warned about."""
    parts = dotted.split(".")
    value: Any = None
    said: list[str] = []
    for index, part in enumerate(parts):
        owner = value
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")  # anew for each step: an import may change the filters
            try:
                value = step(owner, ".".join(parts[: index + 1]), part)
            except Exception as problem:
                return None, owner, part, f"{type(problem).__name__}: {problem}", []
        said += [f"{w.category.__name__}: {w.message}" for w in caught if is_about(w, part)]
    return value, None, "", "", said


def is_about(warning: warnings.WarningMessage, part: str) -> bool:
    return "eprecat" in warning.category.__name__ and part in str(warning.message)


def step(owner: Any, path: str, part: str) -> Any:
    """The next part of a dotted name: an attribute, else a module below a package, else a field without a value."""
    if owner is None:
        return importlib.import_module(part)
    try:
        return getattr(owner, part)
    except AttributeError:
        if inspect.isclass(owner) and part in getattr(owner, "__annotations__", {}):
            return inspect.Parameter.empty
        if not inspect.ismodule(owner):
            raise
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as problem:
        if (part.islower() and hasattr(owner, "__path__")) or not path.startswith(problem.name or path):
            raise
    raise ImportError(f"cannot import name {part!r} from {owner.__name__!r}")


def near_misses(owner: Any, missing: str, dotted: str) -> list[str]:
    """Names like the missing one: where it was looked for, and at the top of the package."""
    above = dotted.split(".")[: -1 if missing == dotted.split(".")[-1] else None]
    found = []
    for prefix, place in ((getattr(owner, "__name__", ".".join(above)), owner), _top(dotted)):
        names: dict[str, list[str]] = {}
        for name in sorted(_public(place)):
            names.setdefault(name.lower(), []).append(name)
        close = difflib.get_close_matches(missing.lower(), sorted(names), n=4, cutoff=0.6)
        holding = [key for key in sorted(names) if len(missing) > 3 and missing.lower() in key]
        found += [f"{prefix}.{name}" for key in (*close, *holding[:4]) for name in names[key]]
    return list(dict.fromkeys(found))[:8]


def _top(dotted: str) -> tuple[str, Any]:
    top = dotted.split(".")[0]
    public = {"airflow": "airflow.sdk"}.get(top, top)
    try:
        return public, importlib.import_module(public)
    except Exception:
        return public, None


def _public(place: Any) -> list[str]:
    if place is None:
        return []
    try:
        listed = [*getattr(place, "__all__", ()), *dir(place)]
    except Exception:
        return []
    if inspect.ismodule(place) and hasattr(place, "__path__"):
        import pkgutil

        listed += [module.name for module in pkgutil.iter_modules(place.__path__)]
    return [name for name in listed if isinstance(name, str) and not name.startswith("_")]


def kind_of(value: Any) -> str:
    for kind, holds in (("module", inspect.ismodule), ("class", inspect.isclass), ("function", inspect.isroutine)):
        if holds(value):
            return kind
    if isinstance(value, property):
        return "property"
    return f"value of {type(value).__module__}.{type(value).__qualname__}"


def signature_of(value: Any, dotted: str) -> str:
    """The call as one would write it; empty for what cannot be called."""
    if not callable(value):
        return ""
    try:
        text = str(inspect.signature(value))
    except (TypeError, ValueError):
        return ""
    for pattern, short in _SHORTER:
        text = re.sub(pattern, short, text)
    return (dotted.split(".")[-1] + text)[:LONGEST]


def marks_of(value: Any) -> list[str]:
    """Marks of deprecation that an object carries: PEP 702, and Dagster's own."""
    value = value.fget if isinstance(value, property) else value
    said = []
    message = getattr(value, "__deprecated__", None)
    if isinstance(message, str):
        said.append(f"deprecated: {message}")
    marks = sys.modules.get("dagster._symbol_annotations") or sys.modules.get("dagster._annotations")
    for word, has, get in (
        ("deprecated", "is_deprecated", "get_deprecated_info"),
        ("superseded", "is_superseded", "get_superseded_info"),
        ("preview", "is_preview", "get_preview_info"),
        ("beta", "is_beta", "get_beta_info"),
    ):
        try:
            if getattr(marks, has)(value):
                info = getattr(marks, get)(value)
                gone = getattr(info, "breaking_version", None)
                said.append(f"{word}{f', gone in {gone}' if gone else ''}: {info.additional_warn_text or ''}".rstrip(": "))
        except Exception:  # most objects have no marks, and their readers refuse them
            continue
    return said


def stale_parameters(value: Any) -> dict[str, str]:
    """Parameters that are accepted and should not be used; Dagster hides them from the signature."""
    marks = sys.modules.get("dagster._symbol_annotations") or sys.modules.get("dagster._annotations")
    try:
        found = marks.get_deprecated_params(value)  # type: ignore[union-attr]
        return {name: info.additional_warn_text or "hidden, kept for old code" for name, info in found.items()}
    except Exception:
        return {}


def first_paragraph(value: Any) -> str:
    own = inspect.ismodule(value) or inspect.isclass(value) or inspect.isroutine(value) or isinstance(value, property)
    text = inspect.getdoc(value) if own or callable(value) else ""
    return " ".join((text or "").strip().split("\n\n")[0].split())[:LONGEST]


def place_of(value: Any) -> dict[str, Any]:
    """Module, file and line of the definition, and the version of the distribution that holds it."""
    value = value.fget if isinstance(value, property) else value
    if inspect.ismodule(value) or inspect.isclass(value):
        target = value
    else:
        target = inspect.unwrap(value) if inspect.isroutine(value) else type(value)
    module = str(getattr(target, "__module__", None) or getattr(target, "__name__", ""))
    place: dict[str, Any] = {"module": module, "file": "", "line": None, "distribution": ""}
    try:
        place["file"] = inspect.getsourcefile(target) or ""
        place["line"] = 1 if inspect.ismodule(target) else inspect.getsourcelines(target)[1]
    except (TypeError, OSError):
        pass
    place["distribution"] = distribution_of(module.split(".")[0], place["file"])
    return place


def distribution_of(package: str, file: str) -> str:
    """``name version`` of the distribution that installed the file; several share the package ``airflow``."""
    import importlib.metadata as metadata

    names = metadata.packages_distributions().get(package, []) if hasattr(metadata, "packages_distributions") else [package]
    for name in dict.fromkeys(names):
        try:
            one = metadata.distribution(name)
        except Exception:
            continue
        listed = one.files or []
        if len(set(names)) == 1 or any(os.path.normpath(str(one.locate_file(path))) == file for path in listed):
            return f"{one.metadata['Name']} {one.version}"
    return ""


if __name__ == "__main__":
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        answer = describe(sys.argv[1])
    print(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)  # threads that an import has started are not waited for
