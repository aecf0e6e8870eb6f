"""Print what a benchmark has found, as tables of ratios."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

EXTRAPOLATED = 10  # the naive way is run over 60 snippets only, and said to take ten times as long over 600


def print_tables(found: dict[str, Any]) -> None:
    """Everything in ``results.json``, for a reader."""
    console = Console(width=150)
    machine = found["machine"]
    console.print(f"{machine['cores']} cores, Python {machine['python']}, load {machine['load_at_start']} at the start")
    for tool, own in found["tools"].items():
        title = f"{tool} {machine['versions'][tool]}"
        console.print(ways_table(f"{title}, {own['small']['naive']['results']} snippets", own["small"], 1))
        if own["large"]:
            scaled = {name: value * EXTRAPOLATED for name, value in own["small"]["naive"].items() if name in ("wall", "cpu")}
            large = {"naive (60, x10)": scaled} | own["large"]
            console.print(ways_table(f"{title}, {own['large']['floor']['results']} snippets", large, EXTRAPOLATED))
    console.print(rest_table(found))
    console.print(loop_table(found["edit_loop"]))


def ways_table(title: str, ways: dict[str, Any], scale: int) -> Table:
    """One row per way of checking. A ratio is left out where not every snippet came to a verdict.

    The naive way executes the bodies only; the checker also loads each file as its tool does, validates, and serializes.
    """
    table = Table(title=title, title_justify="left", show_edge=False)
    columns = ("wall s", "CPU s", "times faster than naive", "x floor", "results", "false failures", "no verdict", "traps wrong")
    table.add_column("way")
    for name in columns:
        table.add_column(name, justify="right")
    naive, floor = next(iter(ways.values())), ways["floor"]
    for name, way in ways.items():
        if "wall" in way:
            table.add_row(name, *_cells(way, naive, floor))
    return table


def _cells(way: dict[str, Any], naive: dict[str, Any], floor: dict[str, Any]) -> list[str]:
    whole = not way.get("no_verdict")
    traps = way.get("traps")
    return [
        f"{way['wall']:.2f}",
        f"{way['cpu']:.2f}",
        f"{naive['wall'] / way['wall']:.1f}" if whole else "stopped",
        f"{way['cpu'] / floor['cpu']:.1f}" if whole else "",
        str(way.get("results", "")),
        str(way.get("false_failures", "")),
        str(way.get("no_verdict", "")),
        f"{traps['false']} of {traps['asked']}" if traps else "",
    ]


def rest_table(found: dict[str, Any]) -> Table:
    """What the checker adds to the bodies, memory, failures that a second run would not show."""
    table = Table(
        title="Isolation (checker, warm, minus its checks in one process), memory, spurious failures",
        title_justify="left",
        show_edge=False,
    )
    table.add_column("tool")
    memory_columns = ("warm process MB", "after 600", "after all")
    for name in ("CPU ms per snippet", "wall x 2 cores ms", "with checks", *memory_columns, "spurious failures"):
        table.add_column(name, justify="right")
    for tool, own in found["tools"].items():
        size = own["large"] or own["small"]
        memory = own["large"]["memory"] if own["large"] else {}
        spurious = own["large"]["spurious"] if own["large"] else {}
        table.add_row(
            tool,
            f"{size['isolation']['cpu_ms']:.1f}",
            f"{size['isolation']['wall_cores_ms']:.1f}",
            f"{size['isolation']['all_cpu_ms']:.1f}",
            *[f"{memory[name]['peak'] / 1e6:.0f}" if memory else "" for name in ("before", "after_600", "after_all")],
            f"{spurious['failures']} in {spurious['runs']}" if spurious else "",
        )
    return table


def loop_table(loop: dict[str, Any]) -> Table:
    """What waiting costs whoever edits one snippet, process start included."""
    title = f"Seconds until the answer ({loop['cached']} of {loop['snippets']} known)"
    table = Table(title=title, title_justify="left", show_edge=False)
    for name in ("what changed", "process kept warm", "not kept warm"):
        table.add_column(name, justify="right" if name != "what changed" else "left")
    table.add_row("nothing", f"{loop['unchanged']:.2f}", f"{loop['unchanged']:.2f}")
    for tool, own in loop.items():
        if isinstance(own, dict):
            table.add_row(f"one snippet of {tool}", f"{own['kept_warm']:.2f}", f"{own['not_kept_warm']:.2f}")
    return table
