"""The shipped settings hold against Dagster's schemas and a real Postgres; nothing is deployed."""

from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster_k8s.job import get_user_defined_k8s_config
from run_assets import run_assets

HERE = Path(__file__).parent
SHIPPED = yaml.safe_load((HERE / "dagster.yaml").read_text())


def reference(folder: Path, settings: dict) -> InstanceRef:
    """The settings as Dagster reads them; raises for what its schema does not know."""
    (folder / "dagster.yaml").write_text(yaml.safe_dump(settings))
    return InstanceRef.from_dir(str(folder))


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    """A key spelled wrong at the top or inside is an error with its path."""
    for wrong in ({"run_retry": {"enabled": True}}, {"run_monitoring": {"enable": True}}):
        with pytest.raises(dg.DagsterInvalidConfigError, match="Received unexpected config entry"):
            reference(tmp_path, SHIPPED | wrong)


def test_the_docker_launcher_takes_its_config(tmp_path: Path) -> None:
    """A launcher's own config is looked at when it is made, not when dagster.yaml is read."""
    launcher = reference(tmp_path, SHIPPED).run_launcher_data.rehydrate(object)
    assert (type(launcher).__name__, launcher.inst_data.config_dict["network"]) == ("DockerRunLauncher", "shop")
    wrong = {**SHIPPED["run_launcher"], "config": {"netwrok": "shop"}}
    data = reference(tmp_path, SHIPPED | {"run_launcher": wrong}).run_launcher_data
    with pytest.raises(dg.DagsterInvalidConfigError, match="netwrok"):
        data.rehydrate(object)


def test_the_kubernetes_launcher_is_read(tmp_path: Path) -> None:
    """Its schema accepts the config; making it needs a cluster or a kubeconfig."""
    from dagster_k8s import K8sRunLauncher

    launcher = yaml.safe_load((HERE / "kubernetes.yaml").read_text())["run_launcher"]
    assert reference(tmp_path, SHIPPED | {"run_launcher": launcher}).run_launcher_data.class_name == "K8sRunLauncher"
    assert set(launcher["config"]) <= set(K8sRunLauncher.config_type())


def test_a_wrong_pod_config_is_found_before_the_cluster_finds_it(example: ModuleType) -> None:
    """Silent: the job with the misspelled tag loads, and runs anywhere but on Kubernetes."""
    limits = get_user_defined_k8s_config(example.load.tags).container_config["resources"]["limits"]
    assert limits == {"memory": "2Gi"}
    wrong = dg.define_asset_job("wrong", [example.orders], tags={"dagster-k8s/config": {"container_config": {"resourcez": {}}}})
    dg.Definitions.validate_loadable(dg.Definitions([example.orders], jobs=[wrong]))
    with pytest.raises(Exception, match="resourcez"):
        get_user_defined_k8s_config(wrong.tags)


def test_a_plain_postgresql_address_asks_for_a_driver_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster installs psycopg2; SQLAlchemy 2.1 takes psycopg unless the address names the driver."""
    monkeypatch.setenv("DAGSTER_PG_URL", "postgresql://postgres@127.0.0.1/dagster")
    storage = reference(tmp_path, SHIPPED).storage_data
    with pytest.raises(ModuleNotFoundError, match="No module named 'psycopg'"):
        storage.rehydrate(object)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR")
def test_a_run_is_stored_in_postgres(example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second instance, opened anew, reads the run and its row count from a real server."""
    import pgserver

    server = pgserver.get_server(tmp_path / "postgres")
    monkeypatch.setenv("DAGSTER_PG_URL", server.get_uri().replace("postgresql://", "postgresql+psycopg2://"))
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({key: SHIPPED[key] for key in ("telemetry", "storage", "concurrency")}))
    try:
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            run = run_assets(example.defs, instance)
        with dg.DagsterInstance.from_config(str(tmp_path)) as again:
            event = again.get_latest_materialization_event(example.orders.key)
            assert (again.get_run_by_id(run.run_id).is_success, event.run_id) == (True, run.run_id)
            assert "Postgres" in type(again.run_storage).__name__
    finally:
        server.cleanup()
