"""A secrets back end of our own: one file per secret, the way Docker and Kubernetes mount secrets.

A module that every component can import (package or plugins folder), never part of a DAG file. Each component that
looks secrets up makes one: `[secrets] backend` for all, `[workers] secrets_backend` for tasks alone.
"""

from __future__ import annotations

from pathlib import Path

from airflow.sdk.bases.secrets_backend import BaseSecretsBackend


class MountedSecrets(BaseSecretsBackend):
    """Reads `connections/<id>` (JSON or URI) and `variables/<key>` below `folder`."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = Path(folder)
        if not self.folder.is_dir():  # what a lookup raises is only logged at DEBUG: complain when Airflow starts
            raise NotADirectoryError(f"secrets backend: no folder {folder!r}")

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """The stored text of a connection; None lets the next back end answer."""
        return self._read(self.folder / "connections" / conn_id)

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """The stored text of a variable; None lets the next back end answer."""
        return self._read(self.folder / "variables" / key)

    def _read(self, file: Path) -> str | None:
        return file.read_text().strip() if file.is_file() else None
