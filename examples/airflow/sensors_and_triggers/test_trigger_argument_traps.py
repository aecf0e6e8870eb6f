"""An argument that gets lost on the way to the triggerer, and a command that no watcher lets pass."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from dag_files import register_dag_file
from run_dag import run_dag

pytestmark = pytest.mark.usefixtures("metadata_database")
TRIGGERS = """
    from airflow.triggers.base import BaseTrigger, TriggerEvent

    class Whole(BaseTrigger):
        def __init__(self, minimum: int = 1) -> None:
            super().__init__()
            self.minimum = minimum

        def serialize(self):
            return f"lossy_triggers.{type(self).__name__}", {"minimum": self.minimum}

        async def run(self):
            yield TriggerEvent(self.minimum)

    class Lossy(Whole):
        def serialize(self):
            return "lossy_triggers.Lossy", {}
"""
WAITS = """
    from airflow.sdk import DAG, BaseOperator
    from lossy_triggers import Lossy, Whole

    class Wait(BaseOperator):
        def __init__(self, trigger, **options):
            super().__init__(**options)
            self.trigger = trigger

        def execute(self, context):
            self.defer(trigger=self.trigger, method_name="resume")

        def resume(self, context, event):
            return event

    with DAG("sensors_and_triggers_lossy"):
        Wait(task_id="lossy", trigger=Lossy(7))
        Wait(task_id="whole", trigger=Whole(7))
"""
INBOX = """
    from airflow.providers.standard.triggers.file import FileDeleteTrigger
    from airflow.sdk import DAG, Asset, AssetWatcher, task

    watchers = [AssetWatcher(name="inbox", trigger=FileDeleteTrigger(filepath="/inbox/orders.csv"))]
    with DAG("sensors_and_triggers_listed", schedule=[Asset("sensors_and_triggers_listed"WATCHERS)]):
        task(task_id="load")(lambda: 1)()
"""


def ask(*words: str) -> None:
    """`airflow assets ...` in this process."""
    from airflow.cli.cli_parser import get_parser

    arguments = get_parser().parse_args(["assets", *words])
    arguments.func(arguments)


def test_trap_an_argument_that_serialize_forgets_has_its_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Green, for one order where seven were wanted."""
    (tmp_path / "lossy_triggers.py").write_text(dedent(TRIGGERS))
    (tmp_path / "lossy_dag.py").write_text(dedent(WAITS))
    monkeypatch.syspath_prepend(tmp_path)
    run = run_dag(tmp_path / "lossy_dag.py")
    assert (run.state, run.xcoms) == ("success", {"lossy": 1, "whole": 7})


@pytest.mark.parametrize("words", [("list",), ("details", "--name", "sensors_and_triggers_listed")])
def test_trap_a_watcher_breaks_the_commands_about_assets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """They show the asset as long as nothing watches it."""
    plain, watched = tmp_path / "plain_dag.py", tmp_path / "watched_dag.py"
    plain.write_text(dedent(INBOX).replace("WATCHERS", ""))
    watched.write_text(dedent(INBOX).replace("WATCHERS", ", watchers=watchers"))
    register_dag_file(plain)
    ask(*words)
    assert "sensors_and_triggers_listed" in capsys.readouterr().out
    register_dag_file(watched)
    with pytest.raises(ValueError, match=r"watchers\.0\.created_date"):
        ask(*words)
