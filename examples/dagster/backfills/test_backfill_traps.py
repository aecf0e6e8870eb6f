"""Policies that do not fit together, and commands that take a range for something else."""

from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner, Result
from dagster._cli.asset import asset_cli
from run_assets import run_assets
from run_backfills import run_backfill

DAYS = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-05")
SINGLE = dg.BackfillPolicy.single_run()


def chain(policy: dg.BackfillPolicy | None) -> list[dg.AssetsDefinition]:
    """Orders whose range is one run, and totals after them."""

    @dg.asset(partitions_def=DAYS, backfill_policy=SINGLE)
    def orders() -> None: ...

    @dg.asset(partitions_def=DAYS, deps=[orders], backfill_policy=policy)
    def totals() -> None: ...

    return [orders, totals]


@pytest.mark.parametrize(("policy", "runs"), [(None, [["orders"], *[["totals"]] * 4]), (SINGLE, [["orders", "totals"]])])
def test_trap_two_policies_are_no_one_run(
    stored_instance: dg.DagsterInstance, policy: dg.BackfillPolicy | None, runs: list[list[str]]
) -> None:
    """Silent: an asset without the policy is taken out of the run and runs day by day."""
    done = run_backfill(chain(policy), stored_instance, ["orders", "totals"])
    assert (done.status, [sorted(run.steps) for run in done.runs]) == ("COMPLETED_SUCCESS", runs)


@pytest.mark.parametrize("name", ["partition_key", "partition_keys"])
def test_trap_a_range_has_no_partition_key(instance: dg.DagsterInstance, name: str) -> None:
    """What every single day passes fails in the first backfill over a range; `partition_keys` is right for both."""

    @dg.asset(partitions_def=DAYS, backfill_policy=SINGLE)
    def orders(context: dg.AssetExecutionContext) -> None:
        getattr(context, name)

    day, days = (run_assets([orders], instance, partition=one) for one in ("2026-03-01", ("2026-03-01", "2026-03-02")))
    refused = "Call partition_key_range instead" in days.errors.get("orders", "")
    assert (day.status, refused) == ("SUCCESS", name == "partition_key")


SOURCE = """
import dagster as dg
days = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-05")
@dg.asset(partitions_def=days)
def orders() -> None: ...
@dg.asset(partitions_def=days, backfill_policy=dg.BackfillPolicy.single_run())
def revenue() -> None: ...
defs = dg.Definitions([orders, revenue])
"""


@pytest.fixture
def home(stored_instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of definitions, and DAGSTER_HOME for the command."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster_home"))
    (tmp_path / "shop.py").write_text(SOURCE)
    return tmp_path


def materialize(home: Path, *arguments: str) -> Result:
    """`dagster asset materialize`, which `dg launch --assets` runs as well, in this process."""
    return CliRunner().invoke(asset_cli, ["materialize", "-f", str(home / "shop.py"), *arguments])


@pytest.mark.filterwarnings("ignore::dagster._utils.warnings.SupersessionWarning")
def test_trap_a_range_is_no_partition(home: Path, stored_instance: dg.DagsterInstance) -> None:
    """`--partition` takes two days for one unknown key; `--partition-range` wants the single-run policy."""
    days = "2026-03-01...2026-03-03"
    everything = materialize(home, "--select", "*")
    unknown = materialize(home, "--select", "key:revenue", "--partition", days)
    refused = materialize(home, "--select", "key:orders", "--partition-range", days)
    done = materialize(home, "--select", "key:revenue", "--partition-range", days)
    assert "no '--partition' option was provided" in str(everything.exception)
    assert f"passed partition key `{days}`" in str(unknown.exception)
    assert "BackfillPolicy.single_run()" in str(refused.exception)
    assert (done.exit_code, stored_instance.get_runs_count()) == (0, 1)
