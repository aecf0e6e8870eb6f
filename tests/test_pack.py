"""The pack itself: links lead somewhere, pages are short enough, names and stamps agree with the locks, the zip is whole."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import make_dist
import pytest
from markdown_it import MarkdownIt
from snippet_checker.environments import ROOT

PAGES = sorted((ROOT / "references").glob("*.md"))
GENERATED = ("api-drift.md",)  # searched through research.py, so longer than a page that is read
TEXTS = [ROOT / name for name in ("SKILL.md", "README.md", "CONTRIBUTING.md")] + PAGES
TOOLS = ("dagster", "airflow", "prefect", "embedded")


def links_of(page: Path) -> list[tuple[int, str]]:
    """(line, target) of every link outside code."""
    found = []
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        for child in token.children or []:
            if child.type == "link_open":
                found.append(((token.map or [0])[0] + 1, str(child.attrs["href"])))
    return found


def anchors_of(page: Path) -> set[str]:
    """The ids that a page's headings get: lower case, words joined by hyphens."""
    anchors = set()
    for line in page.read_text(encoding="utf-8").splitlines():
        if re.match(r"^#{1,4} ", line):
            words = re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower().replace("`", ""))
            anchors.add(words.strip().replace(" ", "-"))
    return anchors


# What a user says, and the words of the description by which an agent sees that this skill is meant.
ASKED = {
    "make this table a Dagster asset with a daily partition": {"dagster", "assets", "partitions"},
    "our DAG is stuck after the upgrade to Airflow 3": {"dags", "airflow", "debug", "upgrades"},
    "retry this Prefect flow and deploy it": {"prefect", "flows", "retries", "deployments"},
    "trigger a dbt Cloud job from GitHub Actions": {"dbt cloud", "github actions"},
    "run the models with Cosmos, load with dlt first": {"cosmos", "dlt"},
    "schedule a Snowflake task, or a Databricks job": {"snowflake", "databricks", "schedules"},
    "stop downstream when the check fails": {"data quality gates"},
    "which orchestrator do we need, if any": {"choosing an orchestrator"},
    "this import is deprecated, what replaced it": {"deprecated code"},
    "test the pipeline without a cluster": {"pipeline tests"},
}
NOT_ASKED = {"sql or dbt modelling alone", "streaming engines", "dashboards", "cluster administration"}


def test_the_description_has_the_words_that_users_say() -> None:
    """Each request meets its words before "Not for", and what is left to other skills stands after it."""
    head = (ROOT / "SKILL.md").read_text(encoding="utf-8").split("\n---\n")[0]
    told = " ".join(head.partition("description: >-")[2].partition("license:")[0].lower().split())
    meant, _, left = told.partition("not for ")
    assert [(request, word) for request, words in ASKED.items() for word in words if word not in meant] == []
    assert {word for word in NOT_ASKED if word not in left} == set()


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_links_stay_in_the_repository_and_lead_somewhere(page: Path) -> None:
    """A relative link names a file that exists, and an anchor a heading of it."""
    wrong = []
    for line, target in links_of(page):
        if re.match(r"^(https?|mailto):", target):
            continue
        place, _, anchor = target.partition("#")
        goal = (page.parent / place).resolve() if place else page
        if not goal.exists() or ROOT not in [goal, *goal.parents]:
            wrong.append(f"{page.name}:{line}: {target}")
        elif anchor and goal.suffix == ".md" and anchor not in anchors_of(goal):
            wrong.append(f"{page.name}:{line}: no heading #{anchor}")
    assert wrong == []


def test_every_page_is_one_hop_from_the_skill() -> None:
    """SKILL.md links every reference page."""
    linked = {target.partition("#")[0] for _, target in links_of(ROOT / "SKILL.md")}
    assert [page.name for page in PAGES if f"references/{page.name}" not in linked] == []


def test_every_example_is_linked_from_a_page() -> None:
    """A reader of a pattern's page finds its project."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    folders = [path.parent for tool in TOOLS for path in (ROOT / "examples" / tool).glob("*/test_*.py")]
    names = {f"examples/{folder.parent.name}/{folder.name}" for folder in folders}
    assert sorted(name for name in names if name not in text) == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in GENERATED], ids=lambda page: page.name)
def test_a_page_can_be_read_in_one_sitting(page: Path) -> None:
    """At most 6,000 tokens, counted as characters / 4."""
    assert len(page.read_text(encoding="utf-8")) <= 24_000


def test_the_skill_is_short() -> None:
    """Under 200 lines and 3,500 tokens; the description within its limits."""
    head, _, body = (ROOT / "SKILL.md").read_text(encoding="utf-8")[4:].partition("\n---\n")
    described = re.search(r"description: >-\n((?:  .*\n)+)", head)
    assert described is not None
    assert (len(body.splitlines()) < 200, len(body) < 14_000) == (True, True)
    assert 400 <= len(" ".join(described[1].split())) <= 900


def test_the_old_names_of_the_skill_are_rows_of_the_ledger() -> None:
    """Word for word, both sides: each row of the ledger was run."""
    ledger = json.loads((ROOT / "scripts" / "drift_ledger.json").read_text())
    rows = {(row["old"], row["current"]) for row in (ledger if isinstance(ledger, list) else ledger["rows"])}
    table = (ROOT / "SKILL.md").read_text().partition("## What has become of old names")[2].partition("\n## ")[0]
    said = [
        tuple(cell.strip(" `") for cell in line.strip("|").split(" | ")) for line in table.splitlines() if line.startswith("| `")
    ]
    assert (len(said) > 10, [row for row in said if row not in rows]) == (True, [])


def test_the_skill_names_the_locked_versions() -> None:
    """What SKILL.md says it was proved on is what the locks hold."""
    said = re.search(r"proved-on: (.*)", (ROOT / "SKILL.md").read_text(encoding="utf-8"))
    assert said is not None
    assert said[1] == ", ".join(f"{tool} {locked(tool)}" for tool in TOOLS[:3])


def locked(tool: str) -> str:
    """The version of an orchestrator in its lock."""
    name = {"airflow": "apache-airflow"}.get(tool, tool)
    lock = tomllib.loads((ROOT / "examples" / tool / "uv.lock").read_text(encoding="utf-8"))
    return next(package["version"] for package in lock["package"] if package["name"] == name)


@pytest.mark.parametrize("page", [page for page in PAGES if page.name.split("-")[0] in TOOLS[:3]], ids=lambda page: page.name)
def test_a_page_of_a_tool_carries_its_version(page: Path) -> None:
    """A stamp that has fallen behind the lock is seen here; `3.3` stands for every patch of 3.3."""
    tool = page.name.split("-")[0]
    said = set(re.findall(rf"\b{tool.capitalize()} (\d+\.\d+(?:\.\d+)?)", page.read_text(encoding="utf-8").split("\n## ")[0]))
    assert said, f"{page.name}: no version in its first lines"
    version = locked(tool)
    assert [stamp for stamp in said if stamp not in (version, version.rpartition(".")[0])] == []


def test_one_skill_in_the_tree() -> None:
    """A second SKILL.md, or a skills folder, would hide the first."""
    found = subprocess.run(["git", "ls-files", "*SKILL.md", "skills/*"], cwd=ROOT, capture_output=True, text=True).stdout
    assert found.split() == ["SKILL.md"]


def test_nothing_tells_of_the_machine_it_was_made_on() -> None:
    """No absolute path of a home or work folder, no address of a package index."""
    pattern = r"/(work|root)/|/home/[a-z]|pip\.conf|simple/?\" *}"
    places = [str(page) for page in ("references", "examples", "scripts", "SKILL.md", "README.md", "CHANGELOG.md")]
    done = subprocess.run(["git", "grep", "-nE", pattern, "--", *places, ":!*uv.lock"], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines() == []


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip as a user unpacks it, in a folder that is otherwise empty."""
    done = subprocess.run([sys.executable, "scripts/make_dist.py"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(ROOT / "dist" / "data-orchestration.zip") as archive:
        archive.extractall(folder)
    return folder / "data-orchestration"


def test_the_zip_fits_and_is_a_valid_skill(unpacked: Path) -> None:
    """At most 200 files, one SKILL.md, no cache, and the reference validator takes it."""
    files = [path for path in unpacked.rglob("*") if path.is_file()]
    done = subprocess.run([sys.executable, "-m", "skills_ref.cli", "validate", str(unpacked)], capture_output=True, text=True)
    assert (len(files) <= 200, len(list(unpacked.rglob("SKILL.md"))), done.returncode) == (True, 1, 0), done.stdout + done.stderr
    assert [path for path in files if "__pycache__" in path.parts or path.suffix in (".duckdb", ".db")] == []


def test_a_build_that_breaks_leaves_the_zip_that_was_there(tmp_path: Path) -> None:
    """And nothing beside it."""
    target = tmp_path / "upload.zip"
    make_dist.write(target, [ROOT / "SKILL.md"])
    before = target.read_bytes()
    with pytest.raises(FileNotFoundError):
        make_dist.write(target, [ROOT / "LICENSE", ROOT / "no_such_file"])
    assert (target.read_bytes() == before, list(tmp_path.iterdir())) == (True, [target])


def test_scripts_work_where_only_the_zip_is(unpacked: Path, tmp_path: Path) -> None:
    """An empty home, no package of ours: the scripts answer with the standard library alone."""
    (tmp_path / "pipeline.py").write_text("import dagster as dg\n\n\n@dg.asset\ndef orders() -> int:\n    return 1\n")
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    told = {}
    for name, arguments in {
        "env": ["research.py", "env", str(tmp_path), "--json", "--python", str(ROOT / "examples/dagster/.venv/bin/python")],
        "patterns": ["research.py", "patterns", str(tmp_path), "--json"],
        "list": ["new.py", "--list"],
        "check": [
            "check.py",
            str(tmp_path / "pipeline.py"),
            "--json",
            "-",
            "--python",
            str(ROOT / "examples/dagster/.venv/bin/python"),
        ],
        "traps": ["find_traps.py", str(tmp_path / "pipeline.py"), "--python", str(ROOT / "examples/dagster/.venv/bin/python")],
    }.items():
        command = [sys.executable, "-S", "-I", str(unpacked / "scripts" / arguments[0]), *arguments[1:]]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{name}: {done.stdout[-800:]}{done.stderr[-1500:]}"
        told[name] = done.stdout
    assert json.loads(told["check"])["ok"]
    assert ("dagster/cron_schedule" in told["list"], "pipeline.py" in told["patterns"]) == (True, True)
    assert told["traps"] == "0 found, 0 hints\n"


def test_plugin_and_skill_agree() -> None:
    """One name and one version in the plugin, the marketplace, the skill and pyproject.toml."""
    plugin = json.loads((ROOT / ".claude-plugin/plugin.json").read_text())
    market = json.loads((ROOT / ".claude-plugin/marketplace.json").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    skill = (ROOT / "SKILL.md").read_text()
    assert plugin["name"] == market["plugins"][0]["name"] == "data-orchestration"
    assert (plugin["version"], f'version: "{plugin["version"]}"' in skill) == (project["version"], True)


def test_the_readme_says_what_an_agent_pays_now() -> None:
    """The table is written by a script and as old as the pages."""
    done = subprocess.run([sys.executable, "scripts/write_sizes.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
