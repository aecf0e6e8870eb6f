"""Take a shell snippet apart into its commands, with line numbers; hold those of no orchestrator against this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from typing import Any

from .command_lines import PARSERS
from .environments import ROOT, uv_executable
from .model import Finding

BUILTINS = frozenset(
    {
        ".", ":", "[", "[[", "alias", "bg", "break", "cd", "command", "continue", "declare", "echo", "eval", "exec",
        "exit", "export", "false", "fg", "jobs", "kill", "let", "local", "printf", "pwd", "read", "readonly", "return",
        "set", "shift", "source", "test", "time", "trap", "true", "type", "ulimit", "umask", "unset", "wait",
    }
)  # fmt: skip
# what a reader has, or installs first; what it does is no claim of ours
ASSUMED = frozenset(
    {
        "awk", "cat", "chmod", "claude", "cp", "crontab", "curl", "databricks", "date", "docker", "env", "find", "gh",
        "git", "grep", "head", "jq", "kubectl", "ls", "mkdir", "mktemp", "mv", "npm", "npx", "psql", "rm", "sed",
        "sleep", "snow", "sort", "ssh", "systemctl", "systemd-analyze", "tail", "tar", "tee", "touch", "tr", "unzip",
        "wc", "which", "xargs", "zip",
    }
)  # fmt: skip
ASKED_FOR_HELP = ("uv", "uvx", "pip", "python", "python3", "pytest", "ruff", "mypy", "pre-commit")


def read_commands(code: str, first_line: int) -> tuple[list[tuple[int, list[str]]], list[Finding]]:
    """Every simple command of a shell snippet as (line of the page, words), and the syntax errors.

    Words keep what is quoted together; substitutions stay as they are written.
    """
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    tree = Parser(Language(tree_sitter_bash.language())).parse(code.encode())
    commands: list[tuple[int, list[str]]] = []
    problems: list[Finding] = []
    _walk(tree.root_node, first_line, commands, problems)
    return commands, problems[:1]


def _walk(node: Any, first_line: int, commands: list[tuple[int, list[str]]], problems: list[Finding]) -> None:
    line = first_line + node.start_point[0]
    if node.type == "ERROR" or node.is_missing:
        if node.is_missing and node.parent:  # what is missing at the end is missed on the last line that says something
            line = first_line + node.parent.start_point[0] + node.parent.text.decode().rstrip().count("\n")
        problems.append(Finding(line, "SyntaxError", f"not a shell command: {node.text.decode()[:60]!r}"))
        return
    if node.type == "command":
        words = [
            _bare(child.text.decode())
            for child in node.named_children
            if child.type not in ("variable_assignment", "file_redirect")
        ]
        if words:
            commands.append((line, words))
    for child in node.children:
        _walk(child, first_line, commands, problems)


def _bare(word: str) -> str:
    if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"":
        return word[1:-1]
    return word


def unwrap(words: list[str]) -> list[str]:
    """The command behind ``uv run``, ``env X=1`` or a path: ``.venv/bin/dagster dev`` is ``dagster dev``."""
    words = list(words)
    while words:
        name = words[0].rsplit("/", 1)[-1]
        if words[:2] == ["uv", "run"]:
            words = words[2:]
            while words and words[0].startswith("-"):
                takes_value = words[0] in ("--project", "--directory", "--group", "--with", "--python", "-p")
                words = words[2:] if takes_value else words[1:]
        elif name == "env":
            words = [word for word in words[1:] if "=" not in word or word.startswith("-")]
        elif words[:1] == ["sudo"] or words[:1] == ["exec"] or words[:1] == ["time"]:
            words = words[1:]
        elif name.startswith("python") and words[1:2] == ["-m"] and words[2:3] and words[2] in PARSERS:
            words = words[2:]
        else:
            return [name, *words[1:]] if name in PARSERS or ("/" in words[0] and name in ASKED_FOR_HELP) else words
    return []


def check_other_command(words: list[str], line: int) -> Finding | None:
    """A finding when a command that belongs to no orchestrator is unknown, or has no such target or option."""
    name = words[0]
    if name in BUILTINS or name in ASSUMED or name.startswith(("$", "./", "~")):
        return _check_script(words, line)
    if name == "make":
        return _check_make(words, line)
    if name in ASKED_FOR_HELP:
        return _check_script(words, line) if _script_in(words) is not None else _check_help(words, line)
    if name.endswith((".py", ".sh")):
        return _check_script(words, line)
    return Finding(line, "UnknownCommand", f"unknown command {name!r}; is it part of an environment of this pack?")


def _check_make(words: list[str], line: int) -> Finding | None:
    makefile = ROOT / "Makefile"
    targets = set(re.findall(r"^([\w-]+):", makefile.read_text(), re.MULTILINE)) if makefile.exists() else set()
    for word in words[1:]:
        if not word.startswith("-") and "=" not in word and word not in targets:
            return Finding(line, "UnknownTarget", f"no target {word!r} in the Makefile; there are {', '.join(sorted(targets))}")
    return None


def _script_in(words: list[str]) -> int | None:
    """Where among the words one of this repository's scripts stands."""
    return next((i for i, word in enumerate(words) if word.endswith((".py", ".sh")) and "scripts/" in word), None)


def _check_script(words: list[str], line: int) -> Finding | None:
    """A script of this repository must exist, and know the options it is given."""
    at = _script_in(words)
    if at is None:
        return None
    script = ROOT / "scripts" / words[at].split("scripts/", 1)[1]
    if not script.exists():
        return Finding(line, "UnknownScript", f"{words[at]} does not exist")
    if script.suffix == ".py":
        return _missing_option(("python3", str(script)), words[at + 1 :], line)
    return None


def _check_help(words: list[str], line: int) -> Finding | None:
    if _executable(words[0]) is None:
        return None
    subcommands = []
    for word in words[1:]:
        if word.startswith("-") or not re.fullmatch(r"[a-z][a-z-]*", word) or words[0] not in ("uv", "pip"):
            break
        subcommands.append(word)
    if words[0].startswith("python"):  # what stands behind a script or a module is the script's
        ends = [at for at, word in enumerate(words[1:], start=1) if not word.startswith("-") or word in ("-m", "-c")]
        words = words[: min(ends, default=len(words))]
    return _missing_option((words[0], *subcommands[:2]), words[1 + len(subcommands) :], line)


def _missing_option(command: tuple[str, ...], words: list[str], line: int) -> Finding | None:
    options = [word.split("=")[0] for word in words if re.match(r"--[a-z]", word)]
    text = _help(command) if options else ""
    for option in options:
        if text and not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text):
            return Finding(line, "NoSuchOption", f"{command[-1].rsplit('/', 1)[-1]} has no option {option!r}")
    return None


def _executable(name: str) -> str | None:
    """Where a command is: uv is the pinned one of this tree, the rest what the machine has."""
    return str(uv_executable()) if name == "uv" else shutil.which(name)


@cache
def _help(command: tuple[str, ...]) -> str:
    """What ``COMMAND --help`` prints, or nothing when it does not know --help."""
    done = subprocess.run(
        [_executable(command[0]) or command[0], *command[1:], "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout + done.stderr if done.returncode == 0 else ""
