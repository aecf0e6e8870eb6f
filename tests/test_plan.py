"""Deciding what is done with each snippet."""

from __future__ import annotations

from pathlib import Path

import pytest
from proving import fence
from snippet_checker.environments import TOOLS
from snippet_checker.model import Check, Level
from snippet_checker.parse import read_text
from snippet_checker.plan import named_file, plan_checks


def plan(text: str, page: str = "page.md", level: Level = Level.RUNS) -> list[Check]:
    return plan_checks(read_text(text, page), TOOLS, level)


def problems(checks: list[Check]) -> list[tuple[str, int]]:
    return [(problem.kind, problem.line) for check in checks for problem in check.problems]


@pytest.mark.parametrize(
    ("code", "tool"),
    [
        ("import dagster as dg", "dagster"),
        ("from dagster_dbt import DbtProject", "dagster"),
        ("from airflow.sdk import dag", "airflow"),
        ("import cosmos", "airflow"),
        ("def f():\n    from prefect import flow", "prefect"),
        ("from databricks.bundles.jobs import Job", "embedded"),
        ("print 'old'\nimport prefect", "prefect"),
    ],
)
def test_imports_say_which_tool(code: str, tool: str) -> None:
    """Also inside functions, and in code that does not parse."""
    [check] = plan(fence(code))
    assert (check.tool, check.problems) == (tool, ())


def test_a_page_lends_its_tool_to_snippets_that_import_none() -> None:
    """`airflow-patterns.md` and `examples/airflow/` say it in their name; a mark says it anywhere."""
    code = fence("a = 1")
    assert plan(code, "references/airflow-patterns.md")[0].tool == "airflow"
    assert plan(code, "examples/prefect/x/README.md")[0].tool == "prefect"
    assert plan(fence("a = 1", "tool embedded"))[0].tool == "embedded"


def test_without_import_mark_or_page_nobody_knows_the_tool() -> None:
    """The message shows the mark that would say it."""
    [check] = plan(fence("a = 1"))
    assert problems([check]) == [("NoTool", 2)]
    assert "<!-- snippet: tool NAME -->" in check.problems[0].message


def test_two_tools_in_one_snippet_are_refused_at_the_second_import() -> None:
    """No environment has both."""
    assert problems(plan(fence("import dagster\nx = 1\nimport prefect"))) == [("TwoTools", 4)]


def test_follows_chains_sources_at_their_lines() -> None:
    """The source is the page with everything but the chain's code blanked out."""
    text = fence("import dagster as dg\na = 1") + "\nwords\n\n" + fence("b = a", "follows") + "\n" + fence("c = b", "follows")
    first, second, third = plan(text)
    assert first.source == "\nimport dagster as dg\na = 1\n"
    lines = third.source.split("\n")
    assert {number: line for number, line in enumerate(lines, 1) if line} == {
        2: "import dagster as dg",
        3: "a = 1",
        second.snippet.line: "b = a",
        third.snippet.line: "c = b",
    }
    assert third.tool == "dagster"


def test_follows_without_a_snippet_before_it_is_a_problem() -> None:
    """The first snippet of a page follows nothing."""
    assert problems(plan(fence("import dagster", "follows"))) == [("NothingToFollow", 3)]


def test_a_run_may_ask_for_less_than_a_mark_never_for_more() -> None:
    """The lower of the two levels holds."""
    text = fence("import dagster") + "\n" + fence("import dagster", "parse, why")
    assert [check.level for check in plan(text)] == [Level.RUNS, Level.PARSES]
    assert [check.level for check in plan(text, level=Level.LOADS)] == [Level.LOADS, Level.PARSES]


def test_shell_belongs_to_the_tool_whose_command_it_calls() -> None:
    """Also behind a path or `uv run`; a snippet of none needs no environment."""
    assert plan(fence("cd x\n.venv/bin/dg dev", language="bash"))[0].tool == "dagster"
    assert plan(fence("uv run airflow db migrate", language="bash"))[0].tool == "airflow"
    assert plan(fence("make check", language="bash"))[0].tool is None


def test_configuration_goes_to_the_tool_that_reads_it() -> None:
    """A first comment names the file."""
    assert plan(fence("# prefect.yaml\ndeployments: []", language="yaml"))[0].tool == "prefect"
    assert plan(fence("# conf/dagster.yaml\n{}", language="yaml"))[0].tool == "dagster"
    assert plan(fence("a: 1", language="yaml"))[0].tool is None
    assert named_file("# .github/workflows/ci.yml\non: push") == ".github/workflows/ci.yml"


def test_one_check_per_snippet_in_order(tmp_path: Path) -> None:
    """Nothing is dropped, whatever is wrong with it."""
    text = fence("import dagster") + "\n```\nx\n```\n\n" + fence("(", language="sql") + "\n" + fence("import prefect", "bogus")
    checks = plan(text)
    assert [check.snippet.line for check in checks] == [2, 6, 10, 15]
