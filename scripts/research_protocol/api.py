"""`api`: what a name is in the project's interpreter, and where this pack shows it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .drift_ledger import LEDGER, Row, read_ledger
from .import_names import TOOL_OF_ROOT, tool_of
from .installed import ask_json
from .interpreters import Interpreter, choose_interpreter, find_interpreters, python_in
from .model import CONTENT, OK, Answer, CannotLookError
from .pack_index import examples_that_show, pages_that_show
from .pins import ROOT

INSPECTOR = Path(__file__).resolve().with_name("inspect_name.py")
PUBLIC = ("dagster", "airflow.sdk", "prefect", "dlt")  # where a name without a package is looked for
QUIET = {
    "_AIRFLOW__AS_LIBRARY": "1", "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "DO_NOT_TRACK": "1",
    "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False", "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
}  # fmt: skip
PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def answer_api(name: str, named: Path | None, project: Path = Path("."), root: Path = ROOT, ledger: Path = LEDGER) -> Answer:
    """All that is known of a dotted name; exit code 1 when it does not exist there."""
    if not all(part.isidentifier() for part in name.split(".")):
        raise CannotLookError(f"{name!r} is no dotted name; write it as it is imported: dagster.AssetExecutionContext")
    interpreter, found = _inspect_somewhere(name, named, project, root)
    name = found["name"]
    rows = _rows_about(name, read_ledger(ledger))
    data = {
        **found,
        "interpreter": asdict(interpreter),
        "drift": [{"id": row.id, "old": row.old, "since": row.since, "error": row.error, "current": row.current} for row in rows],
        "pages": [asdict(shown) for shown in pages_that_show(name, root)],
        "examples": [asdict(shown) for shown in examples_that_show(name, root)],
    }
    return Answer(data, list(_lines(data)), OK if found["exists"] else CONTENT)


def _inspect_somewhere(name: str, named: Path | None, project: Path, root: Path) -> tuple[Interpreter, dict[str, Any]]:
    """In the named interpreter; else in the first of the project's, then of this pack's pins, that has the package."""
    candidates = [choose_interpreter(project, named)] if named else [*find_interpreters(project), *_of_pins(name, root)]
    answers = []
    for interpreter in candidates:
        for dotted in _spellings(name):
            found = _inspect(interpreter, dotted)
            if found["exists"]:
                return interpreter, found
            answers.append((interpreter, found))
    has_package = [one for one in answers if one[1]["missing"] != one[1]["name"].split(".")[0]]
    if has_package:
        return has_package[0]
    tried = ", ".join(dict.fromkeys(interpreter.path for interpreter, _ in answers))
    package = name.split(".")[0]
    raise CannotLookError(f"{package} is installed in none of {tried}; name the project's interpreter with --python")


def _spellings(name: str) -> list[str]:
    if name.startswith("dg."):
        return [f"dagster.{name[3:]}"]
    if "." in name or name in TOOL_OF_ROOT:
        return [name]
    return [f"{package}.{name}" for package in PUBLIC]


def _of_pins(name: str, root: Path) -> Iterator[Interpreter]:
    tool = tool_of(_spellings(name)[0]) if "." in name else None
    for folder in (tool,) if tool else ("dagster", "airflow", "prefect", "embedded"):
        python = python_in(root / "examples" / folder / ".venv")
        if python:
            yield Interpreter(str(python), "the pins of this pack, not the project")


def _inspect(interpreter: Interpreter, name: str) -> dict[str, Any]:
    environ = {key: os.environ[key] for key in PASSED if key in os.environ}
    return ask_json([interpreter.path, "-I", str(INSPECTOR), name], interpreter.path, {**environ, **QUIET})


def _rows_about(name: str, rows: list[Row]) -> list[Row]:
    """Rows that name it, something above it, or one of its keywords or attributes."""
    found = []
    for row in rows:
        for match in row.matches:
            said = [match[key] for key in ("name", "call", "on", "decorator") if key in match]
            flat = [one for some in said for one in ([some] if isinstance(some, str) else some)]
            if any(_concerns(one, name) for one in flat) and row not in found:
                found.append(row)
    return found


def _concerns(said: str, name: str) -> bool:
    if "*" in said:
        from fnmatch import fnmatchcase

        return fnmatchcase(name, said)
    return said == name or name.startswith(said + ".")


def _lines(data: Mapping[str, Any]) -> Iterator[str]:
    asked = data["interpreter"]
    if data["exists"]:
        yield f"{data['name']}: {data['kind']}, {data['distribution'] or data['module']}"
        yield from (f"  {data[key]}" for key in ("signature", "first_paragraph") if data[key])
        yield from (f"  mark: {mark}" for mark in data["marks"])
        yield from (f"  stale parameter {parameter}=: {why}" for parameter, why in data["stale_parameters"].items())
        yield f"  defined in {data['file'] or data['module']}" + (f":{data['line']}" if data["line"] else "")
    else:
        yield f"{data['name']} does not exist: {data['error']}"
        yield from (f"  near: {one}" for one in data["near"])
    for row in data["drift"]:
        yield f"  drift: {row['old']}" + (f" since {row['since']}" if row["since"] else "") + f"; now: {row['current']}"
    yield from (f"  page: {one['path']}:{one['line']} ({one['heading']})" for one in data["pages"])
    yield from (f"  example: {one['path']}:{one['line']} ({one['heading']})" for one in data["examples"])
    if not data["pages"] and not data["examples"]:
        yield "  no page or example of this pack shows it"
    yield f"  asked: {asked['path']} ({asked['found_by']})"
