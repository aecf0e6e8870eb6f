"""Each test has a database of its own, and the template stays empty."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from metadata_database import CONNECTION_VARIABLE, copy_template, open_database


def read_variables() -> list[str]:
    """The keys of all Airflow Variables in the open database."""
    from airflow import settings
    from airflow.models.variable import Variable
    from sqlalchemy import select

    return list(settings.Session().scalars(select(Variable.key)))


def test_what_one_copy_holds_no_other_sees(metadata_template: Path, tmp_path: Path) -> None:
    """A variable written into one copy is in that copy only."""
    from airflow.models.variable import Variable

    seen = []
    for name in ("first", "second", "first"):
        (tmp_path / name).mkdir(exist_ok=True)
        database = tmp_path / name / "airflow.db"
        with open_database(database if database.exists() else copy_template(metadata_template, tmp_path / name)):
            if not seen:
                Variable.set("shop", "bern")
            seen.append(read_variables())
    assert seen == [["shop"], [], ["shop"]]


def test_the_configuration_is_put_back(metadata_template: Path, tmp_path: Path) -> None:
    """Also when the test inside failed."""
    before = os.environ.get(CONNECTION_VARIABLE)
    with pytest.raises(ZeroDivisionError), open_database(copy_template(metadata_template, tmp_path)) as database:
        assert os.environ[CONNECTION_VARIABLE] == f"sqlite:///{database}"
        raise ZeroDivisionError
    assert os.environ.get(CONNECTION_VARIABLE) == before
