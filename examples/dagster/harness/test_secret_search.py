"""A secret in the clear is found wherever it stands, and one read only while a run executes is found nowhere."""

import os
from collections.abc import Callable

import dagster as dg
import pytest
from run_assets import run_assets
from secret_search import find_secrets

SECRETS = {"SHOP_TOKEN": 'tok"7f3a9c'}


class Api(dg.ConfigurableResource):
    token: str


@pytest.fixture(autouse=True)
def token_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", SECRETS["SHOP_TOKEN"])


def places(api: Api, use: Callable, instance: dg.DagsterInstance, **how) -> list[str]:
    """Kinds of places where the secret shows after a run of an asset that does `use`."""

    @dg.asset
    def orders(context, api: Api):
        return use(context, api)

    definitions = dg.Definitions(assets=[orders], resources={"api": api})
    run = run_assets(definitions, instance, **how)
    found = find_secrets(definitions, instance, SECRETS)
    return [line.removeprefix("SHOP_TOKEN in ").replace(f"run {run.run_id}", "run").rpartition(": ")[0] for line in found]


def in_clear() -> Api:
    return Api(token=os.environ["SHOP_TOKEN"])


def by_name() -> Api:
    return Api(token=dg.EnvVar("SHOP_TOKEN"))


def test_a_token_by_name_shows_nowhere(instance: dg.DagsterInstance) -> None:
    """EnvVar is read while the run executes; its use leaves no trace."""
    assert places(by_name(), lambda context, api: len(api.token), instance) == []


def test_a_token_read_at_import_is_sent_to_the_ui(instance: dg.DagsterInstance) -> None:
    """os.environ at import puts the value into the snapshot, though no run prints it."""
    found = places(in_clear(), lambda context, api: None, instance)
    assert found and {place.partition(":")[0] for place in found} == {"the UI's snapshot"}


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (lambda context, api: context.log.info(api.token), "run: log line of orders"),
        (lambda context, api: context.add_output_metadata({"t": api.token}), "run: ASSET_MATERIALIZATION of orders"),
        (lambda context, api: [api.token], "the stored file orders"),
        (lambda context, api: 1 / 0 if not api.token else int(api.token), "run: STEP_FAILURE of orders"),
    ],
)
def test_a_run_that_tells_is_found(instance: dg.DagsterInstance, use: Callable, expected: str) -> None:
    """Log lines, metadata, stored values and error texts are each named."""
    assert any(place.startswith(expected) for place in places(by_name(), use, instance))


def test_a_token_in_tags_and_cursor_is_found(stored_instance: dg.DagsterInstance) -> None:
    """Tags are part of the run record."""
    tagged = places(by_name(), lambda context, api: None, stored_instance, tags={"by": SECRETS["SHOP_TOKEN"]})
    assert any(place.startswith("run: config and tags") for place in tagged)


def test_the_report_does_not_repeat_the_secret(instance: dg.DagsterInstance) -> None:
    """The lines are printed by a failing assertion; a value that is too short is refused."""
    [line] = find_secrets(dg.Definitions(), instance, SECRETS, printed=f"token: {SECRETS['SHOP_TOKEN']}!")
    assert line == "SHOP_TOKEN in printed output: token: ***!"
    with pytest.raises(ValueError, match="SHOP_PIN has 4 characters"):
        find_secrets(dg.Definitions(), instance, {"SHOP_PIN": "1234"})
