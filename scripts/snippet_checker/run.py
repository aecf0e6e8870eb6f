"""Run checks in warm processes, a few at once over all tools; every check ends in exactly one result."""

from __future__ import annotations

import json
import os
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from . import isolation
from .airflow_rules import find_airflow_habits, with_habits
from .judge import judge, refused
from .model import Check, Finding, Language, Level, MachineError, Result, folders_beside

SERVER = Path(__file__).with_name("fork_server.py")
START_SECONDS = 300  # the first start of an environment compiles thousands of modules


@dataclass(frozen=True)
class Settings:
    """How checks are run. ``timeout`` is seconds per snippet, ``jobs`` snippets at once over all tools."""

    jobs: int = 2
    timeout: float = 60.0
    fork: bool = True
    network: str = "closed"
    kept: Callable[[str], Path] | None = None  # folder beside an environment for what starts may reuse
    sockets: Callable[[str], Path] | None = None  # where a server that is kept warm would listen
    variables: Mapping[str, str] = field(default_factory=dict)  # the only ones of the user that a file of a project sees


@dataclass
class _Process:
    """A connection to one warm process: started here, or kept warm by someone before."""

    tool: str
    python: Path
    process: subprocess.Popen[bytes] | None = None
    connection: socket.socket | None = None
    errors: Any = None
    buffer: bytes = b""
    running: dict[int, Check] = field(default_factory=dict)
    ready: bool = False
    network: str = ""
    seconds: float = 0.0

    @property
    def reader(self) -> Any:
        return self.connection or self.process.stdout  # type: ignore[union-attr]

    def send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        if self.connection:
            self.connection.sendall(data)
        else:
            assert self.process and self.process.stdin
            self.process.stdin.write(data)
            self.process.stdin.flush()

    def said(self) -> str:
        """The last lines of what it printed."""
        if self.errors is None:
            return ""
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")[-1500:]

    def close(self) -> None:
        if self.connection:
            self.connection.close()
        if self.process:
            for stream in (self.process.stdin, self.process.stdout):
                if stream:
                    stream.close()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def run_all(checks: Sequence[Check], pythons: Mapping[str, Path], settings: Settings) -> Iterator[Result]:
    """Exactly one Result per Check, as they come. ``pythons`` maps a tool to its interpreter.

    Raises MachineError when a tool's process cannot be started at all.
    """
    ready: list[Check] = []
    for check in checks:
        if check.problems:
            yield refused(check)
        else:
            ready.append(check)
    prepared = [_prepare(check, settings) for check in ready]
    yield from (result for result in prepared if isinstance(result, Result))
    jobs = [job for job in prepared if not isinstance(job, Result)]
    habits = find_airflow_habits([check for check, _, _ in jobs])
    ways = _Dispatcher(jobs, pythons, settings).results() if settings.fork else _one_process_each(jobs, pythons, settings)
    for result in ways:
        yield with_habits(result, habits.get(id(result.check), []))


_Job = tuple[Check, str, dict[str, Any]]  # the check, the environment that proves it, the message to its process


def _prepare(check: Check, settings: Settings) -> _Job | Result:
    """The job that goes to a warm process, or the result where none is needed."""
    snippet = check.snippet
    if snippet.language is Language.OTHER:
        return Result(check, True, Level.PARSES, note="this language is not checked")
    missing = [folder for folder in folders_beside(check) if not Path(folder).is_dir()]
    if missing:
        message = f"no folder {missing[0]}; `uses` names a folder of the tool's examples"
        return Result(check, False, None, (Finding(snippet.line, "UnknownMark", message),))
    job = _job(check, settings)
    if snippet.language is not Language.BASH:
        return check, (check.tool or "tooling"), job
    return _prepare_shell(check, job)


def _prepare_shell(check: Check, job: dict[str, Any]) -> _Job | Result:
    from .command_lines import PARSERS
    from .shell_words import check_other_command, read_commands, unwrap

    commands, problems = read_commands(check.snippet.code, check.snippet.line)
    own: list[list[Any]] = []
    for line, written in commands:
        words = unwrap(written)
        if words and words[0] in PARSERS:
            own.append([line, words])
        elif words and (finding := check_other_command(words, line)):
            problems.append(finding)
    if problems:
        return Result(check, False, None, tuple(problems))
    if own and check.tool is None:
        message = f"{own[0][1][0]} belongs to no tool here; add `<!-- snippet: tool NAME -->` above the fence"
        return Result(check, False, None, (Finding(check.snippet.line, "NoTool", message),))
    if not own and not check.snippet.marks.run:
        return Result(check, True, check.level)
    return check, (check.tool or "tooling"), job | {"commands": own, "run": check.snippet.marks.run}


def _job(check: Check, settings: Settings) -> dict[str, Any]:
    snippet = check.snippet
    return {
        "source": check.source,
        "language": snippet.language,
        "line": snippet.line,
        "name": _module_name(snippet.page, snippet.line, bool(snippet.folder or snippet.in_place)),
        "level": check.level,
        "exercise_with": dict(snippet.marks.exercise_with),
        "dialect": snippet.marks.dialect,
        "raises": snippet.marks.raises,
        "folder": snippet.folder,
        "timeout": settings.timeout,
        "beside": folders_beside(check),
        "in_place": check.snippet.in_place,
        "variables": dict(settings.variables) if check.snippet.in_place else {},
    }


def _module_name(page: str, line: int, is_file: bool) -> str:
    """A name that Python can import and that shadows no package."""
    stem = re.sub(r"\W", "_", PurePath(page).stem)
    return stem if is_file else f"{stem}_L{line}"


class _Dispatcher:
    """Hands jobs to warm processes and takes their answers; one thread, one selector."""

    def __init__(self, jobs: list[_Job], pythons: Mapping[str, Path], settings: Settings) -> None:
        self.settings, self.pythons = settings, pythons
        self.selector = selectors.DefaultSelector()
        self.waiting: dict[str, list[tuple[int, Check, dict[str, Any]]]] = {}
        for number, (check, tool, job) in enumerate(jobs):
            self.waiting.setdefault(tool, []).append((number, check, job | {"id": number}))
        self.suspects: list[tuple[str, tuple[int, Check, dict[str, Any]]]] = []
        self.messages = {number: job | {"id": number} for number, (_, _, job) in enumerate(jobs)}
        self.processes: dict[str, _Process] = {}

    def results(self) -> Iterator[Result]:
        try:
            for tool in self.waiting:
                self.start(tool)
            while self.is_busy():
                self.hand_out()
                for key, _ in self.selector.select(1.0):
                    yield from self.take(key.data)
            yield from self.run_suspects()
        finally:
            self.close()

    def is_busy(self) -> bool:
        return any(self.waiting.values()) or any(process.running for process in self.processes.values())

    def start(self, tool: str) -> None:
        process = _connect(tool, self.pythons, self.settings) or _launch(tool, self.pythons, self.settings)
        self.processes[tool] = process
        self.selector.register(process.reader, selectors.EVENT_READ, process)

    def hand_out(self) -> None:
        """Keep as many snippets running as there are jobs, over all tools; take turns among the tools."""
        running = sum(len(process.running) for process in self.processes.values())
        while running < self.settings.jobs:
            able = [p for tool, p in self.processes.items() if p.ready and self.waiting.get(tool)]
            if not able:
                return
            process = min(able, key=lambda p: len(p.running))
            number, check, job = self.waiting[process.tool].pop(0)
            process.running[number] = check
            running += 1
            try:
                process.send(job)
            except OSError:
                return  # it has ended: its end of file says so too

    def take(self, process: _Process) -> Iterator[Result]:
        try:
            data = os.read(process.reader.fileno(), 1 << 16)
        except ConnectionError:
            data = b""
        if not data:
            self.bury(process)
            return
        *lines, process.buffer = (process.buffer + data).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            if answer["event"] == "ready":
                process.ready, process.network, process.seconds = True, answer["network"], answer["seconds"]
                continue
            check = process.running.pop(answer["id"])
            if machine := answer.get("machine"):
                raise MachineError(f"{process.tool}: {machine}\n{process.said()}")
            yield judge(check, answer)

    def bury(self, process: _Process) -> None:
        """A warm process ended. What it was running is suspected and run alone later; the rest goes on."""
        self.selector.unregister(process.reader)
        said = process.said()
        process.close()
        if not process.ready:
            raise MachineError(why_not_started(process.tool, str(process.python), said))
        self.suspects += [(process.tool, (number, check, self.messages[number])) for number, check in process.running.items()]
        process.running = {}
        if self.waiting.get(process.tool):
            self.start(process.tool)
        else:
            del self.processes[process.tool]

    def run_suspects(self) -> Iterator[Result]:
        """Each snippet that ran while its warm process ended, alone in a new one."""
        for tool, (_, check, job) in self.suspects:
            process = _launch(tool, self.pythons, self.settings)
            try:
                answer = _ask(process, job)
            finally:
                process.close()
            yield judge(check, answer or {"ended": "ended the process that runs it, and was tried again alone"})
        self.suspects = []

    def close(self) -> None:
        for process in self.processes.values():
            process.close()
        self.selector.close()


def _ask(process: _Process, job: dict[str, Any]) -> dict[str, Any] | None:
    """One job, one answer; None when the process ends instead."""
    stream = process.reader
    if not stream.readline():
        return None
    process.send(job)
    line = stream.readline()
    return json.loads(line) if line else None


def _connect(tool: str, pythons: Mapping[str, Path], settings: Settings) -> _Process | None:
    """The server of this tool that is kept warm, if there is one."""
    path = settings.sockets(tool) if settings.sockets else None
    if path is None or not path.exists():
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(path))
    except OSError:
        path.unlink(missing_ok=True)
        return None
    return _Process(tool, pythons[tool], connection=connection)


def server_command(tool: str, python: Path, settings: Settings) -> list[str]:
    """The command line of a warm process."""
    command = [str(python), str(SERVER), tool, "--jobs", str(settings.jobs), "--network", settings.network]
    if settings.kept:
        command += ["--keep", str(settings.kept(tool))]
    return command


def _launch(tool: str, pythons: Mapping[str, Path], settings: Settings) -> _Process:
    if tool not in pythons:
        raise MachineError(f"{tool}: no environment; build it with `make environments`")
    errors = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the process does
    try:
        process = subprocess.Popen(
            server_command(tool, pythons[tool], settings),
            env=isolation.scrubbed_environment(os.environ),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise MachineError(f"{tool}: {pythons[tool]} cannot be started: {error.strerror}; rebuild its environment") from error
    return _Process(tool, pythons[tool], process=process, errors=errors)


def _one_process_each(jobs: Iterable[_Job], pythons: Mapping[str, Path], settings: Settings) -> Iterator[Result]:
    """Where forking is impossible or refused: the same results, and the import paid every time."""
    from concurrent.futures import ThreadPoolExecutor, as_completed

    with ThreadPoolExecutor(settings.jobs) as pool:
        futures = [pool.submit(_run_alone, check, tool, job, pythons, settings) for check, tool, job in jobs]
        for future in as_completed(futures):
            yield future.result()


def _run_alone(check: Check, tool: str, job: dict[str, Any], pythons: Mapping[str, Path], settings: Settings) -> Result:
    started = time.monotonic()
    command = [str(pythons[tool]), str(SERVER), tool, "--one"]
    process = subprocess.Popen(
        command, env=isolation.scrubbed_environment(os.environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True, bufsize=0,  # a buffer would swallow an answer that comes with "warm"
    )  # fmt: skip
    assert process.stdin and process.stdout
    watchdog = threading.Timer(START_SECONDS, isolation.end_group, (process.pid,))
    watchdog.start()
    with open(process.stdin.fileno(), "wb", closefd=False) as whole:  # a large page is more than a pipe takes at once
        whole.write(json.dumps(job).encode() + b"\n")
    process.stdout.readline()
    watchdog.cancel()
    try:
        out, errors = process.communicate(timeout=settings.timeout)
    except subprocess.TimeoutExpired:
        isolation.end_group(process.pid)
        process.communicate()
        return judge(check, {"ended": f"still running after {settings.timeout:g} s and was ended", "wall": settings.timeout})
    finally:
        isolation.end_group(process.pid)
    answer = _last_answer(out) or {"ended": f"ended its process with exit code {process.returncode} before it gave a result"}
    answer |= {"wall": time.monotonic() - started, "output": errors.decode(errors="replace")[-4000:]}
    return judge(check, answer)


def _last_answer(out: bytes) -> dict[str, Any] | None:
    try:
        return json.loads(out)
    except ValueError:
        return None


def fork_is_possible() -> bool:
    """Whether this platform can fork at all."""
    return hasattr(os, "fork") and sys.platform != "win32"


def why_not_started(tool: str, python: str, said: str) -> str:
    """One line where the interpreter lacks the tool; else all that the process said."""
    if re.search(rf"^ModuleNotFoundError: No module named '{tool}['.]", said, re.MULTILINE):
        return f"{tool}: {python} has no {tool}; name an interpreter that has it with --python, or leave out {tool} with --tool"
    return f"{tool}: its warm process did not start ({python}).\n{said}"
