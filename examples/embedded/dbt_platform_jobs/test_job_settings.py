"""Settings that deploy without an error and do not do what they say are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from job_settings import job_problems

JOBS = Path(__file__).with_name("jobs.yml")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("execute_steps:", "execute_step:"), "orders_daily: lacks execute_steps"),
        (("timeout_seconds: 3600", "timeout: 3600"), "execution.timeout is no setting, so it would be dropped"),
        (("timeout_seconds: 3600", "timeout_seconds: 0"), "0, which is no limit"),
        (("0 6 * * *", "0 0 6 * * *"), "cron '0 0 6 * * *' is not five fields in range"),
        (("0 6 * * *", "0 26 * * *"), "cron '0 26 * * *' is not five fields in range"),
        (("{schedule: true,", "{schedule: false,"), "its cron never starts it"),
        (("github_webhook: true", "github_webhook: false"), "is a CI job that no pull request starts"),
        (("deferring_environment_id: 56", "run_lint: true"), "names no deferring_environment_id to compare with"),
        (("on_merge: false", "on_merge: true"), "on_merge goes with no other trigger, here schedule"),
        (("  orders_pull_request:", "  orders_daily:"), 'found duplicate key "orders_daily"'),
        (("dbt build", "build"), "step 'build --select staging+' is no dbt command"),
        (("generate_docs: false", "generate_docs: false\n    job_completion_trigger_condition: {condition: {job_id: 7}}"),
         "names no statuses: it also starts after a failure"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_found(change: tuple[str, str], problem: str) -> None:
    """Each is accepted by the schema of dbt-jobs-as-code or by the platform, except what is missing or double."""
    right = JOBS.read_text()
    assert job_problems(right) == []
    assert problem in "\n".join(job_problems(right.replace(change[0], change[1], 1)))
