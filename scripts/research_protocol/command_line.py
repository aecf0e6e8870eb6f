"""The command line of the research protocol: arguments in, one answer out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from .model import MACHINE, Answer, CannotLookError

USAGE = """Look before you write: versions, code base, one name, stale forms, an error message.

  research.py env [PATH]         Python, tools and integrations, what differs from the pins here and what that means
  research.py patterns [PATH]    what the code base defines already, with file:line, by AST
  research.py api NAME           signature, deprecation, where it is defined, which page and example show it
  research.py drift [PATH]       stale forms with file:line, the error they give, the current form
  research.py errors TEXT        what is known about an error message; - reads it from standard input

Reads only, and uses no network. Standard library only: run it with any Python from 3.10 on. `env`, `api` and `drift` ask
the project's own interpreter, which they find: .venv, uv, poetry, conda, pdm, pixi, an active environment; --python names
another one.

Exit code: 0 answered; 1 the answer is bad news (nothing found, stale forms, no such name, versions that do not fit);
2 the question cannot be answered here (no such path, no interpreter).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; prints its answer and returns the exit code."""
    options = parse_arguments(arguments)
    try:
        answer = ask(options)
    except CannotLookError as error:
        print(json.dumps({"error": str(error)}) if options.json else f"research.py: {error}", file=sys.stderr)
        return MACHINE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    say(answer, options.json)
    return answer.code


def say(answer: Answer, as_json: bool) -> None:
    """Print the answer; a reader who closes the pipe early (`| head`) is no error."""
    text = json.dumps(answer.data, indent=1, ensure_ascii=False) if as_json else "\n".join(answer.lines)
    try:
        sys.stdout.buffer.write(text.encode("utf-8", errors="replace") + b"\n")
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="research.py", description=USAGE, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("env", "patterns", "api", "drift", "errors"), help="what to look at")
    parser.add_argument("subject", nargs="*", metavar="PATH|NAME|TEXT", help="a path (default: here), a dotted name, an error")
    parser.add_argument("--python", type=Path, help="the interpreter to ask, instead of the one that is found")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--all", action="store_true", help="list every finding, not the first of each kind")
    options = parser.parse_args(arguments)
    if options.command in ("api", "errors") and not options.subject:
        parser.error(f"{options.command} needs {'a dotted name' if options.command == 'api' else 'the text of an error, or -'}")
    if options.command != "errors" and len(options.subject) > 1:
        parser.error(f"{options.command} takes one subject, not {len(options.subject)}: {' '.join(options.subject)}")
    return options


def ask(options: argparse.Namespace) -> Answer:
    """The answer to one command. Modules are imported when they are needed: each start pays for one of them."""
    path = Path(options.subject[0]) if options.subject else Path(".")
    if options.command == "patterns":
        from .patterns import answer_patterns

        return answer_patterns(path, options.all)
    if options.command == "env":
        from .environment import answer_environment

        return answer_environment(path, options.python)
    if options.command == "api":
        from .api import answer_api

        return answer_api(options.subject[0], options.python)
    if options.command == "drift":
        from .drift import answer_drift

        return answer_drift(path, options.python)
    from .errors import answer_errors

    text = sys.stdin.read() if options.subject == ["-"] else " ".join(options.subject)
    return answer_errors(text)
