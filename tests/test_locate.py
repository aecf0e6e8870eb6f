"""Finding the line an error is about."""

from __future__ import annotations

from snippet_checker.locate import definition_line, line_named_in, line_of_word

SOURCE = """\
import x

@x.asset(name="orders")
def web(): ...

@x.asset(name="orders")
def shop(ledger): ...

job = x.job("nightly", cron="61 6 * * *")
"""


def test_a_function_is_found_by_its_first_decorator() -> None:
    """Its `def` line; a line that begins no function is itself."""
    assert (definition_line(SOURCE, 3), definition_line(SOURCE, 1)) == (4, 1)


def test_what_a_message_names_first_is_the_place() -> None:
    """A function, a variable, the last of equal strings, a parameter, a long string word for word."""
    messages = {
        "op 'shop' failed": 7,
        "resolve job 'job'": 9,
        "Duplicate key orders": 6,
        "resource 'ledger' is missing": 7,
        "[61 6 * * *] is out of range": 9,
        "nothing of it": None,
    }
    assert {message: line_named_in(SOURCE, message) for message in messages} == messages


def test_a_quoted_word_is_found_in_any_text() -> None:
    """For validators that give no line."""
    assert line_of_word("a: 1\nb_c: 2\n", "'b_c' was unexpected") == 2
    assert line_of_word("a: 1\n", "no quotes") is None
