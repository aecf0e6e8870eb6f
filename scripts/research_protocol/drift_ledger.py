"""The drift ledger: each form that was removed, renamed or changed, as one row of `scripts/drift_ledger.json`.

A row is an object with these fields, all text but ``match``:

  id        unique, in words: "airflow-schedule-interval"
  tool      dagster, airflow, prefect, dagster-dbt, dagster-dlt, dlt, dbt, cosmos, databricks or snowflake
  kind      import, attribute, keyword, decorator, setting, command or behaviour
  old       the old form in a few words of code
  since     the version of the tool's package since which it is stale; "" when it is not known
  error     the exact text on the pinned version, variable parts as "..."; "silent: what happens" where nothing is said
  current   the current form in a few words of code
  old_code, new_code   whole snippets, proved to fail and to run; a command or setting for those kinds
  match     what is looked for: one of the forms below; a list of them finds any

Forms of ``match`` (a dotted name is meant as imported: aliases are resolved; ``*`` stands for anything):

  {"name": "airflow.operators.dummy"}                     this name or module, and everything below it
  {"call": "airflow*.DAG", "keyword": "schedule_interval"}   a call or decorator with this keyword; "value" narrows it
  {"call": "airflow.sdk.DAG", "argument": 1}              a call with at least so many positional arguments
  {"on": "dagster.AssetExecutionContext", "attribute": "run_id"}   an attribute of an instance: a parameter annotated
                                                          so, what a call returned, a function that it decorates
  {"decorator": "airflow*.task.skip_if", "place": "innermost"}     a decorator directly on its function
  {"template": "execution_date"}                          in {{ }} of a string, or as key of an Airflow context
  {"setting": "AIRFLOW__CORE__SQL_ALCHEMY_CONN"}          this word, in settings files and in strings of Python
  {"command": "airflow db init"}                          these words on one line of a script; "..." skips some
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .model import CannotLookError
from .pins import is_before

LEDGER = Path(__file__).resolve().parents[1] / "drift_ledger.json"
FIELDS = ("id", "tool", "kind", "old", "since", "error", "current", "old_code", "new_code")
KINDS = ("import", "attribute", "keyword", "decorator", "setting", "command", "behaviour")
DISTRIBUTIONS = {
    "dagster": "dagster", "dagster-dbt": "dagster-dbt", "dagster-dlt": "dagster-dlt", "airflow": "apache-airflow",
    "cosmos": "astronomer-cosmos", "prefect": "prefect", "dlt": "dlt", "dbt": "dbt-core", "databricks": "databricks-sdk",
    "snowflake": "snowflake-connector-python",
}  # fmt: skip
FORMS = (
    {"name"}, {"call", "keyword"}, {"call", "keyword", "value"}, {"call", "argument"}, {"on", "attribute"},
    {"decorator", "place"}, {"template"}, {"setting"}, {"command"},
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One row of the ledger; ``matches`` holds its forms, of which any one finds it."""

    id: str
    tool: str
    kind: str
    old: str
    since: str
    error: str
    current: str
    old_code: str
    new_code: str
    matches: tuple[Mapping[str, Any], ...]

    def stands_at(self, versions: Mapping[str, str]) -> str:
        """``stale``, ``not yet`` on an older version than it went stale in, or ``unknown`` where nothing is installed."""
        version = versions.get(DISTRIBUTIONS.get(self.tool, self.tool))
        if version is None:
            return "unknown"
        return "not yet" if self.since and is_before(version, self.since) else "stale"


def read_ledger(path: Path = LEDGER) -> list[Row]:
    """Every row. Raises CannotLookError, naming the row, when one has not the agreed shape."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CannotLookError(f"{path}: the drift ledger is missing; copy scripts/ whole") from None
    except ValueError as error:
        raise CannotLookError(f"{path}: not JSON ({error})") from None
    return [_row(one, f"{path.name}, row {number}") for number, one in enumerate(rows, start=1)]


def _row(one: Mapping[str, Any], place: str) -> Row:
    wrong = [name for name in FIELDS if not isinstance(one.get(name), str)]
    if wrong:
        raise CannotLookError(f"{place} ({one.get('id')}): {', '.join(wrong)} must be text")
    matches = one.get("match")
    matches = tuple(matches) if isinstance(matches, list) else (matches,)
    for match in matches:
        if not isinstance(match, dict) or set(match) not in FORMS:
            raise CannotLookError(f"{place} ({one['id']}): match {match!r} has no known form; see drift_ledger.py")
    if one["kind"] not in KINDS or one["tool"] not in DISTRIBUTIONS:
        raise CannotLookError(f"{place} ({one['id']}): kind {one['kind']!r} or tool {one['tool']!r} is not known")
    return Row(**{name: one[name] for name in FIELDS}, matches=matches)
