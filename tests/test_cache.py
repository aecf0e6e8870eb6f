"""Remembering results by content."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from snippet_checker.cache import Cache, check_key, restore
from snippet_checker.judge import ENDED
from snippet_checker.model import Check, Finding, Language, Level, Marks, Result, Snippet


def a_check(code: str = "a = 1\n", marks: Marks = Marks(), folder: str | None = None) -> Check:  # noqa: B008
    snippet = Snippet("p.md", 3, 3, Language.PYTHON, code, marks, (), folder)
    return Check(snippet, "dagster", Level.RUNS, "\n\n" + code)


def test_a_result_comes_back_as_it_went_in(tmp_path: Path) -> None:
    """Findings, level, seconds; and it says that it was known."""
    cache = Cache(tmp_path / "c.sqlite")
    check = a_check()
    failed = Result(check, False, None, (Finding(3, "KeyError", "'a'", "use b"),), "out", 1.5)
    cache.keep("k", failed)
    assert restore(check, cache.results(["k", "other"])["k"]) == replace(failed, cached=True)


def test_the_key_changes_with_everything_a_result_depends_on(tmp_path: Path) -> None:
    """Code, marks, lock, level, and every file of an example's folder but its caches."""
    (tmp_path / "data.csv").write_text("1")
    folder = str(tmp_path)
    keys = {
        check_key(a_check(), "lock"),
        check_key(a_check("a = 2\n"), "lock"),
        check_key(a_check(marks=Marks(raises="KeyError")), "lock"),
        check_key(a_check(), "other lock"),
        check_key(replace(a_check(), level=Level.LOADS), "lock"),
        check_key(a_check(folder=folder), "lock"),
    }
    assert len(keys) == 6
    before = check_key(a_check(folder=folder), "lock")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").write_text("x")
    assert check_key(a_check(folder=folder), "lock") == before
    (tmp_path / "data.csv").write_text("2")
    assert check_key(a_check(folder=folder), "lock") != before


def test_a_time_limit_is_not_remembered(tmp_path: Path) -> None:
    """It hangs on the machine's mood."""
    cache = Cache(tmp_path / "c.sqlite")
    cache.keep("k", Result(a_check(), False, None, (Finding(3, ENDED, "still running"),)))
    assert cache.results(["k"]) == {}


def test_a_page_is_parsed_once_per_content(tmp_path: Path) -> None:
    """The second reading gives the same snippets without the parser."""
    cache = Cache(tmp_path / "c.sqlite")
    page = tmp_path / "p.md"
    page.write_text("<!-- snippet: raises KeyError, gone -->\n```python\na\n```\n\n```x\ny\n```\n")
    first = cache.snippets(page, "p.md", False)
    assert cache.database.execute("SELECT count(*) FROM pages").fetchone() == (1,)
    assert cache.snippets(page, "p.md", False) == first
    assert (first[0].marks.raises, first[1].problems[0].kind) == ("KeyError", "UnknownLanguage")


def test_a_damaged_file_is_started_anew(tmp_path: Path) -> None:
    """A cache holds nothing that a run does not make again."""
    path = tmp_path / "c.sqlite"
    path.write_bytes(b"no database" * 1000)
    assert Cache(path).results(["k"]) == {}
