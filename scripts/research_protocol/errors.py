"""`errors`: what the pack knows about an error message, by the words that both share."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from .drift_ledger import LEDGER, read_ledger
from .model import CONTENT, OK, Answer
from .pins import ROOT

_QUOTED = re.compile(r"'([^'\n]+)'|\"([^\"\n]+)\"|`([^`\n]+)`")
_WORD = re.compile(r"[A-Za-z_][A-Za-z_.]*[A-Za-z_]")
_IS_ERROR = re.compile(r"^[\w.]*(?:Error|Exception|Warning|Failure|NotPass|NotFound|Timeout)\b|\b(?:Error|Exception|error):")
_SILENT = "silent:"
LEAST = 0.34  # share of the words; below that, what is common to both is the language
MOST = 5
OTHER_NAMES = 0.7  # what a match counts that quotes none of the names asked for
NEAR_NAME = 0.5  # of a name in the same package, as against the name itself
_WEIGHTS = {"ledger": 1.0, "troubleshooting": 1.0, "page": 0.8}


@dataclass(frozen=True)
class Known:
    """A message that the pack knows: what to do about it, and where more is said."""

    source: str
    place: str
    error: str
    advice: str


@dataclass(frozen=True)
class Match:
    """A known message with its score (1 means the same words), and whether it quotes the same names."""

    score: float
    known: Known
    same_names: bool


def answer_errors(text: str, root: Path = ROOT, ledger: Path = LEDGER) -> Answer:
    """The nearest known messages, best first; exit code 1 when none is near."""
    known = [*_from_ledger(ledger), *_from_pages(root)]
    matches = rank(text, known)
    data = {
        "asked": error_lines(text),
        "known_messages": len(known),
        "has_troubleshooting": (root / "references" / "troubleshooting.md").is_file(),
        "matches": [{"score": match.score, "same_names": match.same_names, **asdict(match.known)} for match in matches],
    }
    return Answer(data, list(_lines(matches, len(known))), OK if matches else CONTENT)


def error_lines(text: str) -> list[str]:
    """The lines of a traceback or log that name an error; every line where none does."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if _IS_ERROR.search(line)]
    return (named or lines)[-5:]


def rank(text: str, known: list[Known]) -> list[Match]:
    """Known messages by the share of words they have in common with ``text``, rare words counting more.

    Numbers and quoted names are not among the words, since they may be the user's own; a message counts less the fewer of the
    quoted names it shares, so that of two with the same words the one with the same names comes first.
    """
    words_of = {one: words(one.error) for one in known}
    counts = Counter(word for some in words_of.values() for word in some)
    weight = {word: math.log(1 + len(known) / count) for word, count in counts.items()}
    best: dict[Known, Match] = {}
    for line in error_lines(text):
        asked, names = words(line), quoted(line)
        for one in known:
            factor = _names_agree(names, quoted(one.error) or words(one.error))
            score = round(_share(asked, words_of[one], weight, len(known)) * _WEIGHTS[one.source] * factor, 2)
            if score >= LEAST and (one not in best or score > best[one].score):
                best[one] = Match(score, one, factor > OTHER_NAMES)
    return sorted(best.values(), key=lambda match: (-match.score, match.known.place))[:MOST]


def _names_agree(asked: set[str], known: set[str]) -> float:
    """1 when every name asked for is quoted, less when some are or lie in the same package, OTHER_NAMES when none does."""
    if not asked:
        return 1.0
    near = {_above(name) for name in known} - {""}
    found = sum(1.0 if name in known else NEAR_NAME if _above(name) in near else 0.0 for name in asked)
    return OTHER_NAMES + (1 - OTHER_NAMES) * found / len(asked)


def _above(name: str) -> str:
    """The two first parts of a dotted name with three or more: its package."""
    parts = name.split(".")
    return ".".join(parts[:2]) if len(parts) > 2 else ""


def _share(asked: set[str], has: set[str], weight: dict[str, float], size: int) -> float:
    """Weight of the common words against all words of both; a long entry that holds all that was asked is near too."""
    unknown = math.log(1 + size)
    common = sum(weight[word] for word in asked & has)
    total_asked = sum(weight.get(word, unknown) for word in asked)
    total_has = sum(weight[word] for word in has)
    if not total_asked or not total_has:
        return 0.0
    return 0.7 * common / total_asked + 0.3 * common / total_has


def words(text: str) -> set[str]:
    """Words of a message without quoted names, numbers and places in files."""
    text = _QUOTED.sub(" ", text)
    text = re.sub(r"(?:[\w.-]*/)+[\w.-]+|\b\w*\d\w*\b|\bline \d+", " ", text)
    return {word.lower() for word in _WORD.findall(text)}


def quoted(text: str) -> set[str]:
    return {next(filter(None, groups)).lower() for groups in _QUOTED.findall(text)}


def _from_ledger(ledger: Path) -> Iterator[Known]:
    for row in read_ledger(ledger):
        if row.error and not row.error.startswith(_SILENT):
            since = f" (stale since {row.since})" if row.since else ""
            yield Known("ledger", f"drift ledger, {row.id}", row.error, f"{row.old}{since}; now: {row.current}")


def _from_pages(root: Path) -> Iterator[Known]:
    """Table rows, list items and headings of the pages that hold code or name an error, with their line."""
    for page in sorted((root / "references").glob("*.md")):
        source = "troubleshooting" if page.stem.startswith("troubleshooting") else "page"
        heading, in_fence = "", False
        lines = page.read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, start=1):
            if line.startswith("```"):
                in_fence = not in_fence
            elif in_fence and source == "page":
                continue
            heading = line.lstrip("# ") if line.startswith("#") and not in_fence else heading
            if _is_worth_comparing(line):
                advice = _fix_below(lines[number:]) if source == "troubleshooting" else ""
                yield Known(source, f"references/{page.name}:{number}", _plain(line), advice or f"section: {heading}")


def _fix_below(lines: list[str]) -> str:
    """The fix that follows a heading, before the next one."""
    for line in lines:
        if line.startswith("#"):
            break
        if line.startswith("- Fix:"):
            return line.removeprefix("- ")
    return ""


def _is_worth_comparing(line: str) -> bool:
    return len(line) > 20 and ("Error" in line or "Exception" in line or "Warning" in line or line.count("`") >= 2)


def _plain(line: str) -> str:
    """Text of a Markdown line: code spans are words here, not names of the user's."""
    return line.strip("# |").replace("`", " ").replace("**", "").strip()


def _lines(matches: list[Match], known: int) -> Iterator[str]:
    for match in matches:
        yield f"{match.score:.2f} {match.known.place}" + (
            "" if match.same_names else " (the same kind of error, about other names)"
        )
        yield f"    {match.known.error[:300]}"
        yield f"    {match.known.advice}"
    if not matches:
        yield f"none of {known} known messages is near; ask for the name it mentions (research.py api NAME), or for the forms"
        yield "of the file (check.py FILE --python PATH), and search the tool's issues for the words outside the quotes"
