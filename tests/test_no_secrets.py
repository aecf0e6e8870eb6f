"""No page and no example holds a secret: scanned with detect-secrets, each exception with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import default_settings

ROOT = Path(__file__).resolve().parents[1]
SKIPPED_FOLDERS = {".venv", ".venv-building", ".venv-lock", ".cache", "__pycache__", "target", "logs"}
OWN_WORD_ONLY = "detect_secrets.filters.allowlist.is_line_allowlisted"  # a comment would allow without a reason
MADE_UP = "made up by the test, which then searches for it in everything that the tool wrote"
WRONG_URI = "a URI that shows how the parts of a connection are mistaken"
ALLOWED = {
    ("examples/airflow/callbacks_and_deadlines/test_pagerduty_incidents.py", "a-rest-token"): MADE_UP,
    ("examples/airflow/secrets_backend/test_secrets_backend.py", "secret"): WRONG_URI,
    ("examples/airflow/secrets_backend/test_secrets_backend.py", "pa%23ss"): WRONG_URI,
    ("examples/airflow/secrets_backend/test_connection_command_traps.py", "tok-7f3a9c51e2"): MADE_UP,
    ("examples/airflow/warehouse_copy/test_bucket_copy_traps.py", "key-of-the-shop"): MADE_UP,
    ("examples/airflow/warehouse_copy/test_bucket_copy_traps.py", "pass-of-the-shop"): MADE_UP,
    ("examples/airflow/warehouse_copy/test_warehouse_copy.py", "key-of-the-shop"): MADE_UP,
    ("examples/dagster/deployment/kubernetes.yaml", "dagster-postgres"): "name of a Kubernetes secret, not its value",
    ("examples/dagster/iceberg_io_manager/test_iceberg_io_manager.py", "reader:secret-4f1b"): MADE_UP,
    ("examples/dagster/iceberg_io_manager/test_table_traps.py", "reader:secret-4f1b"): MADE_UP,
    ("examples/dagster/resource_life_cycle/test_field_traps.py", "BEGIN PRIVATE KEY"): "the first line of a key, alone",
    ("examples/dagster/resources_and_secrets/test_resources_and_secrets.py", "token-8c1d0f"): MADE_UP,
    ("examples/dagster/resources_and_secrets/test_variable_traps.py", "token-8c1d0f"): MADE_UP,
    ("examples/dagster/trifecta/test_trifecta.py", "private_key_path"): "name of a setting, not its value",
    ("examples/embedded/databricks_job/databricks.yml", "fedcba9876543210"): "stands for the id of a SQL warehouse",
    ("references/airflow-operations.md", "secret"): WRONG_URI,
    ("references/airflow-patterns.md", "secret"): WRONG_URI,
    ("references/airflow-patterns.md", "tok-123"): MADE_UP,
    ("references/testing-airflow.md", "tok-7f3a9c"): MADE_UP,
}
PLANTED = {
    "AWS Access Key": ("deploy.py", 'key = "AKIA' + 'QYLPMN5HHHFPZAM2"'),
    "GitHub Token": ("page.md", "export TOKEN=ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"),
    "Private Key": ("key.txt", "-----BEGIN RSA " + "PRIVATE KEY-----"),
    "Basic Auth Credentials": ("dag.py", 'url = "postgresql://shop:' + 'Xk29vQm1@db.internal/orders"'),
    "Secret Keyword": ("definitions.py", 'password = "' + 'Xk29-vQm1-77ab"'),
}


def scanned_files() -> list[Path]:
    """Pages and every file of an example but what environments and runs leave behind."""
    pages = [ROOT / "SKILL.md", ROOT / "README.md", *(ROOT / "references").rglob("*.md")]
    examples = [path for path in (ROOT / "examples").rglob("*") if not SKIPPED_FOLDERS & set(path.parts)]
    return sorted(path for path in [*pages, *examples] if path.is_file())


def secrets_in(files: Iterable[Path], root: Path) -> dict[tuple[str, str], str]:
    """File and value of each finding, with the kind of secret; nothing is sent anywhere to verify it."""
    found = SecretsCollection()
    with default_settings() as settings:
        settings.disable_filters(OWN_WORD_ONLY)
        for file in files:
            found.scan_file(str(file))
    return {(Path(name).relative_to(root).as_posix(), str(one.secret_value)): one.type for name, one in found}


def test_pages_and_examples_hold_no_secret_but_those_with_a_reason() -> None:
    """A finding that is not on the list fails, and so does a line of the list that nothing needs any more."""
    found = secrets_in(scanned_files(), ROOT)
    assert {place: kind for place, kind in found.items() if place not in ALLOWED} == {}
    assert set(ALLOWED) - set(found) == set()


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_secret_is_found(kind: str, tmp_path: Path) -> None:
    """In a page as in code, and with a comment beside it that asks the scanner to look away."""
    name, line = PLANTED[kind]
    (tmp_path / name).write_text(f"# harmless\n{line}  # pragma: allowlist secret\n")
    assert kind in secrets_in([tmp_path / name], tmp_path).values()
