"""One warm process per tool: it imports the orchestrator once and runs every snippet in a fork of its own.

Speaks newline-delimited JSON, over standard input and output, or over a Unix socket when it is kept warm.
Standard library only: it runs under the interpreter of the tool's environment, or of a user's project.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from snippet_checker import isolation
from snippet_checker.run_snippet import run_snippet

OUTPUT_LIMIT = 10 << 20  # bytes that a snippet may print
OUTPUT_KEPT = 4096  # bytes of them that a report shows
COLLECT_EVERY = 20_000  # allocations between collections in a child: Python's 700 cost a short life a tenth of its time
NO_RESULT = 97  # exit code of a child whose own code was never left in order


def main() -> None:
    arguments = _parse_arguments()
    reply_to = os.dup(1)  # answers alone go there: what imports and snippets print goes to standard error
    os.dup2(2, 1)
    probe = importlib.import_module(f"snippet_checker.probe_{arguments.tool}")
    root = isolation.claim_folder(f"snippets-{arguments.tool}-")
    os.environ["TMPDIR"] = str(root)
    tempfile.tempdir = None
    sys.path.remove(str(Path(__file__).resolve().parents[1]))
    try:
        if arguments.one:
            _serve_one(probe, root, reply_to)
        else:
            _Server(arguments, probe, root, reply_to).serve()
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool")
    parser.add_argument("--jobs", type=int, default=2, help="snippets at once")
    parser.add_argument("--socket", help="listen here instead of on standard input")
    parser.add_argument("--idle", type=float, default=600, help="seconds without work after which a kept server ends")
    parser.add_argument("--keep", help="folder for what is worth keeping between starts: learned modules, a migrated database")
    parser.add_argument("--one", action="store_true", help="run one job from standard input in this process")
    parser.add_argument("--network", choices=("closed", "open"), default="closed")
    return parser.parse_args()


def _serve_one(probe: Any, root: Path, answer_to: int) -> None:
    """The path without fork: this process is the snippet's."""
    job = json.loads(sys.stdin.readline())
    probe.warm_up()
    if job["level"] == "runs" and job.get("language", "python") == "python":
        probe.start_session(root / "session", root)
    _write_all(answer_to, b"warm\n")  # the time limit of the snippet begins here
    try:
        _answer_from_child(job, probe, root / "run", answer_to)
    finally:
        probe.stop_session()


def _answer_from_child(job: dict[str, Any], probe: Any, folder: Path, answer_to: int) -> None:
    process = os.getpid()
    outcome = run_snippet(job, probe, folder)
    if os.getpid() != process:  # the snippet forked, and this is its child: only one of them may answer
        os._exit(0)
    _flush()
    _write_all(answer_to, json.dumps(outcome, default=str).encode())


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


@dataclass
class _Run:
    """A forked child at work."""

    job: dict[str, Any]
    process: int
    answer: int
    output: int
    deadline: float
    folder: Path
    client: Any
    started: float
    answered: bytearray = field(default_factory=bytearray)
    printed: bytearray = field(default_factory=bytearray)
    printed_bytes: int = 0
    cut: str = ""


class _Server:
    """The loop: take jobs, fork, read what the children say, report, clean up. One thread."""

    def __init__(self, arguments: argparse.Namespace, probe: Any, root: Path, reply_to: int) -> None:
        self.arguments, self.probe, self.root, self.reply_to = arguments, probe, root, reply_to
        self.selector = selectors.DefaultSelector()
        self.waiting: list[tuple[dict[str, Any], Any]] = []
        self.runs: dict[int, _Run] = {}
        self.orphans: dict[int, set[int]] = {}
        self.session_open = False
        self.last_work = time.monotonic()
        self.kept = Path(arguments.keep) if arguments.keep else root / "kept"
        self.buffers: dict[int, bytearray] = {}
        self.listener: socket.socket | None = None
        self.count = 0
        self.open_ended = True

    # --- start

    def serve(self) -> None:
        started = time.perf_counter()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        network = isolation.close_network() if self.arguments.network == "closed" else "open"
        isolation.adopt_orphans()
        self.probe.warm_up()
        self.preload("loads")
        self.rehearse()
        self.settle()
        self.open_channels()
        ready = {"event": "ready", "network": network, "seconds": time.perf_counter() - started, "process": os.getpid()}
        self.greeting = json.dumps(ready).encode() + b"\n"
        if self.listener is None:
            _write_all(self.reply_to, self.greeting)
        try:
            self.loop()
        finally:
            self.end_everything()

    def settle(self) -> None:
        """Make this process cheap and safe to fork: one thread, nothing for a child's collector to visit, large pages."""
        threads = isolation.count_threads()
        if threads != 1:
            names = ", ".join(sorted(self.probe.ROOTS))
            sys.exit(f"{threads} threads after importing {names}: forking would not be safe; run with --no-fork")
        gc.collect()
        gc.freeze()
        isolation.gather_memory()

    def open_channels(self) -> None:
        self.wake, wake_write = os.pipe()
        for descriptor in (self.wake, wake_write):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self.selector.register(self.wake, selectors.EVENT_READ, "wake")
        if self.arguments.socket:
            self.listen()
            return
        jobs_from = os.dup(0)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        self.selector.register(jobs_from, selectors.EVENT_READ, "jobs")
        self.buffers[jobs_from] = bytearray()

    def listen(self) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        Path(self.arguments.socket).unlink(missing_ok=True)
        self.listener.bind(self.arguments.socket)
        self.listener.listen(8)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ, "listener")

    def preload(self, level: str) -> None:
        """Import what snippets import at ``level``: learned once in a throw-away fork, then kept beside the environment."""
        self.kept.mkdir(parents=True, exist_ok=True)
        kept = self.kept / f"modules-{level}.json"
        if not kept.exists():
            partial = kept.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps(_learn_modules(level, self.probe, self.root / f"learn-{level}", self.kept)))
            partial.rename(kept)
        for name in json.loads(kept.read_text()):
            try:
                importlib.import_module(name)
            except Exception:
                traceback.print_exc()  # a module that cannot be imported alone costs the children time, not truth

    def rehearse(self) -> None:
        """Do here once what every snippet does first, so that each fork inherits filled caches and not only modules."""
        folder = self.root / "rehearsal"
        folder.mkdir()
        try:
            self.probe.rehearse(folder)
        except Exception:
            traceback.print_exc()  # as above: it costs time, not truth

    # --- the loop

    def loop(self) -> None:
        while self.open_ended or self.waiting or self.runs:
            self.start_runs()
            for key, _ in self.selector.select(self.patience()):
                self.take(key)
            self.end_late_runs()
            if self.listener and not self.runs and not self.waiting and self.is_idle():
                return

    def patience(self) -> float | None:
        """Seconds until something is due that no descriptor announces."""
        due = [run.deadline for run in self.runs.values()]
        if self.listener:
            due.append(self.last_work + self.arguments.idle)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def is_idle(self) -> bool:
        return time.monotonic() > self.last_work + self.arguments.idle

    def take(self, key: selectors.SelectorKey) -> None:
        kind = key.data if isinstance(key.data, str) else key.data[0]
        if kind == "wake":
            self.take_wake()
        elif kind == "listener":
            self.take_client()
        elif kind == "jobs":
            self.take_jobs(key.fd, key.fileobj)
        elif kind in ("answer", "output"):
            self.read_from_child(self.runs.get(key.data[1]), kind, key.fd)

    def take_client(self) -> None:
        assert self.listener
        client, _ = self.listener.accept()
        try:
            client.sendall(self.greeting)
        except OSError:  # it only wanted to know whether someone listens
            client.close()
            return
        self.buffers[client.fileno()] = bytearray()
        self.selector.register(client, selectors.EVENT_READ, "jobs")

    def take_jobs(self, descriptor: int, source: Any) -> None:
        try:
            data = os.read(descriptor, 1 << 16)
        except ConnectionError:
            data = b""
        if not data:
            self.close_client(descriptor, source)
            return
        buffer = self.buffers[descriptor]
        buffer += data
        *lines, rest = bytes(buffer).split(b"\n")
        self.buffers[descriptor] = bytearray(rest)
        self.last_work = time.monotonic()
        for line in lines:
            message = json.loads(line)
            if message.get("event") == "end":
                self.open_ended, self.listener = False, None
            else:
                self.waiting.append((message, source))

    def close_client(self, descriptor: int, source: Any) -> None:
        """Nobody listens any more: what that client asked for is not run, or is ended."""
        self.selector.unregister(source)
        self.buffers.pop(descriptor, None)
        self.waiting = [(job, client) for job, client in self.waiting if client is not source]
        for run in self.runs.values():
            if run.client is source:
                self.kill(run)
                run.client = None
        if self.listener is None:
            self.open_ended = False
        else:
            source.close()

    # --- children

    def start_runs(self) -> None:
        while self.waiting and len(self.runs) < self.arguments.jobs:
            job, client = self.waiting.pop(0)
            try:
                self.open_session(job)
                self.start_run(job, client)
            except Exception as error:
                traceback.print_exc()
                self.send(client, {"event": "result", "id": job["id"], "machine": f"{type(error).__name__}: {error}"})

    def open_session(self, job: dict[str, Any]) -> None:
        """Start what running needs and loading does not: a metadata database, a server."""
        if job["level"] == "runs" and job["language"] == "python" and not self.session_open:
            started = time.perf_counter()
            if self.probe.LEARN_LEVEL == "runs":
                self.preload("runs")
            self.probe.start_session(self.root / "session", self.kept)
            if hasattr(self.probe, "rehearse_session"):
                self.probe.rehearse_session(self.root / "rehearsals", self.kept)
            self.settle()
            self.session_open = True
            print(f"session of {self.arguments.tool}: {time.perf_counter() - started:.1f} s", file=sys.stderr)

    def start_run(self, job: dict[str, Any], client: Any) -> None:
        self.count += 1
        folder = self.root / f"run-{self.count}"
        answer_read, answer_write = os.pipe()
        output_read, output_write = os.pipe()
        started = time.monotonic()
        process = os.fork()
        if process == 0:
            self.be_child(job, folder, answer_write, output_write)
        os.close(answer_write)
        os.close(output_write)
        run = _Run(job, process, answer_read, output_read, started + job["timeout"], folder, client, started)
        self.runs[process] = run
        for descriptor, kind in ((answer_read, "answer"), (output_read, "output")):
            os.set_blocking(descriptor, False)
            self.selector.register(descriptor, selectors.EVENT_READ, (kind, process))

    def be_child(self, job: dict[str, Any], folder: Path, answer_to: int, output_to: int) -> None:
        code = NO_RESULT
        try:
            os.setsid()
            gc.set_threshold(COLLECT_EVERY, 20, 20)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            os.dup2(output_to, 1)
            os.dup2(output_to, 2)
            os.set_inheritable(answer_to, False)
            _answer_from_child(job, self.probe, folder, answer_to)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            _flush()
            os._exit(code)

    def read_from_child(self, run: _Run | None, kind: str, descriptor: int) -> None:
        if run is None:
            return
        try:
            data = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return
        if not data:
            self.selector.unregister(descriptor)
        elif kind == "answer":
            run.answered += data
        else:
            run.printed_bytes += len(data)
            run.printed = (run.printed + data)[-OUTPUT_KEPT:]
            if run.printed_bytes > OUTPUT_LIMIT and not run.cut:
                run.cut = f"printed more than {OUTPUT_LIMIT >> 20} MB and was ended"
                self.kill(run)

    def end_late_runs(self) -> None:
        now = time.monotonic()
        for run in list(self.runs.values()):
            if now > run.deadline and not run.cut:
                run.cut = f"still running after {run.job['timeout']:g} s and was ended; is there an endless loop or a server?"
                self.kill(run)

    def kill(self, run: _Run) -> None:
        for end in (os.killpg, os.kill):
            try:
                end(run.process, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue

    def take_wake(self) -> None:
        try:
            os.read(self.wake, 1 << 12)
        except BlockingIOError:
            pass
        for process in list(self.runs):
            ended, status, usage = os.wait4(process, os.WNOHANG)
            if ended:
                self.finish(self.runs[process], status, usage.ru_utime + usage.ru_stime)
        self.end_orphans()

    def finish(self, run: _Run, status: int, cpu: float) -> None:
        self.kill(run)  # its own process group: what it left running ends with it
        for kind, descriptor in (("answer", run.answer), ("output", run.output)):
            self.drain(run, kind, descriptor)
        del self.runs[run.process]
        shutil.rmtree(run.folder, ignore_errors=True)
        result = self.read_answer(run, status)
        result |= {"event": "result", "id": run.job["id"], "cpu": cpu, "wall": time.monotonic() - run.started}
        result["output"] = run.printed.decode(errors="replace")
        self.send(run.client, result)
        self.last_work = time.monotonic()

    def drain(self, run: _Run, kind: str, descriptor: int) -> None:
        while True:
            before = len(run.answered) + run.printed_bytes
            self.read_from_child_safely(run, kind, descriptor)
            if len(run.answered) + run.printed_bytes == before:
                break
        try:
            self.selector.unregister(descriptor)
        except KeyError:
            pass
        os.close(descriptor)

    def read_from_child_safely(self, run: _Run, kind: str, descriptor: int) -> None:
        try:
            self.read_from_child(run, kind, descriptor)
        except KeyError:  # already unregistered at its end
            pass

    def read_answer(self, run: _Run, status: int) -> dict[str, Any]:
        if run.cut:
            return {"ended": run.cut}
        try:
            return json.loads(run.answered)
        except ValueError:
            return {"ended": _how_it_ended(status)}

    def end_orphans(self) -> None:
        """End processes that left their group and outlived the snippet that started them.

        An orphan belongs to one of the runs that were alive when it was first seen; when all those have
        ended, so must it.
        """
        running = {run.job["id"] for run in self.runs.values()}
        for process in _children_of(os.getpid()) - set(self.runs) - self.probe.session_processes():
            owners = self.orphans.setdefault(process, set(running)) & running
            self.orphans[process] = owners
            if not owners:
                try:
                    os.kill(process, signal.SIGKILL)
                    os.waitpid(process, 0)
                except (ProcessLookupError, ChildProcessError):
                    pass
                self.orphans.pop(process, None)

    # --- answers and the end

    def send(self, client: Any, message: dict[str, Any]) -> None:
        if client is None:
            return
        data = json.dumps(message).encode() + b"\n"
        try:
            if isinstance(client, socket.socket):
                client.setblocking(True)
                client.sendall(data)
            else:
                _write_all(self.reply_to, data)
        except OSError:
            self.open_ended = self.listener is not None

    def end_everything(self) -> None:
        for run in list(self.runs.values()):
            self.kill(run)
            os.waitpid(run.process, 0)
        self.probe.stop_session()
        if self.arguments.socket:
            Path(self.arguments.socket).unlink(missing_ok=True)
        for process in _children_of(os.getpid()):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass


def _how_it_ended(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"killed by signal {number} ({signal.Signals(number).name}) before it gave a result"
    code = os.waitstatus_to_exitcode(status)
    return f"ended its process with exit code {code} before it gave a result (os._exit?)"


def _children_of(process: int) -> set[int]:
    children = Path(f"/proc/{process}/task/{process}/children")
    return {int(child) for child in children.read_text().split()} if children.exists() else set()


def _learn_modules(level: str, probe: Any, folder: Path, kept: Path) -> list[str]:
    """The modules that the probe's sample snippets import at ``level`` on top of what is there, in order of import."""
    before = set(sys.modules)
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            null, said_to = os.open(os.devnull, os.O_WRONLY), os.dup(2)
            os.dup2(null, 1)
            os.dup2(null, 2)
            folder.mkdir(parents=True)
            if level == "runs":
                probe.start_session(folder / "session", kept)
            for index, source in enumerate(probe.SAMPLES):
                job = {"source": source, "line": 1, "name": f"sample_{index}", "level": level, "isolated": False}
                run_snippet(job, probe, folder / str(index))
                # names of modules that snippets made themselves lie in the run's folder and are not kept
            names = [name for name, module in list(sys.modules.items()) if _can_be_preloaded(name, module, before, folder)]
            _write_all(write, json.dumps(names).encode())
        except BaseException:
            os.dup2(said_to, 2)
            traceback.print_exc()  # nothing is preloaded then: that costs the children time, not truth
        finally:
            try:
                if level == "runs":
                    probe.stop_session()
            finally:
                os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        text = answer.read()
    os.waitpid(process, 0)
    return json.loads(text) if text else []


def _can_be_preloaded(name: str, module: Any, before: set[str], folder: Path) -> bool:
    if name in before or name.startswith("__") or getattr(module, "__spec__", None) is None:
        return False
    threaded = ("pyarrow", "grpc")  # importing them starts threads
    if name.split(".")[0] in threaded:
        return False
    return str(folder) not in (getattr(module, "__file__", None) or "")


if __name__ == "__main__":
    main()
