"""Every rule about schedulers inside a platform is shown by a run: its bad example goes wrong in silence, its twin does not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from proving import ROOT, interpreter
from snippet_checker.isolation import scrubbed_environment
from trap_rules.embedded_loaded import files_of
from trap_rules.embedded_sql import resumed_in, statements_of, tasks_of
from trap_rules.embedded_traps import RULES, find_in_files
from trap_rules.model import Finding

CASES = ROOT / "tests" / "trap_cases" / "embedded"
CHECKED, COPIED = "CHECK_ORDERS SUCCEEDED", "COPY_ORDERS SUCCEEDED"
BOTH = {"refused": [], "ran": [CHECKED, COPIED], "copied": [1]}
SHOWN: dict[str, dict[str, Any]] = {
    "E001": {
        "bad": {"refused": [], "ran": [], "copied": []},
        "bad_child": {"refused": [], "ran": [CHECKED], "copied": []},
        "good": BOTH,
    },
    "E002": {"bad": {"refused": ["COPY_ORDERS"], "ran": [CHECKED], "copied": []}, "good": BOTH},
    "E003": {
        "bad": {"ran": [COPIED], "source": [1, 3], "copy": [1, 2, 3]},
        "bad_upsert": {"ran": [COPIED], "source": [1, 3], "copy": [1, 2, 3]},
        "good": {"ran": [COPIED], "source": [1, 3], "copy": [1, 3]},
    },
    "E004": {"bad": {"source": [1], "copy": []}, "good": {"source": [1], "copy": [1]}},
    "E005": {
        "bad": {"ran": [COPIED], "changes": [1], "copy": []},
        "good": {"ran": [COPIED], "changes": [1], "copy": [1]},
    },
    "E006": {
        "bad": {"accepted": True, "day": "{{job.parameters.day}}", "orders": []},
        "good": {"accepted": True, "day": "2026-03-01", "orders": [1, 2]},
    },
    "E007": {
        "bad": {"exit codes": [0, 0], "rows of the day": 2},
        "good": {"exit codes": [0, 0], "rows of the day": 1},
    },
    "E008": {"bad": {"ended": "StillAskingError", "hours": 24}, "good": {"ended": "TimeoutError", "hours": 2}},
    "E010": {"bad": {"accepted": True, "runs on": None}, "good": {"accepted": True, "runs on": "i3.xlarge"}},
    "E009": {"bad": {"hangs": True, "hours": 6.0}, "good": {"hangs": True, "hours": 0.5}},
}
WITHOUT_YAML = (
    "import sys; sys.modules['yaml'] = None; sys.path.insert(0, {0!r})\n"
    "from pathlib import Path; from trap_rules.embedded_traps import find_traps\n"
    "print(*(one.message for one in find_traps(None, Path({1!r}), Path({1!r}).parent)), sep='\\n')"
)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all cases in which everything was run once; what came of it is in `shown.json`."""
    folder = tmp_path_factory.mktemp("traps") / "cases"
    shutil.copytree(CASES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    command = [str(interpreter("embedded")), str(folder / "run_cases.py"), str(ROOT / "examples" / "embedded")]
    done = subprocess.run(command, cwd=folder, env=scrubbed_environment(os.environ), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    (folder / "run_cases.py").unlink()
    return folder


def find(path: Path) -> list[Finding]:
    """The findings in all files of a folder, or in one file."""
    root = path if path.is_dir() else path.parent
    return find_in_files(files_of(path), root)


@pytest.mark.slow
def test_the_runs_do_what_the_rules_say(cases: Path) -> None:
    """Each rule has a bad example that goes wrong as the message claims, and a twin that goes right."""
    assert json.loads((cases / "shown.json").read_text()) == SHOWN
    assert sorted(SHOWN) == [rule.id for rule in RULES]


def test_each_bad_example_has_its_finding_and_no_twin_has_one() -> None:
    """What is found is what is marked: file, line and rule."""
    marked = {
        (str(path), number, path.parent.name)
        for path in CASES.glob("E*/*.*")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if line.endswith((" # found", "-- found"))
    }
    assert {(one.path, one.line, one.id) for one in find(CASES)} == marked
    assert {id for _, _, id in marked} == set(SHOWN)


def test_examples_have_no_finding() -> None:
    """The pack's own SQL, bundles, workflows and loops are clean; so are those of the other tools."""
    folders = [ROOT / "examples" / tool for tool in ("embedded", "prefect", "dagster", "airflow")]
    assert [finding for folder in folders for finding in find(folder)] == []
    assert len(files_of(folders[0])) > 10


@pytest.mark.parametrize(("case", "mark"), [("E001/bad.sql", "--"), ("E007/bad.yml", "#"), ("E008/bad.py", "#")])
def test_a_comment_with_a_reason_keeps_a_finding_quiet(case: str, mark: str, tmp_path: Path) -> None:
    """In SQL, YAML and Python; without a reason the finding stays."""
    text, rule = (CASES / case).read_text(), case.split("/")[0]
    for name, reason in (("quiet", "started by hand on the first of the month"), ("loud", "")):
        text_of = text.replace(f"{mark} found", f"{mark} trap: ignore[{rule}] {reason}")
        (tmp_path / name).mkdir()
        (tmp_path / name / Path(case).name).write_text(text_of)
    assert [(Path(one.path).parent.name, one.id) for one in find(tmp_path)] == [("loud", rule)]


def test_a_task_may_be_resumed_in_another_file(tmp_path: Path) -> None:
    """By a script of the project; not by a file that makes a task of the same name for itself."""
    shutil.copy(CASES / "E001" / "bad.sql", tmp_path / "tasks.sql")
    shutil.copy(CASES / "E001" / "good.sql", tmp_path / "other.sql")
    assert [one.id for one in find(tmp_path / "tasks.sql")] == ["E001"]
    (tmp_path / "resume.sh").write_text("snow sql -q 'ALTER TASK shop.copy_orders RESUME'\n")
    deployed = tmp_path.rename(tmp_path.with_name("deployed"))
    assert find(deployed) == []


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT 1; -- CREATE TASK a;\nCREATE TASK b AS SELECT ';';CREATE OR ALTER TASK s.\"c\" AS SELECT 1", ["B", "c"]),
        ("CREATE TASK a AS BEGIN IF (1 = 1) THEN SELECT CASE WHEN 1 THEN 2 END; END IF; END; CREATE TASK b AS SELECT 1", "AB"),
        ("CREATE TASK a AS BEGIN BEGIN TRANSACTION; DELETE FROM t; COMMIT; END; CREATE TASK b AS SELECT 1", "AB"),
        ("CREATE TASK a AS BEGIN CASE (x) WHEN 1 THEN RETURN 1; END CASE; END; CREATE TASK b AS SELECT 1", "AB"),
    ],
)
def test_statements_are_told_apart(sql: str, names: list[str]) -> None:
    """Semicolons in comments, strings, blocks and scripting end no statement."""
    assert [task.name for task in tasks_of(statements_of(sql))] == list(names)


def test_a_graph_may_be_enabled_by_its_root() -> None:
    """SYSTEM$TASK_DEPENDENTS_ENABLE resumes the root and all below it."""
    sql = "ALTER TASK IF EXISTS s.a RESUME; SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('db.s.root')"
    assert sorted(resumed_in(sql)) == ["A", "ROOT*"]


def test_without_a_yaml_reader_yaml_is_not_called_clean() -> None:
    """A missing PyYAML is a finding that says so; SQL needs none."""
    said = {}
    for case in ("E007/bad.yml", "E001/bad.sql"):
        code = WITHOUT_YAML.format(str(ROOT / "scripts"), str(CASES / case))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        said[case] = done.stdout.strip()
    assert said == {
        "E007/bad.yml": "not looked into: the interpreter has no PyYAML",
        "E001/bad.sql": "task COPY_ORDERS is made and never resumed",
    }


@pytest.mark.parametrize("text", ["{", "a: [", "- x", "\x00", ""])
def test_what_is_no_yaml_or_sql_breaks_nothing(text: str, tmp_path: Path) -> None:
    """A file that cannot be read has no finding of these rules."""
    for name in ("jobs.yml", "task.sql", "sleep.py"):
        (tmp_path / name).write_text(f"jobs task stream sleep {text}")
    assert find(tmp_path) == []


RIGHT = [
    "CREATE TASK nightly SCHEDULE = '1 HOUR' AS SELECT 1; EXECUTE TASK nightly",
    "CREATE TASK root SCHEDULE = '1 HOUR' AS SELECT 1; CREATE TASK child AFTER root AS SELECT 1;"
    "SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('shop.root')",
    "CREATE OR REPLACE STREAM feed ON TABLE t SHOW_INITIAL_ROWS = TRUE",
    "CREATE STREAM feed ON TABLE t APPEND_ONLY = TRUE; MERGE INTO c USING feed ON c.id = feed.id"
    " WHEN NOT MATCHED THEN INSERT (id) VALUES (feed.id)",
    "MERGE INTO c USING (SELECT $1 id, METADATA$FILENAME f FROM @stream_stage) s ON c.id = s.id"
    " WHEN MATCHED THEN UPDATE SET f = s.f",
    "CREATE STREAM feed ON TABLE t; MERGE INTO c USING feed ON c.id = feed.id"
    " WHEN MATCHED THEN UPDATE SET gone = feed.METADATA$ACTION = 'DELETE'",
    "CREATE TASK IDENTIFIER($name) SCHEDULE = '1 HOUR' AS SELECT 1",
]


@pytest.mark.parametrize("sql", RIGHT)
def test_right_sql_has_no_finding(sql: str, tmp_path: Path) -> None:
    """A root that is started by hand, a graph that is enabled whole, streams without deletes, deletes that are noted."""
    (tmp_path / "tasks.sql").write_text(sql)
    assert find(tmp_path) == []


LOOPS = {
    "import time\ndef wait(url, tries):\n    while True:\n        if ask(url): return\n        time.sleep(1)": 0,
    "import time\ndef wait(url):\n    while True:\n        if ask(url, timeout=5): return\n        time.sleep(1)": 1,
    "import time\ndef wait(url):\n    while not ask(url):\n        time.sleep(1)": 1,
    "import time\ndef serve(queue):\n    while True:\n        work(queue)\n        time.sleep(1)": 0,
    "import time\nfrom airflow.sdk import task\n@task\ndef wait(url):\n    while not ask(url):\n        time.sleep(1)": 0,
    "import time\ndef wait(self):\n    while not ask():\n        self.deadline.check()\n        time.sleep(1)": 0,
}


@pytest.mark.parametrize("code", LOOPS)
def test_a_loop_is_endless_only_where_nothing_ends_it(code: str, tmp_path: Path) -> None:
    """A limit of tries or time, a service without an end, a task of an orchestrator; not the time-out of one request."""
    (tmp_path / "wait.py").write_text(code)
    assert len(find(tmp_path)) == LOOPS[code]
