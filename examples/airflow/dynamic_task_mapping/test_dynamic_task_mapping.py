"""A file gets an instance and a name; a failed one stops no other and is missed by name; none at all is still a report."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk import DAG, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException
from run_dag import rerun, run_dag

TRAPS = Path(__file__)

with DAG("dynamic_task_mapping_shifted"):

    @task
    def price(shop: str) -> int | None:
        if shop == "closed":
            raise AirflowSkipException
        return None if shop == "free" else len(shop)

    @task(trigger_rule="none_failed")
    def by_position(prices: list) -> dict:
        return dict(zip(["closed", "free", "bern", "turin"], prices, strict=False))

    by_position(price.expand(shop=["closed", "free", "bern", "turin"]))

with DAG("dynamic_task_mapping_pairs"):

    @task
    def numbers() -> list[int]:
        return [1, 2, 3]

    @task
    def letters() -> list[str]:
        return ["a", "b"]

    @task
    def pair(number: int, letter: str = "-") -> str:
        return f"{number}{letter}"

    @task
    def join(both: tuple) -> str:
        return "{}{}".format(*both)

    n, letter = numbers(), letters()
    pair.override(task_id="crossed").expand(number=n, letter=letter)
    join.override(task_id="zipped").expand(both=n.zip(letter))
    join.override(task_id="filled").expand(both=n.zip(letter, fillvalue="-"))
    pair.override(task_id="appended").expand(number=n.concat(letter))
    pair.override(task_id="overruled").partial(number=9).expand(number=[1])
    pair.override(task_id="refused").partial(number=9).expand_kwargs([{"number": 1}])
    join.override(task_id="not_dropped").expand(both=n.map(lambda v: (v, v) if v > 2 else None))

with DAG("dynamic_task_mapping_empty"):

    @task
    def nothing() -> list:
        return []

    @task
    def sum_up(prices: list) -> int:
        return sum(prices)

    prices = price.override(task_id="price_none").expand(shop=nothing())
    sum_up(prices)
    sum_up.override(task_id="sum_anyway", trigger_rule="all_done")(prices)

with DAG("dynamic_task_mapping_names"):

    @task(map_index_template="{{ label }}")
    def named(shop: str) -> str:
        if shop != "unnamed":
            get_current_context()["label"] = shop
        return shop

    named.expand(shop=["bern", "unnamed"])

with DAG("dynamic_task_mapping_types"):
    for kind, value in {"text": "abc", "set": {1, 2}, "none": None, "pairs": {"a": 1}}.items():
        source = task(task_id=kind)(lambda value=value: value)()
        task(task_id=f"of_{kind}")(lambda each: each).expand(each=source)


@pytest.mark.usefixtures("metadata_database")
def test_every_file_has_a_named_instance_and_its_total(dag_file: Path) -> None:
    """Three files, three names, one report by name."""
    run = run_dag(dag_file)
    assert run.mapped_names == {"total[0]": "bern.csv", "total[1]": "oslo.csv", "total[2]": "turin.csv"}
    assert (run.state, run.xcoms["report"]) == ("success", {"bern.csv": 1749, "oslo.csv": 800, "turin.csv": 370})


@pytest.mark.usefixtures("metadata_database")
def test_a_failed_file_stops_no_other_and_is_named(dag_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The instance, the report and so the run fail; the instance has its name although it failed at once."""
    monkeypatch.setenv("SHOP_ORDERS", str(tmp_path))
    (tmp_path / "a.csv").write_text("order_id,cents\n1,free\n")
    (tmp_path / "b.csv").write_text("order_id,cents\n1,5\n")
    run = run_dag(dag_file)
    assert (run.task_states["total[0]"], run.task_states["total[1]"], run.state) == ("failed", "success", "failed")
    assert run.observed.errors["report"] == "ValueError: no total for ['a.csv']; the others: {'b.csv': 5}"
    assert run.mapped_names["total[0]"] == "a.csv"


@pytest.mark.usefixtures("metadata_database")
def test_no_file_is_an_empty_report_not_a_skipped_one(dag_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mapped task is skipped as a whole; the report has an all_done rule."""
    monkeypatch.setenv("SHOP_ORDERS", str(tmp_path))
    run = run_dag(dag_file)
    assert (run.task_states["total"], run.xcoms["report"]) == ("skipped", {})


@pytest.mark.usefixtures("metadata_database")
def test_a_cleared_run_with_fewer_files_forgets_the_removed_one(
    dag_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reducer is handed the removed instance's old value beside the new ones, and must leave it out itself."""
    monkeypatch.setenv("SHOP_ORDERS", str(tmp_path))
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("order_id,cents\n1,5\n")
    first = run_dag(dag_file)
    (tmp_path / "b.csv").unlink()
    again = rerun(dag_file, first.run_id)
    assert (again.task_states["total[1]"], again.xcoms["total[1]"]) == ("removed", {"file": "b.csv", "cents": 5})
    assert (first.xcoms["report"], again.xcoms["report"]) == ({"a.csv": 5, "b.csv": 5}, {"a.csv": 5})


@pytest.mark.usefixtures("metadata_database")
def test_trap_an_instance_without_a_value_shifts_all_that_follow() -> None:
    """Skipped or None: there is no XCom, so `bern` gets its value at the position of `closed`. The run is green."""
    run = run_dag(TRAPS, dag_id="dynamic_task_mapping_shifted")
    assert (run.state, run.xcoms["by_position"]) == ("success", {"closed": 4, "free": 5})


@pytest.mark.usefixtures("metadata_database")
def test_trap_pairs_are_crossed_cut_or_overruled() -> None:
    """Arguments multiply; zip cuts, concat appends; expand beats partial silently, expand_kwargs does not; None is no filter."""
    run = run_dag(TRAPS, dag_id="dynamic_task_mapping_pairs")
    counts = {name: sum(key.startswith(f"{name}[") for key in run.task_states) for name in ("crossed", "zipped", "filled")}
    assert counts == {"crossed": 6, "zipped": 2, "filled": 3}
    assert (run.xcoms["filled[2]"], run.xcoms["overruled[0]"]) == ("3-", "1-")
    assert [run.xcoms[f"appended[{index}]"] for index in range(5)] == ["1-", "2-", "3-", "a-", "b-"]
    assert run.observed.errors["refused[0]"] == "TypeError: mapping already partial argument: number"
    assert [run.task_states[f"not_dropped[{index}]"] for index in range(3)] == ["failed", "failed", "success"]


@pytest.mark.usefixtures("metadata_database")
def test_trap_an_empty_input_skips_what_reduces_it() -> None:
    """Downstream of nothing is skipped, in a green run, unless its rule is all_done: then it gets an empty list."""
    run = run_dag(TRAPS, dag_id="dynamic_task_mapping_empty")
    assert (run.state, run.task_states["sum_up"], run.xcoms["sum_anyway"]) == ("success", "skipped", 0)


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_name_that_was_not_set_fails_a_task_that_did_its_work() -> None:
    """The template is rendered (again) after the work; an undefined variable is an error then."""
    run = run_dag(TRAPS, dag_id="dynamic_task_mapping_names")
    assert run.task_states == {"named[0]": "success", "named[1]": "failed"}
    assert run.observed.errors == {"named[1]": "UndefinedError: 'label' is undefined"}


@pytest.mark.usefixtures("metadata_database")
def test_trap_the_limit_fails_the_task_that_returns_the_list_and_not_a_product(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three values fit into a limit of 3; their six pairs are not counted. At 2 the message says no reason."""
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "3")
    run = run_dag(TRAPS, dag_id="dynamic_task_mapping_pairs")
    assert run.xcoms["crossed[5]"] == "3b"
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "2")
    run = run_dag(TRAPS, dag_id="dynamic_task_mapping_pairs")
    assert (run.task_states["numbers"], run.task_states["crossed"]) == ("failed", "upstream_failed")
    assert run.observed.errors["numbers"] == "ServerResponseError: Server returned error"


@pytest.mark.usefixtures("metadata_database")
def test_what_cannot_be_mapped_fails_the_task_that_returned_it() -> None:
    """A list, a tuple or a dict (as pairs) can."""
    run = run_dag(TRAPS, dag_id="dynamic_task_mapping_types")
    assert run.xcoms["of_pairs[0]"] == ("a", 1)
    assert {name: error.split(":")[0] for name, error in run.observed.errors.items()} == {
        "text": "UnmappableXComTypePushed",
        "set": "UnmappableXComTypePushed",
        "none": "XComForMappingNotPushed",
    }
