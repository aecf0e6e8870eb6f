"""`research.py api`: what a name is in a real environment, and where this pack shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from research_protocol.api import answer_api
from research_protocol.model import CannotLookError
from research_protocol.pack_index import examples_that_show, pages_that_show
from research_protocol.pins import ROOT

pytestmark = pytest.mark.slow  # each question imports an orchestrator in a process of its own
PYTHON = {tool: ROOT / "examples" / tool / ".venv" / "bin" / "python" for tool in ("dagster", "airflow", "prefect")}


def ask(name: str, tool: str) -> dict[str, object]:
    return answer_api(name, PYTHON[tool]).data


@pytest.mark.parametrize(
    ("name", "tool", "kind", "holds", "module", "package"),
    [
        ("dagster.AssetExecutionContext", "dagster", "class", "(op_execution_context", "asset_execution_context", "dagster 1."),
        ("dagster.Definitions.merge", "dagster", "function", "*def_sets: Definitions", "definitions_class", "dagster 1."),
        (
            "airflow.sdk.DAG",
            "airflow",
            "class",
            "schedule: ScheduleArg",
            "airflow.sdk.definitions.dag",
            "apache-airflow-task-sdk",
        ),
        (
            "prefect.flow",
            "prefect",
            "value of prefect.flows.FlowDecorator",
            "retries: Optional[int]",
            "prefect.flows",
            "prefect 3.",
        ),
    ],
)
def test_a_name_is_described_as_the_installed_package_has_it(
    name: str, tool: str, kind: str, holds: str, module: str, package: str
) -> None:
    """Signature, kind, module, file with line, and the distribution that brought it."""
    found = ask(name, tool)
    assert (found["exists"], found["kind"]) == (True, kind)
    assert holds in str(found["signature"])
    assert module in str(found["module"])
    assert str(found["distribution"]).startswith(package)
    assert Path(str(found["file"])).is_file() and int(str(found["line"])) > 1


@pytest.mark.parametrize(
    ("name", "tool", "said"),
    [
        ("airflow.decorators.dag", "airflow", "Please use `'airflow.sdk.dag'`"),
        ("dagster.AssetExecutionContext.run_id", "dagster", "Use context.run.run_id instead"),
        ("dagster.build_last_update_freshness_checks", "dagster", "superseded"),
    ],
)
def test_a_deprecated_name_says_what_to_use(name: str, tool: str, said: str) -> None:
    """By a warning at import, by a mark on a method, by a mark on a function."""
    assert any(said in str(mark) for mark in ask(name, tool)["marks"])  # type: ignore[attr-defined]


def test_hidden_parameters_are_told() -> None:
    """Dagster takes them and leaves them out of the signature."""
    assert "compute_kind" in ask("dagster.asset", "dagster")["stale_parameters"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("name", "tool", "error", "near"),
    [
        ("dagster.FreshnesPolicy", "dagster", "ImportError: cannot import name", "dagster.FreshnessPolicy"),
        ("dagster.Definitions.get_asset_graph", "dagster", "AttributeError", "Definitions.resolve_asset_graph"),
        ("airflow.sdk.DAAG", "airflow", "ImportError: cannot import name", "airflow.sdk.DAG"),
        (
            "prefect.deployments.Deployment",
            "prefect",
            "PrefectImportError: `prefect.deployments:Deployment` has been removed",
            "",
        ),
    ],
)
def test_a_name_that_does_not_exist_gets_its_error_and_near_misses(name: str, tool: str, error: str, near: str) -> None:
    """The error is the one that an import would give; exit code 1."""
    answer = answer_api(name, PYTHON[tool])
    assert (answer.data["exists"], answer.code) == (False, 1)
    assert answer.data["error"].startswith(error)
    assert not near or near in answer.data["near"]


def test_the_ledger_says_what_became_of_a_name() -> None:
    """A removed module has no near miss, and a row."""
    [row] = [row for row in ask("airflow.operators.dummy", "airflow")["drift"] if row["id"] == "airflow-operators-dummy"]  # type: ignore[attr-defined]
    assert "EmptyOperator" in row["current"]


def test_without_an_environment_of_the_project_the_pins_are_asked(tmp_path: Path) -> None:
    """The answer says that it is not the project's; a bare name is looked for where each tool exports."""
    found = answer_api("MaterializeResult", None, tmp_path).data
    assert (found["name"], found["exists"]) == ("dagster.MaterializeResult", True)
    assert found["interpreter"]["found_by"] == "the pins of this pack, not the project"


def test_importing_leaves_nothing_in_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect makes its home when it is imported; it gets one that is thrown away, and Airflow too."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    assert ask("airflow.sdk.Asset", "airflow")["exists"] is True
    assert ask("prefect.flow", "prefect")["exists"] is True
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_is_installed_nowhere_is_told(tmp_path: Path) -> None:
    """The message lists who was asked."""
    with pytest.raises(CannotLookError, match=r"luigi is installed in none of .*; name the project's interpreter"):
        answer_api("luigi.Task", PYTHON["prefect"], tmp_path)
    with pytest.raises(CannotLookError, match="is no dotted name"):
        answer_api("dagster.asset()", None, tmp_path)


def test_pages_and_examples_are_found_by_what_their_code_means(tmp_path: Path) -> None:
    """An alias counts, a comment and another tool's name of the same spelling do not."""
    pages = tmp_path / "references"
    pages.mkdir()
    (pages / "a.md").write_text(
        "# Top\n\n## Keep it\n\n```python\nfrom dagster import asset as node\n\n\n@node\ndef x(): ...\n```\n"
    )
    (pages / "b.md").write_text("# Other\n\n```python\nfrom airflow.sdk import asset\n\n# dagster asset\n```\n")
    example = tmp_path / "examples" / "dagster" / "one"
    example.mkdir(parents=True)
    (example / "definitions.py").write_text('"""One asset."""\n\nimport dagster as dg\n\n\n@dg.asset\ndef x(): ...\n')
    (example / "other.py").write_text("import dagster as dg\n\nasset = 1  # asset\n")
    assert [(s.path, s.line, s.heading) for s in pages_that_show("dagster.asset", tmp_path)] == [
        ("references/a.md", 6, "Keep it")
    ]
    assert [(s.path, s.line, s.heading) for s in examples_that_show("dagster.asset", tmp_path)] == [
        ("examples/dagster/one/definitions.py", 6, "One asset.")
    ]
