"""How plain Python without an orchestrator is proved: imported, and its tests and main block run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from .live_names import signature_keywords
from .run_snippet import load_module

ROOTS = ("databricks", "snowflake", "fakesnow")
NOTHING_DEFINED = "runs nothing; add a test_* function, a __main__ block, or call what it defines"
LEARN_LEVEL = "loads"
SAMPLES = ("import duckdb, requests, sqlglot, httpx, yaml, pytest, _pytest.assertion.rewrite\n",)


def stale_marks(value: Any) -> Iterator[tuple[str, str]]:
    """These packages mark nothing on their objects."""
    return iter(())


def stale_keywords(function: Any) -> dict[str, str]:
    """These packages mark no parameter."""
    return {}


def known_keywords(function: Any) -> set[str] | None:
    """Keywords of a function."""
    return signature_keywords(function)


def decorated_class(decorator: Any) -> type | None:
    """No decorator is known."""
    return None


def warm_up() -> None:
    """Nothing is shared by all snippets; what the sample imports is learned."""


def rehearse(folder: Path) -> None:
    """Nothing costs more the first time."""


def start_session(folder: Path, kept: Path) -> None:
    """No service is needed."""


def stop_session() -> None:
    """Nothing was started."""


def session_processes() -> set[int]:
    """No process of the session's own."""
    return set()


def enter(path: Path) -> None:
    """Nothing beyond HOME and the working folder."""


def load(path: Path, name: str) -> ModuleType:
    """Import the file."""
    return load_module(path, name)


def validate(module: ModuleType) -> ModuleType:
    """What imports is accepted."""
    return module


def names_in(module: ModuleType) -> list[str]:
    """Nothing is known of what it defines."""
    return []


def exercise(module: ModuleType, settings: dict[str, Any]) -> list[str]:
    """Its tests and main block are run for every tool; nothing else is known of it."""
    return []
