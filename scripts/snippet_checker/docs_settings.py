"""Which interpreter proves which pages of somebody's documentation: ``[tool.snippet-checker]`` of a pyproject.toml.

An environment is named, with the pages it is for, and either an interpreter or requirements. From requirements uv makes a
lock beside the pyproject.toml, and from the lock an environment in the checker's own cache. Standard library only.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from .environments import ROOT, build_environment, building_alone, indent, uv_executable
from .model import Level, MachineError

TABLE = "tool.snippet-checker.environments"
KEYS = ("name", "paths", "requirements", "python", "tool", "level")
IMPORTS = {"dagster": "dagster", "airflow": "airflow", "prefect": "prefect"}


@dataclass(frozen=True)
class DocsEnvironment:
    """One environment: ``paths`` are patterns below ``root``; ``requirements`` as pip reads them, or ``python`` instead."""

    name: str
    root: Path
    paths: tuple[str, ...]
    requirements: tuple[str, ...] = ()
    python: Path | None = None
    tool: str | None = None
    level: Level = Level.LOADS

    @property
    def lock(self) -> Path:
        """Where uv writes what the requirements resolve to."""
        return self.root / f"snippet-checker-{self.name}.lock"

    def is_for(self, page: Path) -> bool:
        """Whether a page is proved here; ``guides/`` stands for all below that folder."""
        inside = page.resolve().relative_to(self.root.resolve()).as_posix() if page.resolve().is_relative_to(self.root) else ""
        return any(fnmatch(inside, pattern) or inside.startswith(pattern.rstrip("/*") + "/") for pattern in self.paths)


def read_docs_settings(folder: Path) -> list[DocsEnvironment]:
    """The environments that the nearest pyproject.toml at or above ``folder`` names, in its order; none without the table.

    Raises MachineError with file and key for what cannot be meant.
    """
    start = folder.resolve() if folder.is_dir() else folder.resolve().parent
    for place in (start, *start.parents):
        file = place / "pyproject.toml"
        if file.is_file():
            found = [_environment(one, number, file) for number, one in enumerate(_tables(file), start=1)]
            _refuse_one_name_twice([one.name for one in found], file)
            return found
    return []


def _refuse_one_name_twice(names: list[str], file: Path) -> None:
    """Two of one name would share a lock."""
    if twice := [name for name in names if names.count(name) > 1]:
        raise MachineError(f"{file}: [[{TABLE}]]: two are named {twice[0]!r}; a name is that of one lock, choose another")


def _tables(file: Path) -> list[Any]:
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("snippet-checker", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MachineError(f"{file}: {error}") from None
    if not isinstance(settings, dict) or set(settings) - {"environments"}:
        unknown = min(set(settings) - {"environments"}) if isinstance(settings, dict) else settings
        raise MachineError(f"{file}: [tool.snippet-checker] has no key {unknown!r}; there is environments")
    tables = settings.get("environments", [])
    if not isinstance(tables, list):
        raise MachineError(f"{file}: write [[{TABLE}]], one table for each environment")
    return tables


def _environment(table: Any, number: int, file: Path) -> DocsEnvironment:
    where = f"{file}: [[{TABLE}]] {number}"
    if not isinstance(table, dict) or not isinstance(table.get("name"), str) or not table["name"].isidentifier():
        raise MachineError(f'{where}: wants a name of letters, digits and _: name = "guides"')
    where += f" ({table['name']})"
    if unknown := set(table) - set(KEYS):
        raise MachineError(f"{where} has no key {min(unknown)!r}; there are {', '.join(KEYS)}")
    if ("requirements" in table) == ("python" in table):
        raise MachineError(f'{where}: wants either requirements = ["rich==14.1.0"] (or a file of them) or python = "PATH"')
    if table.get("tool") not in (None, *IMPORTS):
        raise MachineError(f"{where}: tool is one of {', '.join(IMPORTS)}, not {table['tool']!r}")
    if table.get("level", "loads") not in list(Level):
        raise MachineError(f"{where}: level is one of {', '.join(Level)}, not {table['level']!r}")
    return DocsEnvironment(
        name=table["name"],
        root=file.parent,
        paths=_texts(table.get("paths", ["*"]), 'paths = ["guides/"]', where),
        requirements=_requirements(table, file, where),
        python=_python(table, file, where),
        tool=table.get("tool"),
        level=Level(table.get("level", "loads")),
    )


def _requirements(table: Mapping[str, Any], file: Path, where: str) -> tuple[str, ...]:
    asked = table.get("requirements", [])
    if isinstance(asked, str):
        listed = file.parent / asked
        if not listed.is_file():
            raise MachineError(f"{where}: {listed}: no such file; name the requirements as a list, or correct the path")
        return tuple(listed.read_text(encoding="utf-8").splitlines())
    return _texts(asked, 'requirements = ["rich==14.1.0"], or the path of a file of them', where)


def _texts(value: Any, example: str, where: str) -> tuple[str, ...]:
    """The texts of a list; a text alone would be one entry for each letter."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise MachineError(f"{where}: wants a list of texts, not {value!r}: {example}")
    return tuple(value)


def _python(table: Mapping[str, Any], file: Path, where: str) -> Path | None:
    if "python" not in table:
        return None
    python = file.parent / str(table["python"])
    if not python.exists():
        raise MachineError(f"{where}: {python}: no such interpreter; build that environment first, or write requirements")
    return python.absolute()


def identity(environment: DocsEnvironment) -> str:
    """What the results of an environment hang on: its lock. Of an interpreter that is named nothing is known."""
    return "" if environment.python else hashlib.sha256(environment.lock.read_bytes()).hexdigest()


def prepare(environment: DocsEnvironment) -> Path:
    """The interpreter of an environment, locked and built first where its requirements or its lock changed.

    Raises MachineError with uv's own words where they do not resolve or no index answers; nothing half built is left.
    """
    if environment.python:
        return environment.python
    place = ROOT / ".cache" / "docs-environments"
    place.mkdir(parents=True, exist_ok=True)
    with building_alone(place):
        _lock(environment)
        return _built(environment, place) / "bin" / "python"


def _built(environment: DocsEnvironment, place: Path) -> Path:
    """The environment of the lock as it is now; one that stands is taken."""
    key = hashlib.sha256(f"{sys.version_info[:2]}{identity(environment)}".encode()).hexdigest()[:16]
    folder = place / f"{environment.name}-{key}"
    if not folder.exists():
        building = folder.with_name(f"{folder.name}-building")
        shutil.rmtree(building, ignore_errors=True)
        try:
            _uv(environment, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(building))
            _uv(environment, "pip", "sync", "--quiet", "--python", str(building / "bin" / "python"), str(environment.lock))
            building.rename(folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return folder


def _lock(environment: DocsEnvironment) -> None:
    """Resolve the requirements, unless the lock says that it was made from the same ones."""
    wanted = "\n".join(environment.requirements) + "\n"
    mark = f"# from requirements {hashlib.sha256(wanted.encode()).hexdigest()}; written by check.py --docs\n"
    if environment.lock.exists() and environment.lock.read_text(encoding="utf-8").startswith(mark):
        return
    resolved = _uv(environment, "pip", "compile", "--quiet", "--no-header", "--python", sys.executable, "-", said=wanted)
    environment.lock.write_text(mark + resolved, encoding="utf-8")


def _uv(environment: DocsEnvironment, *arguments: str, said: str = "") -> str:
    command = [str(uv_executable()), *arguments]
    done = subprocess.run(command, cwd=environment.root, env=build_environment(), input=said, capture_output=True, text=True)
    if done.returncode:
        raise MachineError(
            f"{environment.root / 'pyproject.toml'}: the environment {environment.name!r} could not be built.\n"
            f"{indent(done.stderr)}\nMend its requirements, or name an index that answers with UV_DEFAULT_INDEX; "
            "nothing was left behind."
        )
    return done.stdout


def tool_for(tool: str | None, environment: DocsEnvironment, python: Path) -> str | None:
    """The way a Python snippet is proved here: as the tool's own where the environment has the tool, else as any Python."""
    asked = environment.tool or tool
    places = python.parent.parent.glob("[Ll]ib*/**/site-packages")
    has = {name for place in places for name in IMPORTS if (place / IMPORTS[name] / "__init__.py").exists()}
    return asked if asked in has else "embedded"
