"""Keep a process per interpreter and tool between checks, so that one changed file costs a fork and not an import.

Standard library only: the one half runs where the command does, the other under the project's own interpreter.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snippet_checker import isolation

IDLE_SECONDS = 600
START_SECONDS = 60
LONGEST_ADDRESS = 95  # bytes: macOS takes 103, Linux 107, and a process number is added for a moment
LOOK_SECONDS = 0.01  # between two looks whether a job has ended or its client has gone


class NotStartedError(Exception):
    """The process did not start; the message says why."""


# --- the command's half


def address_of(tool: str, python: str, rules: Path) -> Path:
    """Where the process listens: after a change of the environment or of the rules (a folder or a zip), elsewhere."""
    packages = [place for place in Path(python).parent.parent.glob("[Ll]ib*/**/site-packages") if place.is_dir()]
    parts = [rules] if rules.is_file() else sorted(rules.glob("*.py"))
    changes = [f"{place} {place.stat().st_mtime_ns}" for place in (*packages, *parts)]
    identity = hashlib.sha256("\n".join([python, *changes]).encode()).hexdigest()[:16]
    return own_folder() / f"{tool}-{identity}.sock"


def own_folder() -> Path:
    """The folder of this user's sockets; nobody else can reach them."""
    folder = Path(tempfile.gettempdir()) / f"find-traps-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise NotStartedError(f"{folder} belongs to someone else; remove it or set TMPDIR")
    return folder


def ask(address: Path, job: Mapping[str, Any]) -> bool:
    """Have a job done by the process that listens there; False if there is none, or it ended before the job did."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(address))
            connection.sendall(json.dumps(job).encode() + b"\n")
            return connection.recv(16) == b"done\n"
        except OSError:
            return False


def start(address: Path, tool: str, python: str, code: str, environment: Mapping[str, str]) -> None:
    """Start the process unless it is there; raises NotStartedError with what it said."""
    if len(os.fsencode(address)) > LONGEST_ADDRESS:
        raise NotStartedError(f"{address.parent} is too long a path for a socket: set TMPDIR to a shorter one")
    if ask(address, {}):
        return
    log = address.with_suffix(".log")
    command = [python, "-c", code, tool, str(address), str(IDLE_SECONDS)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=address.parent, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    while not ask(address, {}):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            said = log.read_text(errors="replace").strip().splitlines() or [f"exit code {process.returncode}"]
            raise NotStartedError(f"{python} did not get ready to look into files of {tool}: {said[-1]}")
        time.sleep(0.05)


def end_all() -> list[str]:
    """End every process that was left running; the tools they were for."""
    addresses = sorted(own_folder().glob("*.sock"))
    return [address.name.split("-")[0] for address in addresses if ask(address, {"end": True})]


# --- the interpreter's half


def main() -> None:
    """``TOOL ADDRESS IDLE``: import the tool, then do jobs until one says ``end`` or nobody asks for IDLE seconds."""
    from . import load_files

    tool, address, idle = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder = isolation.claim_folder("find-traps-warm-")
    try:
        load_files.prepare(tool, folder)
        rules = load_files.import_rules(tool)
        load_files.settle()
        with _listen(address) as listener:
            while select.select([listener], [], [], idle)[0]:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError, ValueError):
                    job = json.loads(_read_line(connection))
                    if job and "end" not in job:
                        load_files.import_what_files_share(job)  # here, for the jobs to come as well
                        _do(rules, job, connection, listener)
                    connection.sendall(b"done\n")
                    if "end" in job:
                        break
    finally:
        address.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def _listen(address: Path) -> socket.socket:
    """A socket at the address; it appears there only once it listens."""
    partial = address.with_suffix(f".{os.getpid()}")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(partial))
    listener.listen(8)
    partial.rename(address)
    return listener


def _read_line(connection: socket.socket) -> bytes:
    parts: list[bytes] = []
    while not parts or not parts[-1].endswith(b"\n"):
        if not (part := connection.recv(1 << 16)):
            raise ConnectionResetError("the client has gone")
        parts.append(part)
    return b"".join(parts)


def _do(rules: Any, job: dict[str, Any], connection: socket.socket, listener: socket.socket) -> None:
    """Do a job in a fork; end it when its client goes."""
    from . import load_files

    child = os.fork()
    if child == 0:
        try:
            os.setpgid(0, 0)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            connection.close()
            listener.close()
            load_files.look_into_files(rules, job)
        finally:
            os._exit(0)
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if select.select([connection], [], [], LOOK_SECONDS)[0]:
            isolation.end_group(child)
            os.waitpid(child, 0)
            raise ConnectionResetError("the client has gone")
