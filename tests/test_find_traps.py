"""The command that looks for traps, as a user or a workflow calls it: formats, baseline, settings, hooks, the action."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from proving import ROOT

CASES = ROOT / "tests" / "trap_cases" / "embedded"
FIND = [sys.executable, str(ROOT / "scripts" / "find_traps.py")]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """SQL with a task that is never resumed, and its pyproject.toml."""
    shutil.copy(CASES / "E001" / "bad.sql", tmp_path / "tasks.sql")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'shop'\n")
    return tmp_path


def find(project: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and what was printed."""
    done = subprocess.run([*FIND, *arguments], cwd=project, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def ids(printed: str) -> set[str]:
    return set(re.findall(r"\b[A-Z]\d{3}\b", printed))


def test_a_trap_fails_and_names_its_line(project: Path) -> None:
    """Path as the reader types it."""
    code, printed = find(project, ".")
    assert (code, ids(printed)) == (1, {"E001"})
    assert re.search(r"^tasks\.sql:\d+: E001 ", printed, re.MULTILINE)


@pytest.mark.parametrize(
    ("form", "begins"), [("sarif", '{\n "$schema"'), ("junit", "<?xml"), ("github", "::warning file=tasks.sql"), ("json", "{")]
)
def test_a_report_is_written_beside_the_text(form: str, begins: str, project: Path) -> None:
    """The folder of the file is made; the terminal still shows the findings."""
    code, printed = find(project, ".", "--format", form, "--output", "reports/traps")
    assert (code, ids(printed)) == (1, {"E001"})
    assert (project / "reports" / "traps").read_text().startswith(begins)


def test_a_baseline_is_adopted_and_a_new_trap_fails(project: Path) -> None:
    """Then the first trap is mended, and the file is said to be out of date."""
    assert find(project, ".", "--write-baseline", "traps.json")[0] == 0
    assert find(project, ".", "--baseline", "traps.json")[0] == 0
    (project / "pyproject.toml").write_text("[tool.find-traps]\nbaseline = 'traps.json'\n")
    shutil.copy(CASES / "E003" / "bad.sql", project / "merge.sql")
    code, printed = find(project, ".")
    assert (code, "E003" in ids(printed)) == (1, True)
    (project / "tasks.sql").unlink()
    (project / "merge.sql").unlink()
    shutil.copy(CASES / "E001" / "good.sql", project / "tasks.sql")
    assert find(project, ".")[1].splitlines()[-1].endswith("found no more: write it again")


def test_a_project_may_exclude_and_ignore_with_a_reason(project: Path) -> None:
    """Nothing else is quiet for it."""
    (project / "pyproject.toml").write_text("[tool.find-traps]\nexclude = ['tasks.sql']\n")
    assert find(project, ".")[0] == 2
    (project / "pyproject.toml").write_text("[tool.find-traps]\nignore = { E001 = 'the platform team resumes them' }\n")
    assert find(project, ".") == (0, "0 found, 0 hints\n")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("ignore = { E001 = '' }", "wants a reason"),
        ("ignore = { E999 = 'x' }", "no rule 'E999'"),
        ("exclud = []", "no key 'exclud'"),
        ("exclude = 'a'", "list of patterns"),
        ("exclude = [", "pyproject.toml"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(table: str, message: str, project: Path) -> None:
    """Exit code 2, with the file."""
    (project / "pyproject.toml").write_text(f"[tool.find-traps]\n{table}\n")
    code, printed = find(project, ".")
    assert (code, message in printed, "pyproject.toml" in printed) == (2, True, True)


def test_nothing_to_look_at_is_an_error_unless_allowed(tmp_path: Path) -> None:
    """A hook is also given files that no tool reads."""
    (tmp_path / "plain.py").write_text("print(1)\n")
    assert find(tmp_path, "plain.py")[0] == 2
    assert find(tmp_path, "plain.py", "--allow-nothing") == (0, "0 found, 0 hints\n")


def test_the_hooks_name_scripts_that_can_be_executed() -> None:
    """pre-commit runs them by their path in this repository."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [hook["id"] for hook in hooks] == ["orchestration-traps", "orchestration-check"]
    for hook in hooks:
        program, *options = hook["entry"].split()
        assert os.access(ROOT / program, os.X_OK)
        helped = subprocess.run([sys.executable, ROOT / program, "--help"], capture_output=True, text=True).stdout
        assert [option for option in options if option not in helped] == []


def test_the_action_fits_its_schema_and_its_step_finds_the_trap(project: Path) -> None:
    """The script of the step is run as GitHub would, with a path, a SARIF log and no other input."""
    checker = str(Path(sys.executable).with_name("check-jsonschema"))
    action = ROOT / "action.yml"
    fits = subprocess.run([checker, "--builtin-schema", "vendor.github-actions", str(action)], capture_output=True, text=True)
    assert fits.returncode == 0, fits.stdout
    [step] = yaml.safe_load(action.read_text())["runs"]["steps"]
    inputs = {"TRAP_PATHS": ".", "TRAP_PYTHON": "", "TRAP_BASELINE": "", "TRAP_SARIF": "traps.sarif"}
    assert sorted(step["env"]) == sorted(inputs)
    environment = os.environ | inputs | {"GITHUB_ACTION_PATH": str(ROOT)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert (done.returncode, "::warning file=tasks.sql" in done.stdout) == (1, True), done.stderr
    assert json.loads((project / "traps.sarif").read_text())["runs"][0]["results"][0]["ruleId"] == "E001"
