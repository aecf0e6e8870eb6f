"""A filter works where records pass: handlers see them all, a logger only its own."""

from __future__ import annotations

import logging

from finished_run import run_and_read
from prefect import flow, get_run_logger
from prefect.settings import PREFECT_LOGGING_TO_API_ENABLED, temporary_settings
from prefect_server import PrefectServer

KEY = "tok-0c55d1aa9e"


class Hide(logging.Filter):
    """Takes the key out of a message."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = record.getMessage().replace(KEY, "********"), None
        return True


@flow
def connect() -> None:
    get_run_logger().info("with %s", KEY)
    raise ValueError("no rows")


def test_trap_a_filter_on_a_logger_misses_the_loggers_below(prefect_server: PrefectServer) -> None:
    """On `prefect` it sees no line of a run, whose logger is `prefect.flow_runs`; on the handlers it sees them."""
    hide, parent = Hide(), logging.getLogger("prefect")
    seen = []
    for places in ([parent], logging.getLogger("prefect.flow_runs").handlers):
        for place in places:
            place.addFilter(hide)
        seen.append([line for line in run_and_read(connect).messages() if line.startswith("with ")])
        for place in places:
            place.removeFilter(hide)
    assert seen == [[f"with {KEY}"], ["with ********"]]


def test_trap_without_logs_the_states_message_is_sent_all_the_same(prefect_server: PrefectServer) -> None:
    """`PREFECT_LOGGING_TO_API_ENABLED=false` leaves no line on the server; the error's text is in the state."""
    with temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: False}):
        silent = run_and_read(connect)
    assert (silent.messages(), "no rows" in silent.flow_run.state.message) == ([], True)
    assert run_and_read(connect).messages() != []
