"""Running checks in warm processes: isolation, and that every check ends in exactly one result."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from proving import ROOT, fence, in_order, interpreter, obey_interrupts
from snippet_checker import environments, isolation
from snippet_checker.cache import kept_folder
from snippet_checker.model import MachineError, Result
from snippet_checker.parse import read_text
from snippet_checker.plan import plan_checks
from snippet_checker.run import Settings, run_all

pytestmark = pytest.mark.slow
Prove = Callable[..., list[Result]]
GOOD = "assert __name__ != '__main__'\n"


def only_finding(result: Result) -> tuple[str, str]:
    [finding] = result.findings
    return finding.kind, finding.message


HOSTILE = {
    "sys.exit(0) at load": ("import sys\nsys.exit(0)", "SystemExit", "ends itself with SystemExit(0)"),
    "os._exit(0)": ("import os\nos._exit(0)", "NoResult", "exit code 0 before it gave a result"),
    "kills itself": ("import os\nos.kill(os.getpid(), 9)", "NoResult", "killed by signal 9 (SIGKILL)"),
    "segmentation fault": ("import ctypes\nctypes.string_at(0)", "NoResult", "killed by signal 11 (SIGSEGV)"),
    "allocates without end": ("x = []\nwhile True:\n    x.append(bytearray(1 << 27))", "MemoryError", "memory limit of 4 GiB"),
    "prints 100 MB": ("for _ in range(100):\n    print('x' * (1 << 20))", "NoResult", "printed more than 10 MB"),
    "raises KeyboardInterrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt", "KeyboardInterrupt"),
    "exhausts the stack": ("def f(): f()\nf()", "RecursionError", "recursion"),
    "fills the disk": ("f = open('x', 'wb')\nfor _ in range(400):\n    f.write(bytes(1 << 20))", "OSError", "File too large"),
    "connects outside": (
        "import socket\ntry:\n    socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError:\n    pass",
        "NetworkAccess",
        "192.0.2.1:80",
    ),
    "looks a host up": (
        "import urllib.request\ntry:\n    urllib.request.urlopen('http://example.com')\nexcept OSError:\n    pass",
        "NetworkAccess",
        "example.com:80",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_snippet_is_one_clear_failure_and_its_neighbours_pass(name: str, prove: Prove) -> None:
    """Whatever a snippet does to itself, the two beside it end green."""
    code, kind, message = HOSTILE[name]
    before, hostile, after = prove(fence(GOOD) + "\n" + fence(code) + "\n" + fence(GOOD), "embedded")
    assert (before.passed, hostile.passed, after.passed) == (True, False, True)
    found_kind, found_message = only_finding(hostile)
    assert found_kind == kind
    assert message in found_message


def test_an_endless_loop_ends_at_the_time_limit(prove: Prove) -> None:
    """The limit is in seconds of wall clock, and the message asks for the loop."""
    hostile, good = prove(fence("while True: pass") + "\n" + fence(GOOD), "embedded", timeout=1.0)
    assert only_finding(hostile)[1].startswith("still running after 1 s")
    assert good.passed


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of living processes stay."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    claim = f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); from snippet_checker.isolation import claim_folder"
    code = f"{claim}; print(claim_folder('snippets-x-'), flush=True); sys.stdin.read()"
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    left, alive = (
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    )
    try:
        folders = [Path(process.stdout.readline().strip()) for process in (left, alive) if process.stdout]
        left.kill()
        left.wait()
        own = isolation.claim_folder("snippets-x-")
        assert sorted(tmp_path.iterdir()) == sorted([folders[1], own])
    finally:
        left.kill()
        alive.communicate()


POLLUTERS = {
    "variables": ("leak = 1", "assert 'leak' not in globals()"),
    "environment": ("import os\nos.environ['LEAK'] = '1'", "import os\nassert 'LEAK' not in os.environ"),
    "working directory": ("import os\nos.chdir('/')", "import os\nassert os.getcwd() != '/'"),
    "files": ("open('leak.txt', 'w').write('x')", "import os\nassert not os.path.exists('leak.txt')"),
    "home": (
        "import pathlib\n(pathlib.Path.home() / 'leak.txt').write_text('x')",
        "import pathlib\nassert not (pathlib.Path.home() / 'leak.txt').exists()",
    ),
    "sys.path": ("import sys\nsys.path.insert(0, '/leak')", "import sys\nassert '/leak' not in sys.path"),
    "signal handlers": (
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "import signal\nassert signal.getsignal(signal.SIGTERM) != signal.SIG_IGN",
    ),
    "a patched module": ("import duckdb\nduckdb.connect = None", "import duckdb\nassert duckdb.connect is not None"),
    "logging": ("import logging\nlogging.disable()", "import logging\nassert logging.root.manager.disable == 0"),
    "threads": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()",
        "import threading\nassert threading.active_count() == 1",
    ),
}


@pytest.mark.parametrize("name", POLLUTERS)
def test_what_a_snippet_changes_is_gone_for_the_next(name: str, prove: Prove) -> None:
    """The second snippet asserts that it does not see what the first one did."""
    first, second = POLLUTERS[name]
    results = prove(fence(first + "\nassert True") + "\n" + fence(second), "embedded")
    assert [(result.passed, result.findings) for result in results] == [(True, ()), (True, ())]


def test_a_planted_secret_is_not_visible(tmp_path: Path) -> None:
    """A warm process and its snippets get a scrubbed environment; HOME and TMPDIR are the snippet's own."""
    code = (
        "import os\nassert not [n for n in os.environ if 'PLANTED' in n or n.startswith('AWS')], dict(os.environ)\n"
        "assert os.environ['HOME'].startswith(os.path.dirname(os.getcwd()))"
    )
    os.environ["PLANTED_SECRET"] = "hunter2"
    try:
        [result] = in_order(checks_of(fence(code)), Settings(kept=kept_folder), "embedded")
    finally:
        del os.environ["PLANTED_SECRET"]
    assert result.findings == ()


def checks_of(text: str) -> list:  # type: ignore[type-arg]
    return plan_checks(read_text(text, "embedded-page.md"), environments.TOOLS)


def processes_with(mark: str) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if mark.encode() in command and folder.name != str(os.getpid()):
            found.append(command.replace(b"\0", b" ").decode())
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="orphans are adopted through prctl, which is Linux only")
@pytest.mark.parametrize("escape", ["", "start_new_session=True"])
def test_children_that_outlive_a_snippet_are_ended(escape: str, prove: Prove) -> None:
    """Also those that left the process group by a session of their own."""
    mark = f"orphan-{time.monotonic_ns()}"
    sleeper = f"[sys.executable, '-c', 'import time; time.sleep(600)', '{mark}']"
    code = f"import subprocess, sys\nsubprocess.Popen({sleeper}, {escape})"
    assert [result.passed for result in prove(fence(code + "\nassert True"), "embedded")] == [True]
    assert [result.passed for result in prove(fence(GOOD), "embedded")] == [True]
    deadline = time.monotonic() + 10
    while processes_with(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_with(mark) == []


def test_a_forked_copy_of_a_snippet_does_not_answer_twice(prove: Prove) -> None:
    """Only the process that the checker started reports."""
    results = prove(fence("import os\nos.fork()\nassert True"), "embedded")
    assert [result.passed for result in results] == [True]


def test_a_snippet_that_kills_the_warm_process_is_found_and_the_rest_is_proved() -> None:
    """Those that ran beside it are run again, alone, and end green."""
    settings = Settings(jobs=2, kept=kept_folder)
    text = "\n".join(fence(code) for code in (GOOD, "import os\nos.kill(os.getppid(), 9)", GOOD, GOOD))
    results = in_order(checks_of(text), settings, "embedded")
    assert [result.passed for result in results] == [True, False, True, True]
    assert "ended the process that runs it" in results[1].findings[0].message


def test_without_fork_the_results_are_the_same() -> None:
    """A process per snippet: slower, same verdicts, for platforms that cannot fork."""
    text = "\n".join(
        fence(code) for code in (GOOD, "assert 1 == 2", "import os\nos._exit(3)", "import sys\nsys.exit(0)")
    ) + fence("SELECT 1", language="sql")
    forked = in_order(checks_of(text), Settings(kept=kept_folder), "embedded")
    alone = in_order(checks_of(text), Settings(fork=False), "embedded")
    assert [r.passed for r in alone] == [r.passed for r in forked] == [True, False, False, False, True]
    assert [f.kind for r in alone for f in r.findings] == [f.kind for r in forked for f in r.findings]


def test_an_answer_that_comes_at_once_is_read(tmp_path: Path) -> None:
    """Without fork, "warm" and the answer may arrive together; an interpreter that writes both in one go stands for that."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nread job\nprintf 'warm\\n{\"findings\": []}'\n")
    python.chmod(0o755)
    [result] = run_all(checks_of(fence(GOOD)), {"embedded": python}, Settings(fork=False))
    assert result.findings == ()


@pytest.mark.parametrize("fork", [True, False])
def test_a_loop_is_ended_with_and_without_fork(fork: bool) -> None:
    """The limit is for this one alone: a busy machine must not end a good snippet."""
    [result] = in_order(checks_of(fence("while True: pass")), Settings(timeout=4, fork=fork, kept=kept_folder), "embedded")
    assert not result.passed
    assert "still running after 4 s" in result.findings[0].message


def test_a_missing_interpreter_is_the_machine_s_fault(tmp_path: Path) -> None:
    """An exception with the way out, not a failed snippet."""
    with pytest.raises(MachineError, match="rebuild its environment"):
        list(run_all(checks_of(fence(GOOD)), {"embedded": tmp_path / "python"}, Settings()))


def test_an_interpreter_that_cannot_serve_says_what_it_said(tmp_path: Path) -> None:
    """Its last lines stand in the message."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho no such luck >&2\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(MachineError, match="no such luck"):
        list(run_all(checks_of(fence(GOOD)), {"embedded": python}, Settings()))


def test_problems_found_before_running_are_results_too(prove: Prove) -> None:
    """Nothing with a problem is run, and nothing is lost."""
    results = prove("```klingon\nx\n```\n\n" + fence(GOOD), "embedded")
    assert [result.passed for result in results] == [False, True]


def test_interrupting_a_run_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C: exit code 130, the warm process and its children gone."""
    mark = f"interrupt-{time.monotonic_ns()}"
    page = tmp_path / "embedded-page.md"
    command = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import time; time.sleep(600)', '{mark}'])"
    page.write_text(fence(command))
    check = [sys.executable, str(environments.ROOT / "scripts" / "check.py"), "--no-cache", str(page)]
    process = subprocess.Popen(
        check, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=obey_interrupts
    )
    deadline = time.monotonic() + 60
    while len(processes_with(mark)) < 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_with(mark)
    os.killpg(process.pid, 2)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, "interrupted" in errors) == (130, True)
    while processes_with(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_with(mark) == []


def test_the_settings_reach_every_job() -> None:
    """Two snippets at once at most, whatever the number of them."""
    code = (
        "import os, pathlib, time\nroot = pathlib.Path(os.environ['TMPDIR']).parents[1]\n"
        "time.sleep(0.2)\nassert len(list(root.glob('run-*'))) <= 2, list(root.iterdir())"
    )
    settings = replace(Settings(jobs=2), kept=kept_folder)
    results = in_order(checks_of("\n".join(fence(code) for _ in range(6))), settings, "embedded")
    assert [result.passed for result in results] == [True] * 6
    assert interpreter("embedded").exists()
