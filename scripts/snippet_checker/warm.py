"""Keep a warm process per tool between runs, so that one edited snippet costs a fork and not an import."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from . import isolation
from .cache import checker_version
from .environments import lock_hash
from .model import MachineError
from .run import START_SECONDS, Settings, server_command

IDLE_SECONDS = 600


def socket_path(tool: str) -> Path:
    """Where the warm process of a tool listens: another lock or another checker listens elsewhere."""
    import hashlib

    folder = Path(tempfile.gettempdir()) / f"snippet-checker-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise MachineError(f"{folder} belongs to someone else; remove it or set TMPDIR")
    identity = hashlib.sha256(f"{lock_hash(tool)}{checker_version()}".encode()).hexdigest()[:16]
    return folder / f"{tool}-{identity}.sock"


def keep_warm(tool: str, python: Path, settings: Settings) -> None:
    """Start the warm process of ``tool`` unless it is there; it ends itself when nobody asks for IDLE_SECONDS."""
    path = socket_path(tool)
    if is_warm(path):
        return
    log = path.with_suffix(".log")
    command = [*server_command(tool, python, settings), "--socket", str(path), "--idle", str(IDLE_SECONDS)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=isolation.scrubbed_environment(os.environ), stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    while not is_warm(path):
        if process.poll() is not None or time.monotonic() > deadline:
            raise MachineError(f"{tool}: the warm process did not start:\n{log.read_text(errors='replace')[-1500:]}")
        time.sleep(0.05)


def is_warm(path: Path) -> bool:
    """Whether someone listens at ``path``."""
    if not path.exists():
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def end_warm(tool: str) -> bool:
    """End the warm process of a tool; say whether there was one."""
    path = socket_path(tool)
    if not is_warm(path):
        return False
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.recv(4096)
        connection.sendall(b'{"event": "end"}\n')
        connection.settimeout(10)
        while connection.recv(4096):
            pass
    return True
