"""Two YAML files make two tables; which mistakes in them are reported, and which pass in silence."""

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster.components.core.component_tree import ComponentTreeException
from dagster.components.testing import create_defs_folder_sandbox
from run_assets import run_assets

HERE = Path(__file__).parent
COMPONENT = "shop_project.components.csv_table.CsvTable"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, importable in place of any other `shop_project`."""
    copy = shutil.copytree(HERE, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.syspath_prepend(copy / "src")
    monkeypatch.chdir(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "shop_project"]:
        monkeypatch.delitem(sys.modules, name)
    return copy


@pytest.fixture
def edit(project: Path) -> Callable[[str, str, str], None]:
    """Replaces text in the `defs.yaml` of one folder."""

    def replace(folder: str, old: str, new: str) -> None:
        path = project / "src/shop_project/defs" / folder / "defs.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return replace


def loaded() -> dict[str, dg.AssetSpec]:
    """The executable assets of the project copy, by key."""
    for name in [name for name in sys.modules if name.split(".")[0] == "shop_project"]:
        del sys.modules[name]
    defs = importlib.import_module("shop_project.definitions").defs()
    dg.Definitions.validate_loadable(defs)
    graph = defs.resolve_asset_graph()
    return {key.to_user_string(): graph.get(key).to_asset_spec() for key in graph.executable_asset_keys}


def dg_cli(project: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and output of the installed `dg`, run in the project."""
    scripts = Path(sys.executable).parent
    changes = {"PYTHONPATH": str(project / "src"), "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "400"}
    command = [scripts / "dg", *arguments]
    done = subprocess.run(command, cwd=project, env=os.environ | changes, text=True, capture_output=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def test_two_yaml_files_make_two_loaded_tables(project: Path, example, instance) -> None:
    """The entry file's definitions run green; the rows are those of the CSV files."""
    run = run_assets(example.defs, instance)
    assert {name: facts["dagster/row_count"] for name, facts in run.metadata.items()} == {"orders": 3, "refunds": 1}


def test_yaml_sets_what_the_asset_has(project: Path) -> None:
    """Spec fields, a template variable that is an object, and post-processing arrive in the asset."""
    orders, refunds = loaded()["orders"], loaded()["refunds"]
    assert (orders.owners, orders.kinds, refunds.group_name) == (["team:shop-data"], {"duckdb"}, "finance")
    assert orders.automation_condition == dg.AutomationCondition.on_cron("0 6 * * *", cron_timezone="Europe/Berlin")


def test_the_component_in_a_sandbox(project: Path) -> None:
    """Component and definitions of one defs.yaml, without the rest of the project."""
    component_class = importlib.import_module("shop_project.components.csv_table").CsvTable
    contents = {"type": COMPONENT, "attributes": {"file": "fees.csv", "asset": {"key": "shop/fees"}}}
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(component_cls=component_class, defs_yaml_contents=contents)
        with pytest.raises(ComponentTreeException) as refused, sandbox.load_component_and_build_defs(defs_path=path):
            pass
        (path / "fees.csv").write_text("id\n1\n")
        with sandbox.load_component_and_build_defs(defs_path=path) as (component, defs):
            found = (component.file, [spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()])
    assert isinstance(refused.value.__cause__, FileNotFoundError)
    assert found == ("fees.csv", ["shop/fees"])


def test_a_wrong_key_is_refused_with_file_and_line(project: Path, edit) -> None:
    """The message of the outer error shows the tree; file and line are in its cause."""
    edit("orders", "  database:", "  databse:")
    with pytest.raises(ComponentTreeException, match="Error while loading component orders") as refused:
        loaded()
    assert "`attributes.databse at" in str(refused.value.__cause__)
    assert "defs/orders/defs.yaml:5`\n  Extra inputs are not permitted" in str(refused.value.__cause__)


def test_a_yaml_key_given_twice_keeps_the_last_in_silence(project: Path, edit) -> None:
    """No error: the owner is gone."""
    edit("orders", 'owners: ["team:shop-data"]', 'owners: ["team:shop-data"]\n    owners: []')
    assert loaded()["orders"].owners == []


def test_an_asset_key_given_twice_is_refused(project: Path, edit) -> None:
    """Two files that make the same asset: only resolving the definitions tells."""
    edit("refunds", "key: refunds\n    deps: [orders]", "key: orders")
    defs = importlib.import_module("shop_project.definitions").defs()
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Duplicate asset key"):
        dg.Definitions.validate_loadable(defs)


@pytest.mark.parametrize("target", ["key:refund", "key:orders"])
def test_post_processing_that_matches_nothing_here_is_silent(project: Path, edit, target: str) -> None:
    """A misspelt target, and an asset of another folder: both load, neither changes a group."""
    edit("refunds", "key:refunds", target)
    assert {name: spec.group_name for name, spec in loaded().items()} == {"orders": "default", "refunds": "default"}


def test_python_is_loaded_everywhere_but_beside_a_defs_yaml(project: Path) -> None:
    """A scratch file in the folder is part of the project; one in a component's folder is ignored in silence."""
    source = "import dagster as dg\nfound = dg.asset(lambda: 1, name='{}')\n"
    (project / "src/shop_project/defs/scratch.py").write_text(source.format("scratch"))
    (project / "src/shop_project/defs/orders/extra.py").write_text(source.format("extra"))
    assert set(loaded()) == {"orders", "refunds", "scratch"}


def test_an_unset_variable_in_dot_form_becomes_the_text_none(project: Path, edit, monkeypatch) -> None:
    """Silent; the call form names the variable."""
    monkeypatch.delenv("SHOP_FOLDER", raising=False)
    default = "{{ env('SHOP_DATABASE', 'shop_data.duckdb') }}"
    edit("orders", default, "{{ env.SHOP_FOLDER }}/shop.duckdb")
    component = loaded()["orders"].metadata["dagster/component_origin"].instance
    assert component.database == "None/shop.duckdb"
    edit("orders", "{{ env.SHOP_FOLDER }}", "{{ env('SHOP_FOLDER') }}")
    with pytest.raises(ComponentTreeException) as refused:
        loaded()
    assert "SHOP_FOLDER" in str(refused.value.__cause__)


def test_without_the_tool_table_the_folder_does_not_load(project: Path) -> None:
    """The loader looks for `[tool.dg]` in the file above; a pyproject.toml without it does not count."""
    (project / "pyproject.toml").write_text('[project]\nname = "shop-project"\nversion = "0.1.0"\n')
    with pytest.raises(dg.DagsterError, match="Could not find config file"):
        loaded()


@pytest.mark.slow
def test_check_yaml_looks_at_one_file_of_each_type(project: Path, edit) -> None:
    """Both files are wrong: `dg check yaml` names one of them. With one wrong file, `dg check defs` always fails."""
    edit("orders", "  database:", "  databse:")
    edit("refunds", "  database:", "  databse:")
    code, output = dg_cli(project, "check", "yaml")
    named = [name for name in ("orders", "refunds") if f"defs/{name}/defs.yaml" in output]
    assert (code, len(named)) == (1, 1)
    edit("refunds", "  databse:", "  database:")
    code, output = dg_cli(project, "check", "defs", "--no-check-yaml")
    assert (code, "defs/orders/defs.yaml:5" in output) == (1, True)


@pytest.mark.slow
def test_a_scaffolded_defs_yaml_does_not_load_until_it_is_filled(project: Path, edit) -> None:
    """`dg scaffold defs` writes one file without attributes; `dg check yaml` names each that is missing."""
    code, _ = dg_cli(project, "scaffold", "defs", COMPONENT, "returns")
    folder = project / "src/shop_project/defs/returns"
    written = (folder / "defs.yaml").read_text()
    assert (code, [path.name for path in folder.iterdir()]) == (0, ["defs.yaml"])
    assert written == f"type: {COMPONENT}\n\nattributes: {{}}\n"
    code, output = dg_cli(project, "check", "yaml")
    missing = {name for name in ("file", "asset", "database") if f"'{name}' is a required property" in output}
    assert (code, missing) == (1, {"file", "asset"})
    with pytest.raises(ComponentTreeException, match="Error while loading component returns"):
        loaded()
    edit("returns", "attributes: {}", "attributes: {file: returns.csv, asset: {key: returns}}")
    (folder / "returns.csv").write_text("id\n1\n")
    assert set(loaded()) == {"orders", "refunds", "returns"}


SHEETS = """\
import dagster as dg
from shop_project.components.csv_table import CsvTable


class FirstSheet(dg.Scaffolder):
    def scaffold(self, request: dg.ScaffoldRequest) -> None:
        (request.target_path / "sheet.csv").write_text("id\\n")
        dg.scaffold_component(request, {"file": "sheet.csv", "asset": {"key": request.target_path.name}})


@dg.scaffold_with(FirstSheet)
class Sheet(CsvTable):
    pass
"""


@pytest.mark.slow
def test_a_class_with_a_scaffolder_loads_as_it_was_written(project: Path) -> None:
    """What the scaffolder gives as attributes is in the file, and the asset is there at once."""
    (project / "src/shop_project/components/sheets.py").write_text(SHEETS)
    code, _ = dg_cli(project, "scaffold", "defs", "shop_project.components.sheets.Sheet", "returns")
    assert (code, set(loaded())) == (0, {"orders", "refunds", "returns"})


@pytest.mark.slow
def test_dg_scaffolds_no_project(project: Path) -> None:
    """The command for a project is `create-dagster`, a package of its own."""
    code, output = dg_cli(project, "scaffold", "project", "other_project")
    assert (code, "No such command 'project'" in output, (project / "other_project").exists()) == (2, True, False)
