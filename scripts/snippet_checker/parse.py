"""Read the snippets of a Markdown page, with true line numbers; nothing on the page is lost in silence."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .marks import find_marks, read_marks
from .model import Finding, Language, Marks, Snippet

LANGUAGES = {
    "python": Language.PYTHON, "py": Language.PYTHON, "python3": Language.PYTHON,
    "sql": Language.SQL,
    "yaml": Language.YAML, "yml": Language.YAML,
    "json": Language.JSON,
    "toml": Language.TOML,
    "bash": Language.BASH, "sh": Language.BASH, "shell": Language.BASH,
    "text": Language.TEXT, "txt": Language.TEXT,
    "mermaid": Language.MERMAID,
}  # fmt: skip
_TAB_OR_NOTE = re.compile(r"^(===|!!!|\?\?\?\+?) ")
_CONTAINER_PREFIX = re.compile(r"^[\s>]*")


def read_snippets(page: Path, name: str | None = None, foreign: bool = False) -> list[Snippet]:
    """Every fence of ``page`` as a Snippet, in order; defects of the Markdown stand in its ``problems``.

    ``foreign`` reads documentation nobody here wrote: other languages are listed, not refused, and fences
    indented under a tab or a note (``=== "Tab"``) are read too.
    """
    name = name or str(page)
    try:
        text = page.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = page.read_bytes()[: error.start].count(b"\n") + 1
        return [_broken(name, line, "UnicodeDecodeError", f"not UTF-8 ({error.reason}); save the page as UTF-8")]
    return read_text(text, name, foreign)


def read_text(text: str, name: str, foreign: bool = False) -> list[Snippet]:
    """The snippets of Markdown ``text``; ``name`` is what places are reported with."""
    from markdown_it import MarkdownIt  # imported late: an unchanged page is answered from the cache without it

    reader = _Reader(name, re.split(r"\r\n|\r|\n", text), foreign)
    for token in MarkdownIt("commonmark").parse(text):
        reader.take(token)
    return reader.finish()


@dataclass
class _Reader:
    """Walks the block tokens of one page and pairs marks with the fence directly below them."""

    name: str
    lines: list[str]
    foreign: bool
    first_line: int = 0
    found: list[Snippet] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    marks_line: int = 0
    marks_end: int = -1
    paragraph: str = ""

    def take(self, token: Any) -> None:
        if token.type == "html_block":
            self.take_html(token)
        elif token.type == "fence":
            self.take_fence(token)
        elif token.type == "code_block":
            self.take_code_block(token)
        elif token.type == "inline":
            self.paragraph = token.content

    def take_html(self, token: Any) -> None:
        texts = find_marks(token.content)
        if not texts:
            return
        start = token.map[0]
        if self.marks and self.marks_end != start:
            self.orphan()
        self.marks_line = self.marks_line if self.marks else start + 1
        self.marks += texts
        self.marks_end = start + len(token.content.rstrip("\n").split("\n"))

    def take_fence(self, token: Any) -> None:
        start = token.map[0]
        if self.marks and self.marks_end != start:
            self.orphan()
        marks, problems = read_marks(self.marks, self.first_line + self.marks_line)
        self.marks = []
        closed = self.is_closed(token)
        code = token.content
        language, more = self.language(token.info, self.first_line + start + 1)
        problems += more
        if not closed:
            way_out = f"end it with a line of {token.markup!r}"
            problems += (Finding(self.first_line + start + 1, "UnclosedFence", f"this fence is never closed; {way_out}"),)
        first = self.first_line + start + 2
        last = first + max(code.count("\n") - 1, 0)
        self.found.append(Snippet(self.name, first, last, language, code, marks, problems))

    def take_code_block(self, token: Any) -> None:
        if self.foreign and _TAB_OR_NOTE.match(self.paragraph.split("\n")[-1]):
            self.found += self.read_indented(token)
        elif not self.foreign:
            line = self.first_line + token.map[0] + 1
            message = "indented code block: nobody knows its language; use a fence with one (`text` for output)"
            self.found.append(_broken(self.name, line, "IndentedCode", message))

    def read_indented(self, token: Any) -> list[Snippet]:
        """The fences inside a tab or note, at the lines of the page."""
        from markdown_it import MarkdownIt

        inner = _Reader(self.name, token.content.split("\n"), True, self.first_line + token.map[0])
        for inner_token in MarkdownIt("commonmark").parse(token.content):
            inner.take(inner_token)
        return inner.finish()

    def is_closed(self, token: Any) -> bool:
        last = self.lines[token.map[1] - 1] if token.map[1] <= len(self.lines) else ""
        bare = _CONTAINER_PREFIX.sub("", last).rstrip()
        only_markup = set(bare) == {token.markup[0]} and len(bare) >= len(token.markup)
        return only_markup and token.map[1] - token.map[0] >= 2

    def language(self, info: str, line: int) -> tuple[Language, tuple[Finding, ...]]:
        match = re.match(r"\s*\{?\s*\.?([\w+#.-]+)", info)
        word = match.group(1).lower() if match else ""
        if word in LANGUAGES:
            return LANGUAGES[word], ()
        if self.foreign:
            return Language.OTHER, ()
        known = ", ".join(language for language in Language if language is not Language.OTHER)
        problem = f"unknown language {word!r}" if word else "a fence without a language"
        return Language.OTHER, (Finding(line, "UnknownLanguage", f"{problem}; use one of {known}"),)

    def orphan(self) -> None:
        line = self.first_line + self.marks_line
        message = f"mark {self.marks[0]!r} has no fence directly below it; move it to the line above the fence"
        self.found.append(_broken(self.name, line, "OrphanMark", message))
        self.marks = []

    def finish(self) -> list[Snippet]:
        if self.marks:
            self.orphan()
        return self.found


def _broken(name: str, line: int, kind: str, message: str) -> Snippet:
    """A snippet that stands for a defect of the page, so that it is counted and reported like any other."""
    return Snippet(name, line, line, Language.OTHER, "", Marks(), (Finding(line, kind, message),))


def read_file(path: Path, name: str, folder: Path | None = None, in_place: bool = False) -> Snippet:
    """A whole Python file as one snippet: of an example, copied with its ``folder``, or of a project, ``in_place``.

    A file that is not UTF-8 becomes a snippet with that problem.
    """
    try:
        code = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return replace(_broken(name, 1, "UnicodeDecodeError", f"not UTF-8 ({error.reason})"), language=Language.PYTHON)
    where = str(folder) if folder else None
    own = str(path.resolve()) if in_place else None
    return Snippet(name, 1, code.count("\n") + 1, Language.PYTHON, code, folder=where, in_place=own)
