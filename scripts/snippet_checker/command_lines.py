"""Hold a command line against the installed CLI's own parser, without executing it.

Runs inside a tool's environment, so it imports that environment's click, argparse or cyclopts and nothing else.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.metadata
import io
import sys
from typing import Any

from .probe_failure import ProbeFailure

# where a console script hides its parser behind a main() function
PARSERS = {
    "dagster": "dagster._cli:cli",
    "dagster-webserver": "dagster_webserver.cli:dagster_webserver",
    "dagster-daemon": "dagster._daemon.cli:cli",
    "dagster-graphql": "dagster_graphql.cli:ui",
    "dagster-dbt": "dagster_dbt.cli.app:app",
    "dg": "dagster_dg_cli.cli:cli",
    "dbt": "dbt.cli.main:cli",
    "airflow": "airflow.cli.cli_parser:get_parser",
    "prefect": "prefect.cli._app:_app",  # its public app() hides the parser; tests/test_command_lines.py pins the name
}


def is_installed(command: str) -> bool:
    """Whether this environment has a parser for ``command`` that can be asked."""
    return command in PARSERS and any(
        script.name == command for script in importlib.metadata.entry_points(group="console_scripts")
    )


def check_command(words: list[str]) -> None:
    """Raise ProbeFailure when the installed CLI would refuse these words (``words[0]`` is the command)."""
    parser = _load(words[0])
    if hasattr(parser, "registered_commands"):  # a typer app
        typer = importlib.import_module("typer.main")
        parser = typer.get_command(parser)
    if hasattr(parser, "make_context"):
        _check_click(parser, words[0], words[1:])
    elif hasattr(parser, "add_argument"):
        _check_argparse(parser, words)
    else:
        _check_cyclopts(parser, words)


def _load(command: str) -> Any:
    module, _, name = PARSERS[command].partition(":")
    with contextlib.redirect_stdout(sys.stderr):
        parser = getattr(importlib.import_module(module), name)
        return parser() if name.startswith("get_") else parser


# --- click and typer (dagster, dg, dbt)


def _check_click(command: Any, path: str, words: list[str]) -> None:
    context = command.context_class(command, info_name=path)
    try:
        options, rest, _ = command.make_parser(context).parse_args(list(words))
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        raise ProbeFailure(type(error).__name__, f"{path}: {error.format_message()}") from error
    if hasattr(command, "get_command"):
        # `dg scaffold defs` makes its subcommands with a callback that wants its options
        context.params = {one.name: _value_or_default(one, options.get(one.name), context) for one in command.params}
        _check_click_group(command, context, path, rest)
    elif "help" not in options and "--help" not in words:
        _check_click_values(command, path, options, rest)


def _check_click_group(command: Any, context: Any, path: str, rest: list[str]) -> None:
    if not rest:
        return
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            found = command.get_command(context, rest[0])
    except SystemExit as leave:  # dg looks for a component itself, and ends when there is none of that name
        lines = [line.strip() for line in said.getvalue().splitlines() if line.strip()]
        why = lines[-1] if lines else f"refuses {rest[0]!r}"  # packages that it loads for this may say something first
        raise ProbeFailure("NoSuchCommand", f"{path}: {why}") from leave
    if found is None:
        names = command.list_commands(context)
        raise ProbeFailure("NoSuchCommand", f"{path}: No such command {rest[0]!r}", current=_near(rest[0], names))
    _check_click(found, f"{path} {rest[0]}", rest[1:])


def _check_click_values(command: Any, path: str, options: dict[str, Any], rest: list[str]) -> None:
    for parameter in command.params:
        given = options.get(parameter.name)
        if parameter.required and _is_unset(given) and _is_unset(parameter.default) and not parameter.envvar:
            name = max(parameter.opts, key=len) if parameter.opts else parameter.name
            raise ProbeFailure("MissingParameter", f"{path}: Missing {parameter.param_type_name} {name!r}")
        choices = getattr(parameter.type, "choices", None)
        for value in given if isinstance(given, (list, tuple)) else [given]:
            if choices and isinstance(value, str) and value not in [str(getattr(c, "value", c)) for c in choices]:
                raise ProbeFailure("BadParameter", f"{path}: {value!r} is not one of {', '.join(map(str, choices))}")
    if rest and not command.allow_extra_args:
        raise ProbeFailure("UsageError", f"{path}: Got unexpected extra argument ({rest[0]})")


def _value_or_default(parameter: Any, given: Any, context: Any) -> Any:
    """What click would hand to a callback, as text."""
    value = parameter.get_default(context) if _is_unset(given) else given
    return None if _is_unset(value) else value


def _is_unset(value: Any) -> bool:
    """Click 8.2 and newer say "not given" with a sentinel of their own; older ones and other parsers with None."""
    return value is None or value == () or "UNSET" in str(value)


def _near(word: str, names: list[str]) -> str:
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(sorted(names))}"


# --- argparse (airflow)


def _check_argparse(parser: Any, words: list[str]) -> None:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            parser.parse_args(words[1:])
    except SystemExit as leave:
        if leave.code not in (0, None):
            lines = [line for line in said.getvalue().splitlines() if "error:" in line or "removed" in line]
            text = (lines or said.getvalue().strip().splitlines() or ["refused"])[-1]
            raise ProbeFailure("UsageError", text.strip()[:600]) from leave


# --- cyclopts (prefect)


def _check_cyclopts(app: Any, words: list[str]) -> None:
    importlib.import_module("prefect.cli")  # registers the commands
    tokens = [_LONG_FORMS.get(word, word) for word in words[1:] if word not in ("--no-prompt", "--prompt")]
    if not tokens or tokens[-1] in ("--help", "-h", "--version"):
        return
    try:
        app.parse_args(tokens, exit_on_error=False, print_error=False)
    except Exception as error:
        if type(error).__module__.split(".")[0] != "cyclopts":
            raise
        raise ProbeFailure(type(error).__name__, f"{words[0]}: {' '.join(str(error).split())}") from error


_LONG_FORMS = {"-jv": "--job-variable", "-cl": "--concurrency-limit"}  # prefect rewrites them before it parses
