"""Read what a task's log would hold: printed lines, log records and tracebacks, masked at the moment of writing.

Real: Airflow's masker, filled by the connections, variables and `mask_secret()` calls of the run itself.
Simulated: in production the supervisor masks what the task process sends; `dag.test()` prints the bare value.
A value that is written before it is known to be a secret stays readable, here and there.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO

from private_names import forget_secrets, redact


class _MaskedWriter(io.TextIOBase):
    """Keeps whole lines, and passes them on, so that pytest still shows them under a failing test."""

    def __init__(self, lines: list[str], onward: TextIO) -> None:
        self._lines, self._onward, self._rest = lines, onward, ""

    def write(self, text: str) -> int:
        *whole, self._rest = (self._rest + text).split("\n")
        for line in (redact()(line) for line in whole if line):
            self._lines.append(line)
            self._onward.write(f"{line}\n")
        return len(text)


class _MaskedHandler(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.INFO)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines += [redact()(line) for line in self.format(record).split("\n")]


@contextmanager
def masked_log(lines: list[str]) -> Iterator[None]:
    """Append to `lines` what is printed or logged at INFO or above inside the block, masked."""
    handler, root = _MaskedHandler(lines), logging.getLogger()
    printed, complained = _MaskedWriter(lines, sys.stdout), _MaskedWriter(lines, sys.stderr)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        with redirect_stdout(printed), redirect_stderr(complained):
            yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def start_without_secrets() -> None:
    """Forget the secrets of earlier runs of this process: what another test masked must not hide a leak here."""
    forget_secrets()
