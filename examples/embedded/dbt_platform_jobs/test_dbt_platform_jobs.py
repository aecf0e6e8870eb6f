"""The command starts, continues and, when it is stopped, cancels a run; what it needs is checked before any request."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from dbt_platform_client import DbtPlatformClient, DbtPlatformError, RunFailedError
from dbt_platform_runs import FAILS, NEVER_ENDS, SUCCEEDS
from dbt_platform_server import DbtPlatform

HERE = Path(__file__).parent
JOB, CAUSE = 5, "orders 2026-03-02"


def test_a_failed_run_is_continued_once(dbt_platform: DbtPlatform, client: DbtPlatformClient, pipeline: ModuleType) -> None:
    """The retry continues the failed run; a second failure is the caller's."""
    dbt_platform.add_job(JOB, FAILS, SUCCEEDS)
    last = pipeline.run_job(client, JOB, CAUSE)
    assert (last, dbt_platform.account.runs[last].retry_of) == (1001, 1000)
    dbt_platform.add_job(JOB, FAILS)
    with pytest.raises(RunFailedError, match="run 1003 failed"):
        pipeline.run_job(client, JOB, "orders 2026-03-03")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_process_cancels_its_run(dbt_platform: DbtPlatform, number: signal.Signals) -> None:
    """The end of a runner, or Ctrl-C, leaves no run behind that nobody waits for."""
    dbt_platform.add_job(JOB, NEVER_ENDS)
    account, token = str(dbt_platform.account.id), dbt_platform.token
    variables = {"DBT_HOST": dbt_platform.url, "DBT_ACCOUNT_ID": account, "DBT_PLATFORM_TOKEN": token}
    process = subprocess.Popen([sys.executable, HERE / "pipeline.py", "run", str(JOB), CAUSE], env=variables)
    deadline = time.monotonic() + 60
    while not dbt_platform.count("GET", "runs/1000") and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    assert (process.wait(60), dbt_platform.account.runs[1000].cancelled) == (128 + number, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"DBT_HOST": "", "DBT_PLATFORM_TOKEN": " \n"}, "^set DBT_HOST, DBT_PLATFORM_TOKEN in the environment$"),
        ({"DBT_ACCOUNT_ID": "shop"}, "DBT_ACCOUNT_ID is 'shop': use the number"),
    ],
)
def test_a_bad_environment_is_named(pipeline: ModuleType, change: dict[str, str], said: str) -> None:
    """All that is missing, at once and before any request."""
    environment = {"DBT_HOST": "ab123.us1.dbt.com/", "DBT_ACCOUNT_ID": "12", "DBT_PLATFORM_TOKEN": "dbtc_x\n"}
    assert pipeline.client_from(environment).host == "https://ab123.us1.dbt.com"
    with pytest.raises(DbtPlatformError, match=said):
        pipeline.client_from(environment | change)


def test_the_workflow_is_one_and_hides_the_token(pipeline: ModuleType) -> None:
    """GitHub's schema accepts it, it sets what the client needs, and only the token is a secret."""
    workflow = (HERE / "start_dbt_job.yml").read_text()
    schema = ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(HERE / "start_dbt_job.yml")]
    done = subprocess.run([str(Path(sys.executable).with_name(schema[0])), *schema[1:]], capture_output=True, text=True)
    assert (done.returncode, [name for name in pipeline.VARIABLES if f"{name}:" not in workflow]) == (0, [])
    assert workflow.count("${{ secrets.") == 1
