"""A secrets backend that has every variable and connection, and keeps what it was asked for."""

from __future__ import annotations

from airflow.secrets import BaseSecretsBackend

ASKED: list[str] = []


class CountedSecrets(BaseSecretsBackend):
    def get_variable(self, key: str, team_name: str | None = None) -> str:
        ASKED.append(key)
        return "ch"

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str:
        ASKED.append(conn_id)
        return "http://shop.example"
