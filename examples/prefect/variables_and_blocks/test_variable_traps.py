"""What a variable does not take, and what a missing one is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from prefect.variables import Variable
from prefect_server import PrefectServer
from pydantic import BaseModel

NAME = "trap_limits"


class Limits(BaseModel):
    day: date


@pytest.fixture(autouse=True)
def variable(prefect_server: PrefectServer) -> Iterator[None]:
    """No variable of this name before and after."""
    Variable.unset(NAME)
    yield
    Variable.unset(NAME)


@pytest.mark.parametrize(
    ("value", "message"),
    [("x" * 4999, "5000 characters"), (date(2026, 3, 1), "valid string")],
    ids=["too long with its quotes", "a date"],
)
def test_trap_what_is_no_short_json_is_refused(value: Any, message: str) -> None:
    """When it is set; two characters less, and the date as text, are taken."""
    with pytest.raises(ValueError, match=message):
        Variable.set(NAME, value)
    for right in ("x" * 4998, date(2026, 3, 1).isoformat()):
        Variable.set(NAME, right, overwrite=True)
        assert Variable.get(NAME) == right


def test_trap_a_date_inside_comes_back_as_text() -> None:
    """Taken in silence, and a tuple becomes a list; a model that reads it back has the date again."""
    day = date(2026, 3, 1)
    Variable.set(NAME, {"day": day, "shops": ("bern",)})
    assert Variable.get(NAME) == {"day": "2026-03-01", "shops": ["bern"]}
    assert Limits.model_validate(Variable.get(NAME)).day == day


def test_trap_a_missing_variable_is_none() -> None:
    """Or the default that the call gives; nothing is raised."""
    assert (Variable.get(NAME), Variable.get(NAME, default=100)) == (None, 100)


def test_trap_setting_again_needs_overwrite() -> None:
    """Refused without it, and the first value stays."""
    Variable.set(NAME, 1)
    with pytest.raises(ValueError, match="overwrite=True"):
        Variable.set(NAME, 2)
    assert Variable.get(NAME) == 1


def test_trap_capitals_are_no_name() -> None:
    """Lower case, digits, dashes and underscores."""
    with pytest.raises(ValueError, match="lowercase"):
        Variable.set("Trap_Limits", 1)
