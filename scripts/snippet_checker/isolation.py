"""Keep what a snippet does to itself: its own folders, environment, limits and loopback only. Standard library only."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
import shutil
import signal
import socket
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM", "SYSTEMROOT")
QUIET_VARIABLES = {
    "DO_NOT_TRACK": "1",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "SCARF_ANALYTICS": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    # one thread per process: more of them make a fork unsafe, and two cores do not gain from them
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "ARROW_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYTHONUTF8": "1",
}
MEMORY_LIMIT = 4 << 30  # bytes of address space above what the warm process already maps
FILE_LIMIT = 256 << 20  # bytes in one file
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_MADV_COLLAPSE, _HUGE_PAGE = 25, 2 << 20  # since Linux 6.1
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1


def claim_folder(prefix: str) -> Path:
    """A new temporary folder that is ours while this process or a fork of it lives; those that killed ones left are removed."""
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with contextlib.suppress(OSError), open(left / "claimed", "rb") as mark:
            if left.stat().st_uid == os.getuid():
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    claim = os.open(folder / "claimed", os.O_CREAT | os.O_WRONLY)  # never closed: the lock goes with the last process
    fcntl.flock(claim, fcntl.LOCK_EX)
    return folder


def scrubbed_environment(environment: dict[str, str] | os._Environ[str]) -> dict[str, str]:
    """What a warm process may see of the environment: no credential, no setting of the user's tools."""
    kept = {name: environment[name] for name in KEPT_VARIABLES if name in environment}
    return kept | QUIET_VARIABLES


def close_network() -> str:
    """Move this process, before it has threads, into a network of its own that holds only loopback.

    Returns what is in force: ``namespace``, or ``audit hook`` where the machine does not permit namespaces.
    """
    if not sys.platform.startswith("linux"):
        return "audit hook"
    user, group = os.getuid(), os.getgid()
    if _unshare(_CLONE_NEWNET):
        pass
    elif _unshare(_CLONE_NEWUSER | _CLONE_NEWNET):
        with contextlib.suppress(OSError):
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    else:
        return "audit hook"
    _raise_loopback()
    return "namespace"


def _unshare(flags: int) -> bool:
    return ctypes.CDLL(None, use_errno=True).unshare(flags) == 0


def _raise_loopback() -> None:
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        request = struct.pack("16sH14s", b"lo", 0, b"")
        flags = struct.unpack("16sH14s", fcntl.ioctl(device, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(device, _SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", flags | _IFF_UP, b""))


def gather_memory() -> int:
    """Move what this process has allocated into huge pages, so that each fork copies a small page table; return how many.

    A fork and its end cost a seventh less CPU (Airflow, 60 snippets). Without effect where the kernel has no such call.
    """
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return 0
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    moved = 0
    for line in maps.read_text().splitlines():
        region, rights, _, _, _, *name = line.split(maxsplit=5)
        if rights == "rw-p" and name in ([], ["[heap]"]):
            first, last = (int(address, 16) for address in region.split("-"))
            for address in range(-(-first // _HUGE_PAGE) * _HUGE_PAGE, last - _HUGE_PAGE + 1, _HUGE_PAGE):
                moved += advise(address, _HUGE_PAGE, _MADV_COLLAPSE) == 0
    return moved


def adopt_orphans() -> None:
    """Become the parent of every process whose own parent ends, so that none escapes (Linux)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_parent() -> None:
    """Be killed when the parent ends, however it ends (Linux). Called in a child before it starts a server."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def enter_folder(folder: Path) -> Path:
    """Give this process its own HOME, temporary folder and working directory below ``folder``; return the last."""
    home, temporary, work = (folder / name for name in ("home", "tmp", "work"))
    for path in (home, temporary, work):
        path.mkdir(parents=True)
    os.environ |= {"HOME": str(home), "TMPDIR": str(temporary), "XDG_CACHE_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    tempfile.tempdir = None
    os.chdir(work)
    return work


def limit_resources() -> None:
    """Bound memory and file size, and write no core file. The wall-clock and output limits are the parent's."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT))
    if sys.platform.startswith("linux"):
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY_LIMIT, mapped + MEMORY_LIMIT))


def watch_connections(seen: list[str]) -> None:
    """Refuse, and note in ``seen``, every look-up or connection that leaves loopback. Cannot be undone.

    It sees what goes through Python's socket module; a native library is held only by ``close_network``.
    """

    watched = frozenset(("socket.getaddrinfo", "socket.connect", "socket.sendto"))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in watched:  # first and alone: a snippet raises thousands of other events
            return
        if event == "socket.getaddrinfo":
            host, port = arguments[0], arguments[1]
        else:
            address = arguments[1]
            if not isinstance(address, tuple):
                return
            host, port = address[0], address[1]
        if not _is_local(host):
            seen.append(f"{host}:{port}")
            raise ConnectionRefusedError(f"{host}:{port} is outside loopback, and a snippet must run offline")

    sys.addaudithook(hook)


def _is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if host is None or not isinstance(host, str):
        return True
    own = (socket.gethostname(), "localhost", "", "::1", "::", "0.0.0.0")
    return host in own or host.startswith(("127.", "::ffff:127."))


def count_threads() -> int:
    """Threads the operating system sees in this process, not only those that Python knows."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else 1


def end_group(process: int) -> None:
    """Kill a process group that this run has started, if it is still there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)
