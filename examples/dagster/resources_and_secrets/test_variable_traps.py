"""Environment variables that are read too early, not at all, or told to everybody."""

import dagster as dg
import pytest
from pydantic import Field, ValidationError
from run_assets import run_assets
from secret_search import find_secrets

SECRET = "token-8c1d0f"


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    monkeypatch.setenv("SHOP_PORT", "5432")


class Api(dg.ConfigurableResource):
    """The API of the shop."""

    token: str
    port: int = 443


def test_trap_a_variable_outside_a_run_is_its_name() -> None:
    """Silent: attribute and concatenation give the name, the latter also in a run; an f-string raises."""
    name = dg.EnvVar("SHOP_TOKEN")
    assert (Api(token=name).token, "Bearer " + name) == ("SHOP_TOKEN", "Bearer SHOP_TOKEN")
    with pytest.raises(RuntimeError, match="Attempted to directly retrieve environment variable"):
        f"Bearer {name}"
    in_a_run = [Api(token=token).process_config_and_initialize().token for token in (name, "Bearer " + name)]
    assert (in_a_run, name.get_value()) == ([SECRET, "Bearer SHOP_TOKEN"], SECRET)


def test_trap_a_number_has_an_envvar_of_its_own() -> None:
    """The name is no number; `EnvVar.int` is one when it is read."""
    with pytest.raises(ValidationError, match="Input should be a valid integer"):
        Api(token="t", port=dg.EnvVar("SHOP_PORT"))
    assert Api(token="t", port=dg.EnvVar.int("SHOP_PORT")).process_config_and_initialize().port == 5432


def test_trap_a_missing_variable_is_told_where_the_run_needs_it(instance: dg.DagsterInstance) -> None:
    """Silent: definitions load, and a run that does not use the resource is green; one that does names all at once."""

    class Login(dg.ConfigurableResource):
        user: str
        password: str

    def reader(login: Login) -> None: ...

    login = Login(user=dg.EnvVar("NO_USER"), password=dg.EnvVar("NO_PASSWORD"))
    assets = [dg.asset(reader, name="orders"), dg.asset(lambda: None, name="rates")]
    defs = dg.Definitions(assets, resources={"login": login})
    dg.Definitions.validate_loadable(defs)
    assert run_assets(defs, instance, "key:rates").status == "SUCCESS"
    with pytest.raises(dg.DagsterInvalidConfigError) as raised:
        run_assets(defs, instance, "key:orders")
    assert [name in str(raised.value) for name in ("NO_USER", "NO_PASSWORD")] == [True, True]


@pytest.mark.parametrize("constraint", [{"min_length": 40}, {"max_length": 11}, {"min_length": 1}], ids=str)
def test_trap_a_constraint_on_a_secret_tells_it(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, constraint: dict[str, int]
) -> None:
    """A value that fails is in the event log, `repr=False` or not; that it is not empty can be asked without telling."""

    class Strict(dg.ConfigurableResource):
        token: str = Field(repr=False, **constraint)

    @dg.asset
    def orders(api: Strict) -> None: ...

    name = "T" * (11 if "max_length" in constraint else 40)  # the name has to fit too
    monkeypatch.setenv(name, SECRET if constraint != {"min_length": 1} else "")
    defs = dg.Definitions([orders], resources={"api": Strict(token=dg.EnvVar(name))})
    assert run_assets(defs, instance).status == "FAILURE"
    assert bool(find_secrets(defs, instance, {"SHOP_TOKEN": SECRET})) == (constraint != {"min_length": 1})


def test_trap_a_pattern_on_a_secret_refuses_the_variables_name() -> None:
    """The constraint meets the name first, which no value's pattern fits."""

    class Strict(dg.ConfigurableResource):
        token: str = Field(pattern="^token-")

    with pytest.raises(ValidationError, match="input_value='SHOP_TOKEN'"):
        Strict(token=dg.EnvVar("SHOP_TOKEN"))
    assert Strict(token=SECRET).token == SECRET


def test_trap_a_resource_without_annotation_is_taken_for_an_asset(instance: dg.DagsterInstance) -> None:
    """The message is about an input asset, and names the resource."""

    def bare(api) -> None: ...
    def annotated(api: Api) -> None: ...

    resources = {"api": Api(token="t")}
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r'Input asset "\["api"\]" is not produced'):
        run_assets([dg.asset(bare, name="orders")], instance, resources=resources)
    assert run_assets([dg.asset(annotated, name="orders")], instance, resources=resources).status == "SUCCESS"
