"""ruff's rules about Airflow, beside what the live objects say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from proving import fence
from snippet_checker.airflow_rules import find_airflow_habits, with_habits
from snippet_checker.environments import TOOLS
from snippet_checker.model import Check, Finding, Result, Snippet
from snippet_checker.plan import plan_checks

READS_AT_PARSE = """
    from airflow.sdk import DAG, Variable
    from airflow.providers.standard.operators.bash import BashOperator

    with DAG("orders", schedule=None):
        BashOperator(task_id="load", bash_command=f"echo {Variable.get('region')}")
"""
READS_WHEN_IT_RUNS = """
    from airflow.sdk import DAG, Variable, task

    with DAG("orders", schedule=None):

        @task
        def load():
            return Variable.get("region")

        load()
"""


READS_IN_A_CALLBACK = """
    from airflow.sdk import DAG, Variable
    from airflow.providers.standard.operators.empty import EmptyOperator

    def tell(context):
        print(Variable.get("channel"))

    with DAG("orders", schedule=None, on_failure_callback=tell):
        EmptyOperator(task_id="load")
"""


@pytest.fixture
def checks_of(snippets_of: Callable[[str], list[Snippet]]) -> Callable[[str], list[Check]]:
    """The plan of a page given as text."""
    return lambda text: plan_checks(snippets_of(text), TOOLS)


def test_a_variable_read_at_each_parse_is_found_at_its_line(checks_of: Callable[[str], list[Check]]) -> None:
    """The same call inside a task is not."""
    first, second = checks_of(fence(READS_AT_PARSE) + "\n" + fence(READS_WHEN_IT_RUNS))
    found = find_airflow_habits([first, second])
    assert {one: [(f.line, f.kind) for f in findings] for one, findings in found.items()} == {id(first): [(6, "AIR003")]}


def test_a_function_that_parsing_does_not_call_may_read_a_variable(checks_of: Callable[[str], list[Check]]) -> None:
    """A callback runs later; the same function called by the module runs at each parse."""
    later, now = checks_of(fence(READS_IN_A_CALLBACK) + "\n" + fence(READS_IN_A_CALLBACK + "    tell(None)\n"))
    found = find_airflow_habits([later, now])
    assert {one: [f.kind for f in findings] for one, findings in found.items()} == {id(now): ["AIR003"]}


def test_other_tools_and_snippets_that_must_raise_are_not_asked(checks_of: Callable[[str], list[Check]]) -> None:
    """A form that is shown because it fails needs no second opinion."""
    marked = fence(READS_AT_PARSE, "raises SomeError, the region is not set")
    assert find_airflow_habits(checks_of(marked + "\n" + fence("import dagster as dg\nassert dg"))) == {}


def test_a_line_that_has_a_finding_gets_no_second_one(checks_of: Callable[[str], list[Check]]) -> None:
    """The tool's own word counts before ruff's; what is new makes a green result red."""
    [check] = checks_of(fence(READS_AT_PARSE))
    own, same_line, other = Finding(6, "TypeError", "no"), Finding(6, "AIR003", "late"), Finding(5, "AIR301", "gone")
    assert with_habits(Result(check, False, None, (own,)), [same_line]).findings == (own,)
    red = with_habits(Result(check, True, check.level), [other])
    assert (red.passed, red.level, red.findings) == (False, None, (other,))
