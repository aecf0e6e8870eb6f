"""Build and find the locked environments: one for the tooling, one per orchestrator. Standard library only."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from .model import MachineError

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("dagster", "airflow", "prefect", "embedded")
UV_VERSION = "0.13.9"
_BUILT_FROM = "built-from.sha256"


def project_folder(tool: str) -> Path:
    """Where the lock of ``tool`` lives; ``tooling`` is the repository's root."""
    return ROOT if tool == "tooling" else ROOT / "examples" / tool


def lock_hash(tool: str) -> str:
    """Identity of an environment: SHA-256 over its pyproject.toml, its lock and this interpreter's version.

    The upload holds no tooling environment: there it is the interpreter alone. Raises MachineError when a lock is missing.
    """
    if tool == "tooling" and not (ROOT / "Makefile").exists():
        return _hash_of(())
    paths = [project_folder(tool) / name for name in ("pyproject.toml", "uv.lock")]
    try:
        found = [path.stat() for path in paths]
        return _hash_of(tuple((path, one.st_mtime_ns, one.st_size) for path, one in zip(paths, found, strict=True)))
    except OSError as error:
        raise MachineError(f"{error.filename}: {error.strerror}; restore it from git, or run `uv lock` in its folder") from None


@cache
def _hash_of(files: tuple[tuple[Path, int, int], ...]) -> str:
    """Hash of the files, read once as long as their time and size stay."""
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for path, _, _ in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()


PACKAGES = {"dagster": "dagster", "airflow": "apache-airflow", "prefect": "prefect", "embedded": "databricks-bundles"}


def locked_version(tool: str, package: str | None = None) -> str:
    """The version of ``package`` (the tool's own package without one) that the lock of ``tool`` names, or ``?``."""
    text = (project_folder(tool) / "uv.lock").read_text(encoding="utf-8")
    name = package or PACKAGES[tool]
    match = re.search(rf'^name = "{re.escape(name)}"\nversion = "([^"]+)"', text, re.MULTILINE)
    return match.group(1) if match else "?"


def python_of(tool: str) -> Path:
    """The interpreter of an environment, built or not."""
    return project_folder(tool) / ".venv" / "bin" / "python"


def is_built(tool: str) -> bool:
    """Whether the environment is complete and made from the lock as it is now."""
    stamp = project_folder(tool) / ".venv" / _BUILT_FROM
    return stamp.exists() and stamp.read_text() == lock_hash(tool) and python_of(tool).exists()


def prepare(tool: str, say: Callable[[str], None] = lambda line: None) -> Path:
    """The interpreter of the environment of ``tool``, built first where the lock changed.

    The new environment grows in ``.venv-building`` and takes its place only when complete.
    Raises MachineError with the way out when it cannot be built.
    """
    folder = project_folder(tool)
    lock_hash(tool)
    if is_built(tool):
        return python_of(tool)
    _refuse_python(tool)
    with building_alone(folder):
        if not is_built(tool):
            started = time.monotonic()
            say(f"{tool}: building the environment from {folder.relative_to(ROOT) / 'uv.lock'} ...")
            _build(tool, folder)
            say(f"{tool}: ready after {time.monotonic() - started:.1f} s")
    return python_of(tool)


def _refuse_python(tool: str) -> None:
    """Say at once which Python versions a tool supports, when this interpreter is not one of them."""
    text = (project_folder(tool) / "pyproject.toml").read_text(encoding="utf-8")
    match = re.search(r'^requires-python = ">=(\d+)\.(\d+),<(\d+)\.(\d+)"', text, re.MULTILINE)
    if match is None:
        return
    numbers = [int(number) for number in match.groups()]
    low, high = tuple(numbers[:2]), tuple(numbers[2:])
    if not low <= sys.version_info[:2] < high:
        here = ".".join(map(str, sys.version_info[:2]))
        raise MachineError(
            f"{tool}: its pins are for Python {low[0]}.{low[1]} to {high[0]}.{high[1] - 1}, and {sys.executable} is {here}; "
            f"name another one: make PYTHON=python{low[0]}.{low[1]} check"
        )


def _build(tool: str, folder: Path) -> None:
    building = folder / ".venv-building"
    shutil.rmtree(building, ignore_errors=True)
    environment = build_environment() | {"UV_PROJECT_ENVIRONMENT": str(building)}
    try:
        _uv(["venv", "--quiet", "--relocatable", "--python", sys.executable, str(building)], folder, environment, tool)
        _uv(["sync", "--quiet", "--locked", "--project", str(folder)], folder, environment, tool)
        (building / _BUILT_FROM).write_text(lock_hash(tool))
        shutil.rmtree(folder / ".venv", ignore_errors=True)
        building.rename(folder / ".venv")
    finally:
        shutil.rmtree(building, ignore_errors=True)


def build_environment() -> dict[str, str]:
    """This environment without what would bend the build: an active venv, or a ban on byte code."""
    dropped = {"VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME"}
    return {name: value for name, value in os.environ.items() if name not in dropped}


def _uv(arguments: list[str], folder: Path, environment: dict[str, str], tool: str) -> None:
    command = [str(uv_executable()), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise MachineError(f"{tool}: the environment could not be built.\n{indent(done.stderr)}\n{_way_out(done.stderr, folder)}")


def _way_out(error: str, folder: Path) -> str:
    lock = folder.relative_to(ROOT) / "uv.lock"
    if "needs to be updated" in error or "Failed to parse" in error or "TOML parse" in error:
        return f"{lock} does not fit its pyproject.toml: run `uv lock` in {lock.parent}, or `git checkout {lock}`."
    if any(word in error for word in ("Failed to fetch", "error sending request", "dns error", "Could not connect")):
        return "No package index answers: check the network, or name a mirror with UV_DEFAULT_INDEX, then run it again."
    return "Nothing was changed: the environment that was there before is still there. Mend the cause and run it again."


def indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.strip().splitlines()[-12:])


def uv_executable() -> Path:
    """The pinned uv, in ``.tools``; `scripts/bootstrap.sh` puts it there. Raises MachineError without it."""
    uv = ROOT / ".tools" / f"uv-{UV_VERSION}" / "bin" / "uv"
    if uv.exists():
        return uv
    venv = ROOT / ".tools" / f"uv-{UV_VERSION}-building"
    shutil.rmtree(venv, ignore_errors=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", f"uv=={UV_VERSION}"]
    for command in ([sys.executable, "-m", "venv", str(venv)], pip):
        done = subprocess.run(command, env=build_environment(), capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(venv, ignore_errors=True)
            raise MachineError(
                f"uv {UV_VERSION} could not be installed.\n{indent(done.stderr or done.stdout)}\n"
                "It needs Python's venv module and a package index: check both, then run it again."
            )
    venv.rename(uv.parents[1])
    return uv


@contextlib.contextmanager
def building_alone(folder: Path) -> Iterator[None]:
    """Two runs at once build an environment once: the second waits for the first."""
    with open(folder / ".venv-lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
