"""A migrated SQLite metadata database for tests: built once, copied for every test.

Real: the schema Airflow itself creates, its ORM, its in-process Execution API on the copied file.
Simulated: nothing is migrated from an older version, and SQLite stands in for PostgreSQL or MySQL, so
row locks and parallel schedulers are not exercised. One process, one open database at a time.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONNECTION_VARIABLE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"


def build_template(folder: Path) -> Path:
    """Create the schema in `folder` (about 2 seconds) and return the closed SQLite file.

    The first use of the in-process Execution API costs about 3 seconds more; the first test that runs a
    DAG pays for it.
    """
    template = folder / "template.db"
    with open_database(template):
        from airflow.utils.db import initdb

        initdb()
    return template


def copy_template(template: Path, folder: Path) -> Path:
    """Copy the closed template into `folder`: milliseconds instead of a migration per test."""
    return Path(shutil.copy(template, folder / "airflow.db"))


@contextmanager
def open_database(database: Path) -> Iterator[Path]:
    """Point Airflow's ORM at `database` inside the block, and close every connection to it afterwards.

    Airflow must have been imported with AIRFLOW_HOME set; the key of the database alone may change later.
    """
    before = os.environ.get(CONNECTION_VARIABLE)
    os.environ[CONNECTION_VARIABLE] = f"sqlite:///{database.resolve()}"
    from airflow import settings

    settings.dispose_orm(do_log=False)
    settings.configure_vars()
    settings.configure_orm()
    try:
        yield database
    finally:
        settings.dispose_orm(do_log=False)
        if before is None:
            del os.environ[CONNECTION_VARIABLE]
        else:
            os.environ[CONNECTION_VARIABLE] = before
