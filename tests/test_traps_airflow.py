"""Every rule about Airflow is shown by a run: its bad example loads and goes wrong, its twin goes right."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from proving import ROOT, interpreter
from trap_proofs import FIND, Findings, cases_of, find, marked_lines, places, run_cases
from trap_rules.airflow_traps import RULES

pytestmark = pytest.mark.slow
NO_DATE = {"state": "failed", "results": {}, "errors": {"write": "UndefinedError"}}
NONE_CSV = {"state": "success", "results": {"write": "orders/None.csv"}}
DATED = {"state": "success", "results": {"write": "orders/TODAY.csv"}}
SILENT = {"state": "success", "load": "failed", "called": []}
HEARD = {"state": "failed", "load": "failed", "called": ["alert"]}
LEFT = {"create": "success", "delete": "failed", "load": "success", "loaded": "success"}


def fails_with(kind: str) -> dict[str, Any]:
    return {"state": "failed", "results": {}, "errors": {"load": kind}}


def gives(value: Any, task: str = "load") -> dict[str, Any]:
    return {"state": "success", "results": {task: value}}


SHOWN: dict[str, dict[str, Any]] = {
    "A001": {"bad": NONE_CSV, "bad_template": NO_DATE, "good": DATED, "good_template": DATED},
    "A002": {
        "bad": NONE_CSV,
        "bad_context": {"state": "failed", "results": {}, "errors": {"write": "KeyError"}},
        "good": DATED,
    },
    "A003": {"bad": gives(0), "good": gives(24)},
    "A004": {
        "bad": {"test": "success", "production": "failed", "errors": {"count": "RuntimeError"}},
        "good": {"test": "success", "production": "success"},
    },
    "A005": {"bad": {"state": "failed", "tries": {"ask": 1}}, "good": {"state": "success", "tries": {"ask": 3}}},
    "A006": {"bad": {"queued": []}, "good": {"queued": ["load"]}},
    "A007": {"bad": SILENT, "bad_teardown": SILENT, "good": HEARD, "good_raises": HEARD},
    "A008": {"bad": {"state": "success", "tasks": LEFT}, "good": {"state": "failed", "tasks": LEFT}},
    "A009": {"bad": ["a", "c", "e", "f", "i", "n"], "good": ["finance"]},
    "A010": {"bad": {"dags": {}, "import errors": 0}, "good": {"dags": {"report": ["build"]}, "import errors": 0}},
    "A011": {
        "bad": {"dags": 1, "tasks": 1, "import errors": 0},
        "good": {"dags": 2, "tasks": 2, "import errors": 0},
        "good_later": {"dags": 1, "tasks": 2, "import errors": 0},
    },
    "A012": {"bad": {"waits": 4, "grows": False}, "good": {"waits": 4, "grows": True}},
    "A013": {"bad": {"state": "success", "import": "ModuleNotFoundError"}, "good": {"state": "success", "import": None}},
    "A014": {"bad": fails_with("ValueError") | {"reserved": True}, "good": gives("2026-03-04") | {"reserved": False}},
    "A015": {
        "bad": fails_with("TemplateNotFound") | {"loads": True, "line in the log": True},
        "good": gives("load.sh") | {"loads": True, "line in the log": False},
    },
    "A016": {"bad": {"run": True, "deadlines": 0}, "good": {"run": True, "deadlines": 1}},
    "A017": {"bad": fails_with("UndefinedError"), "good": gives("2026-03-04 00:00:00+00:00")},
    "A018": {"bad": gives("33", "double"), "good": gives(6, "double")},
    "A020": {
        "bad": {"dags": 1, "tasks": 1, "import errors": 0},
        "bad_too": {"dags": 1, "tasks": 1, "import errors": 0},
        "good": {"dags": 2, "tasks": 2, "import errors": 0},
        "good_too": {"dags": 2, "tasks": 2, "import errors": 0},
    },
    "A021": {
        "bad": {"state": "failed", "tasks": {"wait": "failed", "report": "upstream_failed"}},
        "good": {"state": "success", "tasks": {"wait": "success", "report": "success"}},
    },
    "A022": {"bad": {"state": "success", "memory": None}, "good": {"state": "success", "memory": "8Gi"}},
    "A023": {
        "bad": gives(["postgres", None, "reader"]),
        "bad_type": gives(["", None, ""]),
        "bad_port": fails_with("AirflowNotFoundException"),
        "good": gives(["postgres", "reader", "db.shop"]),
        "good_type": gives(["google_cloud_platform", "reader", "shop"]),
    },
    "A019": {"bad": ["country"] * 3, "bad_in_function": ["country"] * 3, "good": [], "good_template": []},
}
IN_EXAMPLES = {("asset_schedules/schedule_forms.py", "A001")}  # both true and meant: tests show what such a run lacks


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all cases in which everything was run once; what came of it is in `shown.json`."""
    return run_cases("airflow", tmp_path_factory.mktemp("traps") / "cases")


@pytest.fixture(scope="module")
def shown(cases: Path) -> dict[str, dict[str, Any]]:
    facts: dict[str, dict[str, Any]] = json.loads((cases / "shown.json").read_text())
    return facts


@pytest.fixture(scope="module")
def findings() -> Findings:
    return find("airflow", cases_of("airflow"))[1]


def test_every_rule_has_a_pair_that_was_run(shown: dict[str, dict[str, Any]]) -> None:
    """No rule without a run of its example and of its twin."""
    assert sorted(shown) == sorted(SHOWN) == [rule.id for rule in RULES]


@pytest.mark.parametrize("rule", sorted(SHOWN))
def test_the_run_does_what_the_rule_says(rule: str, shown: dict[str, dict[str, Any]]) -> None:
    """The bad example goes wrong as the message claims, and its twin goes right, in the same run of the same harness."""
    assert shown[rule] == SHOWN[rule]


def test_ruff_passes_templates_by() -> None:
    """Removed names in a template (A017): no finding of its rules for Airflow, which do see a removed import."""
    ruff = [Path(sys.executable).with_name("ruff"), "check", "--isolated", "--no-cache", "--preview", "--select", "AIR", "-"]
    removed = "from airflow import DAG\nDAG('load', schedule_interval='@daily')\n"
    in_template = (cases_of("airflow") / "A017" / "bad.py").read_text()
    codes = [subprocess.run(ruff, input=text, capture_output=True, text=True).returncode for text in (in_template, removed)]
    assert codes == [0, 1]


ENV = """\
AIRFLOW_CONN_SHOP=postgres://reader:12#3@db.shop/orders
AIRFLOW_CONN_STORE="postgres://reader:12%233@db.shop/orders"
AIRFLOW_CONN_JSON='{"conn_type": "http"}'
AIRFLOW_CONN_LATER=${SHOP_URI}
AIRFLOW_CONN_RAW=reader:hunter22@db
AIRFLOW_CONN_MAIL=http://api.shop/path?mail=a@b
AIRFLOW_CONN_FILE=sqlite:///data/me@x.db
AIRFLOW_CONN_OWN=my_type://x@y  # trap: ignore[A023] our own backend reads it
"""
COMPOSE = "services:\n  worker:\n    environment:\n      AIRFLOW_CONN_SHOP: 'postgres://reader:12?3@db.shop/orders'\n"


def test_connections_of_env_and_compose_files_are_read_and_no_password_is_told(tmp_path: Path) -> None:
    """Once each, however many DAG files there are, with the line of their own file; below a bare dags folder too."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / ".env").write_text(ENV)
    (tmp_path / "docker-compose.yaml").write_text(COMPOSE)
    (tmp_path / "dags").mkdir()
    for name in ("load", "report"):
        (tmp_path / "dags" / f"{name}.py").write_text(f"from airflow.sdk import DAG\nDAG('{name}', schedule=None)\n")
    expected = [(".env", 1), (".env", 5), ("docker-compose.yaml", 4)]
    for folder in (tmp_path, tmp_path / "dags"):
        found = find("airflow", folder)[1]
        assert [(Path(one["path"]).name, one["line"]) for one in found] == expected
        assert {one["id"] for one in found} == {"A023"}
        assert "hunter22" not in str(found)


def test_each_bad_example_has_its_finding_and_no_twin_has_one(findings: Findings) -> None:
    """What is found is what is marked: file, line and rule."""
    own = (one for one in places(findings) if not one[0].endswith("run_cases.py"))
    found = {(str(ROOT / path), line, rule) for path, line, rule in own if rule != "A020" or "/A020/" in path}  # twins share ids
    assert found == marked_lines(cases_of("airflow"))


def test_examples_have_no_finding_but_the_listed_true_ones() -> None:
    """The pack's own examples are clean but for what is listed with its reason."""
    top = ROOT / "examples" / "airflow"
    _, found = find("airflow", top)
    traps = [one for one in found if not one["hint"]]
    assert {(str((ROOT / one["path"]).relative_to(top)), one["id"]) for one in traps} == IN_EXAMPLES


def test_no_body_runs_and_no_variable_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies and callbacks that would leave a file behind leave none; a credential of the caller is not in the process."""
    monkeypatch.setenv("SHOP_PASSWORD", "hunter22")
    (tmp_path / "load.py").write_text(
        "import os\nfrom airflow.sdk import DAG, task\n"
        f"MARK = {str(tmp_path / 'ran')!r}\n"
        "assert 'SHOP_PASSWORD' not in os.environ\n"
        "def touch(*_): open(MARK, 'w').close()\n"
        "with DAG('load', schedule='@daily', on_failure_callback=touch, on_success_callback=touch):\n"
        "    @task(on_execute_callback=touch)\n    def load(): touch()\n"
        "    load()\n"
    )
    assert (find("airflow", tmp_path), (tmp_path / "ran").exists()) == ((0, []), False)


def test_what_does_not_load_is_one_finding_and_the_rest_is_checked(tmp_path: Path) -> None:
    """A broken file, a missing import, an exit, the database at import, an endless import: each is told."""
    database = "from airflow.utils.session import create_session\nwith create_session(): pass"
    broken = {"a": "DAG(", "b": "import nowhere_to_be_found", "c": "raise SystemExit(0)", "d": database, "e": "while True: pass"}
    for name, line in broken.items():
        (tmp_path / f"{name}.py").write_text(f"from airflow.sdk import DAG\n{line}\n")
    shutil.copy(cases_of("airflow") / "A009" / "bad.py", tmp_path / "f.py")
    code, found = find("airflow", tmp_path, "--timeout", "5")
    expected = [("a", "LOAD"), ("b", "LOAD"), ("c", "LOAD"), ("d", "LOAD"), ("e", "LOAD"), ("f", "A009")]
    assert (code, [(Path(one["path"]).stem, one["id"]) for one in found]) == (1, expected)


def test_a_connection_at_parse_is_named_and_found_when_it_is_given(tmp_path: Path) -> None:
    """Without the connection the file does not load, and the way out is told; with it the rule speaks."""
    lines = ("from airflow.sdk import DAG, BaseHook", "HOST = BaseHook.get_connection('shop').host", "DAG('load')")
    (tmp_path / "load.py").write_text("\n".join(lines))
    (missing,), (given,) = find("airflow", tmp_path)[1], find("airflow", tmp_path, "--set", "AIRFLOW_CONN_SHOP=http://shop")[1]
    assert (missing["id"], "AIRFLOW_CONN_ID" in missing["fix"]) == ("LOAD", True)
    assert (given["id"], given["line"]) == ("A019", 2)


def test_plugins_are_those_of_a_folder_above_or_of_a_named_one(tmp_path: Path) -> None:
    """A timetable of `plugins` is registered as in production; one of another folder is when `--set` names the folder."""
    example = ROOT / "examples" / "airflow" / "custom_timetable"
    (tmp_path / "dags").mkdir()
    shutil.copy(example / "business_days.py", tmp_path / "dags")
    shutil.copytree(example / "plugins", tmp_path / "elsewhere", ignore=shutil.ignore_patterns("__pycache__"))
    missing = find("airflow", tmp_path / "dags")
    named = find("airflow", tmp_path / "dags", "--set", f"AIRFLOW__CORE__PLUGINS_FOLDER={tmp_path / 'elsewhere'}")
    (tmp_path / "elsewhere").rename(tmp_path / "plugins")
    beside = find("airflow", tmp_path / "dags")
    assert ([one["id"] for one in missing[1]], named, beside) == (["LOAD"], (0, []), (0, []))


def test_a_mixed_repository_is_looked_into_tool_by_tool(tmp_path: Path) -> None:
    """Each tool's files are loaded by an interpreter that has it, found in the repository's own folders."""
    for tool, rule in (("dagster", "D004"), ("airflow", "A009")):
        (tmp_path / tool).mkdir()
        shutil.copy(cases_of(tool) / rule / "bad.py", tmp_path / tool / "bad.py")
        (tmp_path / tool / "venv").symlink_to(interpreter(tool).parents[1])
    done = subprocess.run([*FIND, str(tmp_path / "dagster"), str(tmp_path / "airflow"), "--json"], capture_output=True, text=True)
    assert [one["id"] for one in json.loads(done.stdout)["findings"]] == ["D004", "A009"], done.stderr
