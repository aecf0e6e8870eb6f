"""Taking shell snippets apart."""

from __future__ import annotations

import pytest
from snippet_checker.shell_words import check_other_command, read_commands, unwrap


def test_every_simple_command_is_found_with_its_line() -> None:
    """In pipes, lists, substitutions and loops; quotes hold words together."""
    code = """\
export A=1
cd x && dagster dev -f 'a b.py' | tee log
for i in 1 2; do
  airflow version
done
echo $(prefect version)
"""
    commands, problems = read_commands(code, 10)
    assert problems == []
    assert [(line, words[:2]) for line, words in commands] == [
        (11, ["cd", "x"]),
        (11, ["dagster", "dev"]),
        (11, ["tee", "log"]),
        (13, ["airflow", "version"]),
        (15, ["echo", "$(prefect version)"]),
        (15, ["prefect", "version"]),
    ]
    assert commands[1][1] == ["dagster", "dev", "-f", "a b.py"]


def test_what_is_no_shell_is_a_syntax_error_at_its_line() -> None:
    """Python in a bash fence, an open quote."""
    for code, line in (("ls\nif then fi fi", 6), ("echo 'x\n", 5), ("x = (1 2)\n", 5)):
        problems = read_commands(code, 5)[1]
        assert [problem.kind for problem in problems] == ["SyntaxError"]
        assert problems[0].line <= line + 1


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["uv", "run", "--project", "x", "dagster", "dev"], ["dagster", "dev"]),
        ([".venv/bin/dg", "dev"], ["dg", "dev"]),
        (["env", "A=1", "airflow", "version"], ["airflow", "version"]),
        (["python", "-m", "prefect", "version"], ["prefect", "version"]),
        (["time", "dbt", "build"], ["dbt", "build"]),
        (["git", "clone", "x"], ["git", "clone", "x"]),
    ],
)
def test_the_command_behind_a_wrapper_is_the_one_that_counts(words: list[str], command: list[str]) -> None:
    """`uv run`, a path, `env`, `python -m`."""
    assert unwrap(words) == command


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("make check", None),
        ("make chekc", "UnknownTarget"),
        ("uv sync --locked", None),
        ("uv sync --lockd", "NoSuchOption"),
        ("python pipeline.py --check", None),
        ("python --check pipeline.py", "NoSuchOption"),
        ("python scripts/check.py --json -", None),
        ("python scripts/check.py --jsonn -", "NoSuchOption"),
        ("python scripts/chek.py", "UnknownScript"),
        ("frobnicate --all", "UnknownCommand"),
        ("cd examples", None),
        ("curl -s http://127.0.0.1/", None),
    ],
)
def test_other_commands_must_exist_with_their_targets_and_options(line: str, kind: str | None) -> None:
    """Targets of the Makefile, options of this pack's scripts and of uv."""
    finding = check_other_command(line.split(), 3)
    assert (finding.kind if finding else None) == kind
