"""Building the locked environments."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from snippet_checker import environments
from snippet_checker.model import MachineError

PROJECT = """\
[project]
name = "small"
version = "0"
requires-python = ">=3.11,<3.14"
dependencies = [{}]
[tool.uv]
package = false
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with one tool whose project needs nothing, and the uv of this tree."""
    uv = environments.uv_executable()
    (tmp_path / ".tools").symlink_to(uv.parents[2])
    folder = tmp_path / "examples" / "dagster"
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT.format(""))
    subprocess.run([uv, "lock", "--quiet", "--offline"], cwd=folder, check=True)
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    return folder


def test_an_environment_is_built_once_and_again_when_its_lock_changes(small: Path) -> None:
    """The second call says nothing and builds nothing; a changed lock builds anew."""
    said: list[str] = []
    python = environments.prepare("dagster", said.append)
    assert subprocess.run([python, "-c", "print(1)"], capture_output=True, text=True).stdout == "1\n"
    assert [line.split(":")[1].split()[0] for line in said] == ["building", "ready"]
    stamp = (small / ".venv" / "built-from.sha256").stat().st_mtime_ns
    environments.prepare("dagster", said.append)
    assert (len(said), (small / ".venv" / "built-from.sha256").stat().st_mtime_ns) == (2, stamp)
    (small / "uv.lock").write_text((small / "uv.lock").read_text() + "\n")
    assert not environments.is_built("dagster")
    environments.prepare("dagster", said.append)
    assert (len(said), environments.is_built("dagster")) == (4, True)


def test_a_broken_lock_says_which_and_leaves_the_old_environment(small: Path) -> None:
    """No half environment is left behind."""
    python = environments.prepare("dagster")
    (small / "uv.lock").write_text("not = [toml")
    with pytest.raises(MachineError, match=r"examples/dagster/uv\.lock does not fit") as error:
        environments.prepare("dagster")
    assert "uv lock" in str(error.value)
    assert python.exists()
    assert not (small / ".venv-building").exists()


def test_a_lock_that_does_not_fit_its_project_is_refused(small: Path) -> None:
    """The lock is never changed behind a maintainer's back."""
    (small / "pyproject.toml").write_text(PROJECT.format('"six"'))
    lock = (small / "uv.lock").read_bytes()
    with pytest.raises(MachineError, match="run `uv lock` in examples/dagster"):
        environments.prepare("dagster")
    assert (small / "uv.lock").read_bytes() == lock
    assert not (small / ".venv").exists()


def test_without_a_package_index_the_message_says_so(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And how to name a mirror."""
    (small / "pyproject.toml").write_text(PROJECT.format('"six==1.17.0"'))
    (small / "uv.lock").write_text(
        'version = 1\nrevision = 3\nrequires-python = ">=3.11, <3.14"\n\n[[package]]\nname = "six"\nversion = "1.17.0"\n'
        'source = { registry = "http://127.0.0.1:9/simple" }\n'
        'wheels = [{ url = "http://127.0.0.1:9/six-1.17.0-py2.py3-none-any.whl", hash = "sha256:'
        + "0"
        * 64
        + '", size = 1 }]\n\n'
        '[[package]]\nname = "small"\nversion = "0"\nsource = { virtual = "." }\ndependencies = [{ name = "six" }]\n\n'
        '[package.metadata]\nrequires-dist = [{ name = "six", specifier = "==1.17.0" }]\n'
    )
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(MachineError, match="No package index answers") as error:
        environments.prepare("dagster")
    assert "UV_DEFAULT_INDEX" in str(error.value)
    assert not (small / ".venv-building").exists()


def test_a_missing_lock_names_the_file(small: Path) -> None:
    """And the way to restore it."""
    (small / "uv.lock").unlink()
    with pytest.raises(MachineError, match=r"uv\.lock: No such file"):
        environments.prepare("dagster")


def test_an_interpreter_outside_a_tool_s_range_is_refused_with_the_range(small: Path) -> None:
    """The supported Python versions stand in the message."""
    text = (small / "pyproject.toml").read_text()
    (small / "pyproject.toml").write_text(text.replace(">=3.11,<3.14", ">=3.20,<3.22"))
    with pytest.raises(MachineError, match=r"Python 3\.20 to 3\.21"):
        environments.prepare("dagster")


@pytest.mark.parametrize("tool", environments.TOOLS)
def test_every_lock_names_public_indexes_only(tool: str) -> None:
    """A lock made against a mirror would not resolve anywhere else."""
    text = (environments.ROOT / "examples" / tool / "uv.lock").read_text()
    hosts = {part.split("/")[0] for part in text.split("https://")[1:]}
    assert hosts == {"pypi.org", "files.pythonhosted.org"}
    assert "http://" not in text


def test_the_pinned_tools_are_the_ones_the_project_names() -> None:
    """dagster 1.13, airflow 3.3, prefect 3.9: the lines this pack is written for."""
    found = {tool: ".".join(environments.locked_version(tool).split(".")[:2]) for tool in ("dagster", "airflow", "prefect")}
    assert found == {"dagster": "1.13", "airflow": "3.3", "prefect": "3.9"}
    assert os.environ.get("UV_PROJECT_ENVIRONMENT") is None
