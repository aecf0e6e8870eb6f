"""What the CLI of Dagster+ reads from dagster_cloud.yaml, without an account; nothing is sent."""

from pathlib import Path

import dagster as dg
import pytest
import yaml
from code_location import load_definitions_file
from dagster_cloud_cli.config.models import load_dagster_cloud_yaml
from dagster_k8s.container_context import K8sContainerContext
from pydantic import ValidationError

HERE = Path(__file__).parent
SHIPPED = (HERE / "dagster_cloud.yaml").read_text()


def test_the_shipped_file_names_code_that_loads() -> None:
    """One location; the file that it names is there and its definitions are valid."""
    [location] = load_dagster_cloud_yaml(SHIPPED).locations
    assert location.location_name == "shop"
    dg.Definitions.validate_loadable(load_definitions_file(HERE / location.code_source.python_file).defs)


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("location_name", "name", "location_name"),
        ("{python_file: definitions.py}", "{python_file: a.py, module_name: a}", "only one of the following"),
        ("container_context", "container_contxt", "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_key_is_refused(right: str, wrong: str, says: str) -> None:
    """A key spelled wrong, and two sources of code, are errors with their place."""
    with pytest.raises(ValidationError, match=says):
        load_dagster_cloud_yaml(SHIPPED.replace(right, wrong))


def test_what_is_inside_container_context_is_checked_by_the_launcher_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent: the file's schema takes any dict there; the Kubernetes schema names what is misspelled."""
    monkeypatch.setenv("SHOP_BUCKET", "orders")  # an entry without a value is taken from the agent's own environment
    wrong = SHIPPED.replace("env_vars", "env_var")
    context = load_dagster_cloud_yaml(wrong).defaults.container_context
    with pytest.raises(dg.DagsterInvalidConfigError, match="env_var"):
        K8sContainerContext.create_from_config(context)
    right = K8sContainerContext.create_from_config(yaml.safe_load(SHIPPED)["defaults"]["container_context"])
    assert right.run_k8s_config.container_config["resources"] == {"limits": {"memory": "2Gi"}}
