"""What Prefect accepts in silence, and the checker does not."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from proving import fence, interpreter
from snippet_checker.model import Level, Result

pytestmark = pytest.mark.slow
Prove = Callable[..., list[Result]]
HEAD = "from prefect import flow, task\n"

GOOD = {
    "flow and task": "@task\ndef one(): return 1\n@flow\ndef work(): return one()",
    "an async flow": "@flow\nasync def work(): return 1",
    "a subflow with parameters": "@flow\ndef sub(n: int): return n\n@flow\ndef work(): return sub(2)",
    "mapping": "@task\ndef d(x): return 2 * x\n@flow\ndef work():\n    assert d.map([1, 2]).result() == [2, 4]",
    "a test": "@task\ndef d(x): return 2 * x\ndef test_d():\n    assert d.fn(2) == 4",
    "a main block": "@flow\ndef work(n: int): return n\nif __name__ == '__main__':\n    work(3)",
}
WRONG = {
    "a removed class": ("from prefect.deployments import Deployment", "PrefectImportError", 3),
    "a flow that fails": ("@flow\ndef work():\n    raise ValueError('no')", "ValueError", 5),
    "a failed task under a green flow": (
        "@task\ndef bad():\n    raise ValueError('no')\n@flow\ndef work():\n    bad.submit().wait()\n    return 1",
        "HiddenFailure",
        None,
    ),
    "a flow whose parameters nobody gives": ("@flow\ndef work(n: int): return n", "MissingParameters", None),
    "a wrong keyword": ("@flow(bogus=1)\ndef work(): ...", "TypeError", 3),
    "a string where a Schedule belongs": (
        "@flow\ndef work(): ...\nd = work.to_deployment(name='d', schedule='0 6 * * *')",
        "TypeError",
        5,
    ),
    "a hook that is no list": ("def h(a, b, c): ...\n@flow(on_failure=h)\ndef work(): ...", "TypeError", 4),
}


def test_what_is_right_runs(prove: Prove) -> None:
    """Every flow runs against a real server and ends Completed."""
    results = prove("\n".join(fence(HEAD + code) for code in GOOD.values()), "prefect")
    assert {name: r.findings for name, r in zip(GOOD, results, strict=True)} == dict.fromkeys(GOOD, ())
    assert {r.level for r in results} == {Level.RUNS}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named_at_its_line(name: str, prove: Prove) -> None:
    """The kind of error, and the line an engineer would edit."""
    code, kind, line = WRONG[name]
    [result] = prove(fence(HEAD + code), "prefect")
    assert [finding.kind for finding in result.findings][:1] == [kind]
    if line is not None:
        assert result.findings[0].line == line


def test_a_mark_says_the_parameters(prove: Prove) -> None:
    """`with params=` reaches the flows that have such a parameter."""
    code = HEAD + "@flow\ndef work(n: int):\n    assert n == 5"
    [result] = prove(fence(code, 'with params={"n": 5}'), "prefect")
    assert result.findings == ()


def test_prefect_yaml_is_refused_where_prefect_drops_a_key(prove: Prove) -> None:
    """A misspelt key is named with the one that was meant."""
    good = "# prefect.yaml\ndeployments:\n  - name: daily\n    entrypoint: flow.py:work\n    work_pool:\n      name: local"
    right, wrong = prove(
        fence(good, language="yaml") + "\n" + fence(good.replace("entrypoint", "entrypiont"), language="yaml"), "prefect"
    )
    assert right.findings == ()
    assert [(f.kind, f.line, f.current) for f in wrong.findings] == [("UnknownKey", 14, "did you mean 'entrypoint'?")]


def test_private_names_are_where_the_probe_looks() -> None:
    """When one of them moves, this says which."""
    code = "from prefect.cli.deploy._models import PrefectYamlModel\nfrom prefect.cli._app import _app\n_app.parse_args\n"
    done = subprocess.run([interpreter("prefect"), "-c", code], capture_output=True, text=True)
    assert done.stderr == ""
