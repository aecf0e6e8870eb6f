"""Every rule about Dagster is shown by a run: its bad example does the wrong thing in silence, its twin does not."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import trap_proofs
import write_traps_page
from proving import ROOT
from trap_proofs import FIND, cases_of, marked_lines, places, run_cases
from trap_rules.dagster_traps import RULES

pytestmark = pytest.mark.slow
CASES = cases_of("dagster")
UNTOUCHED = {"orders": "success", "orders_not_empty": "success", "report": "success"}
GATED = {"orders": "success", "orders_not_empty": "failure", "report": "not started"}
REFUSED = {"orders:not_empty": False}
DAYS = ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]
SOURCE_CHECK = "raw/orders:source_not_null_raw_orders_id"
TWICE = {"status": "SUCCESS", "files": ["a.csv", "b.csv"]}
NOTHING = {"status": "SKIPPED", "files": []}
SHOWN: dict[str, tuple[Any, Any]] = {
    "D001": (
        {"status": "SUCCESS", "revenue": 2, "fresh": ["FileNotFoundError"]},
        {"status": "SUCCESS", "revenue": 10, "fresh": []},
    ),
    "D002": (
        {"runs": ["SUCCESS"], "of": [None], "materialized": []},
        {"runs": ["SUCCESS"], "of": ["2026-01-03"], "materialized": ["2026-01-03"]},
    ),
    "D003": ({"in the UI": True}, {"in the UI": False}),
    "D004": (
        {"status": "SUCCESS", "steps": {"orders": "success"}, "checks": {}},
        {"status": "SUCCESS", "steps": {"orders": "success", "report": "success"}, "checks": {}},
    ),
    "D005": ([TWICE, TWICE], [TWICE, NOTHING]),
    "D006": (
        [{"status": "SUCCESS", "files": ["b.csv"]}, NOTHING],
        [{"status": "SUCCESS", "files": ["b.csv"]}, {"status": "SUCCESS", "files": ["a.csv"]}],
    ),
    "D007": ([], ["hourly", "watch"]),
    "D008": ({}, {"report": [None]}),
    "D009": ({"slots_taken": 0}, {"slots_taken": 1}),
    "D010": ({"max_retries": None}, {"max_retries": "3"}),
    "D011": (
        {"day": "SUCCESS", "range": "FAILURE", "refused": [True], "materialized": DAYS[:1]},
        {"day": "SUCCESS", "range": "SUCCESS", "refused": [], "materialized": DAYS},
    ),
    "D012": (
        {"status": "SUCCESS", "steps": UNTOUCHED, "checks": REFUSED},
        {"status": "FAILURE", "steps": GATED, "checks": REFUSED},
    ),
    "D013": (
        {"status": "SUCCESS", "steps": UNTOUCHED, "checks": REFUSED},
        {"status": "FAILURE", "steps": GATED, "checks": REFUSED},
    ),
    "D014": (
        {"status": "FAILURE", "asks for the column": [True]},
        {"status": "SUCCESS", "asks for the column": []},
    ),
    "D015": ([7, 8], [6, 6]),
    "D016": (
        {"status": "SUCCESS", "checks": {}, "errors": {}},
        {"status": "SUCCESS", "checks": {SOURCE_CHECK: False}, "errors": {}},
    ),
    "D017": (
        {"status": "SUCCESS", "loaded": 2, "built from": 1},
        {"status": "SUCCESS", "loaded": 2, "built from": 2},
    ),
    "D018": ({"status": "SUCCESS", "launch": "Exception", "names the key": True}, {"status": "SUCCESS"}),
    "D020": (
        {"status": "SUCCESS", "steps": {"clean": "success", "report": "success"}, "checks": {}},
        {"status": "SUCCESS", "steps": {"raw": "success", "clean": "success", "report": "success"}, "checks": {}},
    ),
    "D021": (
        {"statuses": ["SUCCESS", "SUCCESS"], "rows": 4},
        {"statuses": ["SUCCESS", "SUCCESS"], "rows": 2},
    ),
}
IN_EXAMPLES = {
    ("dg_project/src/shop_project/components/csv_table.py", "D008"),  # true: its page says that the sensor must be started
    ("cross_code_locations/definitions.py", "D008"),  # true: its test turns the condition, a deployment would not
    ("dbt_assets/definitions.py", "D007"),  # true: the page that shows it is about partitions, not about deploying
    ("trifecta/shop_platform/transformation.py", "D016"),  # true and meant: the comment beside the translator says why
}


def find(*arguments: str | Path) -> tuple[int, list[dict[str, Any]]]:
    return trap_proofs.find("dagster", *arguments)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all cases in which everything was run once; what came of it is in `shown.json`."""
    return run_cases("dagster", tmp_path_factory.mktemp("traps") / "cases")


@pytest.fixture(scope="module")
def shown(cases: Path) -> dict[str, dict[str, Any]]:
    facts: dict[str, dict[str, Any]] = json.loads((cases / "shown.json").read_text())
    return facts


@pytest.fixture(scope="module")
def findings(cases: Path) -> list[dict[str, Any]]:
    return find(cases)[1]


def test_every_rule_has_a_pair_that_was_run(shown: dict[str, dict[str, Any]]) -> None:
    """No rule without a run of its example and of its twin."""
    assert sorted(shown) == sorted(SHOWN) == [rule.id for rule in RULES]


@pytest.mark.parametrize("rule", sorted(SHOWN))
def test_the_run_does_what_the_rule_says(rule: str, shown: dict[str, dict[str, Any]]) -> None:
    """The bad example goes wrong as the message claims, and its twin goes right, in the same run of the same harness."""
    bad, good = SHOWN[rule]
    assert shown[rule] == {name: bad if name.startswith("bad") else good for name in shown[rule]}


def test_each_bad_example_has_its_finding_and_no_twin_has_one(cases: Path, findings: list[dict[str, Any]]) -> None:
    """What is found is what is marked: file, line and rule."""
    assert places(findings) == marked_lines(cases)


def test_examples_have_no_finding_but_the_listed_true_ones() -> None:
    """The pack's own examples are clean but for what is listed with its reason."""
    top = ROOT / "examples" / "dagster"
    _, found = find(top)
    assert {(str((ROOT / one["path"]).relative_to(top)), one["id"]) for one in found} == IN_EXAMPLES


def test_a_comment_with_a_reason_keeps_a_finding_quiet(tmp_path: Path) -> None:
    """With a reason nothing is found; without one the finding stays, and says so."""
    text = (CASES / "D004" / "bad.py").read_text()
    (tmp_path / "quiet.py").write_text(text.replace("# found", "# trap: ignore[D004] the old tag is what our UI reads"))
    (tmp_path / "loud.py").write_text(text.replace("# found", "# trap: ignore[D004]"))
    code, found = find(tmp_path)
    assert (code, [Path(one["path"]).name for one in found]) == (1, ["loud.py"])
    assert "gives no reason" in found[0]["message"]


def test_no_body_runs_and_no_variable_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies that would leave a file behind leave none; a credential of the caller is not in the process."""
    monkeypatch.setenv("SHOP_PASSWORD", "hunter22")
    (tmp_path / "defs.py").write_text(
        "import os\nimport dagster as dg\n"
        f"MARK = {str(tmp_path / 'ran')!r}\n"
        "assert 'SHOP_PASSWORD' not in os.environ\n"
        "def touch(): open(MARK, 'w').close()\n"
        "@dg.asset\ndef orders() -> None: touch()\n"
        "@dg.asset_check(asset=orders)\ndef fine() -> dg.AssetCheckResult:\n    touch()\n"
        "    return dg.AssetCheckResult(passed=True)\n"
        "@dg.sensor(target=[orders], default_status=dg.DefaultSensorStatus.RUNNING)\ndef watch(context): touch()\n"
        "@dg.schedule(target=[orders], cron_schedule='@hourly', default_status=dg.DefaultScheduleStatus.RUNNING)\n"
        "def hourly(context): touch()\n"
        "defs = dg.Definitions([orders], asset_checks=[fine], sensors=[watch], schedules=[hourly])\n"
    )
    assert (find(tmp_path), (tmp_path / "ran").exists()) == ((0, []), False)


def test_what_does_not_load_is_one_finding_and_the_rest_is_checked(tmp_path: Path) -> None:
    """A broken file, a missing import, an exit, an endless import: each is told, and the next file is looked into."""
    broken = {"a": "defs = Definitions(", "b": "import nowhere_to_be_found", "c": "raise SystemExit(0)", "d": "while True: pass"}
    for name, line in broken.items():
        (tmp_path / f"{name}.py").write_text(f"import dagster as dg\n{line}\ndefs = dg.Definitions()\n")
    shutil.copy(CASES / "D004" / "bad.py", tmp_path / "e.py")
    code, found = find(tmp_path, "--timeout", "3")
    assert (code, [(Path(one["path"]).stem, one["id"]) for one in found]) == (
        1,
        [("a", "LOAD"), ("b", "LOAD"), ("c", "LOAD"), ("d", "LOAD"), ("e", "D004")],
    )


def test_a_folder_without_dagster_is_not_called_clean(tmp_path: Path) -> None:
    """Nothing to look at is exit code 2."""
    (tmp_path / "plain.py").write_text("x = 1\n")
    assert subprocess.run([*FIND, str(tmp_path)], capture_output=True).returncode == 2


def test_the_page_of_traps_is_that_of_the_rules() -> None:
    """Whoever changes a rule and forgets the page is told."""
    assert write_traps_page.main(["--check"]) == 0
    assert len(write_traps_page.page()) <= write_traps_page.LONGEST
