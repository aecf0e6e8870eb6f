"""The command line, as a user runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from proving import fence, obey_interrupts
from snippet_checker.environments import ROOT

CHECK = [sys.executable, str(ROOT / "scripts" / "check.py")]


def check(*arguments: str | Path, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CHECK, *map(str, arguments)], input=stdin, capture_output=True, text=True, cwd=cwd or ROOT)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page whose snippets need no orchestrator."""
    path = tmp_path / "embedded-page.md"
    path.write_text(
        fence("SELECT 1", language="sql")
        + "\n"
        + fence("assert 1 + 1 == 2")
        + "\n"
        + fence("SELECT 1", "parse, x", language="sql")
    )
    return path


def test_a_good_page_ends_with_zero_and_its_figures(page: Path) -> None:
    """Three snippets, three results."""
    done = check("--no-cache", page)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 snippets in" in done.stdout
    assert "canaries that must fail did fail" in done.stdout


def test_a_bad_page_ends_with_one_and_names_the_line(page: Path) -> None:
    """Place, kind, message, the lines around it."""
    page.write_text(page.read_text().replace("1 + 1 == 2", "1 + 1 == 3"))
    done = check(page)
    assert done.returncode == 1
    assert f"{page}:6  AssertionError" in done.stdout.replace("\n", " ")


def test_a_second_run_is_answered_from_what_is_known(page: Path) -> None:
    """And says so."""
    check(page)
    assert "3 of them known from before" in check(page).stdout


@pytest.mark.parametrize("arguments", [["no/such/page.md"], ["{empty}"], ["--docs", "{empty}"]])
def test_finding_nothing_is_a_failure(arguments: list[str], tmp_path: Path) -> None:
    """A missing path, a folder without pages: exit code 1 and what to do."""
    done = check(*[argument.format(empty=tmp_path) for argument in arguments])
    assert done.returncode == 1
    assert "no such file or folder" in done.stderr or "no snippet found" in done.stderr


def test_the_plan_can_be_listed_without_running(page: Path) -> None:
    """One line per snippet: place, language, environment, level."""
    lines = check("--list", page).stdout.splitlines()
    assert [line.split(": ")[1] for line in lines[:-1]] == ["sql documents runs", "python embedded runs", "sql documents parses"]
    assert lines[-1] == "3 snippets"


def test_only_tool_and_shard_choose_snippets(page: Path) -> None:
    """By place, by tool, by part of a CI matrix; the parts add up to the whole."""
    assert check("--list", "--only", f"{page}:6", page).stdout.splitlines()[-1] == "1 snippets"
    assert check("--list", "--tool", "embedded", page).stdout.splitlines()[-1] == "1 snippets"
    parts = [check("--list", "--shard", f"{i}/2", page).stdout.splitlines()[:-1] for i in (1, 2)]
    assert sorted(parts[0] + parts[1]) == sorted(check("--list", page).stdout.splitlines()[:-1])
    assert check("--shard", "3/2", page).returncode == 2


def test_reports_are_written_as_json_and_junit(page: Path, tmp_path: Path) -> None:
    """Beside the report on the terminal."""
    check("--json", tmp_path / "r.json", "--junit", tmp_path / "r.xml", page)
    assert json.loads((tmp_path / "r.json").read_text())["counts"] == {"runs": 2, "parses": 1}
    assert (tmp_path / "r.xml").read_text().count("<testcase") == 3


@pytest.mark.slow
def test_code_on_standard_input_is_answered_in_one_json_object() -> None:
    """With the line, what is wrong, and the form that is current."""
    done = check("-", "--json", "-", stdin="import dagster as dg\n\n@dg.asset(nmae='x')\ndef a(): ...\n")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["ok"]) == (1, False)
    assert [(f["line"], f["kind"], f["current"]) for f in answer["findings"]] == [(3, "TypeError", "did you mean name=?")]
    good = check("-", "--json", "-", stdin="import dagster as dg\n\n@dg.asset\ndef a(): ...\n")
    assert (good.returncode, json.loads(good.stdout)["level"]) == (0, "loads")


@pytest.mark.slow
def test_a_project_is_checked_in_place_with_its_own_interpreter(tmp_path: Path) -> None:
    """Relative and package imports work; tests and files without an orchestrator are left alone."""
    package = tmp_path / "src" / "shop"
    package.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[project]\nname='shop'\nversion='0'\n")
    (package / "__init__.py").write_text("")
    (package / "names.py").write_text("ORDERS = 'orders'\n")
    (package / "assets.py").write_text(
        "import dagster as dg\nfrom shop.names import ORDERS\n\n@dg.asset(name=ORDERS)\ndef a(): ...\n"
    )
    (package / "old.py").write_text("from dagster import solid\n")
    (package / "test_assets.py").write_text("import dagster\nassert False\n")
    python = ROOT / "examples" / "dagster" / ".venv" / "bin" / "python"
    done = check(tmp_path, "--python", python)
    lines = done.stdout.splitlines()
    assert done.returncode == 1, done.stderr
    assert lines[-1] == "1 found, 0 hints; --explain ID says what goes wrong"
    assert lines[0] == f"{package / 'old.py'}:1: ImportError: cannot import name 'solid' from 'dagster'"
    assert lines[1].startswith(f"{package / 'assets.py'}: ok, loads")
    assert not list(tmp_path.rglob("__pycache__"))


def test_python_files_need_the_standard_library_only(tmp_path: Path) -> None:
    """An agent runs it from a user's machine: any Python 3.11, nothing installed."""
    code = (
        "import sys; sys.path.insert(0, 'scripts'); sys.argv = ['check.py', '--list', '-']\n"
        "import check; code = check.main()\n"
        "third = [n for n in sys.modules if n.split('.')[0] in ('rich', 'markdown_it', 'ruamel', 'sqlglot', 'duckdb')]\n"
        "assert (code, third) == (0, []), (code, third)"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], input="import dagster\n", capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "1 snippets"


def test_an_interpreter_that_is_not_there_is_the_machine_s_fault() -> None:
    """Exit code 2 and what to pass."""
    done = check("-", "--python", "/no/such/python", stdin="import dagster\n")
    assert done.returncode == 2
    assert "pass the python of the project's environment" in done.stderr


def test_foreign_documentation_is_read_without_marks(tmp_path: Path) -> None:
    """Other languages are listed, tabs are read."""
    (tmp_path / "embedded.md").write_text('# x\n\n=== "SQL"\n\n    ```sql\n    SELECT 1\n    ```\n\n```rust\nfn main() {}\n```\n')
    done = check("--docs", tmp_path)
    assert done.returncode == 0, done.stdout
    assert "2 snippets" in done.stdout


@pytest.mark.slow
def test_a_kept_warm_process_serves_the_next_check_and_is_ended(page: Path) -> None:
    """`--keep-warm` leaves it, `--end-warm` ends it."""
    assert check("--no-cache", "--keep-warm", page).returncode == 0
    assert check("--no-cache", page).returncode == 0
    assert "embedded" in check("--end-warm").stdout
    assert check("--end-warm").stdout == "ended: none was running\n"


@pytest.mark.slow
def test_watching_checks_again_what_changes_until_it_is_interrupted(page: Path, tmp_path: Path) -> None:
    """A good page, an error saved into it, the error taken out again; Ctrl-C ends with exit code 130."""
    log = tmp_path / "watched.txt"
    with log.open("w") as said:
        watching = subprocess.Popen(
            [*CHECK, "--watch", str(page)], stdout=said, stderr=subprocess.STDOUT, cwd=ROOT,
            start_new_session=True, preexec_fn=obey_interrupts,
        )  # fmt: skip
    try:
        wait_for("3 snippets in", log, watching)
        page.write_text(page.read_text().replace("1 + 1 == 2", "1 + 1 == 3"))
        wait_for("AssertionError", log, watching)
        log.write_text("")
        page.write_text(page.read_text().replace("1 + 1 == 3", "1 + 1 == 2"))
        wait_for("3 snippets in", log, watching)
        watching.send_signal(signal.SIGINT)
        assert watching.wait(30) == 130
    finally:
        watching.kill()
        watching.wait()
        check("--end-warm")


def wait_for(text: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    """Until ``text`` stands in the log; fails with the log when the process has ended or a minute is over."""
    deadline = time.monotonic() + 60
    while text not in log.read_text():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
