"""Send one incident per run: warn on a retry, page on the last failure, resolve on success, page again when late.

What: a notifier for tasks and DAG with one deduplication key per run, and a deadline alert (what replaced SLAs).
When: any pager or chat with a webhook; not DAG-level alerts alone: a last task that cleans up hides the failure.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test load_shop_files
Expect: two loads, and a log line `no pager` with the resolve event; AIRFLOW_CONN_SHOP_PAGER sends it.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import timedelta
from urllib.request import Request, urlopen

from airflow.sdk import BaseNotifier, Connection, DeadlineAlert, DeadlineReference, SyncCallback, dag, task
from airflow.sdk.exceptions import AirflowNotFoundException

log = logging.getLogger(__name__)


def send(action: str, key: str, severity: str, summary: str) -> None:
    """Post one event in the form of PagerDuty's Events API v2; raises OSError when the pager does not take it."""
    payload = {"summary": summary, "severity": severity, "source": "airflow"}
    event = {"event_action": action, "dedup_key": key, "payload": payload}
    try:
        address = Connection.get("shop_pager").host
    except AirflowNotFoundException:
        log.warning("no pager: %s", event)
        return
    request = Request(address, json.dumps(event).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=5):
        log.info("sent %s for %s", action, key)


class Incident(BaseNotifier):
    """One incident per run: all events of a run carry the same key, so the pager groups and resolves them.

    No template fields: rendering overwrites the notifier, so in one process its second text would be its first.
    """

    def __init__(self, action: str, severity: str, what: str) -> None:
        super().__init__()
        self.action, self.severity, self.what = action, severity, what

    def notify(self, context) -> None:
        """Use `dag` and `run_id` only: a DAG callback may get no more, and a run by hand has no `ds`."""
        error = context.get("exception")  # task callbacks have it, DAG callbacks do not
        summary = f"{context['ti'].task_id} {self.what}: {error}" if error else f"{context['run_id']} {self.what}"
        send(self.action, f"{context['dag'].dag_id}/{context['run_id']}", self.severity, summary)


def report_late(context) -> None:
    """Called by an executor when the deadline passed; `dag_run` is a dict here, and there is no `dag` or `ti`."""
    run = context["dag_run"]
    send("trigger", f"{run['dag_id']}/{run['dag_run_id']}", "critical", f"{run['dag_run_id']} is late: {run['state']}")


late_after = os.environ.get("SHOP_LATE_AFTER")  # seconds; unset, for `dag.test()` cannot end a DAG that has a deadline
late = DeadlineAlert(
    reference=DeadlineReference.DAGRUN_QUEUED_AT,
    interval=timedelta(seconds=int(late_after or 3600)),
    callback=SyncCallback(report_late),
)


@dag(
    schedule=None,
    default_args={
        "on_retry_callback": Incident("trigger", "warning", "tries again"),
        "on_failure_callback": Incident("trigger", "critical", "failed"),
    },
    on_success_callback=Incident("resolve", "info", "is done"),
    deadline=late if late_after else None,
    tags=["shop"],
)
def load_shop_files() -> None:
    """SHOP_BROKEN_FILES stands for files that cannot be read."""

    @task(retries=1, retry_delay=timedelta(minutes=5))
    def load(file: str) -> str:
        if file in os.environ.get("SHOP_BROKEN_FILES", ""):
            raise ValueError(f"{file} has no header")
        return file

    load.expand(file=["bern.csv", "oslo.csv"])


load_shop_files()
