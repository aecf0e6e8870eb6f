"""Run the checker as a user does, from its command line, and say what each run cost and found."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from measure import ROOT, Cost, cpu_of, end, is_running, measure


@dataclass(frozen=True)
class Checked:
    """One run: its cost, the verdict on each snippet by place, and how many came from the cache."""

    cost: Cost
    verdicts: dict[tuple[str, int], bool]
    cached: int = 0

    @property
    def failures(self) -> int:
        """How many snippets were said to fail."""
        return list(self.verdicts.values()).count(False)


@dataclass(frozen=True)
class Bench:
    """Where the runs happen. Its own TMPDIR keeps warm processes of others out of reach, and ours out of theirs."""

    work: Path

    @property
    def environment(self) -> dict[str, str]:
        """This environment with a temporary folder of the benchmark's own, and byte code allowed."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return kept | {"TMPDIR": str(self.work)}

    def check(self, folder: Path, *flags: str) -> Checked:
        """``check.py folder --level loads``. Raises RuntimeError when it gives no results at all."""
        report = self.work / f"report-{time.monotonic_ns()}.json"
        command = [sys.executable, ROOT / "scripts" / "check.py", folder, "--level", "loads", "--json", report, *flags]
        cost = measure(command, ROOT, self.environment)
        if not report.exists():
            raise RuntimeError(f"check.py ended with {cost.code} and no results:\n{cost.output[-3000:]}")
        results = json.loads(report.read_text(encoding="utf-8"))["results"]
        report.unlink()
        verdicts = {(result["page"], result["line"]): result["passed"] for result in results}
        return Checked(cost, verdicts, sum(result["cached"] for result in results))

    def check_warm(self, folder: Path, tool: str, *flags: str) -> Checked:
        """A run through the process that is kept warm; the CPU seconds spent there are counted too."""
        process = self.warm_process(tool)
        before = cpu_of(process)
        checked = self.check(folder, "--keep-warm", *flags)
        return replace(checked, cost=replace(checked.cost, cpu=checked.cost.cpu + cpu_of(process) - before))

    def warm_process(self, tool: str) -> int:
        """The number of the process that is kept warm for ``tool``: it says so to whoever connects."""
        paths = sorted(self.work.glob(f"snippet-checker-*/{tool}-*.sock"))
        if not paths:
            raise RuntimeError(f"no warm process of {tool}; its check was not started with --keep-warm")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(paths[-1]))
            return json.loads(connection.makefile().readline())["process"]

    @contextmanager
    def kept_warm(self, folder: Path, tool: str) -> Iterator[int]:
        """A warm process of ``tool`` while the block runs; ``folder`` holds one page that starts it."""
        self.check(folder, "--keep-warm", "--no-cache", "--tool", tool)
        process = self.warm_process(tool)
        try:
            yield process
        finally:
            self.end_warm()
            if is_running(process):  # the checker's source changed meanwhile, and it looks for another one now
                end(process)

    def end_warm(self) -> Cost:
        """``check.py --end-warm``."""
        return measure([sys.executable, ROOT / "scripts" / "check.py", "--end-warm"], ROOT, self.environment)
