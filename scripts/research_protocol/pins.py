"""The versions that this pack is proved on, from the lock files beside its examples."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("dagster", "airflow", "prefect", "embedded")
_PACKAGE = re.compile(r"^\[\[package\]\]\nname = \"([^\"]+)\"\nversion = \"([^\"]+)\"", re.MULTILINE)
MAIN = {"dagster": "dagster", "airflow": "apache-airflow", "prefect": "prefect"}


def read_pins(root: Path = ROOT) -> dict[str, dict[str, str]]:
    """By tool, each locked package and its version; a tool without a lock file (in a cut-down copy) is not there.

    The format of uv.lock is stable enough for a pattern, and Python 3.10 has no TOML parser.
    """
    pins = {}
    for tool in TOOLS:
        lock = root / "examples" / tool / "uv.lock"
        if lock.is_file():
            pins[tool] = dict(_PACKAGE.findall(lock.read_text(encoding="utf-8")))
    return pins


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version, for comparison: ``3.3.2rc1`` is ``(3, 3, 2)``."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


def is_before(version: str, other: str) -> bool:
    """Whether a version is older, by its numbers: ``3.0`` is not before ``3.0.0``."""
    left, right = release(version), release(other)
    length = max(len(left), len(right))
    return left + (0,) * (length - len(left)) < right + (0,) * (length - len(right))


def difference(installed: str, pinned: str) -> str:
    """How an installed version differs from the pin: same, or older or newer by patch, minor or major."""
    left, right = (*release(installed), 0, 0, 0)[:3], (*release(pinned), 0, 0, 0)[:3]
    if installed == pinned or left == right:
        return "same"
    place = "major" if left[0] != right[0] else "minor" if left[1] != right[1] else "patch"
    return f"{'older' if left < right else 'newer'} {place}"


def fits(python: str, requires: str) -> bool:
    """Whether a Python version satisfies ``>=3.10,<3.14`` and the like."""
    for clause in filter(None, (part.strip() for part in requires.split(","))):
        match = re.match(r"(>=|<=|==|!=|~=|<|>)\s*([\d.]+)", clause)
        if match and not _satisfies(release(python), match.group(1), release(match.group(2))):
            return False
    return True


def _satisfies(have: tuple[int, ...], operator: str, asked: tuple[int, ...]) -> bool:
    same = have[: len(asked)] == asked
    outcomes = {
        ">=": have >= asked, "<": have < asked, "!=": not same, "==": same,
        ">": have > asked and not same, "<=": have <= asked or same, "~=": have >= asked and have[: len(asked) - 1] == asked[:-1],
    }  # fmt: skip
    return outcomes[operator]
