"""Reading the snippets of a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from snippet_checker.model import Language, Level, Snippet
from snippet_checker.parse import read_snippets, read_text

Read = Callable[[str], list[Snippet]]


def kinds(snippets: list[Snippet]) -> list[str]:
    return [problem.kind for snippet in snippets for problem in snippet.problems]


def test_line_numbers_are_those_of_the_page(snippets_of: Read) -> None:
    """`line` is the first line of code, `end_line` the last."""
    [snippet] = snippets_of("# Title\n\n```python\na = 1\nb = 2\n```\n")
    assert (snippet.line, snippet.end_line, snippet.code) == (4, 5, "a = 1\nb = 2\n")


def test_fences_in_lists_quotes_and_tildes_are_found() -> None:
    """A CommonMark parser sees fences that patterns miss, and does not see those inside another fence."""
    text = (
        "- item\n\n  ```python\n  in_list = 1\n  ```\n\n"
        "> ```python\n> in_quote = 1\n> ```\n\n"
        "~~~python\ntilde = 1\n~~~\n\n"
        "````text\n```python\nshown = 1\n```\n````\n\n"
        "<!--\n```python\nhidden = 1\n```\n-->\n"
    )
    found = [(s.language, s.code.strip(), s.line) for s in read_text(text, "p.md")]
    assert found == [
        (Language.PYTHON, "in_list = 1", 4),
        (Language.PYTHON, "in_quote = 1", 8),
        (Language.PYTHON, "tilde = 1", 12),
        (Language.TEXT, "```python\nshown = 1\n```", 16),
    ]


def test_an_unterminated_fence_is_a_problem_at_its_line() -> None:
    """Everything below it would be swallowed."""
    for text in ("text\n\n```python\na = 1\n", "text\n\n```python", "> x\n\n```python\na = 1\n\n# more\n"):
        [snippet] = read_text(text, "p.md")
        assert [(p.kind, p.line) for p in snippet.problems] == [("UnclosedFence", 3)]


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    """Line numbers and code are the same as with plain line ends."""
    page = tmp_path / "p.md"
    page.write_bytes("\ufeff# T\r\n\r\n```python\r\na = 1\r\n```\r\n".encode())
    [snippet] = read_snippets(page, "p.md")
    assert (snippet.line, snippet.code, snippet.problems) == (4, "a = 1\n", ())


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path: Path) -> None:
    """The page is one failed snippet, not a crash."""
    page = tmp_path / "p.md"
    page.write_bytes(b"# T\n\ncaf\xe9\n")
    [snippet] = read_snippets(page, "p.md")
    assert [(p.kind, p.line) for p in snippet.problems] == [("UnicodeDecodeError", 3)]


def test_a_page_of_five_megabytes_is_read_whole() -> None:
    """Nothing is cut off."""
    block = "text " * 190 + "\n\n```python\na = 1\n```\n\n"
    text = block * 5000
    assert len(text) > 4_800_000
    assert len(read_text(text, "p.md")) == 5000


def test_unknown_and_missing_languages_are_problems_that_list_the_known() -> None:
    """A fence is never passed over because nobody knows its language."""
    snippets = read_text("```klingon\nx\n```\n\n```\ny\n```\n", "p.md")
    assert kinds(snippets) == ["UnknownLanguage", "UnknownLanguage"]
    assert "use one of python, sql" in snippets[0].problems[0].message
    assert "without a language" in snippets[1].problems[0].message


def test_language_aliases_and_attributes_are_understood() -> None:
    """What renderers accept as Python, shell and YAML is accepted here."""
    text = "".join(f"```{info}\nx\n```\n\n" for info in ("py", "python3", "python title='a'", "{.python}", "sh", "yml"))
    expected = [Language.PYTHON] * 4 + [Language.BASH, Language.YAML]
    assert [s.language for s in read_text(text, "p.md")] == expected


def test_a_mark_belongs_to_the_fence_directly_below(snippets_of: Read) -> None:
    """Also under a list item, and in two comments above each other."""
    text = (
        "<!-- snippet: follows -->\n<!-- snippet: tool dagster -->\n```python\na\n```\n\n- x\n\n"
        "  <!-- snippet: parse, why -->\n  ```python\n  b\n  ```\n"
    )
    first, second = read_text(text, "p.md")
    assert (first.marks.follows, first.marks.tool) == (True, "dagster")
    assert (second.marks.level, second.marks.reason) == (Level.PARSES, "why")


def test_a_mark_without_a_fence_below_it_is_a_problem() -> None:
    """It would be lost, and its fence run without it."""
    text = "<!-- snippet: follows -->\n\nwords\n\n```python\na = 1\n```\n\n<!-- snippet: run -->\n"
    snippets = read_text(text, "p.md")
    assert [(p.kind, p.line) for s in snippets for p in s.problems] == [("OrphanMark", 1), ("OrphanMark", 9)]


def test_an_indented_code_block_is_a_problem_on_our_pages() -> None:
    """It has no language, so nobody can check it."""
    assert kinds(read_text("words\n\n    a = 1\n", "p.md")) == ["IndentedCode"]


def test_foreign_pages_may_use_tabs_and_other_languages() -> None:
    """Fences under a tab are read at their line; languages that are not checked are listed, not refused."""
    text = '# T\n\n=== "One"\n\n    ```python\n    a = 1\n    ```\n\n```rust\nfn main() {}\n```\n'
    snippets = read_text(text, "p.md", foreign=True)
    assert [(s.language, s.line, s.code) for s in snippets] == [
        (Language.PYTHON, 6, "a = 1\n"),
        (Language.OTHER, 10, "fn main() {}\n"),
    ]
    assert kinds(snippets) == []
