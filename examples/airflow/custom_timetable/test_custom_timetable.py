"""The scheduler's copy of the timetable, read back from JSON in a process with the plugin, ticks on business days only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
READ_TICKS = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
from pendulum import datetime

sys.path.append(sys.argv[2])  # where the class lies; being importable is not being registered
bag = DagBag(sys.argv[1])
ticks, dags = [], list(bag.dags.values())
try:
    dag = DagSerialization.deserialize_dag(json.loads(json.dumps(DagSerialization.serialize_dag(dags[0]))))
    while len(ticks) < 6:
        ticks.append(dag.next_dagrun_info(last_automated_run_info=ticks[-1] if ticks else None))
    by_hand = dag.timetable.infer_manual_data_interval(run_after=datetime(2026, 4, 7, 12)).start
    told = {
        "days": [tick.data_interval.start.in_timezone("Europe/Berlin").to_date_string() for tick in ticks],
        "utc_hours": [tick.data_interval.start.in_timezone("UTC").hour for tick in ticks],
        "by_hand": by_hand.in_timezone("Europe/Berlin").to_date_string(),
    }
except Exception as error:
    told = {"parsed": not bag.import_errors, "error": str(error)}
print("TOLD" + json.dumps(told))
"""


def read_ticks(plugins: Path, home: Path) -> dict[str, object]:
    """Parse, serialize, read back and tick in a fresh process, for plugins are found once per process."""
    environment = os.environ | {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins)}
    command = [sys.executable, "-c", READ_TICKS, str(FOLDER / "business_days.py"), str(FOLDER / "plugins")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=240)
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("TOLD")]
    return json.loads(told.removeprefix("TOLD"))


@pytest.mark.slow
def test_six_ticks_around_the_clock_change_and_easter(tmp_path: Path) -> None:
    """Weekends, two holidays and the night of 29 March leave no gap and no double; by hand it is the last business day."""
    told = read_ticks(FOLDER / "plugins", tmp_path)
    assert told == {
        "days": ["2026-03-26", "2026-03-27", "2026-03-30", "2026-03-31", "2026-04-01", "2026-04-02"],
        "utc_hours": [23, 23, 22, 22, 22, 22],
        "by_hand": "2026-04-02",
    }


@pytest.mark.slow
def test_silent_a_class_that_is_no_plugin_parses_and_cannot_be_scheduled(tmp_path: Path) -> None:
    """DagBag is content; serialization is not."""
    (tmp_path / "empty").mkdir()
    told = read_ticks(tmp_path / "empty", tmp_path)
    assert told["parsed"] is True
    assert "is not registered" in str(told["error"])
