"""Find the interpreters that a project may run with: .venv, uv, poetry, pdm, pixi, conda, an active environment."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .model import CannotLookError
from .project_files import SKIPPED

FOLDERS = (".venv", "venv", "env", ".conda", ".pixi/envs/default")
DEEPEST = 3  # folders below the project that are searched for environments of their own


@dataclass(frozen=True)
class Interpreter:
    """A Python executable, and how it was found."""

    path: str
    found_by: str


def choose_interpreter(project: Path, named: Path | None, environ: Mapping[str, str] = os.environ) -> Interpreter:
    """The named interpreter, else the first that is found for the project, else the one that runs this."""
    if named:
        where = shutil.which(str(named)) or str(named)
        if not Path(where).is_file():
            raise CannotLookError(f"{named}: no such interpreter; pass the python of the project's environment")
        return Interpreter(os.path.abspath(where), "--python")
    return next(find_interpreters(project, environ))


def find_interpreters(project: Path, environ: Mapping[str, str] = os.environ) -> Iterator[Interpreter]:
    """Every interpreter that may be the project's, most certain first; the last is the one that runs this."""
    seen: set[str] = set()
    for folder, found_by in _environments(project, environ):
        python = python_in(folder)
        if python and str(python) not in seen:
            seen.add(str(python))
            yield Interpreter(str(python), found_by)
    yield Interpreter(sys.executable, "the interpreter that runs this; the project has none of its own")


def python_in(folder: Path) -> Path | None:
    """The executable of an environment's folder, on any system; links are not resolved (they name the environment)."""
    for place in ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe"):
        if (folder / place).is_file():
            return (folder / place).absolute()
    return None


def _environments(project: Path, environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    start = project.absolute() if project.is_dir() else project.absolute().parent
    for folder in _upwards(start):
        yield from _in_folder(folder, environ)
    if active := environ.get("VIRTUAL_ENV"):
        yield Path(active), "VIRTUAL_ENV"
    if active := environ.get("CONDA_PREFIX"):
        yield Path(active), "CONDA_PREFIX"


def _in_folder(folder: Path, environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    uv_folder = environ.get("UV_PROJECT_ENVIRONMENT")
    if uv_folder and (folder / "uv.lock").exists():
        yield folder / uv_folder, "uv: UV_PROJECT_ENVIRONMENT"
    lock = "uv" if (folder / "uv.lock").exists() else "poetry" if (folder / "poetry.lock").exists() else ""
    for name in FOLDERS:
        yield folder / name, f"{lock}: {name}" if lock and name == ".venv" else name
    if (folder / ".pdm-python").is_file():
        yield Path(_read(folder / ".pdm-python").strip()).parent.parent, "pdm: .pdm-python"
    yield from _of_poetry(folder, environ)
    yield from _of_conda(folder, environ)


def _upwards(start: Path) -> Iterator[Path]:
    """The folder and those above it, up to the root of its repository or, where there is none, three levels."""
    above = [start, *start.parents]
    root = next((folder for folder in above if (folder / ".git").exists()), None)
    yield from above[: above.index(root) + 1] if root else above[:3]


def _of_poetry(folder: Path, environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Poetry names an environment after the project and a hash of its folder, below its cache.

    Source of the rule: ``EnvManager.generate_env_name`` of poetry.
    """
    text = _read(folder / "pyproject.toml") if (folder / "pyproject.toml").is_file() else ""
    if "poetry" not in text:
        return
    match = re.search(r"^\[(?:tool\.poetry|project)\][^\[]*?^name\s*=\s*[\"']([^\"']+)", text, re.MULTILINE | re.DOTALL)
    if not match:
        return
    name = re.sub(r"[ $`!*@\"\\\r\n\t]", "_", match.group(1).lower())[:42]
    place = os.path.normcase(os.path.realpath(folder)).encode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(place).digest()).decode()[:8]
    for cache in _poetry_caches(environ):
        for found in sorted(cache.glob(f"{name}-{digest}-py*"), reverse=True):
            yield found, "poetry"


def _poetry_caches(environ: Mapping[str, str]) -> Iterator[Path]:
    if named := environ.get("POETRY_VIRTUALENVS_PATH"):
        yield Path(named)
    if named := environ.get("POETRY_CACHE_DIR"):
        yield Path(named) / "virtualenvs"
    home = _home(environ)
    yield Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "pypoetry" / "virtualenvs"
    yield home / "Library" / "Caches" / "pypoetry" / "virtualenvs"


def _of_conda(folder: Path, environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """The environment that ``environment.yml`` names, where conda's own list says that it stands."""
    for file in (folder / "environment.yml", folder / "environment.yaml"):
        match = re.search(r"^name:\s*[\"']?([\w.-]+)", _read(file), re.MULTILINE) if file.is_file() else None
        known = _home(environ) / ".conda" / "environments.txt"
        if match and known.is_file():
            for line in _read(known).splitlines():
                if Path(line.strip()).name == match.group(1):
                    yield Path(line.strip()), f"conda: {file.name}"


def environments_below(project: Path) -> list[Interpreter]:
    """Environments in folders of the project: a repository of several projects has one for each."""
    found: list[Interpreter] = []
    pending = [(project, 0)] if project.is_dir() else []
    while pending:
        folder, depth = pending.pop(0)
        for entry in sorted(_folders(folder)):
            python = python_in(folder / entry) if (folder / entry / "pyvenv.cfg").is_file() else None
            if python:
                found.append(Interpreter(str(python), f"{os.path.relpath(folder / entry, project)}"))
            elif depth < DEEPEST and entry not in SKIPPED and not entry.startswith("."):
                pending.append((folder / entry, depth + 1))
    return found


def _folders(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or os.path.expanduser("~"))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
