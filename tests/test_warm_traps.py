"""The process that looks for traps and is kept between checks: what it answers, what it must not remember, how it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from proving import ROOT

FIND = [sys.executable, str(ROOT / "scripts" / "find_traps.py")]
PYTHON = str(ROOT / "examples" / "prefect" / ".venv" / "bin" / "python")
GOOD = "from prefect import flow\n\n@flow\ndef load(): ...\n"
STALE = "from limits import POLICY\nfrom prefect import flow, task\n\n@task(cache_policy=POLICY)\ndef fetch(day: str): ...\n"
STALE += "\n@task(cache_policy=POLICY)\ndef store(day: str): ...\n\n@flow\ndef load():\n    store(fetch('2026-01-01'))\n"
ENDLESS = "import time\nfrom pathlib import Path\nfrom prefect import flow\nPath({mark!r}).touch()\ntime.sleep(600)\n"


@pytest.fixture
def project() -> Iterator[Path]:
    """An empty folder; what was left running for it ends with the test."""
    with tempfile.TemporaryDirectory(prefix="warm-") as folder:  # a socket's path has at most 107 characters
        project = Path(folder, "project")
        project.mkdir()
        yield project
        find(project, "--end-warm")


def environment(project: Path) -> dict[str, str]:
    """A temporary folder of the test's own: no process of another test answers."""
    return os.environ | {"TMPDIR": str(project.parent)}


def find(project: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and what was printed."""
    done = subprocess.run([*FIND, *arguments], cwd=project, env=environment(project), capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def kept(project: Path) -> list[int]:
    """The processes that were left running for the test."""
    place = f"{project.parent}/find-traps-".encode()
    lines = {int(path.parent.name): path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")}
    return [process for process, line in lines.items() if place in line and b".sock" in line]


def test_a_kept_process_answers_what_a_new_one_does_and_ends_when_asked(project: Path) -> None:
    """The second check is done by the process of the first one."""
    (project / "limits.py").write_text("from prefect.cache_policies import INPUTS as POLICY\n")
    (project / "flow.py").write_text(STALE)
    alone = find(project, "flow.py", "--python", PYTHON)
    assert (alone[0], "P001" in alone[1]) == (1, True)
    assert find(project, "flow.py", "--python", PYTHON, "--keep-warm") == alone
    first = kept(project)
    assert len(first) == 1
    assert find(project, "flow.py", "--python", PYTHON, "--keep-warm") == alone
    assert kept(project) == first
    assert find(project, "--end-warm") == (0, "ended: prefect\n")
    wait_for(lambda: not kept(project))


def test_nothing_of_the_project_is_remembered(project: Path) -> None:
    """Neither the file nor the module beside it, changed within the same second."""
    (project / "limits.py").write_text("from prefect.cache_policies import INPUTS as POLICY\n")
    (project / "flow.py").write_text(STALE)
    assert find(project, "flow.py", "--python", PYTHON, "--keep-warm")[0] == 1
    (project / "limits.py").write_text("from prefect.cache_policies import DEFAULT as POLICY\n")
    assert find(project, "flow.py", "--python", PYTHON) == (0, "0 found, 0 hints\n")
    (project / "flow.py").write_text(GOOD + "raise ValueError('now')\n")
    assert "flow.py:5: LOAD not looked into: ValueError: now" in find(project, "flow.py", "--python", PYTHON)[1]


def test_no_variable_of_the_first_caller_is_kept(project: Path) -> None:
    """Each check has its own --set and nothing else."""
    (project / "flow.py").write_text("import os\n" + GOOD + "os.environ['DAY']\n")
    assert find(project, "flow.py", "--python", PYTHON, "--keep-warm", "--set", "DAY=1") == (0, "0 found, 0 hints\n")
    assert "KeyError: 'DAY'" in find(project, "flow.py", "--python", PYTHON)[1]


def test_a_file_that_does_not_end_is_told_and_the_next_one_is_answered(project: Path) -> None:
    """Within the time limit of a file."""
    (project / "endless.py").write_text(ENDLESS.format(mark=str(project / "mark")))
    (project / "flow.py").write_text(GOOD)
    code, printed = find(project, "endless.py", "--python", PYTHON, "--keep-warm", "--timeout", "2")
    assert (code, "loading did not end within 2 s" in printed) == (1, True)
    assert find(project, "flow.py", "--python", PYTHON) == (0, "0 found, 0 hints\n")


def test_an_interrupted_check_ends_what_it_asked_for(project: Path) -> None:
    """The file that was loading is ended; the process stays and answers the next check."""
    mark = project / "mark"
    (project / "endless.py").write_text(ENDLESS.format(mark=str(mark)))
    (project / "flow.py").write_text(GOOD)
    find(project, "flow.py", "--python", PYTHON, "--keep-warm")
    server = kept(project)
    asked = subprocess.Popen([*FIND, "endless.py", "--python", PYTHON], cwd=project, env=environment(project))
    wait_for(mark.exists)
    asked.send_signal(signal.SIGKILL)
    asked.wait()
    wait_for(lambda: len(descendants(server[0])) == 0)
    assert find(project, "flow.py", "--python", PYTHON) == (0, "0 found, 0 hints\n")
    assert kept(project) == server


def test_without_the_tool_it_is_said_which_interpreter_lacks_it(project: Path) -> None:
    """And nothing is left running: neither where it is not installed, nor where the half of it is."""
    (project / "flow.py").write_text(GOOD)
    airflow = str(ROOT / "examples" / "airflow" / ".venv" / "bin" / "python")
    code, printed = find(project, "flow.py", "--python", airflow, "--keep-warm")
    assert (code, re.search(r"airflow/\.venv/bin/python has no prefect; name", printed) is not None) == (2, True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", project / "half"], check=True)
    (packages,) = (project / "half").glob("lib/*/site-packages")
    (packages / "prefect").mkdir()
    (packages / "prefect" / "__init__.py").write_text("raise ImportError('half an installation')\n")
    code, printed = find(project, "flow.py", "--python", str(project / "half" / "bin" / "python"), "--keep-warm")
    assert code == 2
    assert re.search(r"half/bin/python did not get ready .*half an installation", printed)
    workflow = project / ".github" / "workflows" / "nightly.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text("on:\n  schedule:\n    - cron: '0 6 * * *'\njobs:\n  load:\n    runs-on: ubuntu-latest\n    steps: []\n")
    code, printed = find(project, ".", "--python", str(project / "half" / "bin" / "python"), "--keep-warm")
    assert code == 1
    assert re.search(r"flow.py:1: LOAD none of 1 files with prefect was looked into: .*half an installation", printed)
    assert re.search(r"nightly.yml:\d+: E0", printed)
    wait_for(lambda: not kept(project))


def test_a_place_that_no_socket_can_have_is_named(project: Path) -> None:
    """With the way out: nothing is looked into in silence by another process."""
    (project / "flow.py").write_text(GOOD)
    long = project.parent / ("a" * 120)
    long.mkdir()
    command = [*FIND, "flow.py", "--python", PYTHON, "--keep-warm"]
    done = subprocess.run(command, cwd=project, env=os.environ | {"TMPDIR": str(long)}, capture_output=True, text=True)
    assert (done.returncode, "set TMPDIR to a shorter one" in done.stderr) == (2, True), done.stderr


def wait_for(happened: object, seconds: float = 30) -> None:
    """Until ``happened()`` is true; fails after a limit that only a fault reaches."""
    assert callable(happened)
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def descendants(process: int) -> list[int]:
    """Every living process below one."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [each for child in map(int, children) for each in (child, *descendants(child))]
