"""`new.py` copies an example that passes its own test at once, and refuses what it cannot do with a word on the way out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from snippet_checker.environments import ROOT, python_of

NEW = [sys.executable, "scripts/new.py"]


def new(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script as a user does."""
    return subprocess.run([*NEW, *arguments], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("dagster/cron_schedule", ""),
        ("dagster/dbt_assets", "test_models_hang_together"),  # one that reads the shared dbt project; all take two minutes
        ("airflow/cron_schedule", ""),
        ("embedded/dbt_platform_jobs", ""),
    ],
)
def test_a_copy_passes_its_own_test_outside_of_the_repository(pattern: str, chosen: str, tmp_path: Path) -> None:
    """Nothing of the repository is needed: the harness, shared data and pins came along."""
    target = tmp_path / "my project"
    assert new(pattern, str(target)).returncode == 0
    python = python_of(pattern.split("/")[0])
    done = subprocess.run([str(python), "-m", "pytest", "-q", "-k", chosen], cwd=target, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_pins_come_along_under_the_projects_own_name(tmp_path: Path) -> None:
    """pyproject.toml and uv.lock name the same project, so that `uv sync --frozen` takes them."""
    assert new("prefect/cron_schedule", str(tmp_path / "shop")).returncode == 0
    named = [(tmp_path / "shop" / file).read_text().count('name = "shop"') for file in ("pyproject.toml", "uv.lock")]
    assert named == [1, 1]


def test_an_unknown_pattern_is_answered_with_near_ones(tmp_path: Path) -> None:
    """The other tools' pattern of that name is what was meant, most times."""
    done = new("airflow/cron", str(tmp_path / "x"))
    assert (done.returncode, "airflow/cron_schedule" in done.stderr, (tmp_path / "x").exists()) == (2, True, False)


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    """Nothing is written over."""
    (tmp_path / "mine.py").write_text("kept")
    done = new("dagster/cron_schedule", str(tmp_path))
    assert (done.returncode, "in use" in done.stderr, [path.name for path in tmp_path.iterdir()]) == (2, True, ["mine.py"])


def test_the_list_names_every_example_with_a_test() -> None:
    """Every folder of examples that has a test can be copied."""
    listed = new("--list").stdout.split()
    folders = {f"{path.parts[-3]}/{path.parts[-2]}" for path in (ROOT / "examples").glob("*/*/test_*.py")}
    assert set(listed) == {name for name in folders if not name.endswith("/harness")}
