"""Which partitions an asset is given, and which it is given silently wrong."""

from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import dagster as dg
import pytest
from run_assets import run_assets, stored_value

DAYS = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-05")
SHOPS = dg.StaticPartitionsDefinition(["basel", "bern"])
BOTH = dg.MultiPartitionsDefinition({"day": DAYS, "shop": SHOPS})
YESTERDAY = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)


def given(
    instance: dg.DagsterInstance, up: Any, down: Any, mapping: dg.PartitionMapping | None, stored: list[str], key: str | None
) -> Any:
    """What a downstream partition gets as its input, when these upstream partitions are stored; an error as its text."""

    @dg.asset(partitions_def=up)
    def source(context: dg.AssetExecutionContext) -> str:
        return context.partition_key

    @dg.asset(partitions_def=down, ins={"source": dg.AssetIn(partition_mapping=mapping)})
    def target(source: Any) -> Any:
        return [source]

    for one in stored:
        assert run_assets([source, target], instance, "source", partition=one).status == "SUCCESS"
    run = run_assets([source, target], instance, "target", partition=key)
    return stored_value([source, target], "target", instance, partition=key)[0] if run.status == "SUCCESS" else str(run.errors)


def test_each_asset_gets_its_part_of_the_one_before(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """Two days in two shops: revenue by day, the trend from the day before, and a shop's sheet over both days."""
    for day in ("2026-03-01", "2026-03-02"):
        for shop in ("basel", "bern"):
            run_assets(example.defs, instance, "orders", partition=f"{day}|{shop}")
        run_assets(example.defs, instance, "revenue", partition=day)
        assert run_assets(example.defs, instance, "trend", partition=day).errors == {}
    run_assets(example.defs, instance, "shop_sheet", partition="bern")
    wanted = {"revenue": "2026-03-02", "trend": "2026-03-02", "shop_sheet": "bern"}
    found = {name: stored_value(example.defs, name, instance, partition=key) for name, key in wanted.items()}
    assert found == {"revenue": 409, "trend": 200, "shop_sheet": 308}
    assert stored_value(example.defs, "trend", instance, partition="2026-03-01") == 209


def test_a_missing_part_is_left_out_without_an_error(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """With allow_missing_partitions only the count in the metadata tells; without it, one missing day fails its reader."""
    run_assets(example.defs, instance, "orders", partition="2026-03-02|bern")
    run = run_assets(example.defs, instance, "revenue", partition="2026-03-02")
    assert (run.status, run.metadata["revenue"]["shops"]) == ("SUCCESS", 1)
    assert "FileNotFoundError" in given(instance, BOTH, DAYS, None, ["2026-03-02|bern"], "2026-03-02")


def test_a_dynamic_key_must_be_added_first(instance: dg.DagsterInstance) -> None:
    """An unknown key is refused, once added it runs."""
    sheet = dg.asset(lambda: None, name="sheet", partitions_def=dg.DynamicPartitionsDefinition(name="suppliers"))
    with pytest.raises(dg.DagsterUnknownPartitionError):
        dg.materialize([sheet], instance=instance, partition_key="mill")
    instance.add_dynamic_partitions("suppliers", ["mill"])
    assert dg.materialize([sheet], instance=instance, partition_key="mill").success


def test_the_zone_and_the_offset_decide_which_day_is_the_newest() -> None:
    """At 00:30 in Berlin March 4 has just ended there, and not yet in UTC; end_offset=1 adds the day that has begun."""
    moment = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)
    how = [{"timezone": "Europe/Berlin"}, {}, {"timezone": "Europe/Berlin", "end_offset": 1}]
    days = [dg.DailyPartitionsDefinition("2026-03-01", **each) for each in how]
    assert [each.get_partition_keys(current_time=moment)[-1] for each in days] == ["2026-03-04", "2026-03-03", "2026-03-05"]


def test_days_of_two_zones_do_not_map(instance: dg.DagsterInstance) -> None:
    """Both load, and the run fails: a zone for one asset is a zone for all that meet it."""
    berlin = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-05", timezone="Europe/Berlin")
    assert "Timezones UTC and Europe/Berlin don't match" in given(instance, DAYS, berlin, None, ["2026-03-02"], "2026-03-02")


def test_before_the_first_day_there_is_none(instance: dg.DagsterInstance) -> None:
    """The day before the first one is not an error: the input is None, and the run is green."""
    found = [given(instance, DAYS, DAYS, YESTERDAY, ["2026-03-01"], key) for key in ("2026-03-01", "2026-03-02")]
    assert found == [None, "2026-03-01"]


def test_one_day_of_a_window_is_not_a_dict(instance: dg.DagsterInstance) -> None:
    """A window of two days that is cut to one hands over the value itself: an annotation `dict[str, …]` fails that run."""
    window = dg.TimeWindowPartitionMapping(start_offset=-1)
    found = [given(instance, DAYS, DAYS, window, [key], key) for key in ("2026-03-01", "2026-03-02")]
    assert found == ["2026-03-01", {"2026-03-01": "2026-03-01", "2026-03-02": "2026-03-02"}]


def test_a_key_that_a_static_mapping_leaves_out_gets_none(instance: dg.DagsterInstance) -> None:
    """Nothing complains about `chur`, which nothing upstream feeds; without the mapping the same run is an error."""
    more, half = dg.StaticPartitionsDefinition(["basel", "bern", "chur"]), dg.StaticPartitionMapping({"basel": "basel"})
    assert given(instance, SHOPS, more, half, ["basel", "bern"], "chur") is None
    assert "depends on invalid partitions" in given(instance, SHOPS, more, None, [], "chur")


def test_the_last_partition_is_the_newest_that_exists(instance: dg.DagsterInstance) -> None:
    """Not the newest that is stored: with March 4 not loaded yet, its reader fails and March 3 is not taken."""
    assert "2026-03-04" in given(instance, DAYS, SHOPS, dg.LastPartitionMapping(), ["2026-03-03"], "bern")
    assert given(instance, DAYS, SHOPS, dg.LastPartitionMapping(), ["2026-03-04"], "bern") == "2026-03-04"


def test_a_dimension_that_a_multi_mapping_leaves_out_means_all_of_it(instance: dg.DagsterInstance) -> None:
    """Yesterday of the same shop needs both dimensions named; with the day alone it is yesterday of all shops."""
    day = {"day": dg.DimensionPartitionMapping("day", YESTERDAY)}
    shop = {"shop": dg.DimensionPartitionMapping("shop", dg.IdentityPartitionMapping())}
    stored = ["2026-03-01|basel", "2026-03-01|bern"]
    found = [given(instance, BOTH, BOTH, dg.MultiPartitionMapping(each), stored, "2026-03-02|bern") for each in (day, day | shop)]
    assert found == [{key: key for key in stored}, "2026-03-01|bern"]


def test_a_week_that_is_not_over_reaches_past_the_last_day(instance: dg.DagsterInstance) -> None:
    """A week with days that do not exist upstream is an error, until the mapping allows them; then it is a partial sum."""
    weeks, some = dg.WeeklyPartitionsDefinition("2026-03-01", end_date="2026-03-08"), ["2026-03-02", "2026-03-03"]
    first = dg.DailyPartitionsDefinition("2026-03-02", end_date="2026-03-04")
    assert "depends on invalid partitions" in given(instance, first, weeks, None, some, "2026-03-01")
    partial = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)
    assert list(given(instance, first, weeks, partial, [], "2026-03-01")) == some
