"""Turn what a warm process answered into the result of a check. Pure."""

from __future__ import annotations

from typing import Any

from .model import Check, Finding, Language, Level, Result

ENDED = "NoResult"


def judge(check: Check, answer: dict[str, Any]) -> Result:
    """The result of ``check``, given the answer of the process that ran it."""
    seconds = float(answer.get("wall") or answer.get("seconds") or 0.0)
    output = str(answer.get("output") or "")
    findings = _findings(check, answer)
    if check.snippet.marks.raises:
        return _judge_raises(check, answer, findings, output, seconds)
    passed = not findings
    note = ", ".join(answer.get("exercised") or ())
    return Result(check, passed, _reached(check, answer) if passed else None, findings, output, seconds, note=note)


def _reached(check: Check, answer: dict[str, Any]) -> Level:
    if check.snippet.language is Language.PYTHON:
        return check.level
    return Level(answer["level"]) if answer.get("level") else check.level


def _findings(check: Check, answer: dict[str, Any]) -> tuple[Finding, ...]:
    found = [_finding(item) for item in answer.get("findings") or ()]
    if ended := answer.get("ended"):
        found.append(Finding(check.snippet.line, ENDED, ended))
    if raised := answer.get("raised"):
        found.append(_finding(raised))
    return tuple(found)


def _finding(item: dict[str, Any]) -> Finding:
    return Finding(int(item["line"]), item["kind"], " ".join(str(item["message"]).split()), item.get("current") or "")


def _judge_raises(check: Check, answer: dict[str, Any], findings: tuple[Finding, ...], output: str, seconds: float) -> Result:
    """A snippet marked ``raises X`` passes only when it was run and X came out of it."""
    wanted = check.snippet.marks.raises or ""
    kinds = set((answer.get("raised") or {}).get("kinds") or ())
    kinds |= {finding.kind for finding in findings if finding.kind != ENDED}
    if wanted in kinds:
        return Result(check, True, Level.RUNS, (), output, seconds)
    if findings:
        first = findings[0]
        message = f"raises {first.kind}, not {wanted}: {first.message}"
        return Result(check, False, None, (Finding(first.line, "OtherError", message),), output, seconds)
    message = f"is marked `raises {wanted}`, and raised nothing on this version; remove the mark or the snippet"
    return Result(check, False, None, (Finding(check.snippet.line, "NothingRaised", message),), output, seconds)


def refused(check: Check) -> Result:
    """The result of a check that has problems before anything runs."""
    return Result(check, False, None, check.problems)
