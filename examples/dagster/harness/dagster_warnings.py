"""Warnings of Dagster about your code as errors: deprecated, superseded, beta and preview forms.

`-W error` cannot do it: Dagster calls deprecated forms of its own, and names a line of its own for some of yours.
Real: Python's warnings, by the frame that called. Left out: what warns only when a live process loads the code.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import dagster as dg

SITE = Path(dg.__file__).parents[1]
PLUMBING = ("_annotations.py", "decorator_utils.py", "warnings.py")  # between your call and the warning
WATCHED = (DeprecationWarning, dg.SupersessionWarning, dg.BetaWarning, dg.PreviewWarning, UserWarning)


class DagsterWarned(AssertionError):
    """Dagster has warned about a form that the code uses; one line each."""


@contextmanager
def no_dagster_warnings(*allowed: type[Warning]) -> Iterator[None]:
    """Raise DagsterWarned, after the block, for each warning that code outside installed packages has caused.

    Put the import of the definitions into the block: most warnings come while decorators run.
    `allowed` are categories to accept, such as `dg.BetaWarning`.
    """
    found: dict[str, None] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("always")

        def note(message: Warning, category: type[Warning], filename: str, lineno: int, *_: object) -> None:
            place = _culprit(sys._getframe(1), category, filename, lineno)
            if place and issubclass(category, WATCHED) and not issubclass(category, allowed):
                found[f"{place}: {category.__name__}: {str(message).splitlines()[0]}"] = None

        warnings.showwarning = note  # type: ignore[assignment]
        yield
    if found:
        raise DagsterWarned("\n".join(found))


def _culprit(frame: FrameType | None, category: type[Warning], filename: str, lineno: int) -> str | None:
    """The line outside installed packages that Dagster warned about, None for a warning of or about others."""
    frames: list[tuple[str, int]] = []
    while frame is not None:
        frames.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    callers = [entry for entry in frames if not entry[0].endswith(PLUMBING)]
    if not any(_is_dagsters(name) for name, _ in frames):
        return None
    if not _is_installed(filename):
        return f"{filename}:{lineno}"
    if category is UserWarning and _is_dagsters(filename):
        callers = callers[1:]  # a plain warnings.warn names the function that warns
    name, line = callers[0]
    return None if _is_installed(name) else f"{name}:{line}"


def _is_dagsters(filename: str) -> bool:
    return Path(filename).is_relative_to(SITE) and Path(filename).relative_to(SITE).parts[0].startswith("dagster")


def _is_installed(filename: str) -> bool:
    return Path(filename).is_relative_to(SITE) or filename.startswith(("<", sys.base_prefix))
