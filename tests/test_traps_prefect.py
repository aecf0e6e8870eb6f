"""Every rule about Prefect is shown by a run on a real server: its bad example goes wrong in silence, its twin does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import trap_proofs
from proving import ROOT
from trap_proofs import cases_of, marked_lines, places, run_cases
from trap_rules.prefect_traps import RULES

pytestmark = pytest.mark.slow
CASES = cases_of("prefect")
TEMPLATE = "{{ now | strftime('%Y-%m-%d') }}"
REFUSED = "Function expects parameters ['region'] but was provided with parameters ['regoin']"
SIX = ["2026-07-01 06:00:00", "2026-07-02 06:00:00"]
NEVER_CACHED = [["Completed", "Completed"], ["Completed", "Completed"]]
CACHED = [["Completed", "Completed"], ["Completed", "Cached"]]
NO_KEY = "Error encountered when computing cache key - result will not be persisted."
SKIPPED = "Concurrency limits ['warehouse'] do not exist - skipping acquisition."
ONE_FAILED = ["Completed", "Failed"]
SHOWN: dict[str, tuple[Any, Any]] = {
    "P001": (
        {"state": "Completed", "gross and tax": [1000, 1000]},
        {"state": "Completed", "gross and tax": [1000, 80]},
    ),
    "P002": ({"states": NEVER_CACHED, "said": [NO_KEY]}, {"states": CACHED, "said": []}),
    "P003": ({"state": "Completed", "tasks": ONE_FAILED}, {"state": "Failed", "tasks": ONE_FAILED}),
    "P004": (["2026-07-06 00:00:00", "2026-07-06 00:00:01"], SIX),
    "P005": ({"state": "Completed", "result": TEMPLATE}, {"state": "Completed", "result": "today"}),
    "P006": ({"deployed": True, "run": REFUSED}, {"state": "Completed", "result": "south"}),
    "P007": ({"exit code": 0, "named": False, "limit": None}, {"exit code": 0, "named": False, "limit": 1}),
    "P008": (["2026-07-01 08:00:00", "2026-07-02 08:00:00"], SIX),
    "P009": (
        {"task": ["TimedOut"], "written all the same": True},
        {"task": ["TimedOut"], "written all the same": False},
    ),
    "P010": ({"started": True, "ended": False}, {"started": True, "ended": True, "result": "[1, 2]"}),
    "P011": ({"state": "Completed", "result": [8, 5]}, {"state": "Completed", "result": [2, 2]}),
    "P012": ({"state": "Failed", "file is left": True}, {"state": "Failed", "file is left": False}),
    "P013": (
        {"states": NEVER_CACHED, "said": [], "warned at import": True},
        {"states": CACHED, "said": [], "warned at import": False},
    ),
    "P014": (NEVER_CACHED, CACHED),
    "P015": (
        {"state": "Completed", "inside at once": 2, "said": [SKIPPED]},
        {"state": "Failed", "inside at once": 0, "said": []},
    ),
    "P018": (
        {"state": "Completed", "inside at once": 2, "said": []},
        {"state": "Completed", "inside at once": 1, "said": []},
    ),
    "P017": (["0.0.0.0"], ["127.0.0.1"]),
    "P016": ({"state": "Completed", "result": "**********"}, {"state": "Completed", "result": "hunter22"}),
    "P019": (
        {"loads": True, "exit code": 1, "deployed": ["bern-bad"]},
        {"loads": True, "exit code": 0, "deployed": ["bern-good", "zurich-good"]},
    ),
}


def find(path: Path) -> trap_proofs.Findings:
    """The findings of the command with Prefect's locked environment."""
    return trap_proofs.find("prefect", path)[1]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all cases in which everything was run once, on one server; what came of it is in `shown.json`."""
    return run_cases("prefect", tmp_path_factory.mktemp("traps") / "cases")


@pytest.fixture(scope="module")
def shown(cases: Path) -> dict[str, dict[str, Any]]:
    facts: dict[str, dict[str, Any]] = json.loads((cases / "shown.json").read_text())
    return facts


@pytest.fixture(scope="module")
def findings(cases: Path) -> list[dict[str, Any]]:
    return find(cases)


def test_every_rule_has_a_pair_that_was_run(shown: dict[str, dict[str, Any]]) -> None:
    """No rule without a run of its example and of its twin."""
    assert sorted(shown) == sorted(SHOWN) == [rule.id for rule in RULES]
    assert {name.split("_")[0] for pair in shown.values() for name in pair} == {"bad", "good"}


@pytest.mark.parametrize("rule", sorted(SHOWN))
def test_the_run_does_what_the_rule_says(rule: str, shown: dict[str, dict[str, Any]]) -> None:
    """The bad example goes wrong as the message claims, and its twin goes right, on the same server."""
    bad, good = SHOWN[rule]
    assert shown[rule] == {name: bad if name.startswith("bad") else good for name in shown[rule]}


def test_each_bad_example_has_its_finding_and_no_twin_has_one(cases: Path, findings: list[dict[str, Any]]) -> None:
    """What is found is what is marked: file, line and rule, in Python and in prefect.yaml."""
    assert places(findings) == marked_lines(cases)


def test_examples_have_no_finding() -> None:
    """The pack's own flows and deployments are clean."""
    assert find(ROOT / "examples" / "prefect") == []


def test_a_comment_with_a_reason_keeps_a_finding_quiet(tmp_path: Path) -> None:
    """In Python and in YAML; without a reason the finding stays."""
    for name, reason in (("quiet", "the old server reads this key"), ("loud", "")):
        shutil.copytree(CASES / "P007" / "bad", tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        file = tmp_path / name / "prefect.yaml"
        file.write_text(file.read_text().replace("# found", f"# trap: ignore[P007] {reason}"))
        python = (CASES / "P013" / "bad.py").read_text().replace("# found", f"# trap: ignore[P013] {reason}")
        (tmp_path / name / f"{name}.py").write_text(python)
    found = find(tmp_path)
    assert sorted((Path(one["path"]).parent.name, one["id"]) for one in found) == [("loud", "P007"), ("loud", "P013")]


def test_no_body_runs_and_no_variable_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies that would leave a file behind leave none; neither a credential nor a server of the caller is in the process."""
    monkeypatch.setenv("SHOP_PASSWORD", "hunter22")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    (tmp_path / "flows.py").write_text(
        "import os\nfrom prefect import flow, task\nfrom prefect.settings import PREFECT_API_URL\n"
        f"MARK = {str(tmp_path / 'ran')!r}\n"
        "assert 'SHOP_PASSWORD' not in os.environ and not PREFECT_API_URL.value()\n"
        "def touch(*_): open(MARK, 'w').close()\n"
        "def key(context, parameters): touch(); return 'x'\n"
        "@task(cache_key_fn=key, on_completion=[touch], task_run_name=touch)\ndef load(day): touch()\n"
        "@load.on_rollback\ndef undo(transaction): touch()\n"
        "@flow(on_failure=[touch], flow_run_name=touch)\ndef load_all(day: str = 'x'): load(day)\n"
        "if __name__ == '__main__':\n    touch()\n    load_all.serve('daily', parameters={'dya': 'x'})\n"
    )
    found = find(tmp_path)
    assert ({one["id"] for one in found}, (tmp_path / "ran").exists()) == ({"P006", "P012"}, False)


def test_a_flow_that_runs_at_import_starts_no_server(tmp_path: Path) -> None:
    """It is one finding with its place, and the next file is looked into."""
    (tmp_path / "a.py").write_text("from prefect import flow\n@flow\ndef load(): ...\nload()\n")
    shutil.copy(CASES / "P008" / "bad.py", tmp_path / "b.py")
    found = find(tmp_path)
    assert [(Path(one["path"]).stem, one["id"]) for one in found] == [("a", "LOAD"), ("b", "P008")]


RIGHT = """
from datetime import timedelta
from prefect import flow, task, unmapped
from prefect.cache_policies import INPUTS, NO_CACHE
from prefect.schedules import Cron
from prefect.task_runners import ThreadPoolTaskRunner

NIGHTLY = Cron("0 6 * * *", "Europe/Berlin")
HOURLY = Cron("17 * * * *")

@task(cache_policy=INPUTS)
def one(): return 1

@task(cache_policy=INPUTS)
def other(): return 2

@task(persist_result=False, cache_policy=NO_CACHE)
def double(x): return x

@task(cache_key_fn=lambda context, given: given["y"] if "y" in given else "x")
def keyed(x): return x

@task
def pick(x: int, rows: list[list[int]], days: list[str]): return x

@task(timeout_seconds=5)
def direct(): ...

@task
def undone(): ...

@undone.on_rollback
def undo(transaction): ...

@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def whole(x: int = 1, **more):
    first = one.submit()
    second = double.submit(first)
    waited = other.submit()
    waited.wait()
    if waited.state.is_failed():
        raise RuntimeError
    pick.map([1, 2], rows=[[1], [2]], days=unmapped(["a", "b"])).result()
    direct()
    return second

if __name__ == "__main__":
    whole.serve("daily", parameters={"x": 2, "anything": "{{ prefect.variables.shop }}"}, schedule=NIGHTLY)
"""


def test_right_forms_have_no_finding(tmp_path: Path) -> None:
    """What looks like a trap and is none: tasks without inputs, asked keys, futures that are used, hooks of other files."""
    (tmp_path / "flows.py").write_text(RIGHT)
    assert find(tmp_path) == []
