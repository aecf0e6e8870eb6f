"""One message when a job begins to fail, a page when it goes on, one message when it works again.

What: a failure sensor that reads the job's run history; Slack at the first failure in a row, PagerDuty at the third.
When: for every job of a code location. A hook is for one step whose failure has its own reader.
Run: dg dev -f definitions.py
Expect: without SLACK_TOKEN the text is in the sensor's log; SHOP_ORDERS set to a missing file makes the job fail.
"""

import json
import os
import urllib.request
from pathlib import Path

import dagster as dg
from dagster_slack import SlackResource
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler, ServerErrorRetryHandler

PAGE_AT = 3  # failures in a row
ON = dg.DefaultSensorStatus.RUNNING


@dg.asset
def orders() -> dg.MaterializeResult:
    """Counts the orders of the file."""
    rows = json.loads(Path(os.environ.get("SHOP_ORDERS", Path(__file__).with_name("orders.json"))).read_text())
    return dg.MaterializeResult(metadata={"dagster/row_count": len(rows)})


load = dg.define_asset_job("load", [orders], tags={"owner": "shop-data"})
hourly = dg.ScheduleDefinition(job=load, cron_schedule="0 * * * *", default_status=dg.DefaultScheduleStatus.RUNNING)


def failures_before(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int:
    """How many runs of the job, up to and without this one, have failed in a row; runs that are retried do not count."""
    finished = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    filters = dg.RunsFilter(job_name=run.job_name, statuses=finished)
    count, earlier = 0, False
    for one in instance.get_runs(filters, limit=100):
        if earlier and one.is_success:
            break
        count += earlier and not will_be_retried(one)
        earlier = earlier or one.run_id == run.run_id
    return count


def will_be_retried(run: dg.DagsterRun) -> bool:
    """Whether the daemon has already decided to repeat the run: nobody needs to know yet."""
    return run.tags.get("dagster/will_retry") == "true"


def tell(context: dg.RunStatusSensorContext, text: str) -> None:
    """One Slack message. It is asked again when Slack is busy: an alert that raises is lost, its sensor goes on."""
    context.log.warning(text)
    if token := os.environ.get("SLACK_TOKEN"):
        client = SlackResource(token=token).get_client()
        client.base_url = os.environ.get("SLACK_API_URL", client.base_url)
        client.retry_handlers += [ServerErrorRetryHandler(max_retry_count=3), RateLimitErrorRetryHandler(max_retry_count=3)]
        client.chat_postMessage(channel="#shop-data", text=text)


def page(action: str, job: str, text: str) -> None:
    """A PagerDuty event; events of one job are one incident, because they share the dedup_key."""
    if key := os.environ.get("PAGERDUTY_ROUTING_KEY"):
        payload = {"summary": text, "source": job, "severity": "critical"}
        event = {"routing_key": key, "event_action": action, "dedup_key": f"dagster/{job}", "payload": payload}
        url = os.environ.get("PAGERDUTY_URL", "https://events.pagerduty.com/v2/enqueue")
        request = urllib.request.Request(url, json.dumps(event).encode(), {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()


@dg.run_failure_sensor(default_status=ON)
def job_fails(context: dg.RunFailureSensorContext) -> None:
    """Slack at the first failure in a row, PagerDuty at the third, silence at all others."""
    run = context.dagster_run
    if will_be_retried(run):
        return
    before = failures_before(context.instance, run)
    text = f"{run.job_name} fails ({run.tags.get('owner', 'no owner')}), run {run.run_id}: {context.failure_event.message}"
    if before == 0:
        tell(context, text)
    if before + 1 == PAGE_AT:
        page("trigger", run.job_name, text)


@dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, default_status=ON)
def job_works_again(context: dg.RunStatusSensorContext) -> None:
    """One message, and the end of the incident, at the first success after a failure."""
    job, failures = context.dagster_run.job_name, failures_before(context.instance, context.dagster_run)
    if failures:
        tell(context, f"{job} works again after {failures} failures")
    if failures >= PAGE_AT:
        page("resolve", job, f"{job} works again")


defs = dg.Definitions(assets=[orders], jobs=[load], schedules=[hourly], sensors=[job_fails, job_works_again])
