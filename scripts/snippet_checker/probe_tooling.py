"""The tooling's own environment as a tool: it proves documents, and no Python snippet."""

from __future__ import annotations

from .probe_embedded import (  # noqa: F401  the same few functions as every probe
    decorated_class,
    enter,
    exercise,
    known_keywords,
    load,
    names_in,
    rehearse,
    session_processes,
    stale_keywords,
    stale_marks,
    start_session,
    stop_session,
    validate,
    warm_up,
)

ROOTS = ("snippet_checker",)
NOTHING_DEFINED = "runs nothing"
LEARN_LEVEL = "loads"
SAMPLES = ("import sqlglot, duckdb, ruamel.yaml, tomllib, jsonschema, check_jsonschema.builtin_schemas\n",)
