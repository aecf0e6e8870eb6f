"""Wait for a run of a job on another platform, for two hours at most."""

import json
import time
import urllib.request
from collections.abc import Callable


def wait_for_run(url: str, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic) -> str:
    deadline = clock() + 7200
    while clock() < deadline:
        with urllib.request.urlopen(url, timeout=10) as answer:
            status = json.load(answer)["status"]
        if status in ("success", "error"):
            return status
        sleep(30)
    raise TimeoutError(f"{url} has not ended after two hours")
