"""Jobs and runs of a simulated dbt platform account: what each API v2 path answers, without HTTP.

A run has a plan, one status for each look at it; the last one stays for ever, so a plan that ends with RUNNING
never ends. The plans of a job serve its runs in order, the last plan all later ones.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

Query = dict[str, list[str]]
Answer = tuple[int, object]


class RunStatus(IntEnum):
    """What `status` of a run can be; only the last three are final."""

    QUEUED = 1
    STARTING = 2
    RUNNING = 3
    SUCCESS = 10
    ERROR = 20
    CANCELLED = 30


SUCCEEDS = (RunStatus.QUEUED, RunStatus.STARTING, RunStatus.RUNNING, RunStatus.SUCCESS)
FAILS = (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.ERROR)
IS_CANCELLED = (RunStatus.QUEUED, RunStatus.CANCELLED)
NEVER_ENDS = (RunStatus.QUEUED, RunStatus.RUNNING)


@dataclass
class Run:
    """A run as the account keeps it; `looks` counts how often a client asked for it."""

    id: int
    job_id: int
    request: dict[str, object]
    plan: Sequence[RunStatus]
    retry_of: int | None = None
    looks: int = 0
    cancelled: bool = False

    @property
    def status(self) -> RunStatus:
        """The status that the next look shows."""
        return RunStatus.CANCELLED if self.cancelled else self.plan[min(self.looks, len(self.plan) - 1)]


@dataclass
class Account:
    """The jobs, runs and artifacts of one account; `artifacts` are those of every finished run."""

    id: int
    plans: dict[int, list[Sequence[RunStatus]]] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)

    def answer(self, method: str, path: str, query: Query, body: str) -> Answer:
        """HTTP status and the `data` of the answer; a string is the content of an artifact."""
        prefix = f"/api/v2/accounts/{self.id}/"
        if not path.startswith(prefix):
            return 404, None
        kind, number, *rest = [*path.removeprefix(prefix).strip("/").split("/", 2), "", ""][:3]
        known = int(number) if number.isdigit() else -1
        if kind == "jobs" and known in self.plans:
            return self._answer_for_job(method, rest[0], known, body)
        if kind == "runs" and known in self.runs:
            return self._answer_for_run(method, rest[0], self.runs[known], query)
        if (method, kind, number) == ("GET", "runs", ""):
            return 200, self._list(query)
        return 404, None

    def _answer_for_job(self, method: str, action: str, job: int, body: str) -> Answer:
        match method, action:
            case "POST", "run":
                return self.start(job, json.loads(body or "{}"))
            case "POST", "rerun":
                return self.start(job, {"cause": "retry"}, self._failed_run(job))
        return 404, None

    def _answer_for_run(self, method: str, action: str, run: Run, query: Query) -> Answer:
        ended = run.status >= RunStatus.SUCCESS
        match method, action.split("/", 1):
            case "GET", [""]:
                shown = _shape(self, run, "trigger" in str(query.get("include_related")))
                run.looks += 1
                return 200, shown
            case "POST", ["cancel"]:
                run.cancelled = run.cancelled or not ended
                return 200, _shape(self, run)
            case "GET", ["artifacts"] if ended:
                return 200, sorted(self.artifacts)
            case "GET", ["artifacts", path] if ended and path in self.artifacts:
                return 200, self.artifacts[path]
        return 404, None

    def start(self, job: int, body: dict[str, object], failed: Run | None = None) -> tuple[int, Any]:
        """Start a run of an existing job; a body without a cause is refused with 400, as the API does."""
        if not body.get("cause"):
            return 400, None
        plans = self.plans[job]
        plan = plans.pop(0) if len(plans) > 1 else plans[0]
        run = Run(1000 + len(self.runs), job, body, plan, failed.id if failed else None)
        self.runs[run.id] = run
        return 200, _shape(self, run, with_trigger=True)

    def _failed_run(self, job: int) -> Run | None:
        latest = max((run for run in self.runs.values() if run.job_id == job), key=lambda run: run.id, default=None)
        return latest if latest and latest.status is RunStatus.ERROR else None

    def _list(self, query: Query) -> list[object]:
        job = query.get("job_definition_id", [None])[0]
        runs = [run for run in self.runs.values() if job in (None, str(run.job_id))]
        runs.sort(key=lambda run: run.id, reverse=query.get("order_by", ["id"])[0].startswith("-"))
        with_trigger = "trigger" in str(query.get("include_related"))
        return [_shape(self, run, with_trigger) for run in runs[: int(query.get("limit", ["100"])[0])]]


def _shape(account: Account, run: Run, with_trigger: bool = False) -> dict[str, object]:
    status = run.status
    shape = {
        "id": run.id,
        "account_id": account.id,
        "job_definition_id": run.job_id,
        "status": int(status),
        "status_humanized": status.name.capitalize(),
        "status_message": "Database Error in model orders" if status is RunStatus.ERROR else None,
        "in_progress": status < RunStatus.SUCCESS,
        "is_complete": status >= RunStatus.SUCCESS,
        "is_success": status is RunStatus.SUCCESS,
        "is_error": status is RunStatus.ERROR,
        "is_cancelled": status is RunStatus.CANCELLED,
        "href": f"/deploy/{account.id}/runs/{run.id}/",
    }
    return shape | ({"trigger": {"cause": run.request["cause"]}} if with_trigger else {})
