"""`research.py errors`: an error message is found again by its words, whatever names and numbers it holds."""

from __future__ import annotations

import json
from pathlib import Path

from research_protocol.errors import Known as Message
from research_protocol.errors import answer_errors, error_lines, rank, words


def ledger_of(folder: Path, *errors: str) -> Path:
    fields = ("tool", "kind", "old", "since", "current", "old_code", "new_code")
    row = dict.fromkeys(fields, "") | {"tool": "airflow", "kind": "import", "match": {"name": "x"}}
    file = folder / "ledger.json"
    file.write_text(json.dumps([row | {"id": f"row-{n}", "error": error} for n, error in enumerate(errors)]))
    return file


def places(answer: object) -> list[str]:
    return [match["place"] for match in answer.data["matches"]]  # type: ignore[attr-defined]


def test_names_and_numbers_of_the_user_do_not_matter(tmp_path: Path) -> None:
    """A message with other quoted names, numbers and paths is the same message."""
    ledger = ledger_of(
        tmp_path, 'DagsterExecutionLoadInputError: Error occurred while loading input "ro" of step "so"', "KeyError: 'ds'"
    )
    text = 'dagster.DagsterExecutionLoadInputError: Error occurred while loading input "orders_77" of step "totals"'
    assert places(answer_errors(text.removeprefix("dagster."), tmp_path, ledger)) == ["drift ledger, row-0"]


def test_of_two_alike_the_one_about_the_same_name_comes_first(tmp_path: Path) -> None:
    """Quoted names break the tie, and the other is told to be about other names."""
    unexpected = "TypeError: DAG.__init__() got an unexpected keyword argument "
    ledger = ledger_of(
        tmp_path, f"{unexpected}'concurrency'", f"{unexpected}'schedule_interval'", "ValueError: something else entirely"
    )
    answer = answer_errors(f"{unexpected}'schedule_interval'", tmp_path, ledger)
    assert places(answer) == ["drift ledger, row-1", "drift ledger, row-0"]
    assert [match["same_names"] for match in answer.data["matches"]] == [True, False]


def test_a_name_of_the_same_package_is_less_than_the_name_itself(tmp_path: Path) -> None:
    """Both quote what was asked for but for the module."""
    asked = "ImportError: cannot import name 'create' from 'airflow.utils.{}'"
    answer = answer_errors(asked.format("dates"), tmp_path, ledger_of(tmp_path, asked.format("db"), asked.format("dates")))
    assert places(answer) == ["drift ledger, row-1", "drift ledger, row-0"]


def test_troubleshooting_is_searched_where_it_exists(tmp_path: Path) -> None:
    """Its lines are given with page, line and section; without the page the answer says that there is none."""
    ledger = ledger_of(tmp_path)
    assert (
        answer_errors("Executor reported that the task instance finished", tmp_path, ledger).data["has_troubleshooting"] is False
    )
    (tmp_path / "references").mkdir()
    page = "# Troubleshooting\n\n## Tasks that hang\n\n- `Executor reported that the task instance finished`: add a retry.\n"
    (tmp_path / "references" / "troubleshooting.md").write_text(page)
    answer = answer_errors("Executor LocalExecutor reported that the task instance 5 finished", tmp_path, ledger)
    assert (answer.code, places(answer)) == (0, ["references/troubleshooting.md:5"])
    assert answer.data["matches"][0]["source"] == "troubleshooting"
    assert answer.data["matches"][0]["advice"] == "section: Tasks that hang"


def test_a_traceback_is_reduced_to_the_lines_that_name_an_error() -> None:
    """Frames are no words of the message."""
    text = 'Traceback (most recent call last):\n  File "a.py", line 3, in <module>\nValueError: no\n'
    assert error_lines(text) == ["ValueError: no"]
    assert error_lines("the run hangs") == ["the run hangs"]


def test_an_unknown_message_is_told_as_such(tmp_path: Path) -> None:
    """Exit code 1, and where to go on; a silent change is no message."""
    ledger = ledger_of(tmp_path, "silent: nothing is written at all", "KeyError: 'ds'")
    answer = answer_errors("nothing is written at all", tmp_path, ledger)
    assert (answer.code, answer.data["matches"], answer.data["known_messages"]) == (1, [], 1)


def test_the_fix_of_a_troubleshooting_heading_is_the_advice() -> None:
    """What stands below the next heading is not."""
    answer = answer_errors("duckdb.IOException: IO Error: Could not set lock on file '/srv/x.duckdb'")
    first = answer.data["matches"][0]
    assert (first["source"], first["advice"].startswith("Fix: One writer at a time")) == ("troubleshooting", True)


def test_rare_words_count_more_than_common_ones() -> None:
    """Of two messages that share as many words with the question, the one that shares the rare word comes first."""
    errors = ["Error: thing was kettle", "Error: thing lost kettle", "Error: item lost kettle", "Error: thing was teapot"]
    known = [Message("ledger", str(number), error, "") for number, error in enumerate(errors)]
    matches = rank("Error: teapot lost", known)
    assert matches[0].known.place == "3"


def test_quoted_names_numbers_and_paths_are_no_words() -> None:
    """What stands in quotes is the user's, be it in single or double quotes or in backticks."""
    text = "Error 7 at /home/file.py line 3: 'orders' of step_2 was \"lost totals\", `flow`"
    assert words(text) == {"error", "at", "of", "was"}


def test_the_packs_own_ledger_answers(tmp_path: Path) -> None:
    """A message as a user pastes it leads to the current form."""
    answer = answer_errors("ImportError: cannot import name 'days_ago' from 'airflow.utils.dates' (/usr/lib/x.py)")
    assert answer.data["matches"][0]["place"] == "drift ledger, airflow-days-ago"
