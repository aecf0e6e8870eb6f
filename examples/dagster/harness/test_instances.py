"""Each test has an empty instance, in memory or in files, and nothing leaves pytest's temporary folder."""

from pathlib import Path

import dagster as dg
import pytest
from instances import memory_instance
from run_assets import run_assets


@dg.asset
def orders() -> int:
    return 2


@pytest.mark.parametrize("fixture", ["instance", "stored_instance"])
@pytest.mark.parametrize("turn", ["first", "second"])
def test_a_test_sees_no_run_of_another(request: pytest.FixtureRequest, fixture: str, turn: str) -> None:
    """The same run in two tests is the only one in each."""
    instance = request.getfixturevalue(fixture)
    run_assets([orders], instance)
    assert instance.get_runs_count() == 1


@pytest.mark.parametrize("fixture", ["instance", "stored_instance"])
def test_everything_is_under_the_tests_folder(
    request: pytest.FixtureRequest, fixture: str, tmp_path: Path, tmp_path_factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the home folder nor the working directory gets a file; values lie under `tmp_path`."""
    home, work = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(work)
    instance = request.getfixturevalue(fixture)
    path = Path(run_assets([orders], instance).metadata["orders"]["path"])
    assert (list(home.iterdir()), list(work.iterdir()), path.is_relative_to(tmp_path)) == ([], [], True)
    assert instance.telemetry_enabled is False


def test_an_instance_without_the_setting_writes_to_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the fixture prevents: a persistent instance has telemetry on, which makes folders in the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    (tmp_path / "instance").mkdir()
    with dg.DagsterInstance.from_config(str(tmp_path / "instance")) as plain:
        run_assets([orders], plain)
    assert (plain.telemetry_enabled, (tmp_path / ".dagster").is_dir()) == (True, True)


def test_only_the_stored_instance_survives_its_closing(stored_instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """Runs in files are there for a second process; runs in memory are gone, though the folder is the same."""
    with memory_instance(tmp_path / "memory") as instance:
        run_assets([orders], instance)
    run_assets([orders], stored_instance)
    with memory_instance(tmp_path / "memory") as again:
        assert again.get_runs_count() == 0
    with dg.DagsterInstance.from_config(stored_instance.root_directory) as again:
        assert again.get_runs_count() == 1
