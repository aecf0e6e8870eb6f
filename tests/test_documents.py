"""Proving SQL, YAML, JSON, TOML, mermaid and text."""

from __future__ import annotations

from typing import Any

import pytest
from snippet_checker.documents import _is_cron, check_document
from snippet_checker.probe_failure import ProbeFailure


def level(language: str, source: str, **more: Any) -> str:
    return check_document({"language": language, "source": source, "line": 1, "level": "runs"} | more)


def failure(language: str, source: str, **more: Any) -> tuple[str, int | None]:
    with pytest.raises(ProbeFailure) as error:
        level(language, source, **more)
    return error.value.kind, error.value.line


def test_sql_is_executed_statement_by_statement() -> None:
    """An unknown column is found at the line of its statement."""
    assert level("sql", "CREATE TABLE t AS SELECT 1 AS x;\nSELECT x FROM t;") == "runs"
    assert failure("sql", "CREATE TABLE u AS SELECT 1 AS x;\n\nSELECT y FROM u;") == ("BinderException", 3)


def test_sql_of_another_dialect_is_executed_where_its_engine_is() -> None:
    """SQLite is here; Snowflake is not, and then the mark must say that it is only parsed."""
    assert level("sql", "SELECT sqlite_version()", dialect="sqlite") == "runs"
    assert failure("sql", "SELECT 1 QUALIFY ROW_NUMBER() OVER (ORDER BY 1) = 1", dialect="snowflake")[0] == "NoEngine"
    assert level("sql", "SELECT 1", dialect="snowflake", level="parses") == "parses"


def test_broken_sql_is_found_at_its_line() -> None:
    """By sqlglot, before any engine is asked."""
    assert failure("sql", "SELECT 1;\nSELECT (1") == ("ParseError", 2)
    assert failure("sql", "-- nothing")[0] == "NoStatement"


def test_yaml_json_and_toml_name_the_line_that_does_not_parse() -> None:
    """Each by its own well-kept parser."""
    assert failure("yaml", "a: 1\nb: [1, 2\nc: 3") == ("YAMLError", 3)
    assert failure("json", '{"a": 1,\n "b": }') == ("JSONDecodeError", 2)
    assert failure("toml", "a = 1\nb = = 2") == ("TOMLDecodeError", 2)


def test_a_key_twice_in_one_mapping_is_refused() -> None:
    """The parser would keep the last in silence."""
    assert failure("yaml", "# x\na: 1\na: 2") == ("DuplicateKey", 3)


def test_a_document_that_says_not_what_it_configures_is_only_parsed_and_must_say_why() -> None:
    """The message shows both ways out."""
    for language, source in (("yaml", "a: 1"), ("json", "{}"), ("toml", "a = 1"), ("yaml", "# unknown.yaml\na: 1")):
        assert failure(language, source)[0] == "NoSchema"
        assert level(language, source, level="parses") == "parses"


WORKFLOW = """# .github/workflows/ci.yml
on:
  schedule:
    - cron: "{cron}"
jobs:
  test:
    {key}: ubuntu-latest
    steps:
      - run: make test
"""


def test_github_workflows_are_held_against_their_schema_and_cron_syntax() -> None:
    """A misspelt key and a cron that never fires are found at their line."""
    assert level("yaml", WORKFLOW.format(cron="0 6 * * 1-5", key="runs-on")) == "runs"
    assert failure("yaml", WORKFLOW.format(cron="0 6 * * *", key="runs_on")) == ("ValidationError", 7)
    assert failure("yaml", WORKFLOW.format(cron="0 26 * * *", key="runs-on")) == ("InvalidCron", 4)


@pytest.mark.parametrize(
    ("cron", "valid"),
    [("*/15 0-6,20 1 JAN MON", True), ("0 0 6 * * ?", False), ("60 * * * *", False), ("* * * *", False), ("0 6 ? * *", False)],
)
def test_cron_has_five_fields_in_range(cron: str, valid: bool) -> None:
    """Quartz expressions and numbers out of range are none."""
    assert _is_cron(cron) == valid


def test_pyproject_is_held_against_its_schema() -> None:
    """By validate-pyproject."""
    assert level("toml", '# pyproject.toml\n[project]\nname = "a"\nversion = "1"') == "runs"
    assert failure("toml", '# pyproject.toml\n[project]\nname = "a"\nversion = "1"\nrequires-python = 3')[0] == "ValidationError"


def test_text_and_mermaid_end_at_parses_without_a_reason() -> None:
    """A diagram of unknown kind, or with open brackets, does not."""
    assert level("text", "anything (") == "parses"
    assert level("mermaid", 'flowchart LR\n  a["x (y"] --> b[y]') == "parses"
    assert failure("mermaid", "flowchat LR\n a --> b")[0] == "UnknownDiagram"
    assert failure("mermaid", "flowchart LR\n  a[x --> b[y]") == ("UnclosedBracket", 2)
