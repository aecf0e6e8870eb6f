"""What the contract says about a table arrives in dbt's manifest and on Dagster's asset, and dbt holds the model to it."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster_dbt import dbt_assets

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
PROJECT = "{name: shop, version: 1.0.0, profile: shop, config-version: 2, flags: {send_anonymous_usage_stats: false}}"
PROFILE = "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop_data.duckdb, schema: marts}}}"
MODEL = "select date '2026-03-01' as day, 900::bigint as cents"


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The two modules beside this test."""
    monkeypatch.syspath_prepend(str(HERE))
    spec = importlib.util.spec_from_file_location("contract_to_dbt", HERE / "contract_to_dbt.py")
    to_dbt = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(to_dbt)
    return SimpleNamespace(to_dbt=to_dbt, contract=to_dbt.read_contract(HERE / "contract.json"))


def dbt(folder: Path, properties: str, command: str, model: str = MODEL) -> tuple[int, str]:
    """Exit code and output of dbt in a project of one model, daily_revenue."""
    (folder / "models").mkdir(exist_ok=True)
    texts = {"dbt_project.yml": PROJECT, "profiles.yml": PROFILE, "models/contract.yml": properties}
    for name, text in {**texts, "models/daily_revenue.sql": model}.items():
        (folder / name).write_text(text)
    program = [
        str(Path(sys.executable).with_name("dbt")),
        "--no-use-colors",
        command,
        "--project-dir",
        ".",
        "--profiles-dir",
        ".",
    ]
    done = subprocess.run(
        program, cwd=folder, capture_output=True, text=True, env={**os.environ, "DO_NOT_TRACK": "1"}, check=False
    )
    return done.returncode, done.stdout


def manifest_of(folder: Path, properties: str) -> dict[str, Any]:
    """What `dbt parse` makes of the properties."""
    code, output = dbt(folder, properties, "parse")
    assert code == 0, output
    return json.loads((folder / "target" / "manifest.json").read_text())


def test_owner_classification_and_version_reach_dbt_and_dagster(modules: Any, tmp_path: Path) -> None:
    """One line in the contract, seen in the manifest, in `tag:classification=…`, as owner and as key of the asset."""
    personal = modules.contract.model_copy(update={"tables": tuple(with_email(table) for table in modules.contract.tables)})
    manifest = manifest_of(tmp_path, modules.to_dbt.models_yaml(personal, "marts"))

    @dbt_assets(manifest=manifest, dagster_dbt_translator=modules.to_dbt.ContractTranslator())
    def models() -> None: ...

    [spec] = models.specs
    assert (spec.key.path, spec.owners, spec.group_name) == (["marts", "daily_revenue"], ["team:finance"], "marts")
    assert (spec.tags["classification"], spec.metadata["contract_version"]) == ("personal", "1.2")
    selected = dg.AssetSelection.from_string("tag:classification=personal").resolve([models])
    assert (selected, list(modules.to_dbt.differences(personal, manifest))) == ({spec.key}, [])


def with_email(table: Any) -> Any:
    """The table, its last column now personal."""
    last = table.columns[-1].model_copy(update={"classification": "personal"})
    return table.model_copy(update={"columns": (*table.columns[:-1], last)})


def test_a_properties_file_written_by_hand_is_compared(modules: Any, tmp_path: Path) -> None:
    """A classification that is missing in dbt, on the table and on its columns, is named."""
    manifest = manifest_of(tmp_path, "{version: 2, models: [{name: daily_revenue, columns: [{name: day}]}]}")
    assert list(modules.to_dbt.differences(modules.contract, manifest)) == [
        "marts.daily_revenue: classification None in dbt, 'public' in the contract",
        "marts.daily_revenue.day: classification None in dbt, 'public' in the contract",
        "marts.daily_revenue.cents: classification None in dbt, 'public' in the contract",
    ]


def test_dbt_refuses_a_model_that_is_not_as_promised(modules: Any, tmp_path: Path) -> None:
    """`cents` as text: `dbt build` fails before the table is made, and names the column; the promised model builds."""
    properties = modules.to_dbt.models_yaml(modules.contract, "marts")
    code, output = dbt(tmp_path, properties, "build", MODEL.replace("900::bigint", "'900'"))
    assert (code, "This model has an enforced contract that failed" in output, "cents" in output) == (1, True, True)
    assert dbt(tmp_path, properties, "build")[0] == 0


def test_the_command_writes_the_same(modules: Any) -> None:
    """What runs before `dbt parse` in the image's build prints the file."""
    command = [sys.executable, "contract_to_dbt.py", "contract.json", "marts"]
    printed = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True).stdout
    assert printed == modules.to_dbt.models_yaml(modules.contract, "marts")
