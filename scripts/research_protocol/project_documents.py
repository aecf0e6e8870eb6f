"""Files of a project that are not Python and say how it is orchestrated: dbt, tool settings, contracts, design documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .model import Found, Unread
from .project_files import ProjectFiles

SETTINGS = {
    "dagster.yaml": ("dagster", "instance settings"),
    "workspace.yaml": ("dagster", "workspace"),
    "dagster_cloud.yaml": ("dagster", "deployment settings"),
    "dg.toml": ("dagster", "dg settings"),
    "airflow.cfg": ("airflow", "settings"),
    "airflow_settings.yaml": ("airflow", "settings"),
    "webserver_config.py": ("airflow", "settings"),
    "prefect.toml": ("prefect", "settings"),
    "databricks.yml": ("databricks", "bundle"),
    "profiles.yml": ("dbt", "profiles"),
    "dependencies.yml": ("dbt", "packages"),
    "packages.yml": ("dbt", "packages"),
}
DBT_ARTIFACTS = ("manifest.json", "catalog.json", "run_results.json", "sources.json", "semantic_manifest.json")
COMPONENT_FILES = ("defs.yaml", "component.yaml")
_COMPONENT = re.compile(r"^type:\s*[\"']?([\w.-]+)", re.MULTILINE)
_DEPLOYMENT = re.compile(r"^\s*-\s+name:\s*[\"']?([^\s\"'#]+)", re.MULTILINE)
_DBT_NAME = re.compile(r"^name:\s*[\"']?([\w-]+)", re.MULTILINE)
_CONTRACT_TEXT = re.compile(
    r"^(?:kind:\s*DataContract|dataContractSpecification:)|\"\$schema\"\s*:|^\s*contract:\s*$", re.MULTILINE
)
_CONTRACT_PATH = re.compile(
    r"(?:^|/)(?:contracts?|data_contracts?|schemas?)/|\.contract\.|\.schema\.json$|\.odcs\.ya?ml$|\.avsc$"
)
_ARTIFACT_PATH = re.compile(r"artifacts?[^/]*(?:/|\.json$)", re.IGNORECASE)
_DESIGN = re.compile(
    r"(?:^|/)(?:architecture|design|adrs?|decisions|rfcs?)(?:[-_ ][^/]*)?(?:/[^/]+)*(?:/[^/]*|)\.(?:md|rst|adoc|txt)$",
    re.IGNORECASE,
)
_ENTRY_DOCUMENTS = ("readme.md", "contributing.md", "agents.md", "claude.md", "architecture.md", "design.md")
LARGEST = 5_000_000  # bytes that are read of one document


def find_documents(files: ProjectFiles) -> tuple[list[Found], list[Unread]]:
    """Everything of interest among the other files, and what could not be read."""
    found: list[Found] = []
    unread: list[Unread] = []
    for path in files.others:
        name = files.name(path)
        try:
            found += _look_at(Path(path), name)
        except OSError as error:
            unread.append(Unread(name, 1, error.strerror or type(error).__name__))
    return found, unread


def _look_at(path: Path, name: str) -> Iterator[Found]:
    base = path.name
    if base in SETTINGS:
        tool, kind = SETTINGS[base]
        yield Found(tool, kind, base, name, 1)
    elif base in ("dbt_project.yml", "dbt_project.yaml"):
        yield from _dbt_project(path, name)
    elif base in COMPONENT_FILES:
        yield from _named(path, name, _COMPONENT, "dagster", "component")
    elif base in ("prefect.yaml", "prefect.yml"):
        yield from _prefect_project(path, name)
    elif base == "pyproject.toml" and "[tool.dg" in _text(path):
        yield Found("dagster", "dg settings", "pyproject.toml", name, _line_of(_text(path), "[tool.dg"))
    elif name.startswith(".github/workflows/") and re.search(r"^\s*schedule:", _text(path), re.MULTILINE):
        yield Found("actions", "schedule", path.stem, name, _line_of(_text(path), "schedule:"))
    elif base in DBT_ARTIFACTS:
        yield Found("dbt", "artifact", base, name, 1)
    elif path.suffix in (".json", ".yaml", ".yml", ".avsc"):
        yield from _contract(path, name)
    elif path.suffix.lower() in (".md", ".rst", ".adoc", ".txt"):
        yield from _document(name)


def _dbt_project(path: Path, name: str) -> Iterator[Found]:
    models = sum(
        1 for file in path.parent.glob("**/models/**/*.sql") if "dbt_packages" not in file.parts and "target" not in file.parts
    )
    artifacts = [artifact for artifact in DBT_ARTIFACTS if (path.parent / "target" / artifact).is_file()]
    compiled = f"target/ holds {', '.join(artifacts)}" if artifacts else "not compiled: no target/manifest.json"
    match = _DBT_NAME.search(_text(path))
    yield Found("dbt", "project", match.group(1) if match else path.parent.name, name, 1, f"{models} models; {compiled}")


def _prefect_project(path: Path, name: str) -> Iterator[Found]:
    yield Found("prefect", "project", path.parent.name, name, 1)
    text = _text(path)
    start = text.find("deployments:")
    for match in _DEPLOYMENT.finditer(text, start) if start >= 0 else ():
        yield Found("prefect", "deployment", match.group(1), name, text.count("\n", 0, match.start(1)) + 1, "prefect.yaml")


def _contract(path: Path, name: str) -> Iterator[Found]:
    text = _text(path)
    match = _CONTRACT_TEXT.search(text)
    if match or _CONTRACT_PATH.search(name):
        line = text.count("\n", 0, match.start()) + 1 if match else 1
        yield Found("contracts", "contract", path.name, name, line)
    elif path.suffix == ".json" and _ARTIFACT_PATH.search(name):
        yield Found("contracts", "artifact", path.name, name, 1)


def _document(name: str) -> Iterator[Found]:
    if name.lower() in _ENTRY_DOCUMENTS:
        yield Found("documents", "read first", name, name, 1)
    elif _DESIGN.search(name):
        yield Found("documents", "design", name, name, 1)


def _named(path: Path, name: str, pattern: re.Pattern[str], tool: str, kind: str) -> Iterator[Found]:
    text = _text(path)
    for match in pattern.finditer(text):
        yield Found(tool, kind, match.group(1), name, text.count("\n", 0, match.start()) + 1)


def _text(path: Path) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read(LARGEST)


def _line_of(text: str, word: str) -> int:
    return text.count("\n", 0, text.find(word)) + 1
