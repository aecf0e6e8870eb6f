#!/usr/bin/env python3
"""Measure the checker beside other ways of checking snippets, all in one run. Nothing is asserted.

  bench.py                    all tools: 60 and 600 snippets, rivals, traps, memory, the edit loop (about an hour)
  bench.py --quick            60 snippets, no rivals
  bench.py --tool dagster     one tool

Prints tables of ratios and writes benchmarks/results.json. Seconds are of this machine as it was; ratios are
within the run. CPU seconds bear a loaded machine better than wall seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checker_runs import Bench, Checked
from corpus import PER_PAGE, TOOLS, make_samples, write_pages
from measure import ROOT, compile_imports, environments, memory_of
from rivals import RIVALS, Outcome, install_rivals, run_floor, run_naive, run_rival, run_unisolated, spring_traps
from tables import print_tables
from traps import false_verdicts, traps_of, write_trap_pages

SMALL, LARGE = 60, 600
REPEATS = 5  # runs over the large corpus; spurious failures are counted over all of them
RESULTS = Path(__file__).with_name("results.json")
CORES = 2  # snippets at once, in the checker and in the naive way


@dataclass
class Run:
    """What the measurements share: folders, how much is asked for, and what has been found."""

    bench: Bench
    quick: bool
    tools: Sequence[str]
    found: dict[str, Any] = field(default_factory=dict)

    def folder(self, name: str) -> Path:
        """A new folder of the run."""
        path = self.bench.work / name
        path.mkdir(parents=True)
        return path


def main() -> None:
    options = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        run = Run(Bench(Path(folder)), options.quick, options.tool or TOOLS)
        run.found = {"machine": describe_machine(run.tools), "tools": {}}
        if not run.quick:
            install_rivals(run.folder("install"))
        try:
            for tool in run.tools:
                run.found["tools"][tool] = measure_tool(tool, run)
                keep_results(run.found)  # as it goes: an hour is long enough to be interrupted
            run.found["edit_loop"] = measure_edit_loop(run)
            keep_results(run.found)
        finally:
            run.bench.end_warm()
    print_tables(run.found)


def keep_results(found: dict[str, Any]) -> None:
    """Write what has been found so far."""
    RESULTS.write_text(json.dumps(rounded(found), indent=1) + "\n", encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="60 snippets only, no rivals")
    parser.add_argument("--tool", choices=TOOLS, action="append", help="only this tool; may be repeated")
    return parser.parse_args()


def describe_machine(tools: Sequence[str]) -> dict[str, Any]:
    """What the figures depend on, without a name of the machine or a path in it."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        "load_at_start": round(os.getloadavg()[0], 1),
        "date": time.strftime("%Y-%m-%d"),
        "versions": {tool: environments.locked_version(tool) for tool in tools},
    }


# --- one tool


def measure_tool(tool: str, run: Run) -> dict[str, Any]:
    """All figures of one tool."""
    say(f"{tool}: corpus")
    small = write_pages(make_samples(tool, SMALL), run.folder(f"{tool}-{SMALL}"), tool)
    first = write_pages(make_samples(tool, PER_PAGE), run.folder(f"{tool}-first"), tool)
    compile_imports(tool, run.bench.work)
    run.bench.check(first[0].parent, "--no-cache")  # the first start of all learns which modules snippets import
    found: dict[str, Any] = {"small": measure_ways(small, tool, run), "large": None}
    with run.bench.kept_warm(first[0].parent, tool):
        say(f"{tool}: checker, warm, {SMALL}")
        found["small"]["checker, warm"] = figures(run.bench.check_warm(small[0].parent, tool, "--no-cache"))
    add_traps(found["small"], tool, run)
    if not run.quick:
        found["large"] = measure_large(tool, first, run)
    for size, count in (("small", SMALL), ("large", LARGE)):
        if found[size]:
            found[size]["isolation"] = isolation_cost(found[size], count)
    return found


def measure_ways(pages: list[Path], tool: str, run: Run) -> dict[str, Any]:
    """The same pages by every way of checking, one after another."""
    ways: dict[str, Callable[[], Outcome | Checked]] = {"naive": lambda: run_naive(pages, tool, run.folder(f"{tool}-naive"))}
    for name in () if run.quick else RIVALS:
        ways[name] = lambda name=name: run_rival(name, pages, tool, run.folder(f"{tool}-{name}"))
    ways["the same checks, a process each"] = lambda: run.bench.check(pages[0].parent, "--no-cache", "--no-fork")
    ways["checker, cold"] = lambda: run.bench.check(pages[0].parent, "--no-cache")
    ways["unisolated"] = lambda: run_unisolated(pages, tool, run.folder(f"{tool}-unisolated"))
    ways["floor"] = lambda: run_floor(pages, tool, run.folder(f"{tool}-floor"))
    found = {}
    for name, way in ways.items():
        say(f"{tool}: {name}, {SMALL}")
        found[name] = figures(way(), len(pages) if name in RIVALS and RIVALS[name].per_page else SMALL)
    return found


def figures(outcome: Outcome | Checked, expected: int = SMALL) -> dict[str, Any]:
    """Cost, number of results, and on a clean corpus: false failures, and snippets without a verdict."""
    results = len(outcome.verdicts)
    return {
        "wall": outcome.cost.wall,
        "cpu": outcome.cost.cpu,
        "results": results,
        "false_failures": outcome.failures,
        "no_verdict": max(0, expected - results),
    }


def isolation_cost(found: dict[str, Any], count: int) -> dict[str, float]:
    """Milliseconds per snippet, in CPU, and in wall x cores.

    ``isolation`` is what the warm checker costs beyond the same checks in one process with nothing between the
    snippets; ``all`` is what it costs beyond the bodies alone, the checks themselves included.
    """
    warm, checks, floor = found["checker, warm"], found["unisolated"], found["floor"]
    return {
        "cpu_ms": (warm["cpu"] - checks["cpu"]) / count * 1000,
        "wall_cores_ms": (warm["wall"] * CORES - checks["cpu"]) / count * 1000,
        "all_cpu_ms": (warm["cpu"] - floor["cpu"]) / count * 1000,
    }


def add_traps(found: dict[str, Any], tool: str, run: Run) -> None:
    """False verdicts on the trap pages, for the checker, the naive way and the rivals."""
    say(f"{tool}: traps")
    traps = traps_of(tool)
    pages = write_trap_pages(tool, run.folder(f"{tool}-trap-pages"))
    verdicts = run.bench.check(pages[0].parent, "--no-cache", "--tool", tool).verdicts
    given = [[passed for (name, _), passed in sorted(verdicts.items()) if Path(name).name == page.name] for page in pages]
    false = [false_verdicts(trap, two) for trap, two in zip(traps, given, strict=True)]
    wrong = [trap.name for trap, count in zip(traps, false, strict=True) if count]
    found["checker, cold"]["traps"] = {"false": sum(false), "asked": 2 * len(traps), "wrong": wrong}
    for name in ["naive"] if run.quick else ["naive", *RIVALS]:
        count, asked, wrong = spring_traps(name, tool, run.folder(f"{tool}-{name}-traps"))
        found[name]["traps"] = {"false": count, "asked": asked, "wrong": wrong}


def measure_large(tool: str, first: list[Path], run: Run) -> dict[str, Any]:
    """600 snippets: cold once, then with the process kept warm; failures over all runs, memory of that process."""
    pages = write_pages(make_samples(tool, LARGE), run.folder(f"{tool}-{LARGE}"), tool)
    say(f"{tool}: floor, {LARGE}")
    floor = run_floor(pages, tool, run.folder(f"{tool}-floor-{LARGE}"))
    say(f"{tool}: unisolated, {LARGE}")
    unisolated = run_unisolated(pages, tool, run.folder(f"{tool}-unisolated-{LARGE}"))
    say(f"{tool}: checker, cold, {LARGE}")
    runs = [run.bench.check(pages[0].parent, "--no-cache")]
    with run.bench.kept_warm(first[0].parent, tool) as process:
        memory = [memory_of(process)]
        for number in range(REPEATS - 1):
            say(f"{tool}: checker, warm, {LARGE}, {number + 1} of {REPEATS - 1}")
            runs.append(run.bench.check_warm(pages[0].parent, tool, "--no-cache"))
            memory.append(memory_of(process))
    middle = sorted(runs[1:], key=lambda one: one.cost.wall)[(REPEATS - 2) // 2]
    spurious = {"runs": sum(len(one.verdicts) for one in runs), "failures": sum(one.failures for one in runs)}
    return {
        "floor": figures(floor, LARGE),
        "unisolated": figures(unisolated, LARGE),
        "checker, cold": figures(runs[0], LARGE),
        "checker, warm": figures(middle, LARGE),
        "spurious": spurious,
        "memory": {"before": memory[0], "after_600": memory[1], "after_all": memory[-1]},
    }


# --- the loop of somebody who edits


def measure_edit_loop(run: Run) -> dict[str, Any]:
    """Wall seconds, process start included, of checking a pack of which nothing or one snippet has changed."""
    pack = ROOT / ".cache" / "bench-pack"  # always there, so that the cache does not grow with every benchmark
    for page in pack.glob("*.md"):
        page.unlink()
    pages = {tool: write_pages(make_samples(tool, SMALL), pack, tool) for tool in run.tools}
    say("edit loop")
    run.bench.check(pack)
    unchanged = [run.bench.check(pack) for _ in range(3)]
    found: dict[str, Any] = {
        "snippets": len(unchanged[0].verdicts),
        "cached": unchanged[0].cached,
        "unchanged": statistics.median(one.cost.wall for one in unchanged),
        "unchanged_cpu": statistics.median(one.cost.cpu for one in unchanged),
    }
    for tool, own in pages.items():
        found[tool] = measure_edits(own[-1], pack, tool, run)
    return found


def measure_edits(page: Path, pack: Path, tool: str, run: Run) -> dict[str, Any]:
    """One line of one snippet is edited, three times without and three times with the process kept warm."""
    cold = [edit_and_check(page, lambda: run.bench.check(pack)) for _ in range(3)]
    run.bench.check(pack, "--keep-warm")
    edit_and_check(page, lambda: run.bench.check(pack, "--keep-warm"))  # starts it
    warm = [edit_and_check(page, lambda: run.bench.check(pack, "--keep-warm")) for _ in range(3)]
    run.bench.end_warm()
    return {
        "not_kept_warm": statistics.median(one.cost.wall for one in cold),
        "kept_warm": statistics.median(one.cost.wall for one in warm),
        "rerun": len(warm[-1].verdicts) - warm[-1].cached,
    }


def edit_and_check(page: Path, check: Callable[[], Checked]) -> Checked:
    """Change the last snippet of a page without moving a line, then check."""
    text = page.read_text(encoding="utf-8").rstrip()
    kept, fence, _ = text.rpartition("```")
    body = kept.rstrip("\n").rpartition("  # edited")[0] or kept.rstrip("\n")
    page.write_text(f"{body}  # edited {time.time_ns()}\n{fence}\n", encoding="utf-8")
    return check()


def say(what: str) -> None:
    """Progress, on standard error."""
    print(f"[{time.strftime('%H:%M:%S')}] {what}", file=sys.stderr, flush=True)


def rounded(value: Any) -> Any:
    """The same figures with three digits after the point."""
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
