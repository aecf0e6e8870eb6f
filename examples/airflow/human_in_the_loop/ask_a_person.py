"""Refund an order after a person has said so: approve, choose, enter a sum, or let the time-out decide.

What: the four operators of the standard provider that wait for a person, with defaults and `response_timeout`.
When: a decision that no rule makes, minutes to days. Not in `dag.test()`: it waits for ever, whatever the time-out.
Run: airflow standalone, with this file in its DAG folder; answer under "Required Actions" or by the REST API.
Expect: `publish` is skipped after "Reject"; `refund` gets what was entered; after SHOP_PATIENCE seconds defaults decide.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLBranchOperator, HITLEntryOperator, HITLOperator
from airflow.sdk import Param, dag, task

PATIENCE = timedelta(seconds=int(os.environ.get("SHOP_PATIENCE", "86400")))


@dag(schedule=None, tags=["shop"])
def approve_prices() -> None:
    """`report` runs after a rejection too, not after a failure: only direct downstream tasks are skipped; rule `none_failed`."""
    approve = ApprovalOperator(task_id="approve", subject="Publish the prices of {{ run_id }}?", body="3 prices changed")

    @task
    def publish() -> str:
        return "published"

    @task(trigger_rule="none_failed")
    def report() -> str:
        return "reported"

    approve >> publish() >> report()


@dag(schedule=None, tags=["shop"])
def refund_order() -> None:
    """One branch asks how much; `_options` is no name for a param."""
    choose = HITLBranchOperator(
        task_id="choose",
        subject="Order 7 came back",
        options=["Refund", "Send again"],
        options_mapping={"Refund": "ask_sum", "Send again": "send_again"},
    )
    ask_sum = HITLEntryOperator(
        task_id="ask_sum", subject="How much?", params={"cents": Param(100, type="integer", minimum=1, maximum=5000)}
    )

    @task
    def refund(answer: dict) -> int:
        return answer["params_input"]["cents"]

    @task
    def send_again() -> str:
        return "sent"

    choose >> [ask_sum, send_again()]
    refund(ask_sum.output)


@dag(schedule=None, tags=["shop"])
def nobody_answers() -> None:
    """A time-out takes the defaults; a form without options has one, OK; an approval has none and fails."""
    HITLOperator(
        task_id="which_till", subject="Which till?", options=["Bern", "Oslo"], defaults="Oslo", response_timeout=PATIENCE
    )
    HITLEntryOperator(
        task_id="how_much", subject="How much?", params={"cents": Param(100, type="integer")}, response_timeout=PATIENCE
    )
    ApprovalOperator(task_id="approve", subject="Publish?", response_timeout=PATIENCE)


approve_prices()
refund_order()
nobody_answers()
