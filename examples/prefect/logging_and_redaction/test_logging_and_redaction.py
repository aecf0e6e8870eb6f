"""What the server stores of a run, read back: which secrets leak unless something is done, and that none does here."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from finished_run import FinishedRun, read_run, run_and_read
from prefect import flow, get_run_logger, task
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect_server import PrefectServer
from pydantic import SecretStr

pytestmark = pytest.mark.slow
KEY = "tok-7f3a91c04e55"
HIDDEN = "tok-b81d20c7"  # another one: the example's filter stays on this process's handlers


def stored(run: FinishedRun, key: str = KEY) -> dict[str, bool]:
    """Whether the key is in each thing that the server keeps of a run and shows in its UI."""
    messages = [run.state.message, *(task_run.state.message for task_run in run.task_runs)]
    texts = {"parameters": str(run.flow_run.parameters), "name": run.flow_run.name, "states": str(messages)}
    return {name: key in text for name, text in (texts | {"logs": "\n".join(run.messages())}).items()}


@pytest.mark.parametrize("broken", [False, True])
def test_the_key_is_nowhere(clean_server: PrefectServer, example: ModuleType, broken: bool) -> None:
    """Printed, logged with a traceback, raised: the lines are there and the key is in none of them."""
    Secret(value=HIDDEN).save("shop-key")
    run = run_and_read(example.fetch, block="shop-key", broken=broken)
    assert stored(run, HIDDEN) == {"parameters": False, "name": False, "states": False, "logs": False}
    assert ("with key ********" in run.messages(), run.state.name) == (True, "Failed" if broken else "Completed")
    if broken:
        assert [line for line in run.messages(logging.ERROR) if "PermissionError: 401 for Bearer ********" in line]


def test_a_secret_parameter_is_readable_on_the_server(prefect_server: PrefectServer) -> None:
    """Silent: SecretStr masks lines and run names, not the parameter; whoever may read runs reads the key."""

    @flow(log_prints=True, flow_run_name="for {token}")
    def connect(token: SecretStr) -> None:
        print(f"token {token}")

    run = run_and_read(connect, token=KEY)
    assert stored(run) == {"parameters": True, "name": False, "states": False, "logs": False}
    deployment = connect.to_deployment("secret", parameters={"token": KEY}).apply()
    with get_client(sync_client=True) as client:
        assert client.read_deployment(deployment).parameters == {"token": KEY}


def test_a_block_value_leaks_where_it_is_formatted_or_raised(clean_server: PrefectServer) -> None:
    """Silent: the block masks itself; the string that `get` returns is a string, and an error's text is in the states."""
    Secret(value=KEY).save("shop-key")

    @task
    def call(token: str) -> None:
        raise PermissionError(f"401 for Bearer {token}")

    @flow(log_prints=True)
    def masked() -> None:
        print(f"block {Secret.load('shop-key')}")

    @flow(log_prints=True)
    def formatted() -> None:
        print(f"value {Secret.load('shop-key').get()}")

    @flow
    def raised() -> None:
        call(Secret.load("shop-key").get())

    seen = [stored(run_and_read(run)) for run in (masked, formatted, raised)]
    assert [(leak["logs"], leak["states"]) for leak in seen] == [(False, False), (True, False), (True, True)]


def test_a_filter_on_a_logger_or_on_the_message_alone_misses(prefect_server: PrefectServer) -> None:
    """Silent: with the value in `args`, a filter that changes `record.msg` hides nothing."""

    class MessageOnly(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            record.msg = str(record.msg).replace(KEY, "********")
            return True

    @flow
    def logs() -> None:
        get_run_logger().info("as text %s" % KEY)  # noqa: UP031
        get_run_logger().info("as argument %s", KEY)

    logger, only = logging.getLogger("prefect.flow_runs"), MessageOnly()
    logger.addFilter(only)
    try:
        lines = run_and_read(logs).messages()
    finally:
        logger.removeFilter(only)
    assert ("as text ********" in lines, f"as argument {KEY}" in lines) == (True, True)


LIBRARY = """
import logging
from prefect import flow

@flow
def load():
    logging.getLogger("shop_client").warning("from the library")
    print("printed")

if __name__ == "__main__":
    print("id", load(return_state=True).state_details.flow_run_id)
"""


@pytest.mark.parametrize(("extra", "there"), [("", False), ("shop_client", True)])
def test_a_library_is_heard_when_it_is_named(prefect_server: PrefectServer, tmp_path: Path, extra: str, there: bool) -> None:
    """Silent: other loggers and plain prints stay in the process; the variable is read when Prefect is imported."""
    (script := tmp_path / "library_flow.py").write_text(LIBRARY)
    environment = os.environ | {"PREFECT_LOGGING_EXTRA_LOGGERS": extra}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True)
    lines = read_run(done.stdout.split()[-1]).messages()
    assert ("from the library" in lines, "printed" in lines) == (there, False)
