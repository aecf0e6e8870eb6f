"""What a child prints."""

import sys
from pathlib import Path

import dagster as dg
from run_assets import run_assets

CHILD = """
from dagster_pipes import open_dagster_pipes
with open_dagster_pipes() as pipes:
    print("printed")
    pipes.log.info("logged")
"""


def test_trap_what_a_child_prints_is_no_log_of_the_run(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """Silent: only `pipes.log` reaches the run's events."""
    (tmp_path / "child.py").write_text(CHILD)

    @dg.asset
    def revenue(context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient) -> dg.MaterializeResult:
        return pipes.run(command=[sys.executable, str(tmp_path / "child.py")], context=context).get_materialize_result()

    run = run_assets([revenue], instance, resources={"pipes": dg.PipesSubprocessClient()})
    said = [word for word in ("printed", "logged") if any(word in line for line in run.log)]
    assert (run.status, said) == ("SUCCESS", ["logged"])
