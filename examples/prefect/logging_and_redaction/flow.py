"""A customer's API key is used and logged about, and is in no line, parameter or state that the server keeps.

What: the parameter is the name of a Secret block; a filter on the handlers hides values in messages and tracebacks.
When: code you do not own may log or raise a secret. Not as a licence to log secrets: the filter knows whole values only.
Run: uv run python flow.py
Expect: "2 orders fetched"; nothing to configure, the local key is public.
"""

from __future__ import annotations

import logging

from prefect import flow, get_run_logger, task
from prefect.blocks.system import Secret
from pydantic import SecretStr

LIBRARY = logging.getLogger("shop_client")
RUN_LOGGERS = ("prefect.flow_runs", "prefect.task_runs", "prefect", "")


class HideSecrets(logging.Filter):
    """Replaces known values in the finished message and in the traceback; `record.msg` alone would miss its arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.values: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record, changed."""
        record.msg, record.args = self.hidden(record.getMessage()), None
        if record.exc_info:
            record.exc_text = self.hidden(logging.Formatter().formatException(record.exc_info))
        return True

    def hidden(self, text: str) -> str:
        """The text with asterisks in the place of each value."""
        for value in self.values:
            text = text.replace(value, "********")
        return text


HIDE = HideSecrets()


def hide(secret: SecretStr, *extra_loggers: str) -> SecretStr:
    """Hide this value from now on, on the handlers: a filter on a logger would not see what its children log."""
    HIDE.values.add(secret.get_secret_value())
    for name in (*RUN_LOGGERS, *extra_loggers):
        for handler in logging.getLogger(name).handlers:
            handler.addFilter(HIDE)
    return secret


def api_key(block: str | None) -> SecretStr:
    """The value of a Secret block, read in the run and hidden; without a block, the public local key."""
    return hide(SecretStr(Secret.load(block).get() if block else "public-local-key"), "shop_client")


@task
def fetch_orders(key: SecretStr, broken: bool) -> int:
    """Count the orders. Raises PermissionError, as an HTTP client does, with the key in its text replaced."""
    LIBRARY.warning("GET /orders Authorization: %s", key.get_secret_value())
    try:
        if broken:
            raise PermissionError(f"401 for Bearer {key.get_secret_value()}")
    except PermissionError as error:
        get_run_logger().exception("orders were refused")
        raise PermissionError(HIDE.hidden(str(error))) from None  # state messages pass no logging filter
    return 2


@flow(log_prints=True)
def fetch(block: str | None = None, broken: bool = False) -> int:
    """Everything that is logged here reaches the server, printed lines too."""
    key = api_key(block)
    print(f"with key {key.get_secret_value()}")
    count = fetch_orders(key, broken)
    get_run_logger().info("%d orders fetched", count)
    return count


if __name__ == "__main__":
    fetch()
