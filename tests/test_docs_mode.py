"""check.py --docs with environments of its own: the recipe of the README, and settings that cannot be meant."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from proving import ROOT
from ruamel.yaml import YAML
from snippet_checker.environments import uv_executable

GOOD = "# Tables\n\n```python\nfrom rich.table import Table\n\nTable(title='orders').add_column('id', justify='right')\n```\n"
BAD = "# Colours\n\n```python\nfrom rich.table import Tabel\n```\n"


def recipe(language: str) -> str:
    """The fence of one language in the README's section about documentation."""
    readme = (ROOT / "README.md").read_text()
    section = readme.split("## Check your own docs in CI")[1].split("\n## ")[0]
    found = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with the README's settings, one guide that holds and a page that no environment is named for."""
    (tmp_path / "docs" / "guides").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(recipe("toml"))
    (tmp_path / "docs" / "guides" / "tables.md").write_text(GOOD)
    (tmp_path / "docs" / "index.md").write_text("# Shop\n\n```json\n[1]\n```\n")
    return tmp_path


def check(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "check.py"), "--docs", "docs", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True)


@pytest.mark.slow
def test_the_recipe_of_the_readme_checks_a_folder_and_names_what_is_wrong(project: Path) -> None:
    """Its last step, as it stands; with this checkout in the place of the clone."""
    steps = YAML(typ="safe").load(recipe("yaml"))["jobs"]["docs"]["steps"]
    clone, command = (step["run"] for step in steps if "run" in step)
    assert clone.endswith("data-orchestration .checker")
    (project / ".checker").symlink_to(ROOT)
    environment = os.environ | {"PATH": f"{uv_executable().parent}{os.pathsep}{os.environ['PATH']}"}

    def step() -> subprocess.CompletedProcess[str]:
        return subprocess.run(shlex.split(command), cwd=project, env=environment, capture_output=True, text=True)

    done = step()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "guides: 1 snippets with snippet-checker-guides.lock" in done.stdout
    assert "rich==14.1.0" in (project / "snippet-checker-guides.lock").read_text()
    assert "failure message" not in (project / "docs.xml").read_text()

    (project / "docs" / "guides" / "colours.md").write_text(BAD)
    done = step()
    assert (done.returncode, "docs/guides/colours.md:4" in done.stdout) == (1, True), done.stdout
    assert "cannot import name 'Tabel' from 'rich.table'" in done.stdout


@pytest.mark.slow
def test_each_folder_has_the_settings_of_its_own_project(project: Path, tmp_path: Path) -> None:
    """Two folders in one call, each below a pyproject.toml of its own."""
    other = tmp_path / "other"
    (other / "docs" / "guides").mkdir(parents=True)
    (other / "pyproject.toml").write_text(recipe("toml").replace('"guides"', '"others"', 1))
    (other / "docs" / "guides" / "tables.md").write_text(GOOD)
    done = check(project, "--docs", str(other / "docs"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "guides: 1 snippets with snippet-checker-guides.lock" in done.stdout
    assert "others: 1 snippets with snippet-checker-others.lock" in done.stdout


@pytest.mark.slow
def test_a_lock_is_kept_until_its_requirements_change(project: Path) -> None:
    """And then written anew; what resolved before stays as it was."""
    lock = project / "snippet-checker-guides.lock"
    assert check(project).returncode == 0
    kept = lock.read_text()
    lock.write_text(kept + "# by hand\n")
    assert check(project).returncode == 0
    assert lock.read_text() == kept + "# by hand\n"

    settings = project / "pyproject.toml"
    settings.write_text(settings.read_text().replace("rich==14.1.0", "rich==14.0.0"))
    assert check(project).returncode == 0
    assert "rich==14.0.0" in lock.read_text()


@pytest.mark.slow
def test_requirements_that_do_not_resolve_are_the_machine_s_fault(project: Path) -> None:
    """Exit code 2, uv's own words, what to do, and nothing half built."""
    settings = project / "pyproject.toml"
    settings.write_text(settings.read_text().replace("rich==14.1.0", "rich==0.0.99"))
    done = check(project)
    assert done.returncode == 2
    assert "the environment 'guides' could not be built" in done.stderr
    assert "rich==0.0.99" in done.stderr
    assert "Mend its requirements, or name an index that answers" in done.stderr
    assert not (project / "snippet-checker-guides.lock").exists()


@pytest.mark.slow
def test_an_index_that_does_not_answer_is_the_machine_s_fault(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2 with the address that was asked, and neither a lock nor half an environment."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(project / "cache"))
    done = check(project)
    assert done.returncode == 2
    assert "http://127.0.0.1:9/simple/rich/" in done.stderr
    assert "name an index that answers with UV_DEFAULT_INDEX; nothing was left behind" in done.stderr
    assert not (project / "snippet-checker-guides.lock").exists()
    assert not list((ROOT / ".cache" / "docs-environments").glob("*-building"))


@pytest.mark.slow
def test_a_mark_names_the_environment_of_a_snippet(project: Path) -> None:
    """Two snippets of one page, each proved by the release that it is for; a typo in the mark is told with its line."""
    page = project / "docs" / "guides" / "tables.md"
    code = "from importlib.metadata import version\n\nassert version('rich') == '{version}', version('rich')\n"
    old, new = (f"```python\n{code.format(version=one)}```\n" for one in ("14.0.0", "14.1.0"))
    page.write_text(f"{new}\n<!-- snippet: environment before -->\n{old}")
    with open(project / "pyproject.toml", "a") as settings:
        settings.write('\n[[tool.snippet-checker.environments]]\nname = "before"\npaths = []\nrequirements = ["rich==14.0.0"]\n')
    done = check(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "before: 1 snippets with snippet-checker-before.lock" in done.stdout

    page.write_text(page.read_text().replace("environment before", "environment befor"))
    done = check(project)
    assert done.returncode == 2
    assert "tables.md:9: the mark names the environment 'befor'" in done.stderr
    assert "has guides, before" in done.stderr


@pytest.mark.slow
def test_paths_without_a_page_are_told_and_the_page_says_what_it_lacks(project: Path) -> None:
    """A folder that is misspelt leaves its pages to the pins: the environment and the page both say so."""
    settings = project / "pyproject.toml"
    settings.write_text(settings.read_text().replace('"docs/guides/"', '"doc/guides/"'))
    done = check(project)
    assert done.returncode == 1
    assert "guides: no page is in its paths" in done.stdout
    assert "no environment is named for its page" in done.stdout


@pytest.mark.slow
def test_an_interpreter_may_be_named_and_its_tool_loads_the_page(project: Path) -> None:
    """A page about Prefect in the environment that has Prefect: a removed name is found at its line."""
    python = ROOT / "examples" / "prefect" / ".venv" / "bin" / "python"
    (project / "pyproject.toml").write_text(
        f'[[tool.snippet-checker.environments]]\nname = "flows"\npython = "{python}"\nlevel = "runs"\n'
    )
    (project / "docs" / "guides" / "flows.md").write_text(
        "```python\nfrom prefect import flow\n\n@flow\ndef load():\n    raise ValueError('no orders')\n```\n"
    )
    done = check(project)
    assert done.returncode == 1
    assert "docs/guides/flows.md:6" in done.stdout
    assert "no orders" in done.stdout


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("[tool.snippet-checker]\nenviroments = []", "[tool.snippet-checker] has no key 'enviroments'; there is environments"),
        ('[[tool.snippet-checker.environments]]\npaths = ["*"]', "1: wants a name of letters, digits and _"),
        ('[[tool.snippet-checker.environments]]\nname = "a"', '1 (a): wants either requirements = ["rich==14.1.0"]'),
        (
            '[[tool.snippet-checker.environments]]\nname = "a"\nrequirement = ["rich"]',
            "1 (a) has no key 'requirement'; there are name, paths, requirements, python, tool, level",
        ),
        ('[[tool.snippet-checker.environments]]\nname = "a"\nrequirements = "no.txt"', "no.txt: no such file"),
        ('[[tool.snippet-checker.environments]]\nname = "a"\npython = "no/python"', "no/python: no such interpreter"),
        (
            '[[tool.snippet-checker.environments]]\nname = "a"\nrequirements = []\nlevel = "run"',
            "level is one of runs, loads, parses, not 'run'",
        ),
        (
            '[[tool.snippet-checker.environments]]\nname = "a"\nrequirements = []\npaths = "docs/"',
            "1 (a): wants a list of texts, not 'docs/': paths = [\"guides/\"]",
        ),
        (
            '[[tool.snippet-checker.environments]]\nname = "a"\nrequirements = { rich = "14.1.0" }',
            "1 (a): wants a list of texts, not {'rich': '14.1.0'}: requirements = [\"rich==14.1.0\"]",
        ),
        (
            '[[tool.snippet-checker.environments]]\nname = "a"\nrequirements = []\n' * 2,
            "[[tool.snippet-checker.environments]]: two are named 'a'",
        ),
        ("[tool.snippet-checker\n", "pyproject.toml: Expected ']'"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_with_file_and_key(settings: str, message: str, project: Path) -> None:
    """Exit code 2 before anything is built."""
    (project / "pyproject.toml").write_text(settings)
    done = check(project)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert str(project / "pyproject.toml") in done.stderr


def test_the_readme_s_settings_are_read_as_they_stand() -> None:
    """One environment with its three keys."""
    (environment,) = tomllib.loads(recipe("toml"))["tool"]["snippet-checker"]["environments"]
    assert set(environment) == {"name", "paths", "requirements"}
