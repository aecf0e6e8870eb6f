"""Mechanical fixes: what they change, what they leave, and that each set that is applied was proved as that set."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from fix_project import apply_proved, mend, patch
from trap_rules.model import Finding


def stale(path: str, line: int, kind: str = "TypeError") -> Finding:
    return Finding(path, line, kind, "does not take it", "")


TZ = 'from prefect.schedules import Cron\nNIGHTLY = Cron("0 1 * * *", tz="UTC")\n'
MENDED = TZ.replace("tz=", "timezone=")
ABOVE = ("Cron\n", "Cron\n# trap: ignore[TypeError] later\n")
AT_THE_END_OF_THE_LINE_ABOVE = ("Cron\n", "Cron  # trap: ignore[ImportError] later\n")


@pytest.mark.parametrize(
    ("source", "kind", "expected"),
    [
        (TZ, "TypeError", MENDED),
        (TZ, "A009", TZ),
        (TZ.replace(*ABOVE), "ImportError", TZ.replace(*ABOVE)),
        (TZ.replace(*AT_THE_END_OF_THE_LINE_ABOVE), "TypeError", MENDED.replace(*AT_THE_END_OF_THE_LINE_ABOVE)),
        ("def (:\n", "SyntaxError", "def (:\n"),
    ],
)
def test_a_name_is_mended_where_a_finding_of_a_name_asks_and_no_comment_keeps_it(source: str, kind: str, expected: str) -> None:
    """A trap asks for no rename; a commented line stays, and so does a source that is none."""
    assert mend(source, [stale("a.py", 2, kind)], "python") == expected


def test_tags_are_mended_in_the_call_that_the_finding_names() -> None:
    """And in no other, whatever letters it has."""
    source = 'dag(\n    tags="\u00e4b",\n)\ndag(tags="cd")\n'
    assert mend(source, [stale("a.py", 2, "A009")], "python") == source.replace('"\u00e4b"', '["\u00e4b"]')


def test_a_patch_is_taken_by_git_also_for_a_last_line_without_end(tmp_path: Path) -> None:
    """Its paths are the project's, wherever the command stands."""
    file = tmp_path / "a.py"
    file.write_text(TZ.rstrip())
    mended = TZ.rstrip().replace("tz=", "timezone=")
    subprocess.run(
        ["git", "apply", "-"],
        input=patch({str(file): mended}, tmp_path),
        text=True,
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert file.read_text() == mended


def look(folder: Path) -> list[Finding]:
    """What a checker would say: `first` needs the fix of `second`, which brings an error of its own."""
    found = []
    if (folder / "second.py").read_text() == "old":
        found = [stale(str(folder / "second.py"), 1), stale(str(folder / "first.py"), 1)]
    elif (folder / "second.py").read_text() == "new, and worse":
        found = [stale(str(folder / "second.py"), 1, "ValueError")]
    return found


@pytest.mark.parametrize(("second", "applied"), [("new", ["first.py", "second.py"]), ("new, and worse", [])])
def test_what_is_left_after_a_refusal_is_proved_again(second: str, applied: list[str], tmp_path: Path) -> None:
    """The first file loads in the copy with both fixes; alone it does not, and is not written."""
    for name in ("first.py", "second.py"):
        (tmp_path / name).write_text("old")
    before = look(tmp_path)
    proposals = {str(tmp_path / "first.py"): "new", str(tmp_path / "second.py"): second}
    told, left = apply_proved(tmp_path, proposals, before, look)
    assert [name for name in ("first.py", "second.py") if (tmp_path / name).read_text() != "old"] == applied
    assert left == ([] if applied else before)
    if not applied:
        assert told == [
            f"{tmp_path / 'second.py'}: not fixed: {tmp_path / 'second.py'} would have ValueError: does not take it",
            f"{tmp_path / 'first.py'}: not fixed: nothing would be gone",
        ]


def test_a_new_finding_in_another_file_speaks_against_every_fix(tmp_path: Path) -> None:
    """Nobody can tell which of them brought it."""
    (tmp_path / "first.py").write_text("old")

    def breaks_another(folder: Path) -> list[Finding]:
        return [stale(str(folder / "third.py"), 1)]

    told, left = apply_proved(
        tmp_path, {str(tmp_path / "first.py"): "new"}, [stale(str(tmp_path / "first.py"), 1)], breaks_another
    )
    assert (told, len(left)) == (
        [f"{tmp_path / 'first.py'}: not fixed: {tmp_path / 'third.py'} would have TypeError: does not take it"], 1,
    )  # fmt: skip
    assert (tmp_path / "first.py").read_text() == "old"
