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
from types import ModuleType
from typing import Any

from sqlalchemy import event

CONNECTION_VARIABLE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
ENGINES_AND_SESSIONS = ("engine", "NonScopedSession", "Session", "async_engine", "AsyncSession")  # of airflow.settings
_engines: dict[str, Any] = {}
_opened: list[Path] = []


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
    before, opened_before = os.environ.get(CONNECTION_VARIABLE), _opened[:]
    os.environ[CONNECTION_VARIABLE] = f"sqlite:///{database.resolve()}"
    _opened[:] = [database.resolve()]
    from airflow import settings

    settings.dispose_orm(do_log=False)
    settings.configure_vars()
    _configure_orm(settings)
    try:
        yield database
    finally:
        settings.dispose_orm(do_log=False)
        _opened[:] = opened_before
        if before is None:
            del os.environ[CONNECTION_VARIABLE]
        else:
            os.environ[CONNECTION_VARIABLE] = before


def _configure_orm(settings: ModuleType) -> None:
    """Engines are made once a process and connect to the database that is open: they keep the SQL they have compiled.

    A quarter of the time of a test that runs a DAG went into compiling the same statements again.
    """
    if not _engines:
        settings.configure_orm()
        for engine in (settings.engine, settings.async_engine.sync_engine):
            event.listen(engine, "do_connect", _connect)
        _engines.update({name: getattr(settings, name) for name in ENGINES_AND_SESSIONS})
    vars(settings).update(_engines)


def _connect(dialect: Any, record: object, arguments: object, options: dict[str, Any]) -> Any:
    if not _opened:
        raise RuntimeError("no metadata database is open: use the fixture metadata_database, or open_database")
    return dialect.connect(str(_opened[0]), **options)
