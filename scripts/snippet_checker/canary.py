"""Snippets that must fail. When one passes, the checker is broken and says so."""

from __future__ import annotations

from .model import Check, Language, Level, Marks, Snippet

_ANY_TOOL = {
    "an assertion at module level": "assert 1 == 2\n",
    "a process that ends itself": "import os\nos._exit(0)\n",
}
_PER_TOOL = {
    "dagster": {
        "a removed import": "from dagster import solid\n",
        "an asset that fails": "import dagster as dg\n@dg.asset\ndef broken():\n    raise ValueError\n",
    },
    "airflow": {
        "a removed import": "from airflow.operators.dummy import DummyOperator\n",
        "a task that fails": (
            "from airflow.sdk import dag, task\n@dag\ndef broken():\n    @task\n    def fail():\n        raise ValueError\n"
            "    fail()\nbroken()\n"
        ),
    },
    "prefect": {
        "a removed import": "from prefect.deployments import Deployment\n",
        "a flow that fails": "from prefect import flow\n@flow\ndef broken():\n    raise ValueError\n",
    },
    "embedded": {},
}
_DOCUMENTS = {
    "unparsable SQL": (Language.SQL, "SELEC 1 FRM x\n"),
    "unparsable JSON": (Language.JSON, "{,}\n"),
}


def canaries(tool: str, level: Level) -> list[Check]:
    """Checks of ``tool`` that must fail at ``level``."""
    if tool == "tooling":
        return [_canary(tool, name, language, code, level) for name, (language, code) in _DOCUMENTS.items()]
    named = _ANY_TOOL | _PER_TOOL[tool]
    if level is not Level.RUNS:
        named = {name: code for name, code in named.items() if name in _ANY_TOOL or "import" in name}
    return [_canary(tool, name, Language.PYTHON, code, level) for name, code in named.items()]


def _canary(tool: str, name: str, language: Language, code: str, level: Level) -> Check:
    snippet = Snippet(f"canary ({name})", 1, code.count("\n"), language, code, Marks())
    return Check(snippet, tool, level, code)
