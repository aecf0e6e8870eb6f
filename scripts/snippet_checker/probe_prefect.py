"""How Prefect loads a file and runs its flows, against one real server per session.

Runs inside Prefect's environment, in a process of its own per snippet.
"""

from __future__ import annotations

import importlib
import inspect
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from . import isolation
from .kept_database import keep_database
from .live_names import signature_keywords
from .locate import definition_line, line_of_word
from .probe_failure import ProbeFailure, is_selected
from .run_snippet import load_module, place_sample

ROOTS = ("prefect", "prefect_")
NOTHING_DEFINED = "defines no flow at module level and runs nothing; call what it defines, or add a test_* function"
LEARN_LEVEL = "loads"
SAMPLES = (
    """
import pytest, _pytest.assertion.rewrite, runpy
import prefect.flow_engine, prefect.task_engine, prefect.runner, prefect.futures, prefect.task_runners
import prefect.client.orchestration, prefect.events.worker, prefect.logging.handlers, prefect.transactions
import prefect.schedules, prefect.cache_policies, prefect.artifacts, prefect.variables, prefect.blocks.system
import prefect.concurrency.sync, prefect.deployments, prefect.runtime, prefect.locking.memory
import prefect.docker, prefect.deployments.runner, prefect.automations, prefect._vendor.croniter
import httpx, duckdb, pandas, websockets, aiosqlite, orjson, graphviz, pydantic.v1, anyio._backends._asyncio
from prefect import flow, task, get_run_logger
@task(retries=1)
def one(): return 1
@flow(log_prints=True)
def work(n: int = 1): one()
""",
)
SERVER_SECONDS = 180  # a cold start with migrations has taken 30 s on a loaded machine
_session: dict[str, Any] = {}


# --- what the static level asks


def stale_marks(value: Any) -> Iterator[tuple[str, str]]:
    """Prefect marks nothing on its objects; importing them warns or raises, and that is seen already."""
    return iter(())


def stale_keywords(function: Any) -> dict[str, str]:
    """Prefect marks no parameter."""
    return {}


def known_keywords(function: Any) -> set[str] | None:
    """Keywords of a function; a class that is a pydantic model says its own."""
    fields = getattr(function, "model_fields", None)
    if isinstance(fields, dict) and signature_keywords(function) is None and _forbids_extra(function):
        return set(fields)
    return signature_keywords(function)


def _forbids_extra(model: Any) -> bool:
    return model.model_config.get("extra") == "forbid"


def decorated_class(decorator: Any) -> type | None:
    """What a decorated function becomes."""
    import prefect

    if decorator is prefect.flow:
        return prefect.Flow
    return prefect.Task if decorator is prefect.task else None


# --- the session: one server


def warm_up() -> None:
    """Import what every Prefect snippet pays for."""
    os.environ["PREFECT_HOME"] = str(Path(tempfile.gettempdir()) / "prefect")
    os.environ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "false"
    os.environ["PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW"] = "ignore"
    importlib.import_module("prefect")


def rehearse(folder: Path) -> None:
    """Load the sample and build the models; running its flow would start threads, and a process with threads must not fork."""
    name = "rehearsed_sample"
    _build_models()
    try:
        load_module(place_sample(sys.modules[__name__], folder), name)
    finally:
        sys.modules.pop(name, None)


def _build_models() -> None:
    """Build what Prefect's pydantic models put off until their first use, which would be once in every snippet."""
    import pydantic

    models: list[type[pydantic.BaseModel]] = [pydantic.BaseModel]
    for model in models:
        models += [kind for kind in model.__subclasses__() if kind not in models]
    for model in models:
        if model.__module__.startswith("prefect.") and not model.__pydantic_complete__:
            model.model_rebuild(raise_errors=False)


def start_session(folder: Path, kept: Path) -> None:
    """Start one real server on a free loopback port and wait until it answers.

    Its migrated database is kept in ``kept``, so that the next start finds it done.
    Raises RuntimeError with the server's last lines when it does not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database, template = folder / "prefect.db", kept / "prefect-server.db"
    if template.exists():
        shutil.copy(template, database)
    port = _free_port()
    log = folder / "server.log"
    settings = {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{database}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app",
               "--host", "127.0.0.1", "--port", str(port), "--log-level", "error"]  # fmt: skip
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, env=os.environ | settings, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            preexec_fn=isolation.end_with_parent,
        )  # fmt: skip
    _session.update(server=server, url=f"http://127.0.0.1:{port}/api")
    _wait_until_healthy(server, log)
    if not template.exists():
        keep_database(database, template)


def _wait_until_healthy(server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{_session['url']}/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the Prefect server did not come up: " + log.read_text(errors="replace")[-800:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stop_session() -> None:
    """End the server that this session started."""
    server = _session.pop("server", None)
    if server is not None and server.poll() is None:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def session_processes() -> set[int]:
    """The server, which is not an orphan of any snippet."""
    server = _session.get("server")
    return {server.pid} if server is not None else set()


# --- one snippet


def enter(path: Path) -> None:
    """Give the snippet a PREFECT_HOME of its own, and the session's server where there is one.

    Heartbeats are off: every synchronous flow joins a thread that sleeps in steps of a second.
    """
    from prefect.context import SettingsContext, get_settings_context

    home = Path(os.environ["HOME"]) / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    os.environ["PREFECT_HOME"] = str(home)
    context = get_settings_context()
    settings = _moved(context.settings, context.settings.home, home)
    changed = {"flows": settings.flows.model_copy(update={"heartbeat_frequency": None})}
    if "url" in _session:
        os.environ["PREFECT_API_URL"] = _session["url"]
        changed["api"] = settings.api.model_copy(update={"url": _session["url"]})
    settings = settings.model_copy(update=changed)
    _session["settings"] = SettingsContext(profile=context.profile, settings=settings)
    _session["settings"].__enter__()


def _moved(settings: Any, old: Path, new: Path) -> Any:
    """A copy of a settings model in which what lay under ``old`` lies under ``new``.

    ``temporary_settings`` would read every source and validate all of it again, which takes ten times as long.
    """
    from pydantic import BaseModel

    changed: dict[str, Any] = {}
    for name, value in settings:
        if isinstance(value, BaseModel):
            inner = _moved(value, old, new)
            if inner is not value:
                changed[name] = inner
        elif isinstance(value, Path) and value.is_relative_to(old):
            changed[name] = new / value.relative_to(old)
        elif isinstance(value, str) and str(old) in value:
            changed[name] = value.replace(str(old), str(new))
    return settings.model_copy(update=changed) if changed else settings


def load(path: Path, name: str) -> ModuleType:
    """Import the file as a worker does."""
    return load_module(path, name)


def validate(module: ModuleType) -> list[Any]:
    """The flows of the module, each once."""
    import prefect

    flows = [value for value in vars(module).values() if isinstance(value, prefect.Flow)]
    return list({id(flow): flow for flow in flows}.values())


def names_in(flows: list[Any]) -> list[str]:
    """The names of the flows of a file."""
    return [flow.name for flow in flows]


def exercise(module: ModuleType, settings: dict[str, Any]) -> list[str]:
    """Run every flow of the module; return their names. Raises what the flow raised, or ProbeFailure.

    A flow whose parameters are neither given nor defaulted must be called by another flow, a test or a main
    block. A failed task run under a flow run that ended Completed is one too.
    """
    flows = [flow for flow in validate(module) if is_selected(flow.name, settings)]
    given = settings.get("params") or {}
    ready = [flow for flow in flows if not _missing(flow, given)]
    started: set[str] = set()
    for flow in flows:
        flow.on_running(lambda flow, run, state: started.add(flow.name))
    failed = _watch_tasks(module)
    for flow in ready:
        _run_flow(flow, failed, {name: value for name, value in given.items() if name in _parameters(flow)})
    for flow in flows:
        if flow.name not in started and not settings.get("also_run"):
            missing = ", ".join(_missing(flow, given))
            raise ProbeFailure(
                "MissingParameters",
                f"flow {flow.name!r} needs {missing}, and no flow here calls it; say `with params={{...}}` above the fence",
                _line_of(flow),
            )
    return [flow.name for flow in flows]


def _parameters(flow: Any) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(flow.fn).parameters)


def _missing(flow: Any, given: dict[str, Any]) -> list[str]:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        name
        for name, parameter in _parameters(flow).items()
        if parameter.default is parameter.empty and parameter.kind not in variadic and name not in given
    ]


def _run_flow(flow: Any, failed: list[str], parameters: dict[str, Any]) -> None:
    import asyncio

    state = flow(**parameters, return_state=True)
    if inspect.isawaitable(state):
        state = asyncio.run(_awaited(state))
    line = _line_of(flow)
    if not state.is_completed():
        raised = _raised_by(state)
        kind = type(raised).__name__ if raised else "FlowNotCompleted"
        raise ProbeFailure(kind, f"flow {flow.name!r} ended {state.name}: {state.message or ''}", line) from raised
    _fail_on_hidden_failures(flow, failed)


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


def _raised_by(state: Any) -> BaseException | None:
    try:
        result = state.result(raise_on_failure=False)
    except Exception:
        return None
    return result if isinstance(result, BaseException) else None


def _watch_tasks(module: ModuleType) -> list[str]:
    """The names of task runs that fail from now on, kept by a failure hook on every task of the module."""
    import prefect

    failed: list[str] = []
    for task in {id(value): value for value in vars(module).values() if isinstance(value, prefect.Task)}.values():
        task.on_failure(lambda task, run, state: failed.append(run.name))
    return failed


def _fail_on_hidden_failures(flow: Any, failed: list[str]) -> None:
    """A task run that failed although its flow run is green: nobody returned or awaited its future."""
    if failed:
        raise ProbeFailure(
            "HiddenFailure",
            f"task run {failed[0]!r} failed, and flow {flow.name!r} is Completed all the same; "
            "return its future, or call .result() on it",
            _line_of(flow),
        )


def _line_of(flow: Any) -> int:
    """The ``def`` line of a flow's function."""
    code = flow.fn.__code__
    return definition_line(Path(code.co_filename).read_text(encoding="utf-8"), code.co_firstlineno)


def check_file(job: dict[str, Any]) -> str:
    """Hold a prefect.yaml against the model that ``prefect deploy`` reads it with, unknown keys refused.

    The model ignores what it does not know, so a misspelt key would be dropped in silence.
    """
    from prefect.cli.deploy._models import PrefectYamlModel  # private: pinned by tests/test_probe_prefect.py
    from pydantic import ValidationError

    from .documents import load_yaml

    settings = (load_yaml(job["source"]) or [{}])[-1] or {}
    try:
        PrefectYamlModel.model_validate(settings)
    except ValidationError as error:
        key = next(
            (str(part) for part in reversed(error.errors()[0]["loc"]) if isinstance(part, str) and part in job["source"]), ""
        )
        raise ProbeFailure("ValidationError", str(error), line_of_word(job["source"], f"'{key}'") if key else None) from error
    _refuse_unknown_keys(settings, PrefectYamlModel, job)
    return "runs"


def _refuse_unknown_keys(value: Any, model: Any, job: dict[str, Any]) -> None:
    """Walk a mapping beside its pydantic model; free-form mappings (``job_variables``) are left alone."""
    known = {name for name, field in model.model_fields.items()} | {f.alias for f in model.model_fields.values() if f.alias}
    for key, inner in value.items():
        if key not in known:
            import difflib

            near = difflib.get_close_matches(key, known, n=1)
            current = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(known))}"
            raise ProbeFailure(
                "UnknownKey",
                f"{key!r} is no key here, and is dropped in silence",
                line_of_word(job["source"], f"'{key}:'"),
                current,
            )
        for inner_model in _models_in(model.model_fields[key].annotation) if key in model.model_fields else ():
            for item in inner if isinstance(inner, list) else [inner]:
                if isinstance(item, dict):
                    _refuse_unknown_keys(item, inner_model, job)


def _models_in(annotation: Any) -> list[Any]:
    import typing

    from pydantic import BaseModel

    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    found = [model for part in typing.get_args(annotation) for model in _models_in(part)]
    return found[:1]
