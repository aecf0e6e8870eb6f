"""Each row of the drift ledger has the agreed shape, is found in its own old code, and is proved by the checker."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from proving import in_order
from research_protocol.drift import find_hits
from research_protocol.drift_ledger import Row, read_ledger
from research_protocol.model import CannotLookError
from research_protocol.project_files import list_files
from snippet_checker import environments
from snippet_checker.model import Language, Level, Marks, Snippet
from snippet_checker.plan import plan_checks
from snippet_checker.run import Settings

ROWS = read_ledger()
CODE = [row for row in ROWS if row.kind != "command" and row.tool not in ("databricks", "snowflake")]
ENVIRONMENT = {"dagster-dbt": "dagster", "dagster-dlt": "dagster", "dlt": "dagster", "dbt": "dagster", "cosmos": "airflow"}


def environment_of(row: Row) -> str:
    return ENVIRONMENT.get(row.tool, row.tool)


def found_in(code: str, row: Row, folder: Path) -> set[str]:
    """The ids of the rows that a file with this code meets."""
    name = "run.sh" if row.kind == "command" else "settings.env" if row.kind == "setting" else "code.py"
    folder.mkdir()
    (folder / name).write_text(code)
    hits, unread = find_hits(list_files(folder), ROWS)
    assert unread == []
    return {row_id for _, _, row_id in hits}


def test_ids_are_unique() -> None:
    """Pages and answers point at rows by their id."""
    assert len({row.id for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_is_found_in_its_old_code_and_not_in_its_new(row: Row, tmp_path: Path) -> None:
    """What the row calls stale is found by its own match; what it calls current is stale by no row."""
    assert row.id in found_in(row.old_code, row, tmp_path / "old")
    assert found_in(row.new_code, row, tmp_path / "new") == set()


@pytest.mark.slow
@pytest.mark.parametrize("tool", sorted({environment_of(row) for row in CODE}))
def test_old_code_fails_with_the_error_that_the_row_states_and_new_code_runs(
    tool: str, warm_tools: Callable[[str], Settings]
) -> None:
    """The checker proves both halves of every row in the locked environment; a silent change fails without this text."""
    rows = [row for row in CODE if environment_of(row) == tool]
    executed = execute_each(tool, [row.old_code for row in rows])
    codes = [(f"{row.id}-{age}", code) for row in rows for age, code in (("old", row.old_code), ("new", row.new_code))]
    snippets = [Snippet(f"{name}.py", 1, code.count("\n") + 1, Language.PYTHON, code, Marks(tool=tool)) for name, code in codes]
    results = in_order(plan_checks(snippets, environments.TOOLS, Level.RUNS), replace(warm_tools(tool), timeout=90.0), tool)
    wrong = {}
    for row, old, new, outcome in zip(rows, results[::2], results[1::2], executed, strict=True):
        said = " | ".join([outcome, *(f"{finding.kind}: {_bare(finding.message)}" for finding in old.findings)])
        parts = [" ".join(part.split()) for part in row.error.split("...")]
        stated = row.error.startswith("silent:") or all(part in " ".join(said.split()) for part in parts)
        if old.passed or not stated or not new.passed:
            wrong[row.id] = (said, [finding.message for finding in new.findings])
    assert wrong == {}


def _bare(message: str) -> str:
    """The words of the tool, without those of the checker before them."""
    return re.sub(r"^(?:task|asset|flow|job) '[^']*' failed: ", "", message)


def execute_each(tool: str, codes: list[str]) -> list[str]:
    """What each code raises or warns about when it is executed as it stands, in a fork of one process of the tool."""
    with tempfile.TemporaryDirectory(prefix="ledger-") as home:
        homes = dict.fromkeys(("HOME", "DAGSTER_HOME", "AIRFLOW_HOME", "PREFECT_HOME"), home)
        done = subprocess.run(
            [str(environments.python_of(tool)), "-c", EXECUTE], input=json.dumps(codes), capture_output=True, text=True,
            env={"PATH": os.environ["PATH"], **homes}, cwd=home, timeout=300,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    outcomes: list[str] = json.loads(done.stdout.splitlines()[-1])
    return outcomes


EXECUTE = """
import json, os, sys, warnings

codes = json.load(sys.stdin)
for name in ("dagster", "dagster_dbt", "airflow.sdk", "prefect"):
    try:
        __import__(name)
    except ImportError:
        pass
outcomes = []
for code in codes:
    reader, writer = os.pipe()
    if os.fork() == 0:
        said = []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                exec(compile(code, "old.py", "exec"), {"__name__": "old"})
            except BaseException as error:
                said.append(f"{type(error).__name__}: {error}")
        said += [f"{one.category.__name__}: {one.message}" for one in caught]
        os.write(writer, " | ".join(said).encode()[:60000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        outcomes.append(pipe.read().decode())
    os.wait()
print()
print(json.dumps(outcomes))
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"error": None}, "error must be text"),
        ({"match": {"nmae": "x"}}, "has no known form"),
        ({"tool": "luigi"}, "is not known"),
    ],
)
def test_a_row_of_another_shape_is_refused_with_its_place(tmp_path: Path, change: dict[str, object], said: str) -> None:
    """Whoever adds a row learns which one is wrong and why."""
    good = json.loads((environments.ROOT / "scripts" / "drift_ledger.json").read_text())[0]
    ledger = tmp_path / "drift_ledger.json"
    ledger.write_text(json.dumps([good | change]))
    with pytest.raises(CannotLookError, match=said) as refused:
        read_ledger(ledger)
    assert "row 1" in str(refused.value)
