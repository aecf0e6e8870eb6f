"""The command line of research.py: standard library only, JSON everywhere, exit codes, and no write but to the screen."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from research_protocol.command_line import main
from snippet_checker import environments

SCRIPT = environments.ROOT / "scripts" / "research.py"


def run(*arguments: str, python: str = sys.executable, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """As a user runs it, with neither installed packages (-S) nor the folder of the caller (-I)."""
    command = [python, "-I", "-S", str(SCRIPT), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flow.py").write_text("from prefect import flow\n\n@flow\ndef load(): ...\n")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "key", "code"),
    [
        (["patterns", "PROJECT"], "found", 0),
        (["drift", "PROJECT"], "stale", 0),
        (["env", "PROJECT", "--python", str(environments.python_of("prefect"))], "packages", 0),
        (["api", "prefect.flow", "--python", str(environments.python_of("prefect"))], "signature", 0),
        (["errors", "No module named 'airflow.operators.dummy'"], "matches", 0),
    ],
)
def test_every_command_answers_in_json_with_the_standard_library_alone(
    project: Path, arguments: list[str], key: str, code: int
) -> None:
    """One object on standard output, nothing on standard error; the same exit code as for a reader."""
    arguments = [str(project) if argument == "PROJECT" else argument for argument in arguments]
    done = run(*arguments, "--json")
    assert (done.stderr, done.returncode) == ("", code)
    assert json.loads(done.stdout)[key] if key != "stale" else json.loads(done.stdout)[key] == []
    plain = run(*arguments)
    assert (plain.returncode, plain.stderr) == (code, "")
    assert plain.stdout.strip()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["patterns", "/nowhere"], 2, "name the project's root"),
        (["env", "/nowhere"], 2, "name the project's root"),
        (["drift", ".", "--python", "/nowhere/python"], 2, "no such interpreter"),
        (["api"], 2, "needs a dotted name"),
        (["errors"], 2, "needs the text of an error"),
        (["patterns", "a", "b"], 2, "takes one subject"),
        (["paterns"], 2, "invalid choice"),
    ],
)
def test_what_cannot_be_answered_has_exit_code_2_and_a_way_out(arguments: list[str], code: int, said: str) -> None:
    """The message says what was asked and what to give instead."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_errors_are_json_too_when_json_was_asked_for() -> None:
    """A caller that parses gets an object on standard error."""
    done = run("patterns", "/nowhere", "--json")
    assert "no such file" in json.loads(done.stderr)["error"]


def test_an_error_is_read_from_standard_input() -> None:
    """A traceback can be piped in."""
    done = run("errors", "-", "--json", stdin="Traceback\nModuleNotFoundError: No module named 'airflow.datasets'\n")
    assert json.loads(done.stdout)["matches"][0]["place"] == "drift ledger, airflow-datasets"


def test_every_option_stands_in_the_help() -> None:
    """The pages name options; one help lists all of them, and each command."""
    done = run("--help")
    for word in ("env", "patterns", "api", "drift", "errors", "--python", "--json", "--all"):
        assert word in done.stdout


def test_nothing_is_written_into_the_project(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Looking leaves the folder as it was."""
    before = sorted(project.rglob("*"))
    for command in ("patterns", "drift", "env"):
        main([command, str(project)])
    assert sorted(project.rglob("*")) == before
    assert capsys.readouterr().out


def test_other_versions_of_python_give_the_same_answer(project: Path) -> None:
    """The sources parse as 3.10, the oldest promised, whichever Python runs this; other versions that pyenv has are run."""
    files = [SCRIPT, *sorted(SCRIPT.with_name("research_protocol").glob("*.py"))]
    assert len(files) > 10
    for file in files:
        ast.parse(file.read_text(encoding="utf-8"), str(file), feature_version=(3, 10))
    with pytest.raises(SyntaxError):
        ast.parse("try:\n    1\nexcept* OSError:\n    2\n", feature_version=(3, 10))
    pythons = (sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python")) for version in ("3.10", "3.12", "3.13"))
    for python in (str(found[-1]) for found in pythons if found):
        for command in (["patterns", str(project)], ["errors", "No module named 'airflow.datasets'"]):
            assert run(*command, "--json", python=python).stdout == run(*command, "--json").stdout
