"""`research.py env`: the project's interpreter, versions against the pins, homes and services of this machine."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from research_protocol.environment import answer_environment
from research_protocol.installed import ask_installed
from research_protocol.interpreters import choose_interpreter, environments_below, find_interpreters
from research_protocol.model import CannotLookError
from research_protocol.pins import ROOT, difference, fits, is_before, read_pins
from research_protocol.tool_homes import Home, find_homes, find_services, set_variables
from research_protocol.version_meaning import PYTHON_RANGES, find_conflicts, new_since

NOTHING = {"HOME": "/nowhere"}


def make_environment(folder: Path, packages: dict[str, str] | None = None) -> Path:
    """A real environment without pip, in which these distributions are recorded as installed; returns its python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = next((folder / "lib").glob("python*")) / "site-packages"
    for name, version in (packages or {}).items():
        record = site / f"{name.replace('-', '_')}-{version}.dist-info"
        record.mkdir()
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: >=3.9\n")
    return folder / "bin" / "python"


def first_of(project: Path, **environ: str) -> tuple[str, str]:
    found = next(find_interpreters(project, NOTHING | environ))
    return found.path, found.found_by


def test_the_environment_beside_the_lock_is_found_from_a_folder_below(tmp_path: Path) -> None:
    """uv and poetry put .venv at the project's root; the search goes up to the root of the repository and no further."""
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "src" / "deep").mkdir(parents=True)
    (tmp_path / "repo" / "uv.lock").touch()
    outside = make_environment(tmp_path / ".venv")
    assert first_of(tmp_path / "repo" / "src" / "deep")[0] == sys.executable
    own = make_environment(tmp_path / "repo" / ".venv")
    assert first_of(tmp_path / "repo" / "src" / "deep") == (str(own), "uv: .venv")
    assert str(outside) not in {one.path for one in find_interpreters(tmp_path / "repo" / "src", NOTHING)}


def test_uv_may_keep_the_environment_elsewhere(tmp_path: Path) -> None:
    """UV_PROJECT_ENVIRONMENT wins over .venv, which may be left over."""
    make_environment(tmp_path / ".venv")
    named = make_environment(tmp_path / "elsewhere")
    (tmp_path / "uv.lock").touch()
    assert first_of(tmp_path, UV_PROJECT_ENVIRONMENT="elsewhere") == (str(named), "uv: UV_PROJECT_ENVIRONMENT")


def test_the_environment_in_the_cache_of_poetry_is_found(tmp_path: Path) -> None:
    """Poetry names it after the project and a hash of its folder; another project of the same name has another hash."""
    project = tmp_path / "shop"
    project.mkdir()
    (project / "pyproject.toml").write_text('[tool.poetry]\nversion = "1"\nname = "Shop Data"\n')
    digest = hashlib.sha256(os.path.realpath(project).encode()).digest()
    name = f"shop_data-{base64.urlsafe_b64encode(digest).decode()[:8]}-py3.11"
    caches = tmp_path / ".cache" / "pypoetry" / "virtualenvs"
    make_environment(caches / "shop_data-AAAAAAAA-py3.11")
    python = make_environment(caches / name)
    assert first_of(project, HOME=str(tmp_path)) == (str(python), "poetry")


def test_the_environment_that_conda_knows_by_name_is_found(tmp_path: Path) -> None:
    """environment.yml gives the name, conda's own list the folder."""
    python = make_environment(tmp_path / "conda" / "envs" / "shop")
    (tmp_path / ".conda").mkdir()
    (tmp_path / ".conda" / "environments.txt").write_text(f"/opt/conda\n{tmp_path}/conda/envs/shop\n")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "environment.yml").write_text("name: shop\ndependencies: []\n")
    assert first_of(tmp_path / "project", HOME=str(tmp_path)) == (str(python), "conda: environment.yml")


def test_an_active_environment_comes_after_the_projects_own(tmp_path: Path) -> None:
    """An agent's shell has often another environment active than the project's."""
    active = make_environment(tmp_path / "active")
    project = tmp_path / "project"
    project.mkdir()
    assert first_of(project, VIRTUAL_ENV=str(tmp_path / "active")) == (str(active), "VIRTUAL_ENV")
    own = make_environment(project / ".venv")
    assert first_of(project, VIRTUAL_ENV=str(tmp_path / "active")) == (str(own), ".venv")


def test_a_repository_of_several_projects_lists_their_environments(tmp_path: Path) -> None:
    """Environments of folders below are named, so that --python can be given."""
    python = make_environment(tmp_path / "services" / "ingest" / ".venv")
    assert [one.path for one in environments_below(tmp_path)] == [str(python)]


def test_a_named_interpreter_must_exist_and_answer(tmp_path: Path) -> None:
    """Both messages say which one, and what to pass."""
    with pytest.raises(CannotLookError, match="no such interpreter; pass the python"):
        choose_interpreter(tmp_path, tmp_path / "python")
    mute = tmp_path / "mute"
    mute.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    mute.chmod(0o755)
    with pytest.raises(CannotLookError, match=r"mute: does not answer \(broken\)"):
        ask_installed(str(mute))


def test_pins_are_those_of_the_lock_files() -> None:
    """Each environment's own metadata agrees with what is read from its lock, where it is up to date."""
    pins = read_pins()
    assert sorted(pins) == ["airflow", "dagster", "embedded", "prefect"]
    installed = ask_installed(str(ROOT / "examples" / "dagster" / ".venv" / "bin" / "python")).versions
    assert {name: installed[name] for name in ("dagster", "dagster-dbt", "dlt")} == {
        name: pins["dagster"][name] for name in ("dagster", "dagster-dbt", "dlt")
    }


def test_a_copy_without_lock_files_says_so(tmp_path: Path) -> None:
    """The upload zip may hold no lock: nothing is compared, and the answer says why."""
    project = tmp_path / "project"
    make_environment(project / ".venv", {"prefect": "3.9.1"})
    answer = answer_environment(project, None, tmp_path / "pack", NOTHING)
    assert answer.data["pins"] == {}
    assert answer.data["packages"][0]["difference"] == "no pin here"
    assert any("no examples/<tool>/uv.lock" in line for line in answer.lines)


def test_an_older_airflow_is_told_what_it_lacks(tmp_path: Path) -> None:
    """Another major version is a problem; the minor versions in between say what they brought."""
    make_environment(
        tmp_path / ".venv", {"apache-airflow": "2.10.5", "apache-airflow-providers-celery": "3.8.0", "celery": "5.7.0"}
    )
    answer = answer_environment(tmp_path, None, ROOT, NOTHING)
    airflow = next(package for package in answer.data["packages"] if package["name"] == "apache-airflow")
    assert (airflow["installed"], airflow["difference"], answer.code) == ("2.10.5", "older major", 1)
    assert any("another major version" in problem for problem in answer.data["problems"])
    assert any("celery<5.7" in problem for problem in answer.data["problems"])
    assert [meaning[:24] for meaning in answer.data["meaning"][1:]] == [f"apache-airflow 3.{n} broug"[:24] for n in range(4)]


def test_no_orchestrator_is_a_problem_and_dbt_alone_is_none(tmp_path: Path) -> None:
    """A project without an orchestrator may be right; an environment with none of the tools is the wrong one."""
    make_environment(tmp_path / "dbt" / ".venv", {"dbt-core": "1.11.0"})
    make_environment(tmp_path / "empty" / ".venv")
    assert answer_environment(tmp_path / "dbt", None, ROOT, NOTHING).code == 0
    assert answer_environment(tmp_path / "empty", None, ROOT, NOTHING).code == 1


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        ({"dagster": "1.13.27", "dagster-dbt": "0.29.26"}, "install dagster-dbt==0.29.27"),
        ({"dagster": "1.13.27", "dagster-webserver": "1.13.20"}, "install dagster-webserver==1.13.27"),
        ({"apache-airflow-core": "3.3.2", "apache-airflow-task-sdk": "1.2.0"}, "does not pair"),
        ({"prefect": "3.8.8", "fastapi": "0.165.0"}, "fastapi<0.155"),
        ({"prefect": "3.8.8", "sqlalchemy": "2.1.9"}, "never fire"),
        ({"dagster-dg-cli": "1.13.27", "typer": "0.29.2"}, "typer<0.26"),
    ],
)
def test_versions_that_do_not_work_together_are_told(versions: dict[str, str], said: str) -> None:
    """Each conflict names the way out."""
    [problem] = find_conflicts(versions)
    assert said in problem


@pytest.mark.parametrize("tool", ["dagster", "airflow", "prefect", "embedded"])
def test_the_locked_environments_have_no_conflict(tool: str) -> None:
    """No rule speaks up where everything is proved to work."""
    assert find_conflicts(read_pins()[tool]) == []


@pytest.mark.parametrize("tool", ["dagster", "airflow", "prefect"])
def test_python_ranges_are_those_of_the_pins(tool: str) -> None:
    """What is said of a tool that is not installed is what the pinned version declares."""
    requires = ask_installed(str(ROOT / "examples" / tool / ".venv" / "bin" / "python")).requires
    for name, known in PYTHON_RANGES.items():
        if name in requires:
            assert (name, sorted(known.split(","))) == (name, sorted(requires[name].split(",")))


def test_versions_are_compared_by_their_numbers() -> None:
    """3.10 comes after 3.9, and a release candidate counts as its release."""
    assert [difference(*pair) for pair in (("1.9.0", "1.10.0"), ("2.0.1", "2.0.1"), ("3.3.3rc1", "3.3.2"), ("2.9", "3.0"))] == [
        "older minor",
        "same",
        "newer patch",
        "older major",
    ]
    assert is_before("3.9", "3.10") and not is_before("3.0", "3.0.0")
    assert [fits("3.14.0", asked) for asked in (">=3.10,<3.14", ">=3.10,<3.15", "!=3.15,>=3.10", "~=3.11")] == [
        False,
        True,
        True,
        True,
    ]
    assert new_since("apache-airflow", "3.2.1", "3.3.2") == [
        line for line in new_since("apache-airflow", "2", "3.3.2") if "3.3" in line
    ]


def test_a_listening_port_and_process_ids_in_files_are_found(tmp_path: Path) -> None:
    """A port of a loopback URL counts; a process that is gone is told apart from one that runs."""
    (tmp_path / "airflow-scheduler.pid").write_text(f"{os.getpid()}\n")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / "airflow-triggerer.pid").write_text(str(gone.pid))
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        environ = {"AIRFLOW_HOME": str(tmp_path), "PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "HOME": "/nowhere"}
        services = find_services(find_homes(environ), environ)
    assert f"127.0.0.1:{port}" in {service.found_by for service in services}
    assert {service.what for service in services if service.what.startswith("airflow")} == {
        f"airflow: process {os.getpid()} runs",
        f"airflow: process {gone.pid} is gone; the file is left over",
    }
    assert f"127.0.0.1:{port}" not in {service.found_by for service in find_services([], environ)}


def test_homes_are_found_by_variable_and_by_default_and_values_are_kept_secret(tmp_path: Path) -> None:
    """A variable may hold a password: its name is shown, its value nowhere in the answer."""
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow" / "airflow.cfg").touch()
    environ = {"HOME": str(tmp_path), "DAGSTER_HOME": "/data", "AIRFLOW_CONN_SHOP": "postgres://user:hunter2@host/db"}
    assert find_homes(environ) == [
        Home("dagster", "/data", "DAGSTER_HOME", False, ""),
        Home("airflow", str(tmp_path / "airflow"), "default", True, str(tmp_path / "airflow" / "airflow.cfg")),
    ]
    assert set_variables(environ) == ["AIRFLOW_CONN_SHOP", "DAGSTER_HOME"]
    answer = answer_environment(tmp_path, None, ROOT, environ)
    assert "hunter2" not in f"{answer.data}{answer.lines}"
