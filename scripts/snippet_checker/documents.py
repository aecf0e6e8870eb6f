"""Prove what is neither Python nor shell: SQL, YAML, JSON, TOML, mermaid, text. Runs in the tooling's environment."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from functools import cache
from typing import Any

from .locate import line_of_word
from .plan import named_file
from .probe_failure import ProbeFailure

MERMAID_DIAGRAMS = (
    "flowchart", "graph", "sequenceDiagram", "classDiagram", "stateDiagram", "stateDiagram-v2",
    "erDiagram", "gantt", "pie", "journey", "gitGraph", "mindmap",
    "timeline",
)  # fmt: skip
_SCHEMAS = {
    r"\.github/workflows/[\w.-]+\.ya?ml": "github-workflows",
    r"(docker-)?compose\.ya?ml": "compose-spec",
    r"\.gitlab-ci\.yml": "gitlab-ci",
}


def check_document(job: dict[str, Any]) -> str:
    """Prove one snippet; return the level reached. Raises ProbeFailure with the line of the page."""
    return _CHECKS[job["language"]](job)


# --- SQL


def _check_sql(job: dict[str, Any]) -> str:
    """Parse in the dialect of the mark (DuckDB without one); execute what DuckDB or SQLite can."""
    dialect = job.get("dialect") or "duckdb"
    statements = _parse_sql(job, dialect)
    if job["level"] == "parses":
        return "parses"
    if dialect not in ("duckdb", "sqlite"):
        raise ProbeFailure(
            "NoEngine", f"no {dialect} engine runs here, so it is only parsed; say so: `<!-- snippet: parse, REASON -->`"
        )
    for statement, line in statements:
        _ENGINES[dialect](statement, line, job)
    return "runs"


def _parse_sql(job: dict[str, Any], dialect: str) -> list[tuple[str, int]]:
    """Statements with the line of the page where each begins."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    source = job["source"]
    try:
        trees = [tree for tree in sqlglot.parse(source, read=dialect) if tree is not None]
    except SqlglotError as error:
        details = (getattr(error, "errors", None) or [{}])[0]
        line = details.get("line") or _line_in(str(error)) or job["line"]
        raise ProbeFailure("ParseError", f"not {dialect} SQL: {details.get('description') or str(error)[:200]}", line) from error
    if not trees:
        raise ProbeFailure("NoStatement", "no SQL statement in this fence")
    for tree in trees:
        if isinstance(tree, exp.Command) and job["level"] != "parses" and dialect not in ("duckdb", "sqlite"):
            raise ProbeFailure("OpaqueCommand", f"{tree.name} is not understood in {dialect}; mark it `parse, REASON`")
    return _split_statements(source, dialect)


def _split_statements(source: str, dialect: str) -> list[tuple[str, int]]:
    import sqlglot
    from sqlglot.tokens import TokenType  # type: ignore[attr-defined]

    statements, start = [], None
    tokens = sqlglot.tokenize(source, read=dialect)
    for index, token in enumerate(tokens):
        start = token if start is None else start
        if token.token_type is TokenType.SEMICOLON or index == len(tokens) - 1:
            if start.token_type is not TokenType.SEMICOLON:
                statements.append((source[start.start : token.end + 1], start.line))
            start = None
    return statements


def _line_in(text: str) -> int | None:
    match = re.search(r"[Ll]ine:? (\d+)", text)
    return int(match.group(1)) if match else None


@cache
def _duckdb() -> Any:
    import duckdb

    return duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "1GB"})


@cache
def _sqlite() -> Any:
    import sqlite3

    return sqlite3.connect(":memory:")


def _execute(connect: Callable[[], Any]) -> Callable[[str, int, dict[str, Any]], None]:
    def execute(statement: str, line: int, job: dict[str, Any]) -> None:
        try:
            connect().execute(statement).fetchall()
        except Exception as error:
            raise ProbeFailure(type(error).__name__, str(error).splitlines()[0], line) from error

    return execute


_ENGINES = {"duckdb": _execute(_duckdb), "sqlite": _execute(_sqlite)}


# --- YAML, JSON, TOML


def _check_yaml(job: dict[str, Any]) -> str:
    documents = load_yaml(job["source"])
    return _hold_against_schema(job, documents[-1] if documents else None)


def load_yaml(source: str) -> list[Any]:
    """The documents of YAML 1.2, in which `on` is a word; a key twice in one mapping is refused, not dropped.

    Raises ProbeFailure with the line.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import DuplicateKeyError
    from ruamel.yaml.error import MarkedYAMLError

    try:
        return list(YAML(typ="safe", pure=True).load_all(source))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        kind = "DuplicateKey" if isinstance(error, DuplicateKeyError) else "YAMLError"
        said = (error.problem or str(error)).split("\n")[0]
        raise ProbeFailure(kind, said, mark.line + 1 if mark else None) from error


def _check_json(job: dict[str, Any]) -> str:
    try:
        value = json.loads(job["source"])
    except json.JSONDecodeError as error:
        raise ProbeFailure("JSONDecodeError", error.msg, error.lineno) from error
    return _hold_against_schema(job, value)


def _check_toml(job: dict[str, Any]) -> str:
    try:
        value = tomllib.loads(job["source"])
    except tomllib.TOMLDecodeError as error:
        raise ProbeFailure("TOMLDecodeError", str(error), _line_in(str(error)) or job["line"]) from error
    return _hold_against_schema(job, value)


def _hold_against_schema(job: dict[str, Any], value: Any) -> str:
    if job["level"] == "parses":
        return "parses"
    name = named_file(job["source"]) or ""
    if re.search(r"(^|/)pyproject\.toml$", name):
        _check_pyproject(job, value)
        return "runs"
    for pattern, schema in _SCHEMAS.items():
        if re.search(f"(^|/){pattern}$", name):
            _check_schema(job, value, schema)
            return "runs"
    said = f"{name} has no schema here" if name else "nothing says which file this is"
    raise ProbeFailure(
        "NoSchema",
        f"{said}, so it is only parsed; begin with a comment that names the file (`# dagster.yaml`), "
        "or say `<!-- snippet: parse, REASON -->`",
    )


def _check_pyproject(job: dict[str, Any], value: Any) -> None:
    from validate_pyproject.api import Validator
    from validate_pyproject.errors import ValidationError

    try:
        Validator()(value)
    except ValidationError as error:
        keys = " ".join(re.findall(r"'[^']+'", error.summary))  # the table around them stands in back quotes
        line = line_of_word(job["source"], keys or error.summary)
        raise ProbeFailure("ValidationError", error.summary, line) from error


def _check_schema(job: dict[str, Any], value: Any, schema: str) -> None:
    from check_jsonschema.builtin_schemas import get_builtin_schema
    from jsonschema.validators import validator_for

    document = get_builtin_schema(f"vendor.{schema}")
    errors = sorted(validator_for(document)(document).iter_errors(value), key=lambda e: (-len(e.absolute_path), e.message))
    if errors:
        deepest = _deepest(errors[0])
        where = ".".join(str(part) for part in deepest.absolute_path)
        raise ProbeFailure(
            "ValidationError", f"{where or 'document'}: {deepest.message[:300]}", line_of_word(job["source"], deepest.message)
        )
    if schema == "github-workflows":
        _check_workflow_cron(job, value)


def _deepest(error: Any) -> Any:
    while error.context:
        error = max(error.context, key=lambda e: (len(e.absolute_path), "unexpected" in e.message))
    return error


def _check_workflow_cron(job: dict[str, Any], value: dict[Any, Any]) -> None:
    """The schema does not look inside the cron string: GitHub wants five fields in range."""
    triggers = value.get("on") or {}
    for entry in (triggers.get("schedule") or []) if isinstance(triggers, dict) else []:
        cron = str(entry.get("cron", ""))
        if not _is_cron(cron):
            raise ProbeFailure(
                "InvalidCron", f"{cron!r} is no cron expression of five fields", line_of_word(job["source"], f"'{cron}'")
            )


def _is_cron(text: str) -> bool:
    """Five fields, numbers in range. Names of months and days are accepted as GitHub does."""
    limits = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
    fields = text.split()
    if len(fields) != len(limits):
        return False
    for field, (low, high) in zip(fields, limits, strict=True):
        numbers = [int(number) for number in re.findall(r"\d+", field.split("/")[0])]
        if not re.fullmatch(r"[\dA-Za-z*,/-]+", field) or any(not low <= number <= high for number in numbers):
            return False
    return True


# --- text and mermaid


def _check_text(job: dict[str, Any]) -> str:
    return "parses"


def _check_mermaid(job: dict[str, Any]) -> str:
    """The diagram's kind is known and its brackets close; no browser is at hand to draw it."""
    lines = [(number, line.strip()) for number, line in enumerate(job["source"].split("\n"), start=1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("%%")]
    if not lines or lines[0][1].split()[0] not in MERMAID_DIAGRAMS:
        raise ProbeFailure("UnknownDiagram", f"a mermaid diagram begins with its kind: {', '.join(MERMAID_DIAGRAMS[:5])}, ...")
    for number, line in lines:
        bare = re.sub(r'"[^"]*"', "", re.sub(r"[-=.<>ox|]{2,}>?", " ", line))
        for left, right in ("[]", "()", "{}"):
            if bare.count(left) != bare.count(right):
                raise ProbeFailure("UnclosedBracket", f"{left}{right} do not match", number)
    return "parses"


_CHECKS = {
    "sql": _check_sql, "yaml": _check_yaml, "json": _check_json, "toml": _check_toml,
    "text": _check_text, "mermaid": _check_mermaid,
}  # fmt: skip
