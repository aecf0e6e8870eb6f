"""What is deployed is what was meant: silent mistakes are named before, and a worker runs the rest."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from conftest import load_flow_file
from finished_run import read_run
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.schedules import Cron
from prefect.variables import Variable
from prefect_server import PrefectServer
from served_flow import served_flow
from worker_process import start_run, work_once

HERE = Path(__file__).parent
MISTAKES = """
deployments:
  - name: wrong
    entrypoint: flow.py:region_revenue
    parametrs: {day: 2026-03-02}
    parameters: {region: "{{ now }}", dya: 2026-03-02}
    work_pool: {name: shop, work_queue: fast, job_variables: {evn: {SHOP_CURRENCY: CHF}}}
    infra_overrides: {env: {SHOP_CURRENCY: CHF}}
    schedules: [{cron: "0 0 6 * * *", slug: six}, {cron: "30 6 * * *", timezone: Europe/Zurich, parameters: {region: west}}]
"""


@flow
def load(shop: str, limit: int = 10) -> str:
    return f"{shop} {limit}"


@pytest.fixture
def check() -> ModuleType:
    return load_flow_file(HERE / "check_prefect_yaml.py")


def deploy_with_cli(file: Path) -> subprocess.CompletedProcess[str]:
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="shop", type="process"))
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
    return subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)


def deployed(name: str) -> DeploymentResponse:
    with get_client(sync_client=True) as client:
        return client.read_deployment_by_name(name)


def problems(check: ModuleType, folder: Path, text: str) -> list[str]:
    (folder / "flow.py").write_text((HERE / "flow.py").read_text())
    (folder / "prefect.yaml").write_text(text)
    return check.problems_of(folder / "prefect.yaml")


def test_every_silent_mistake_is_named(check: ModuleType, tmp_path: Path) -> None:
    """Eight mistakes, eight lines; the file of this folder has none."""
    assert check.problems_of(HERE / "prefect.yaml") == []
    named = [line.removeprefix("deployment wrong: ") for line in problems(check, tmp_path, MISTAKES)]
    assert sorted(named) == [
        "parameter 'region': nothing fills in 'now'",
        "schedule six: no time zone; it runs in UTC",
        "schedule six: the last of 6 cron fields is seconds",
        "schedule without slug: parameter 'region': 'west' is not one of ['north', 'south']",
        "the flow has no parameter 'dya'",
        "unknown key 'infra_overrides' is ignored",
        "unknown key 'parametrs' is ignored",
        "work_pool: unknown key 'work_queue' is ignored",
    ]


def test_what_prefect_refuses_is_named_too(check: ModuleType, tmp_path: Path) -> None:
    """A bad time zone stops `deploy --all` half-way, a bad type is a 409 of the server: here both come first."""
    text = MISTAKES.split("    parametrs")[0]
    zone = text + "    schedule: {interval: 60, timezone: Europe/Zurch}\n    parameters: {day: 3}\n"
    assert [line.split(": ", 1)[1][:40] for line in problems(check, tmp_path, zone)] == [
        "parameter 'day': 3 is not valid under an",
        'schedule without slug: Value error, Inva',
    ]  # fmt: skip
    both = problems(check, tmp_path, text + "    schedule: {cron: '1 1 * * *', interval: 60}\n")
    assert any("Exactly one of 'cron', 'interval', or 'rrule'" in line for line in both)


@pytest.mark.slow
def test_prefect_deploys_the_mistakes_without_a_word(clean_server: PrefectServer, tmp_path: Path) -> None:
    """Exit code 0; the templated parameter is gone, the misspelt ones are ignored or kept, the queue is another."""
    (file := tmp_path / "prefect.yaml").write_text(MISTAKES)
    run = deploy_with_cli(file)
    wrong = deployed("region-revenue/wrong")
    assert (run.returncode, wrong.parameters, wrong.work_queue_name) == (0, {"dya": "2026-03-02"}, "default")
    assert (wrong.job_variables, len(wrong.schedules)) == ({"evn": {"SHOP_CURRENCY": "CHF"}}, 2)


@pytest.mark.slow
def test_a_worker_runs_what_the_file_says(clean_server: PrefectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters, environment and version come from prefect.yaml, and a caller's parameter wins."""
    monkeypatch.setenv("SHOP_CODE", str(HERE))
    monkeypatch.setenv("SHOP_VERSION", "2026.11")
    assert deploy_with_cli(HERE / "prefect.yaml").returncode == 0
    north, south = deployed("region-revenue/north"), deployed("region-revenue/south")
    runs = [start_run(north.id, day="2026-03-02").id, start_run(south.id, day="2026-03-01").id]
    work_once("shop")
    lines = [line.strip() for run in runs for line in read_run(run).messages() if "cents" in line]
    assert lines == ["north until 2026-03-02: 2700 cents (currency CHF)", "south until 2026-03-01: 450 cents (currency CHF)"]
    assert ([row.schedule.timezone for row in north.schedules], north.version) == (["Europe/Zurich"], "2026.11")


def test_jinja_in_a_deployments_parameters_stays_text(prefect_server: PrefectServer) -> None:
    """From Python the text arrives as it is (from prefect.yaml the parameter disappears): only automations render."""
    load.to_deployment("jinja", parameters={"shop": "{{ now }}", "limitt": 1}).apply()
    assert deployed("load/jinja").parameters == {"shop": "{{ now }}", "limitt": 1}


def test_applying_again_replaces_everything(prefect_server: PrefectServer) -> None:
    """One deployment a name: parameters and schedules not given again are gone, and no old version is kept."""
    first = load.to_deployment("again", version="1", parameters={"shop": "bern"}, schedule=Cron("0 6 * * *")).apply()
    second = load.to_deployment("again", version="2").apply()
    again = deployed("load/again")
    assert (second, again.version, again.parameters, again.schedules) == (first, "2", {}, [])
    assert again.version_id is None


def serve_script(folder: Path, first_line: str = "") -> Path:
    """The example's flow in a script that serves it."""
    flow_text, guard, _ = (HERE / "flow.py").read_text().partition('if __name__ == "__main__":')
    (script := folder / "serve_revenue.py").write_text(f"{first_line}\n{flow_text}{guard}\n    region_revenue.serve('served')\n")
    (folder / "orders.csv").write_text((HERE / "orders.csv").read_text())
    return script


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_served_flow_that_ends_pauses_its_deployment(clean_server: PrefectServer, tmp_path: Path, end: signal.Signals) -> None:
    """A run asked for afterwards waits for somebody who serves again."""
    with served_flow(serve_script(tmp_path), "region-revenue/served", stop_with=end) as served:
        served.wait_for(start_run(served.deployment).id, "Completed", "Failed", "Crashed")
    run = start_run(served.deployment).id
    assert (deployed("region-revenue/served").paused, read_run(run).state.name) == (True, "Scheduled")


@pytest.mark.slow
def test_a_served_script_cannot_resolve_deferred_annotations(clean_server: PrefectServer, tmp_path: Path) -> None:
    """With `from __future__ import annotations` every run of the `Literal` parameter fails; without it, Completed."""
    states = []
    for name, first_line in {"deferred": "from __future__ import annotations", "plain": ""}.items():
        (folder := tmp_path / name).mkdir()
        with served_flow(serve_script(folder, first_line), "region-revenue/served") as served:
            states.append(served.wait_for(start_run(served.deployment).id, "Completed", "Failed", "Crashed").state)
    assert [state.name for state in states] == ["Failed", "Completed"]
    assert "is not fully defined" in states[0].message


@pytest.mark.slow
def test_trap_a_variable_in_prefect_yaml_is_filled_in_once(clean_server: PrefectServer, tmp_path: Path) -> None:
    """When it is deployed: a later change reaches the flow only with the next deployment."""
    Variable.set("shop_region", "north")
    (tmp_path / "flow.py").write_text((HERE / "flow.py").read_text())
    (tmp_path / "prefect.yaml").write_text(
        "deployments:\n  - name: variable\n    entrypoint: flow.py:region_revenue\n"
        '    parameters: {region: "{{ prefect.variables.shop_region }}"}\n    work_pool: {name: shop}\n'
        "pull: [{prefect.deployments.steps.set_working_directory: {directory: .}}]\n"
    )
    done = deploy_with_cli(tmp_path / "prefect.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    Variable.set("shop_region", "south", overwrite=True)
    assert deployed("region-revenue/variable").parameters == {"region": "north"}
