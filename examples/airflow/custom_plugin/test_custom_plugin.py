"""What the plugin adds to a task and to the API server, and how a plugin that is wrong is not heard of."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
FOLDER = Path(__file__).parent
RUN = """
import json, sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from metadata_database import open_database
from run_dag import run_dag

database, dag_file, plugin = map(Path, sys.argv[2:5])
runs, answers = [], {}
with open_database(database):
    for conf in json.loads(sys.argv[5]):
        run = run_dag(dag_file, conf=conf)
        runs.append([run.state, list(run.xcoms.values()), any("error calling listener" in line for line in run.observed.log)])
        plugin.write_text(plugin.read_text().replace("EUR", "CHF"))
    from airflow import settings
    from airflow.api_fastapi.app import create_app
    from airflow.models.taskinstance import TaskInstance
    from fastapi.testclient import TestClient
    from sqlalchemy import select

    last = settings.Session().scalars(select(TaskInstance).where(TaskInstance.run_id == run.run_id)).one()
    last.handle_failure("the process is gone")  # what the scheduler calls

    client = TestClient(create_app())
    paths = ("/shop/failures", "/open/secret", "/api/v2/plugins", "/api/v2/plugins/importErrors")
    answers["stranger"] = {path: client.get(path).status_code for path in paths}
    signed_in = client.post("/auth/token", json={"username": "admin", "password": "s"}).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {signed_in}"
    instance = f"/api/v2/dags/{last.dag_id}/dagRuns/{last.run_id}/taskInstances/{last.task_id}"
    answers["by_hand"] = client.patch(instance, json={"new_state": "failed"}).status_code
    for path in paths:
        answer = client.get(path)
        answers[path] = answer.json() if "json" in answer.headers["content-type"] else answer.status_code
Path("told.json").write_text(json.dumps({"runs": runs, "answers": answers}))
"""
LOAD = """
import json
from pathlib import Path
from airflow import plugins_manager
from airflow.listeners import listener as core_listener
from airflow.sdk import listener
from airflow.sdk.execution_time import macros
from airflow.sdk.plugins_manager import integrate_macros_plugins

integrate_macros_plugins()
told = {
    "listed": [plugin["name"] for plugin in plugins_manager.get_plugin_info() if "PLUGINS_FOLDER" in str(plugin["source"])],
    "in_a_task": sorted(set(vars(macros)) & {"shop", "books", "hr"}),
}
try:
    told["listeners"] = listener.get_listener_manager().has_listeners
    core_listener.get_listener_manager().pm.check_pending()
except Exception as error:
    told["listeners"] = f"{type(error).__name__}: {error}"
Path("told.json").write_text(json.dumps(told))
"""
LISTENERS = """
from pathlib import Path

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from fastapi import FastAPI


class Note:
    def __init__(self, name):
        self.name = name

    @hookimpl
    def on_task_instance_success(self, task_instance):
        with Path("heard.txt").open("a") as heard:
            heard.write(self.name + " ")


class Raises:
    @hookimpl
    def on_task_instance_success(self, task_instance):
        raise RuntimeError("no connection to the pager")


class Misspelt:
    @hookimpl
    def on_task_instance_succeeded(self, task_instance):
        Path("heard.txt").open("a").write("misspelt ")


class Unmarked:
    def on_task_instance_success(self, task_instance):
        Path("heard.txt").open("a").write("unmarked ")


app = FastAPI()
app.get("/secret")(lambda: 42)


class Listeners(AirflowPlugin):
    name = "listeners"
    listeners = [Note("first"), Raises(), Misspelt(), Unmarked(), Note("last")]
    fastapi_apps = [{"app": app, "url_prefix": "/open", "name": "open"}]
"""
THREE_PLUGINS = """
from airflow.plugins_manager import AirflowPlugin


def price(cents):
    return cents


class Shop(AirflowPlugin):
    name, macros = "shop", [price]


class Copied(AirflowPlugin):
    name, macros = "shop", [price]


class Books(AirflowPlugin):
    name, macros = "books", [price]
"""
BROKEN = THREE_PLUGINS.replace('"shop"', '"broken"') + "import no_such_client"
WRONG_ARGUMENT = LISTENERS.replace("def on_task_instance_success(self, task_instance)", "def on_task_instance_success(self, ti)")


def tell(home: Path, code: str, *arguments: object) -> dict[str, Any]:
    """What a process of its own tells, for plugins are read once per process; its plugins are those in `home / "plugins"`."""
    own = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "SHOP_FAILURES": str(home / "failures.txt"),
    }
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=os.environ | own, cwd=home, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((home / "told.json").read_text())


def run_in(home: Path, template: Path, plugin: str, dag_file: Path, confs: list[dict[str, Any]]) -> dict[str, Any]:
    """Run a DAG once per conf, with `EUR` in the plugin made `CHF` after the first, then ask the API server."""
    database = shutil.copy(template, home / "airflow.db")
    return tell(home, RUN, FOLDER.parent / "harness", database, dag_file, home / "plugins" / plugin, json.dumps(confs))


def with_plugins(home: Path, **sources: str) -> Path:
    """A home whose plugins folder has these files."""
    (home / "plugins").mkdir()
    (home / "passwords.json").write_text('{"admin": "s"}')
    for name, source in sources.items():
        (home / "plugins" / f"{name}.py").write_text(source)
    return home


@pytest.fixture(scope="module")
def shop(metadata_template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Three invoices in one process; the plugin's file is changed after the first."""
    home = with_plugins(tmp_path_factory.mktemp("shop"), shop_plugin=(FOLDER / "plugins" / "shop_plugin.py").read_text())
    return run_in(home, metadata_template, "shop_plugin.py", FOLDER / "invoices.py", [{}, {"cents": 0}, {"cents": 500}])


@pytest.fixture(scope="module")
def wrong(metadata_template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A plugin with five listeners and an open page, beside one whose import fails."""
    home = with_plugins(tmp_path_factory.mktemp("wrong"), listeners=LISTENERS, broken=BROKEN)
    (home / "dag.py").write_text("from airflow.sdk import DAG, task\nwith DAG('one'):\n    task(task_id='one')(lambda: 1)()\n")
    told = run_in(home, metadata_template, "listeners.py", home / "dag.py", [{}])
    return told | {"heard": (home / "heard.txt").read_text().split()}


def test_the_macro_stands_below_the_plugins_name(shop: dict[str, Any]) -> None:
    """`macros.shop.price`, rendered by the task."""
    assert shop["runs"][0] == ["success", ["EUR 19.99"], False]


def test_the_listener_is_told_of_the_retry_and_of_the_failure(shop: dict[str, Any]) -> None:
    """The page at the API server shows both lines, and to nobody who has not signed in."""
    assert shop["runs"][1] == ["failed", [], False]
    assert shop["answers"]["/shop/failures"][:2] == [
        "custom_plugin.invoice up_for_retry: an invoice without an amount",
        "custom_plugin.invoice failed: an invoice without an amount",
    ]
    assert shop["answers"]["stranger"]["/shop/failures"] == 401
    (plugin,) = [plugin for plugin in shop["answers"]["/api/v2/plugins"]["plugins"] if plugin["name"] == "shop"]
    assert [view["href"] for view in plugin["external_views"]] == ["/shop/failures"]


def test_the_listener_is_told_by_scheduler_and_api_server_too(shop: dict[str, Any]) -> None:
    """Of a task whose process is lost and of a state set by hand, with a text in place of the exception."""
    assert shop["answers"]["by_hand"] == 200
    assert shop["answers"]["/shop/failures"][2:] == [
        "custom_plugin.invoice up_for_retry: the process is gone",
        "custom_plugin.invoice failed: TaskInstance's state was manually set to `failed`.",
    ]


def test_silent_a_changed_plugin_is_not_read_again(shop: dict[str, Any]) -> None:
    """The file says CHF when the third invoice is printed; the process has the old code."""
    assert shop["runs"][2] == ["success", ["EUR 5.00"], False]


def test_silent_a_listener_that_raises_silences_those_listed_before_it(wrong: dict[str, Any]) -> None:
    """The task succeeds and its log has a line; called in reverse order, the last one was heard and the first never."""
    assert wrong["runs"] == [["success", [1], True]]
    assert wrong["heard"] == ["last"]


def test_silent_a_misspelt_or_unmarked_listener_is_never_called(wrong: dict[str, Any]) -> None:
    """Both are listed after the one that raises, so they would have been called before it."""
    assert {"misspelt", "unmarked"} & set(wrong["heard"]) == set()


def test_a_plugin_whose_import_fails_is_named_by_one_route_only(wrong: dict[str, Any]) -> None:
    """`/plugins/importErrors` has it; the list of plugins and every run go on without it."""
    (error,) = wrong["answers"]["/api/v2/plugins/importErrors"]["import_errors"]
    assert (Path(error["source"]).name, error["error"]) == ("broken.py", "No module named 'no_such_client'")
    listed = {plugin["name"] for plugin in wrong["answers"]["/api/v2/plugins"]["plugins"]}
    assert {"listeners", "broken", "books"} & listed == {"listeners"}


def test_silent_a_page_without_a_guard_is_open(wrong: dict[str, Any]) -> None:
    """Airflow's own routes ask who it is; a mounted application does not."""
    stranger = wrong["answers"]["stranger"]
    assert (stranger["/open/secret"], stranger["/api/v2/plugins"]) == (200, 401)


def test_silent_after_a_doubled_name_a_task_has_no_further_plugin(tmp_path: Path) -> None:
    """The list skips the double alone; a task stops reading there, and has no `macros.books`."""
    told = tell(with_plugins(tmp_path, three=THREE_PLUGINS), LOAD)
    assert (told["listed"], told["in_a_task"]) == (["shop", "books"], ["shop"])


def test_silent_one_wrong_argument_name_switches_every_listener_off(tmp_path: Path) -> None:
    """Each call of any listener ends in this error, which the task's log has as `error calling listener`."""
    told = tell(with_plugins(tmp_path, listeners=WRONG_ARGUMENT), LOAD)
    assert str(told["listeners"]).startswith("PluginValidationError: Plugin ")
    assert "Argument(s) {'ti'}" in str(told["listeners"])


def test_a_misspelt_listener_is_found_when_asked_for(tmp_path: Path) -> None:
    """Airflow never asks; `check_pending` of the manager does. The shop's own plugin has nothing to find."""
    (tmp_path / "right").mkdir()
    right = with_plugins(tmp_path / "right", shop=(FOLDER / "plugins" / "shop_plugin.py").read_text())
    assert tell(right, LOAD)["listeners"] is True
    wrong = tell(with_plugins(tmp_path, listeners=LISTENERS), LOAD)
    assert str(wrong["listeners"]).startswith("PluginValidationError: unknown hook 'on_task_instance_succeeded'")
