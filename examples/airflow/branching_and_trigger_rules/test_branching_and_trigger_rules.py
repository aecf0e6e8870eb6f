"""The branch that was not taken does not skip the join; a failed task fails the run although the last one succeeded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, TaskGroup, task
from run_dag import run_dag

TRAPS = Path(__file__)
JOIN_RULES = ("all_success", "none_failed", "none_failed_min_one_success", "all_done", "one_success")


def step(task_id: str, **options: Any) -> Any:
    """A task that does nothing."""
    return task(task_id=task_id, **options)(lambda: None)()


with DAG("branching_and_trigger_rules_joins"):
    for answer in ("taken", None):
        choose = task.branch(task_id=f"choose_{answer}")(lambda answer=answer: answer)()
        ways = [step("taken"), step("other")] if answer else [step("neither"), step("nor")]
        choose >> ways
        for rule in JOIN_RULES:
            ways >> step(f"{answer}_{rule}", trigger_rule=rule)

with DAG("branching_and_trigger_rules_into_group"):
    with TaskGroup("load") as group:
        step("first") >> step("second")
    task.branch(task_id="by_group")(lambda: "load")() >> group
    task.branch(task_id="by_bare_name")(lambda: "first")() >> group

with DAG("branching_and_trigger_rules_green"):
    failing = task(task_id="failing")(lambda: 1 / 0)()
    failing >> step("tidy", trigger_rule="all_done")

with DAG("branching_and_trigger_rules_gates"):
    task.short_circuit(task_id="hard")(lambda: 0)() >> step("a") >> step("a_tidy", trigger_rule="all_done")
    soft = task.short_circuit(task_id="soft", ignore_downstream_trigger_rules=False)(lambda: False)()
    soft >> step("b") >> step("b_tidy", trigger_rule="all_done")

with DAG("branching_and_trigger_rules_condition"):
    task.run_if(lambda context: context["no_such_key"])(task(task_id="asks")(lambda: None))()


@pytest.mark.usefixtures("metadata_database")
@pytest.mark.parametrize(("full", "taken", "other"), [(False, "load_changes", "load_all"), (True, "load_all", "load_changes")])
def test_either_way_reaches_the_join(dag_file: Path, full: bool, taken: str, other: str) -> None:
    """One way runs, the other is skipped, what follows runs, and the watcher has nothing to do."""
    run = run_dag(dag_file, conf={"full": full})
    assert (run.state, run.task_states[taken], run.task_states[other]) == ("success", "success", "skipped")
    assert [run.task_states[name] for name in ("publish", "announce", "tidy_up", "watcher")] == ["success"] * 3 + ["skipped"]


@pytest.mark.usefixtures("metadata_database")
def test_a_failed_task_fails_the_run_after_tidying_up(dag_file: Path) -> None:
    """The last task of the chain succeeds; only the watcher makes the run red."""
    run = run_dag(dag_file, conf={"broken": True})
    assert (run.state, run.task_states["publish"], run.task_states["tidy_up"]) == ("failed", "upstream_failed", "success")
    assert run.observed.errors["watcher"] == "RuntimeError: a task of this run failed"


@pytest.mark.usefixtures("metadata_database")
@pytest.mark.parametrize(("conf", "skipped"), [({"orders": 0}, "announce"), ({"closed": True}, "publish")])
def test_nothing_to_do_skips_the_step_and_still_tidies_up(dag_file: Path, conf: dict[str, Any], skipped: str) -> None:
    """A soft gate and a condition."""
    run = run_dag(dag_file, conf=conf)
    assert (run.state, run.task_states[skipped], run.task_states["tidy_up"]) == ("success", "skipped", "success")


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_join_with_the_default_rule_is_skipped_in_a_green_run() -> None:
    """And when the branch chose nothing, none_failed and all_done run on nothing."""
    run = run_dag(TRAPS, dag_id="branching_and_trigger_rules_joins")
    ran = {
        answer: [rule for rule in JOIN_RULES if run.task_states[f"{answer}_{rule}"] == "success"] for answer in ("taken", None)
    }
    assert run.state == "success"
    assert ran == {
        "taken": ["none_failed", "none_failed_min_one_success", "all_done", "one_success"],
        None: ["none_failed", "all_done"],
    }


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_task_in_a_group_has_a_longer_name() -> None:
    """A group id is accepted; a task in it only as `group.task`, and the branch task fails otherwise."""
    run = run_dag(TRAPS, dag_id="branching_and_trigger_rules_into_group")
    assert run.task_states["by_group"] == "success"
    assert run.observed.errors["by_bare_name"].endswith("must contain only valid task_ids. Invalid tasks found: {'first'}.")


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_run_with_a_failed_task_is_green_because_its_leaf_is() -> None:
    """Only leaves decide; the DAG's on_failure_callback is not called either."""
    run = run_dag(TRAPS, dag_id="branching_and_trigger_rules_green")
    assert (run.state, run.task_states) == ("success", {"failing": "failed", "tidy": "success"})


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_hard_gate_skips_all_done_tasks_too() -> None:
    """The default ignores the rules of everything downstream."""
    states = run_dag(TRAPS, dag_id="branching_and_trigger_rules_gates").task_states
    assert [states[name] for name in ("a", "a_tidy", "b", "b_tidy")] == ["skipped", "skipped", "skipped", "success"]


@pytest.mark.usefixtures("metadata_database")
def test_a_condition_belongs_above_task_and_its_error_fails_the_task() -> None:
    """Below `@task` it is refused while the file is parsed."""
    assert run_dag(TRAPS, dag_id="branching_and_trigger_rules_condition").observed.errors == {"asks": "KeyError: 'no_such_key'"}
    with pytest.raises(TypeError, match="decorate with @task before"):
        task.skip_if(lambda context: True)(lambda: None)
