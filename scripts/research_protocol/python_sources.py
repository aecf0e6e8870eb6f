"""Read many Python files, parse only those that mention what is asked for, on all cores when there are many."""

from __future__ import annotations

import ast
import gc
import os
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .import_names import Nodes, nodes_by_type
from .model import Unread

TOOL_WORDS = re.compile(rb"dagster|airflow|prefect|\bdlt\b|cosmos|\bdbt\b|databricks|snowflake|pyspark")
ANYTHING = re.compile(rb"")
MANY = 150  # files; below that, starting processes costs more than it saves
TOO_LARGE = 1_000_000  # bytes; generated code, and seconds to parse
Batch = tuple["dict[str, Any]", "dict[str, Unread]"]
Analyse = Callable[[str, Nodes, Any], Any]


def analyse_files(
    paths: Sequence[str], analyse: Analyse, wanted: re.Pattern[bytes], extra: Any
) -> tuple[dict[str, Any], dict[str, Unread]]:
    """``analyse(path, nodes, extra)`` of every file that holds ``wanted``; by path, with those that cannot be read.

    ``analyse`` is a function of a module, so that other processes can be handed it.
    """
    jobs = min(os.cpu_count() or 1, 8)
    if len(paths) < MANY or jobs == 1:
        results: Iterable[Batch] = [_analyse_batch(paths, analyse, wanted, extra)]
    else:
        size = max(20, len(paths) // (jobs * 8))
        batches = [paths[start : start + size] for start in range(0, len(paths), size)]
        results = _on_all_cores(batches, analyse, wanted, extra, jobs)
    found: dict[str, Any] = {}
    unread: dict[str, Unread] = {}
    for some_found, some_unread in results:
        found.update(some_found)
        unread.update(some_unread)
    return found, unread


def _on_all_cores(
    batches: list[Sequence[str]], analyse: Analyse, wanted: re.Pattern[bytes], extra: Any, jobs: int
) -> Iterable[Batch]:
    """In processes; in this one where the machine refuses them (no shared memory, no fork)."""
    try:
        from concurrent.futures import ProcessPoolExecutor

        with ProcessPoolExecutor(jobs) as pool:
            waiting = [pool.submit(_analyse_batch, batch, analyse, wanted, extra) for batch in batches]
            return [one.result() for one in waiting]
    except (ImportError, OSError, RuntimeError):
        return [_analyse_batch(batch, analyse, wanted, extra) for batch in batches]


def _analyse_batch(
    paths: Sequence[str], analyse: Analyse, wanted: re.Pattern[bytes], extra: Any
) -> tuple[dict[str, Any], dict[str, Unread]]:
    found: dict[str, Any] = {}
    unread: dict[str, Unread] = {}
    collecting = gc.isenabled()
    gc.disable()  # trees hold no cycles: collecting would cost a fifth of the time
    try:
        for path in paths:
            try:
                nodes = _parse(path, wanted)
                if nodes:
                    found[path] = analyse(path, nodes, extra)
            except _CannotReadError as error:
                unread[path] = error.unread
            except RecursionError:
                unread[path] = Unread(path, 1, "nested too deeply to be walked")
    finally:
        if collecting:
            gc.enable()
    return found, unread


class _CannotReadError(Exception):
    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(reason)
        self.unread = Unread(path, line, reason)


def _parse(path: str, wanted: re.Pattern[bytes]) -> Nodes:
    """The nodes of a file, or nothing when it does not mention what is asked for."""
    try:
        with open(path, "rb") as file:
            code = file.read()
    except OSError as error:
        raise _CannotReadError(path, 1, error.strerror or type(error).__name__) from None
    if not wanted.search(code):
        return {}
    if len(code) > TOO_LARGE:
        raise _CannotReadError(path, 1, f"{len(code):,} bytes; files above {TOO_LARGE:,} are taken for generated")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return nodes_by_type(ast.parse(code))
    except SyntaxError as error:
        raise _CannotReadError(path, error.lineno or 1, f"SyntaxError: {error.msg}") from None
    except (ValueError, MemoryError, RecursionError) as error:
        raise _CannotReadError(path, 1, f"{type(error).__name__}: {error}") from None
