"""Jobs of the dbt platform as code, and a run of one of them from GitHub Actions or cron.

What: jobs.yml is checked before dbt-jobs-as-code deploys it; `run JOB CAUSE` starts a job once and waits for its end.
When: dbt is all there is to run. Not when the job must follow a load in another tool: let an orchestrator start it.
Run: python pipeline.py, or with DBT_HOST, DBT_ACCOUNT_ID, DBT_PLATFORM_TOKEN: python pipeline.py run 5 "orders 2026-03-02"
Expect: the two jobs are in order; with `run`, exit code 0 only when the run succeeded, within an hour and one retry.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from dbt_platform_client import ERROR, BearerToken, DbtPlatformClient, DbtPlatformError, RunFailedError
from job_settings import job_problems

JOBS = Path(__file__).parent / "jobs.yml"
VARIABLES = ("DBT_HOST", "DBT_ACCOUNT_ID", "DBT_PLATFORM_TOKEN")


def client_from(environment: Mapping[str, str]) -> DbtPlatformClient:
    """A client for the account that the variables name; raises DbtPlatformError that names what is missing or wrong."""
    values = {name: environment.get(name, "").strip() for name in VARIABLES}  # secrets come with a line end
    if missing := [name for name, value in values.items() if not value]:
        raise DbtPlatformError(f"set {', '.join(missing)} in the environment")
    if not values["DBT_ACCOUNT_ID"].isdigit():
        raise DbtPlatformError(f"DBT_ACCOUNT_ID is {values['DBT_ACCOUNT_ID']!r}: use the number in the account's address")
    host = values["DBT_HOST"].rstrip("/")
    return DbtPlatformClient(
        host if "://" in host else f"https://{host}", int(values["DBT_ACCOUNT_ID"]), BearerToken(values["DBT_PLATFORM_TOKEN"])
    )


def run_job(client: DbtPlatformClient, job_id: int, cause: str, limit: float = 3600, retries: int = 1) -> int:
    """Start the job once for this cause and wait; a failed run is continued from its failed nodes. The last run's id."""
    run_id = client.start_once(job_id, cause)
    for retries_left in range(retries, -1, -1):
        try:
            client.wait(run_id, limit)
            break
        except RunFailedError as failure:
            if failure.status != ERROR or not retries_left:
                raise
            print(f"{failure}\nretrying from the failed nodes", file=sys.stderr)
            run_id = client.retry(job_id)
    return run_id


def main() -> int:
    """Check the jobs file, or run a job; the exit code is 1 for every problem."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    run = parser.add_subparsers(dest="command").add_parser("run", help="start a job once and wait for its run")
    run.add_argument("job", type=int)
    run.add_argument("cause", help='the work, not the moment: "orders 2026-03-02"')
    given = parser.parse_args()
    if given.command != "run":
        problems = job_problems(JOBS.read_text())
        print("\n".join(problems) or f"{JOBS.name}: all jobs are in order")
        return 1 if problems else 0
    for number in (signal.SIGINT, signal.SIGTERM):  # so that `wait` cancels the run; SIGINT is ignored in the background
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    try:
        print(f"run {run_job(client_from(os.environ), given.job, given.cause)} succeeded")
    except DbtPlatformError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
