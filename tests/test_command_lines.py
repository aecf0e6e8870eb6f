"""Command lines held against the installed CLIs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from proving import fence
from snippet_checker.model import Result

pytestmark = pytest.mark.slow
RIGHT = {
    "dagster": [
        "dagster dev -f definitions.py -p 3001",
        "dagster asset materialize --select 'key:a' -f definitions.py",
        "dg launch --assets 'key:a' -f definitions.py",
        "uv run dagster-webserver -h 127.0.0.1",
        "dbt build --select tag:daily --profiles-dir .",
        "dg scaffold defs dagster.asset assets.py",
    ],
    "airflow": [
        "airflow db migrate",
        "airflow backfill create --dag-id x --from-date 2026-01-01 --to-date 2026-01-02 --dry-run",
        "airflow dags trigger x --logical-date 2026-01-01",
    ],
    "prefect": [
        "prefect --no-prompt deploy flow.py:work -n daily -p local",
        "prefect work-pool create local --type process",
        "prefect server start --no-ui --port 4201",
    ],
}
WRONG = {
    "dagster": [
        ("dagster asset materialize -f definitions.py", "Missing option '--select'"),
        ("dagster asset materialise --select x", "No such command 'materialise'"),
        ("dg launch --asets x", "No such option '--asets'"),
        ("dbt biuld", "No such command 'biuld'"),
        ("dg scaffold defs dagster.asst assets.py", "No registry object `dagster.asst` is registered"),
        ("dg scaffold defs dagster.asset assets.py --nope", "No such option '--nope'"),
    ],
    "airflow": [("airflow db init", "invalid choice: 'init'"), ("airflow dags backfill x", "airflow backfill create")],
    "prefect": [
        ("prefect deployment build x.py:f", "Unknown command"),
        ("prefect worker start --pol local", "Unknown option: --pol"),
    ],
}


@pytest.mark.parametrize("tool", RIGHT)
def test_commands_that_the_cli_takes_are_proved(tool: str, prove: Callable[..., list[Result]]) -> None:
    """Without executing them."""
    page = "\n".join(fence(line, f"tool {tool}", language="bash") for line in RIGHT[tool])
    assert [(r.passed, r.findings) for r in prove(page, tool)] == [(True, ())] * len(RIGHT[tool])


@pytest.mark.parametrize("tool", WRONG)
def test_commands_that_the_cli_would_refuse_are_named(tool: str, prove: Callable[..., list[Result]]) -> None:
    """With what the CLI's own parser says."""
    page = "\n".join(fence(f"cd x\n{line}", f"tool {tool}", language="bash") for line, _ in WRONG[tool])
    for (line, message), result in zip(WRONG[tool], prove(page, tool), strict=True):
        [finding] = result.findings
        assert message in f"{finding.message} {finding.current}", line
        assert finding.line == result.check.snippet.line + 1


def test_a_marked_shell_snippet_is_executed(prove: Callable[..., list[Result]]) -> None:
    """In a folder of its own, with the environment's commands on the path; its exit code counts."""
    good = fence("dagster --version > v.txt\ngrep 1.13 v.txt", "run", "tool dagster", language="bash")
    bad = fence("true\nls no-such-file", "run", "tool dagster", language="bash")
    right, wrong = prove(good + "\n" + bad, "dagster")
    assert right.findings == ()
    assert [finding.kind for finding in wrong.findings] == ["CommandFailed"]
