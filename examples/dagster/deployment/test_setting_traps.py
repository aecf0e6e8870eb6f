"""A history that is gone at exit, and a switch for telemetry that is none."""

from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner
from dagster._cli.asset import asset_cli
from dagster._core.errors import DagsterHomeNotSetError

SOURCE = """
import dagster as dg
@dg.asset
def orders(context: dg.AssetExecutionContext) -> None:
    with open("runs.txt", "a") as file:
        file.write(f"{context.instance.get_runs_count()} ")
defs = dg.Definitions([orders], executor=dg.in_process_executor)
"""


@pytest.mark.filterwarnings("ignore::dagster._utils.warnings.SupersessionWarning")
@pytest.mark.parametrize(("home", "runs"), [(False, "1 1 "), (True, "1 2 ")], ids=["unset", "set"])
def test_trap_without_dagster_home_each_command_starts_a_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: bool, runs: str
) -> None:
    """Silent: the second `dg launch` finds no first run, unless DAGSTER_HOME is set. Code that asks for the instance raises."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    (tmp_path / "shop.py").write_text(SOURCE)
    if home:
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
        (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    else:
        with pytest.raises(DagsterHomeNotSetError):
            dg.DagsterInstance.get()
    for _ in range(2):  # what `dg launch --assets` runs, in this process
        assert CliRunner().invoke(asset_cli, ["materialize", "-f", "shop.py", "--select", "*"]).exit_code == 0
    assert (tmp_path / "runs.txt").read_text() == runs


@pytest.mark.parametrize(("text", "enabled"), [("", True), ("telemetry: {enabled: false}", False)])
def test_trap_no_variable_switches_telemetry_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, enabled: bool
) -> None:
    """Silent: with both variables set it is on and makes its folder in the home folder; dagster.yaml switches it off."""
    for name, value in {"DAGSTER_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "dagster.yaml").write_text(text)
    with dg.DagsterInstance.from_config(str(tmp_path / "instance")) as instance:
        dg.materialize([dg.asset(lambda: None, name="orders")], instance=instance)
        assert (instance.telemetry_enabled, (tmp_path / ".dagster").is_dir()) == (enabled, enabled)
