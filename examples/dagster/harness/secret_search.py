"""Where a secret is readable: in what the UI is sent, in stored runs, events and values, in printed output.

Real: the code location's snapshot as the webserver gets it, the instance's records, the files of its IO managers.
Left out: what your code sends elsewhere, encoded or cut forms of the secret, files outside the instance's folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
from private_names import shown_to_the_ui

SHORTEST = 6  # characters; a shorter secret is found by chance


def find_secrets(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    secrets: Mapping[str, str],
    printed: str = "",
) -> list[str]:
    """One line for each place that holds one of `secrets` (name to value): "TOKEN in the UI's snapshot: ...".

    Load the definitions while the secret is set, or a value that is read at import is not in them. The lines show
    the text around the secret and `***` in its place. `printed` is captured output. Raises ValueError for a value
    that is too short.
    """
    for name, value in secrets.items():
        if len(value) < SHORTEST:
            raise ValueError(f"{name} has {len(value)} characters: use at least {SHORTEST}, or it is found by chance")
    places = [*_texts(definitions, instance), ("printed output", printed)]
    return [
        f"{name} in {place}: {_surroundings(text, form)}"
        for name, value in secrets.items()
        for place, text in places
        for form in [next((form for form in _written_forms(value) if form in text), None)]
        if form is not None
    ]


def _texts(definitions: dg.Definitions, instance: dg.DagsterInstance) -> Iterator[tuple[str, str]]:
    yield "the UI's snapshot", shown_to_the_ui(definitions)
    for run in instance.get_runs():
        yield f"run {run.run_id}: config and tags", dg.serialize_value(run)
        for entry in instance.all_logs(run.run_id):
            kind = entry.dagster_event.event_type_value if entry.dagster_event else "log line"
            yield f"run {run.run_id}: {kind} of {entry.step_key or 'the run'}", dg.serialize_value(entry)
    for state in instance.all_instigator_state() if instance.schedule_storage else []:
        yield f"the cursor of {state.instigator_name}", dg.serialize_value(state)
    folder = Path(instance.storage_directory())
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield f"the stored file {path.relative_to(folder)}", path.read_text("utf-8", errors="replace")


def _written_forms(value: str) -> list[str]:
    """The value as it stands in text, in JSON, and in JSON within JSON, as the snapshot nests it."""
    forms = [value]
    for _ in range(3):
        forms.append(json.dumps(forms[-1])[1:-1])
    return forms


def _surroundings(text: str, secret: str) -> str:
    start = text.index(secret)
    before, after = text[max(0, start - 50) : start], text[start + len(secret) : start + len(secret) + 20]
    return " ".join(f"{before}***{after}".split()).replace(secret, "***")
