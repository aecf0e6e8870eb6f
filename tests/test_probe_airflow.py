"""What Airflow accepts in silence, and the checker does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from proving import fence, in_order
from snippet_checker import environments
from snippet_checker.model import Level, Result
from snippet_checker.parse import read_text
from snippet_checker.plan import plan_checks
from snippet_checker.run import Settings

pytestmark = pytest.mark.slow
Prove = Callable[..., list[Result]]


def flow(body: str, decorator: str = "@dag", call: str = "pipeline()", imports: str = "dag, task") -> str:
    """A DAG file: `body` is the function's, indented here."""
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    return f"from airflow.sdk import {imports}\n{decorator}\ndef pipeline():\n{lines}\n{call}"


GOOD = {
    "taskflow": flow("@task\ndef one(): return 1\n@task\ndef two(n): assert n == 1\ntwo(one())"),
    "mapping": flow("@task\ndef n(): return [1, 2]\n@task\ndef d(x): return 2 * x\nd.expand(x=n())"),
    "a logical date": flow("@task\ndef day(ds=None): assert ds == '2026-03-04'\nday()", "@dag(schedule='@daily')"),
    "an asset-triggered run without one": flow(
        "@task\ndef day(ds=None): assert ds is None\nday()", "@dag(schedule=[Asset('orders')])", imports="Asset, dag, task"
    ),
    "classic operators": (
        "from airflow.sdk import DAG\nfrom airflow.providers.standard.operators.bash import BashOperator\n"
        "with DAG('classic', schedule=None):\n    BashOperator(task_id='echo', bash_command='echo {{ ds }}')"
    ),
    "a library that still uses an old form of Airflow": (
        "from airflow.sdk import DAG\nfrom airflow.providers.standard.operators.empty import EmptyOperator\n"
        "import cosmos.airflow.dag\nassert cosmos\nwith DAG('beside_cosmos', schedule=None):\n    EmptyOperator(task_id='a')"
    ),
    "an operator with its test": (
        "from airflow.sdk import BaseOperator\nclass Double(BaseOperator):\n    def execute(self, context): return 2\n"
        "def test_double():\n    assert Double(task_id='d').execute({}) == 2"
    ),
}
WRONG = {
    "a DAG that is never built": (flow("@task\ndef a(): ...\na()", call=""), "NoDagFound", 4),
    "a task that fails": (flow("@task\ndef a():\n    raise ValueError('no')\na()"), "ValueError", 7),
    "a green run over a failed task": (
        flow("@task\ndef a():\n    raise ValueError('no')\n@task(trigger_rule='all_done')\ndef b(): ...\na() >> b()"),
        "ValueError",
        7,
    ),
    "a removed module": ("from airflow.operators.dummy import DummyOperator\n", "ModuleNotFoundError", 2),
    "a moved name": ("from airflow.decorators import dag, task\n", "DeprecatedImportWarning", 2),
    "an argument of DAG that is gone": ("from airflow.sdk import DAG\nDAG('x', schedule_interval='@daily')", "TypeError", 3),
    "an argument of @dag that is gone": (flow("...", "@dag(concurrency=3)"), "TypeError", 3),
    "an argument that is ignored": (flow("@task(sla=1)\ndef a(): ...\na()"), "DeprecatedParameter", 5),
    "what Cosmos says of its own argument": (
        "from cosmos import RenderConfig\nRenderConfig(dbt_deps=False)",
        "DeprecationWarning",
        3,
    ),
    "the same in a DAG file": (
        flow("RenderConfig(\n    env_vars={'A': '1'},\n)\n@task\ndef a(): ...\na()").replace(
            "\n", "\nfrom cosmos import RenderConfig\n", 1
        ),
        "DeprecationWarning",
        7,
    ),
    "a typo in an operator": (
        "from airflow.sdk import DAG\nfrom airflow.providers.standard.operators.bash import BashOperator\n"
        "with DAG('x'):\n    BashOperator(task_id='a', bash_comand='ls')",
        "TypeError",
        5,
    ),
    "a default for a context key": (flow("@task\ndef a(ds=''): ...\na()"), "ValueError", None),
    "the metadata database at parse time": (
        "from airflow.sdk import DAG\nfrom airflow.models import DagRun\nfrom airflow.utils.session import create_session\n"
        "with create_session() as session:\n    session.query(DagRun).all()\nDAG('x')",
        "RuntimeError",
        5,
    ),
    "a timetable that cannot be serialized": (
        "import pendulum\nfrom airflow.sdk import DAG, EventsTimetable\n"
        "x = DAG('x', schedule=EventsTimetable(event_dates=[pendulum.datetime(2026, 1, 1, tz='UTC')]))",
        "SerializationError",
        None,
    ),
    "an XCom that cannot be serialized": (flow("@task\ndef a(): return b'x'\na()"), "TypeError", None),
    "two DAGs with one id": ("from airflow.sdk import DAG\nDAG('x')\nDAG('x')", "AirflowDagDuplicatedIdException", 4),
    "a schedule that cannot parse": ("from airflow.sdk import DAG\nDAG('x', schedule='61 * * * *')", None, None),
}


def test_what_is_right_runs(prove: Prove) -> None:
    """Parsed as the DAG processor does, serialized and back, and `dag.test()` ends in success."""
    results = prove("\n".join(fence(code) for code in GOOD.values()), "airflow")
    assert {name: r.findings for name, r in zip(GOOD, results, strict=True)} == dict.fromkeys(GOOD, ())
    assert {r.level for r in results} == {Level.RUNS}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named_at_its_line(name: str, prove: Prove) -> None:
    """The kind of error, and the line an engineer would edit."""
    code, kind, line = WRONG[name]
    [result] = prove(fence(code), "airflow")
    assert not result.passed
    if kind is not None:
        assert [finding.kind for finding in result.findings][:1] == [kind]
    if line is not None:
        assert result.findings[0].line == line


def test_a_mark_says_parameters_and_date(prove: Prove) -> None:
    """`with params=` is the run's conf, `with date=` its logical date."""
    code = flow(
        "@task\ndef a(params=None, ds=None):\n    assert (params['n'], ds) == (5, '2026-01-02')\na()",
        "@dag(schedule=None, params={'n': 1})",
    )
    without, named = prove(fence(code) + "\n" + fence(code, 'with params={"n": 5} date=2026-01-02'), "airflow")
    assert (without.passed, named.passed) == (False, True)


def test_loading_does_not_run_the_tasks(prove: Prove) -> None:
    """At the level `loads` the file is parsed and serialized."""
    [result] = prove(fence(WRONG["a task that fails"][0]), "airflow", level=Level.LOADS)
    assert (result.passed, result.level) == (True, Level.LOADS)


RUNS_IN_THE_DATABASE = """
import os
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from sqlalchemy import select

def test_only_own_runs():
    with create_session() as session:
        assert session.scalars(select(DagRun.dag_id)).all() == ["own"]
    assert "rehearsed_sample" not in str(sorted(os.environ.items()))
"""


def test_the_warm_process_has_run_a_dag_of_which_no_snippet_sees_anything(tmp_path: Path) -> None:
    """The session leaves one thread, so it can be forked; a snippet's database holds the runs of its own DAG alone."""
    own = flow("@task\ndef one(): return 1\none()", "@dag(dag_id='own', schedule=None)") + RUNS_IN_THE_DATABASE
    other = own.replace("'own'", "'other'").replace('["own"]', '["other"]')
    checks = plan_checks(read_text(fence(own) + "\n" + fence(other), "page.md"), environments.TOOLS, Level.RUNS)
    first, second = in_order(checks, Settings(kept=lambda tool: tmp_path), "airflow")
    assert (first.findings, second.findings) == ((), ())
    assert (tmp_path / "rehearsed").read_text() == "1"
    assert [one.note.partition(", page_")[0] for one in (first, second)] == ["own", "other"]
    assert all(one.note.endswith("::test_only_own_runs") for one in (first, second))
