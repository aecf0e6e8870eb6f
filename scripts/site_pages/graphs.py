"""Graphs of real definitions as SVG: laid out in layers by networkx, coloured by the page's own theme."""

from __future__ import annotations

import hashlib
import html
import itertools
import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import networkx

from .sources import ENTRIES, ROOT, Example

READER = Path(__file__).with_name("read_graphs.py")
WIDTH_PER_LETTER, HEIGHT, GAP_X, GAP_Y = 7.4, 34, 46, 16  # pixels
MERMAID_EDGE = re.compile(r"\s*(?:-->|---|-\.->|==>)(?:\|[^|]*\|)?\s*")
MERMAID_NODE = re.compile(r"^(\w+)(?:[\[({>]+\"?(.*?)\"?[\])}]+)?(?::::\w+)?$")


def read_graphs(examples: list[Example]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """(tool, example) -> its graphs: name, nodes, edges, read by each tool's own interpreter from the loaded file."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for tool in ("dagster", "airflow", "prefect"):
        entries = {example.name: example.folder / ENTRIES[tool] for example in examples if example.tool == tool}
        entries = {name: path for name, path in entries.items() if path.is_file()}
        found |= {(tool, name): graphs for name, graphs in _read_with(tool, entries).items()}
    return found


def _read_with(tool: str, entries: dict[str, Path]) -> dict[str, list[dict[str, Any]]]:
    state = hashlib.sha256(READER.read_bytes() + (ROOT / "examples" / tool / "uv.lock").read_bytes())
    for path in entries.values():
        for file in sorted(path.parent.rglob("*.py")):
            state.update(str(file).encode() + file.read_bytes())
    kept = ROOT / ".cache" / "site" / f"graphs-{tool}-{state.hexdigest()[:16]}.json"
    if not kept.exists():
        python = ROOT / "examples" / tool / ".venv" / "bin" / "python"
        asked = json.dumps({name: str(path) for name, path in entries.items()})
        done = subprocess.run([str(python), str(READER), tool], input=asked, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise SystemExit(f"graphs of {tool} could not be read:\n{done.stderr[-3000:]}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(done.stdout.splitlines()[-1])
    return json.loads(kept.read_text())


def draw(nodes: Iterable[str], edges: Iterable[tuple[str, str]], title: str, labels: dict[str, str] | None = None) -> str:
    """An SVG of a directed graph without cycles, left to right; a cycle is drawn without its closing edge."""
    graph = networkx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from((str(start), str(end)) for start, end in edges if start != end)
    while not networkx.is_directed_acyclic_graph(graph):
        graph.remove_edge(*networkx.find_cycle(graph)[-1][:2])
    named = {node: (labels or {}).get(node, node) for node in graph}
    places, width, height = _places(graph, named)
    lines = [f'<path class="edge" d="{_curve(places[start], places[end])}"/>' for start, end in graph.edges]
    for node, (x, y, wide) in places.items():
        box = f'<rect x="{x:.0f}" y="{y:.0f}" width="{wide:.0f}" height="{HEIGHT}" rx="6"/>'
        text = f'<text x="{x + wide / 2:.0f}" y="{y + HEIGHT / 2 + 5:.0f}">{html.escape(named[node])}</text>'
        lines.append(f'<g class="node">{box}{text}</g>')
    arrow = '<marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    arrow += '<path d="M0 0 L8 4 L0 8 z"/></marker>'
    label = html.escape(title, quote=True)
    head = f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img" aria-label="{label}">'
    return f'<div class="graph" tabindex="0">{head}<defs>{arrow}</defs>{"".join(lines)}</svg></div>'


def _places(graph: networkx.DiGraph, named: dict[str, str]) -> tuple[dict[str, tuple[float, float, float]], float, float]:
    """Node -> (x, y, width), then the size of the whole; a layer is ordered by the middle of what leads to it."""
    places: dict[str, tuple[float, float, float]] = {}
    layers = [list(layer) for layer in networkx.topological_generations(graph)]
    tallest = max((len(layer) for layer in layers), default=1)
    x = 8.0
    for layer in layers:
        layer.sort(key=lambda node: _middle_of_sources(graph, node, places))
        wide = max(len(named[node]) for node in layer) * WIDTH_PER_LETTER + 24
        top = 8 + (tallest - len(layer)) * (HEIGHT + GAP_Y) / 2
        for row, node in enumerate(layer):
            places[node] = (x, top + row * (HEIGHT + GAP_Y), wide)
        x += wide + GAP_X
    return places, x - GAP_X + 8, tallest * (HEIGHT + GAP_Y) - GAP_Y + 16


def _middle_of_sources(graph: networkx.DiGraph, node: str, places: dict[str, tuple[float, float, float]]) -> tuple[float, str]:
    above = [places[source][1] for source in graph.predecessors(node) if source in places]
    return (sum(above) / len(above) if above else 0.0, str(node))


def _curve(start: tuple[float, float, float], end: tuple[float, float, float]) -> str:
    x, y = start[0] + start[2], start[1] + HEIGHT / 2
    to_x, to_y = end[0] - 2, end[1] + HEIGHT / 2
    bend = max(20.0, (to_x - x) / 2)
    return f"M{x:.0f} {y:.0f} C{x + bend:.0f} {y:.0f} {to_x - bend:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"


def draw_mermaid(source: str, title: str) -> str | None:
    """The same picture for a mermaid flowchart; None for other diagrams and for what these few rules do not read."""
    lines = [line.strip().rstrip(";") for line in source.strip().splitlines()]
    if not lines or lines[0].split()[0] not in ("graph", "flowchart"):
        return None
    nodes: dict[str, str] = {}
    edges = []
    for line in lines[1:]:
        if not line or line.startswith(("%%", "subgraph", "end", "classDef", "class ", "style", "direction")):
            continue
        ends = [MERMAID_NODE.match(part) for group in [MERMAID_EDGE.split(line)] for part in group]
        if not all(ends):
            return None
        for end in ends:
            assert end is not None
            nodes[end[1]] = re.sub(r"<br ?/?>", " ", end[2]) if end[2] else nodes.get(end[1], end[1])
        names = [end[1] for end in ends if end is not None]
        edges += list(itertools.pairwise(names))
    return draw(nodes, edges, title, nodes)
