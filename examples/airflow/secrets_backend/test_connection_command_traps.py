"""What the command line shows of a stored connection, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.cli.cli_parser import get_parser

PASSWORD = "tok-7f3a9c51e2"


def airflow(*words: str) -> int:
    """Run `airflow ...` in this process; its exit code."""
    arguments = get_parser().parse_args(words)
    try:
        arguments.func(arguments)
    except SystemExit as end:
        return int(end.code or 0) if not isinstance(end.code, str) else 1
    return 0


@pytest.fixture
def till(metadata_database: Path) -> None:
    """A stored connection with a password."""
    document = f'{{"conn_type": "http", "host": "https://till.example", "password": "{PASSWORD}"}}'
    assert airflow("connections", "add", "shop_till", "--conn-json", document) == 0


@pytest.mark.usefixtures("till")
@pytest.mark.parametrize(("command", "shown"), [(("get", "shop_till"), True), (("list",), False)])
def test_trap_get_prints_the_password(capsys: pytest.CaptureFixture[str], command: tuple[str, ...], shown: bool) -> None:
    """In clear text, where a log of a deployment keeps it; `list` tells that the connection is there."""
    capsys.readouterr()
    assert airflow("connections", *command, "--output", "json") == 0
    printed = capsys.readouterr().out
    assert ("shop_till" in printed, PASSWORD in printed) == (True, shown)


@pytest.mark.usefixtures("till")
def test_a_connection_cannot_be_tested_unless_that_is_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    """`[core] test_connection` is Disabled by default."""
    assert airflow("connections", "test", "shop_till") == 1
    assert "disabled in Airflow configuration" in capsys.readouterr().out
