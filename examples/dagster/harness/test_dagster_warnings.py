"""A discouraged form in your code is an error with its line; Dagster's own and foreign warnings are none."""

import warnings
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from code_location import load_definitions_file
from dagster_warnings import DagsterWarned, no_dagster_warnings
from private_names import shown_to_the_ui
from schedule_ticks import evaluate_schedule

HEAD = "import dagster as dg\n\n"
ASSET = "@dg.asset{}\ndef orders():\n    return 1\n"


def warned(tmp_path, text: str, *allowed) -> str:
    """What is raised when a definitions file of this text is loaded; empty for nothing."""
    file = tmp_path / "definitions.py"
    file.write_text(HEAD + text)
    try:
        with no_dagster_warnings(*allowed):
            load_definitions_file(file)
    except DagsterWarned as error:
        return str(error)
    return ""


def test_a_plain_asset_warns_of_nothing(tmp_path) -> None:
    """Current forms pass."""
    assert warned(tmp_path, ASSET.format("")) == ""


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("dg.AutoMaterializePolicy.eager()\n", 3, "DeprecationWarning: Function `AutoMaterializePolicy.eager`"),
        ("dg.SourceAsset('raw')\n", 3, "DeprecationWarning: Class `SourceAsset` is deprecated"),
        (ASSET.format("(backfill_policy=dg.BackfillPolicy.single_run())"), 3, "BetaWarning: Parameter `backfill_policy`"),
        (
            "from datetime import timedelta\ndg.build_last_update_freshness_checks(assets=['a'], "
            "lower_bound_delta=timedelta(1))\n",
            4,
            "SupersessionWarning: Function `build_last_update_freshness_checks`",
        ),
        (
            "job = dg.define_asset_job('j')\ndg.Definitions(jobs=[job]).get_job_def('j')\n",
            4,
            "UserWarning: Found asset job named j",
        ),
    ],
)
def test_a_discouraged_form_is_named_with_its_line(tmp_path, text: str, line: int, message: str) -> None:
    """The line is the user's, also where Dagster's warning names a line of its own."""
    assert f"definitions.py:{line}: {message}" in warned(tmp_path, text)


def test_an_allowed_category_passes(tmp_path) -> None:
    """Beta features can be accepted, and nothing else with them."""
    beta = ASSET.format("(backfill_policy=dg.BackfillPolicy.single_run())")
    assert warned(tmp_path, beta, dg.BetaWarning) == ""
    assert "SourceAsset" in warned(tmp_path, beta + "dg.SourceAsset('raw')\n", dg.BetaWarning)


def test_dagsters_own_use_of_old_forms_is_no_error() -> None:
    """Sending a schedule to the UI, and evaluating a partitioned one, call deprecated forms inside Dagster."""

    @dg.asset(partitions_def=dg.DailyPartitionsDefinition("2026-03-01"))
    def revenue() -> None: ...

    job = dg.define_asset_job("job", [revenue])
    nightly = dg.build_schedule_from_partitioned_job(job, name="nightly")
    definitions = dg.Definitions(assets=[revenue], jobs=[job], schedules=[nightly])
    with pytest.warns(DeprecationWarning, match="environment_vars"):
        shown_to_the_ui(definitions)
    with no_dagster_warnings():
        shown_to_the_ui(definitions)
        evaluate_schedule(definitions, "nightly", datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=2))


def test_warnings_of_others_are_left_alone() -> None:
    """A deprecation in the project or another package is not Dagster's to report."""
    with no_dagster_warnings():
        warnings.warn("old", DeprecationWarning, stacklevel=1)
