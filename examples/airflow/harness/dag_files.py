"""Load a DAG file as Airflow does, and make it the whole DAGs folder for a while."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import DAG

DAGS_FOLDER_VARIABLE = "AIRFLOW__CORE__DAGS_FOLDER"


class DagFileError(Exception):
    """A DAG file did not import, or defines no DAG, or not the DAG that was asked for."""


def load_dag(dag_file: Path, dag_id: str | None = None) -> DAG:
    """Parse `dag_file` and return its DAG `dag_id`, or its only one.

    Raises DagFileError with the path, and file:line from the traceback, of everything that did not import.
    """
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_file)
    if bag.import_errors:
        raise DagFileError("\n".join(f"{path}: {error}" for path, error in bag.import_errors.items()))
    found = sorted(bag.dags)
    if dag_id is None and len(found) == 1:
        return bag.dags[found[0]]
    if dag_id not in found:
        raise DagFileError(f"{dag_file}: no DAG {dag_id!r}; found {found}")
    return bag.dags[dag_id]


@contextmanager
def dag_file_as_bundle(dag_file: Path) -> Iterator[None]:
    """Make `dag_file` (or a folder) all that the configured bundle holds: a run needs a DAG of a bundle."""
    from airflow import settings

    before = os.environ.get(DAGS_FOLDER_VARIABLE)
    os.environ[DAGS_FOLDER_VARIABLE] = str(dag_file.resolve())
    settings.configure_vars()
    try:
        yield
    finally:
        if before is None:
            del os.environ[DAGS_FOLDER_VARIABLE]
        else:
            os.environ[DAGS_FOLDER_VARIABLE] = before
        settings.configure_vars()


def register_dag_file(dag_file: Path) -> None:
    """Write every DAG of `dag_file`, unpaused, to the metadata database, as the dag-processor does."""
    from airflow import settings
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
    from airflow.models.dag import DagModel
    from sqlalchemy import update

    with dag_file_as_bundle(dag_file):
        manager = DagBundlesManager()
        manager.sync_bundles_to_db()
        bundle = next(iter(manager.get_all_dag_bundles()))
        bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
        sync_bag_to_db(bag, bundle.name, bundle.version)
    session = settings.Session()
    session.execute(update(DagModel).values(is_paused=False))
    session.commit()
