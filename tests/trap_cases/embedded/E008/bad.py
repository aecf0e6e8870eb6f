"""Wait for a run of a job on another platform."""

import json
import time
import urllib.request
from collections.abc import Callable


def wait_for_run(url: str, sleep: Callable[[float], None] = time.sleep) -> str:
    while True:  # found
        with urllib.request.urlopen(url, timeout=10) as answer:
            status = json.load(answer)["status"]
        if status in ("success", "error"):
            return status
        sleep(30)
