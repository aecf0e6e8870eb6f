"""What the repository has to show: pages, examples with their parts, results of the checker."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("dagster", "airflow", "prefect", "embedded")
TITLES = {"dagster": "Dagster", "airflow": "Airflow", "prefect": "Prefect", "embedded": "Embedded"}
ENTRIES = {"dagster": "definitions.py", "airflow": "dag.py", "prefect": "flow.py"}
LANGUAGES = {
    ".py": "python", ".sql": "sql", ".yml": "yaml", ".yaml": "yaml", ".json": "json", ".toml": "toml", ".md": "markdown",
    ".sh": "bash", ".csv": "text", ".txt": "text", ".service": "ini", ".timer": "ini", ".cfg": "ini", ".ini": "ini", "": "text",
}  # fmt: skip
NOT_SHOWN = {
    "__pycache__",
    "target",
    "dbt_target",
    "logs",
    ".dlt",
    "dbt_packages",
    ".venv",
    ".user.yml",
    "spark-warehouse",
    ".gitignore",
}
NO_PATTERN = ("harness", "dbt_shop")
SHOWN_BYTES = 40_000  # a longer file is in the download only
PART = re.compile(r"^(What|When|Run|Expect):\s*", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """One folder of examples: `files` are all that belong to it, `parts` what its entry file says of itself."""

    tool: str
    name: str
    folder: Path
    files: tuple[Path, ...]
    parts: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The folder's name in plain words."""
        return title_of(self.name)

    @property
    def shown(self) -> list[Path]:
        """Files in reading order: entry, other code, data, tests."""
        small = [path for path in self.files if path.suffix in LANGUAGES and path.stat().st_size <= SHOWN_BYTES]
        return sorted(small, key=lambda path: (path.name.startswith("test_"), path.name != ENTRIES.get(self.tool), str(path)))


def title_of(name: str) -> str:
    """`retries_with_backoff` -> "Retries with backoff", names of tools as they are written."""
    words = name.replace("_", " ").replace("-", " ")
    for word, written in (("dbt", "dbt"), ("dlt", "dlt"), ("sql", "SQL"), ("xcom", "XCom"), ("s3", "S3"), ("io", "IO")):
        words = re.sub(rf"\b{word}\b", written, words)
    return words if words.startswith(("dbt", "dlt")) else words[:1].upper() + words[1:]


def find_examples(root: Path = ROOT) -> list[Example]:
    """Every example of every tool, harnesses and the shared dbt project included, in the order of tools and names."""
    found = []
    for tool in TOOLS:
        for folder in sorted((root / "examples" / tool).iterdir()):
            if folder.is_dir() and not folder.name.startswith((".", "__")) and (files := files_of(folder)):
                found.append(Example(tool, folder.name, folder, files, parts_of(entry_of(tool, folder))))
    shared = root / "examples" / "dbt_shop"
    if shared.is_dir():  # used under every tool; its page stands with the environment that has dbt and no orchestrator
        found.append(Example("embedded", "dbt_shop", shared, files_of(shared), {}))
    return found


def files_of(folder: Path) -> tuple[Path, ...]:
    """The files that belong to a folder: nothing that a run has left there."""
    found = (path for path in folder.rglob("*") if path.is_file() and not NOT_SHOWN & set(path.relative_to(folder).parts))
    return tuple(sorted(path for path in found if path.suffix not in (".pyc", ".duckdb", ".wal", ".db")))


def entry_of(tool: str, folder: Path) -> Path | None:
    """The file that a reader opens first."""
    named = folder / ENTRIES.get(tool, "")
    if named.is_file():
        return named
    code = [path for path in sorted(folder.glob("*.py")) if not path.name.startswith("test_")]
    return next((path for path in code if "What:" in path.read_text(encoding="utf-8")), None)


def parts_of(entry: Path | None) -> dict[str, str]:
    """The labelled parts of a module's docstring: What, When, Run, Expect."""
    if entry is None:
        return {}
    text = ast.get_docstring(ast.parse(entry.read_text(encoding="utf-8"))) or ""
    pieces = PART.split(text)
    found = {label: " ".join(body.split()) for label, body in zip(pieces[1::2], pieces[2::2], strict=True)}
    return {label: body if label == "Run" else begin_large(body) for label, body in found.items()}


def begin_large(sentence: str) -> str:
    """A sentence with a capital letter, unless it begins with the name of a thing (`orders.csv`, `dbt`, `raw/orders`)."""
    first = sentence.split(" ", 1)[0].rstrip(",;:")
    return sentence[:1].upper() + sentence[1:] if first.isalpha() and first not in ("dbt", "dlt") else sentence


def find_pages(root: Path = ROOT) -> list[Path]:
    """The reference pages."""
    return sorted((root / "references").glob("*.md"))


def heading_of(page: Path) -> str:
    """The first heading of a page."""
    return next((line[2:].strip() for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("# ")), page.stem)


def read_results(path: Path) -> dict[str, Any]:
    """What the checker said about every snippet and example; from its cache where nothing has changed."""
    done = subprocess.run([sys.executable, "scripts/check.py", "--json", str(path)], cwd=ROOT, stdout=subprocess.DEVNULL)
    if done.returncode == 2 or not path.exists():
        raise SystemExit("the checker did not run: call `make check` and mend what it names")
    return json.loads(path.read_text())
