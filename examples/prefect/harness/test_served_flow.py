"""A served flow runs what it is asked, is cancelled and stopped, and leaves nothing; one that hangs on is seen."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Cancelling
from prefect_server import PrefectServer
from served_flow import served_flow
from worker_process import start_run

pytestmark = pytest.mark.slow
SCRIPT = """
import subprocess, sys, time
from pathlib import Path

from prefect import flow


@flow
def load(seconds: float, detached: bool = False) -> float:
    if detached:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        Path(__file__).with_suffix(".detached").touch()
    time.sleep(seconds)
    return seconds


if __name__ == "__main__":
    load.serve("served")
"""


@pytest.fixture
def script(clean_server: PrefectServer, tmp_path: Path) -> Path:
    """A script that serves one flow."""
    path = tmp_path / "serve_load.py"
    path.write_text(SCRIPT)
    return path


def wait_until_exists(path: Path, seconds: float = 60) -> None:
    """A run is "Running" before the first line of its body: wait for what the body writes."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} was not written within {seconds} s"
        time.sleep(0.1)


def test_a_run_is_executed_and_the_process_ends(script: Path) -> None:
    """A runner at work takes the signal as a wish to end well, and nothing that it started is left."""
    with served_flow(script, "load/served") as served:
        run = start_run(served.deployment, seconds=0).id
        assert served.wait_for(run, "Completed", "Failed", "Crashed").state_name == "Completed"
    assert (served.exit_code, served.left_running) == (0, ())


def test_a_running_flow_is_cancelled(script: Path) -> None:
    """Cancelling is a wish of the server; the process that runs the flow makes it true."""
    with served_flow(script, "load/served") as served:
        run = start_run(served.deployment, seconds=600).id
        served.wait_for(run, "Running")
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run, Cancelling())
        assert served.wait_for(run, "Cancelled", "Completed", "Crashed").state_name == "Cancelled"


def test_a_run_that_ended_otherwise_is_not_waited_for(script: Path) -> None:
    """A failed run never becomes Completed; its state is said at once, not after the limit."""
    with served_flow(script, "load/served") as served:
        run = start_run(served.deployment, seconds=-1).id
        with pytest.raises(RuntimeError, match="is Failed, not \\('Completed',\\)"):
            served.wait_for(run, "Completed", seconds=3600)


def test_what_outlives_the_script_is_reported_and_ended(script: Path) -> None:
    """A process that the flow detached is no longer anybody's, and the harness names it."""
    with served_flow(script, "load/served") as served:
        run = start_run(served.deployment, seconds=600, detached=True).id
        served.wait_for(run, "Running")
        wait_until_exists(script.with_suffix(".detached"))
    assert len(served.left_running) >= 1


def test_a_deployment_of_an_earlier_script_is_not_taken_for_this_one(script: Path) -> None:
    """The same name with other parameters: the block begins with the new ones."""
    with served_flow(script, "load/served") as first:
        pass
    script.write_text(script.read_text().replace("seconds: float", "pause: float").replace("(seconds)", "(pause)"))
    with served_flow(script, "load/served") as second, get_client(sync_client=True) as client:
        wanted = client.read_deployment(second.deployment).parameter_openapi_schema["properties"]
    assert (first.deployment == second.deployment, "pause" in wanted) == (True, True)


def test_a_script_that_ends_at_once_says_why(clean_server: PrefectServer, tmp_path: Path) -> None:
    """The message is its own output."""
    script = tmp_path / "broken.py"
    script.write_text("raise SystemExit('no configuration')")
    with pytest.raises(RuntimeError, match="no configuration"), served_flow(script, "load/served"):
        pass
