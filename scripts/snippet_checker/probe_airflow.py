"""How Airflow reads a DAG file and runs it: DagBag without metadata access, serialize and back, ``dag.test()``.

Runs inside Airflow's environment, in a process of its own per snippet.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import gc
import importlib
import inspect
import json
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import isolation
from .kept_database import keep_database
from .live_names import signature_keywords
from .locate import definition_line
from .probe_failure import ProbeFailure, is_selected
from .run_snippet import load_module, place_sample

ROOTS = ("airflow", "cosmos")
NOTHING_DEFINED = "no DAG found; call the function under @dag at module level, or add a test_* function for what is not a DAG"
LEARN_LEVEL = "runs"
LOGICAL_DATE = "2026-03-04T00:00:00+00:00"
SAMPLES = (
    """
import pytest, _pytest.assertion.rewrite, runpy
import pendulum
from airflow.sdk import DAG, Asset, BaseHook, Variable, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
Asset("s3://bucket/orders")  # its scheme is looked up in all providers
@dag(schedule="@daily", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"))
def sample():
    @task(retries=1)
    def numbers(): return [1, 2]
    @task
    def double(n): return 2 * n
    double.expand(n=numbers()) >> EmptyOperator(task_id="end")
sample()
""",
)
ENGINES_AND_SESSIONS = ("engine", "NonScopedSession", "Session", "async_engine", "AsyncSession")  # of airflow.settings
_session: dict[str, Any] = {}


# --- what the static level asks


def stale_marks(value: Any) -> Iterator[tuple[str, str]]:
    """Airflow marks by warning when a name is imported, which is seen already; classes by ``@deprecated``."""
    message = getattr(value, "__deprecated__", None)
    if isinstance(message, str):
        yield "DeprecationWarning", message


REMOVED_KEYWORDS = {
    "sla": "the SLA feature is gone since 3.0 and the argument is ignored; use DAG(deadline=DeadlineAlert(...))",
    "sla_miss_callback": "the SLA feature is gone since 3.0 and the argument is ignored; use DAG(deadline=DeadlineAlert(...))",
    "email": "e-mail on a task is deprecated; use SmtpNotifier in a callback",
    "email_on_failure": "e-mail on a task is deprecated; use SmtpNotifier as on_failure_callback",
    "email_on_retry": "e-mail on a task is deprecated; use SmtpNotifier as on_retry_callback",
}


def stale_keywords(function: Any) -> dict[str, str]:
    """Arguments that operators and DAGs still take and no longer act on."""
    if _is_operator(function) or _is_task_decorator(function) or getattr(function, "__name__", "") in ("DAG", "dag"):
        return REMOVED_KEYWORDS
    return {}


def known_keywords(function: Any) -> set[str] | None:
    """Keywords of a function. An operator passes ``**kwargs`` on to its bases, so theirs count too."""
    if _is_operator(function):
        return _operator_keywords(function)
    if function is _dag_decorator():
        return signature_keywords(_dag_class())
    if _is_task_decorator(function):
        return None  # @task takes what the operator behind it takes, and the operator refuses the rest itself
    return signature_keywords(function)


def _dag_decorator() -> Any:
    from airflow.sdk import dag

    return dag


def _dag_class() -> type:
    from airflow.sdk import DAG

    return DAG


def _is_operator(value: Any) -> bool:
    from airflow.sdk import BaseOperator

    return inspect.isclass(value) and issubclass(value, BaseOperator)


def _is_task_decorator(value: Any) -> bool:
    return type(value).__name__ == "TaskDecoratorCollection"


def _operator_keywords(operator: type) -> set[str] | None:
    from airflow.sdk import BaseOperator

    known: set[str] = set()
    for kind in operator.__mro__:
        if "__init__" not in vars(kind) or kind is object:
            continue
        parameters = inspect.signature(vars(kind)["__init__"]).parameters.values()
        known |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if kind is BaseOperator or not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return known | {"default_args"}


def decorated_class(decorator: Any) -> type | None:
    """A function under @dag becomes a factory, one under @task a TaskFlow decorator: nothing to ask."""
    return None


# --- the session: a migrated metadata database


def warm_up() -> None:
    """Import what every Airflow snippet pays for. AIRFLOW_HOME is frozen at that moment, so it is set first."""
    home = Path(tempfile.gettempdir()) / "airflow"
    home.mkdir(parents=True, exist_ok=True)
    _session["home"] = home
    os.environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(16),  # asked for by each start of the Execution API but the first
        "AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACK_DEPTH": "50",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "AIRFLOW__OPENLINEAGE__DISABLED": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
    }
    importlib.import_module("airflow.sdk")
    importlib.import_module("airflow.dag_processing.dagbag")
    importlib.import_module("airflow.serialization.serialized_objects")


def rehearse(folder: Path) -> None:
    """Read the sample as a DAG file, serialize it and back; without the block on metadata, which cannot be undone."""
    from airflow import settings
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(place_sample(sys.modules[__name__], folder)))
    for dag in bag.dags.values():
        _serialize_and_back(dag)
    settings.dispose_orm(do_log=False)  # Airflow renews the pools of its engines in each fork: half of what an empty one costs


def start_session(folder: Path, kept: Path) -> None:
    """Make a migrated SQLite database once (kept in ``kept``), and the Execution API that tasks will talk to."""
    from airflow import settings
    from airflow.sdk.execution_time import supervisor

    template = kept / "airflow.db"
    if not template.exists():
        _in_child(lambda: _migrate(template))
    if not template.exists():
        raise RuntimeError("the Airflow metadata database could not be migrated")
    _session["template"] = template
    asyncio.run(_ask_health(supervisor.in_process_api_server().app))
    settings.dispose_orm(do_log=False)


def rehearse_session(folder: Path, kept: Path) -> None:
    """Run one DAG in this process, so that every fork finds mapped classes, compiled SQL and routes.

    Tried in a process of its own first, once (kept in ``kept``): where it leaves a thread behind, as on an Airflow that
    is not ours, forks do without.
    """
    rehearsed = kept / "rehearsed"
    if not rehearsed.exists():
        _in_child(lambda: rehearsed.write_text(str(_rehearse_run(folder / "first"))))
    if rehearsed.exists() and rehearsed.read_text() == "1":
        _rehearse_run(folder / "second")


def _rehearse_run(folder: Path) -> int:
    """Run the sample DAG as a snippet's is run; return how many threads there are afterwards."""
    from airflow import settings
    from airflow.sdk.execution_time import supervisor

    folder.mkdir(parents=True)
    before = dict(os.environ)
    os.environ["HOME"] = str(folder)
    path = place_sample(sys.modules[__name__], folder)
    try:
        _use_engines()
        enter(path)
        with _brief_waits():
            exercise(Loaded(path, path.stem, ("sample",)), {})
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ |= before
        with contextlib.suppress(AttributeError):
            del supervisor.in_process_api_server().transport  # it ends its thread when nobody holds it
        for engine in _engines():
            engine.dispose()
        vars(settings).update(dict.fromkeys(ENGINES_AND_SESSIONS))  # or Airflow would renew their pools in each fork
    return _threads_that_stay()


@contextlib.contextmanager
def _brief_waits() -> Iterator[None]:
    """Inside, the thread that serves a task in this process looks every 10 ms whether that is over, instead of every second."""
    from airflow.sdk.execution_time.supervisor import InProcessTestSupervisor

    usual = InProcessTestSupervisor._handle_socket_comms

    def serve(self: Any) -> None:
        while self._open_sockets:
            self._service_subprocess(0.01)

    InProcessTestSupervisor._handle_socket_comms = serve
    try:
        yield
    finally:
        InProcessTestSupervisor._handle_socket_comms = usual


def _threads_that_stay() -> int:
    """The threads of this process once those that serve nobody any more have ended, or after two seconds."""
    deadline = time.monotonic() + 2
    while True:
        gc.collect()
        left = isolation.count_threads()
        if left == 1 or time.monotonic() > deadline:
            return left
        time.sleep(0.01)


async def _ask_health(app: Any) -> None:
    """The first request builds the routes, which takes seconds: done once here, without the thread that serves.

    Each child starts its own thread when its tasks first ask.
    """
    import httpx

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://in-process.invalid") as client:
        await client.get("/health")


def _in_child(work: Callable[[], object]) -> None:
    """Do ``work`` in a process of its own, as what leaves threads and connections behind; its end is awaited."""
    process = os.fork()
    if process == 0:
        try:
            work()
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.waitpid(process, 0)


def _migrate(template: Path) -> None:
    """``airflow db migrate``."""
    from airflow import settings
    from airflow.utils import db

    settings.configure_orm()
    db.initdb()
    keep_database(_session["home"] / "airflow.db", template)


def _use_engines() -> None:
    """Make the engines of Airflow's ORM, which connect to the database of whoever asks and keep what SQL they compiled."""
    from airflow import settings
    from sqlalchemy import event

    settings.configure_vars()
    settings.configure_orm()
    _session["settings"] = {name: getattr(settings, name) for name in ENGINES_AND_SESSIONS}
    for engine in _engines():
        event.listen(engine, "do_connect", _connect)


def _engines() -> list[Any]:
    own = _session["settings"]
    return [own["engine"], own["async_engine"].sync_engine]


def _connect(dialect: Any, record: object, arguments: object, options: dict[str, Any]) -> Any:
    return dialect.connect(str(_session["database"]), **options)


def stop_session() -> None:
    """Remove AIRFLOW_HOME."""
    shutil.rmtree(_session.get("home", ""), ignore_errors=True)


def session_processes() -> set[int]:
    """No process of the session's own."""
    return set()


# --- one snippet


@dataclass(frozen=True)
class Loaded:
    """A DAG file that was read; ``dag_ids`` is what the DAG processor found in it."""

    path: Path
    name: str
    dag_ids: tuple[str, ...]


def enter(path: Path) -> None:
    """Point Airflow at the snippet's folder and at its own copy of the metadata database."""
    from airflow import settings

    database = Path(os.environ["HOME"]) / "airflow.db"
    if "template" in _session:
        shutil.copy(_session["template"], database)
    os.environ |= {
        "AIRFLOW__CORE__DAGS_FOLDER": str(path.parent),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(Path(os.environ["HOME"]) / "logs"),
    }
    settings.configure_vars()
    if "settings" in _session:
        _session["database"] = database
        vars(settings).update(_session["settings"])
    elif "template" in _session:
        settings.configure_orm()


def load(path: Path, name: str) -> Loaded:
    """Read the file as the DAG processor does: no metadata access, serialized and back, timetables validated.

    Raises ProbeFailure with the error and line of the first DAG that cannot be read.
    """
    runs_later = "template" in _session  # without a session nothing will ask for the metadata that reading blocks
    answer = _in_fork(lambda: _read_as_dag_processor(path)) if runs_later else _read_as_dag_processor(path)
    if problem := answer.get("problem"):
        raise ProbeFailure(problem["kind"], problem["message"], problem["line"])
    _warn_again(answer["warnings"], path)
    if not answer["dag_ids"]:
        load_module(path, name)  # tests, operators, scripts: what is no DAG file is still Python
    return Loaded(path, name, tuple(answer["dag_ids"]))


def _warn_again(said: list[str], path: Path) -> None:
    """Repeat here what the DAG file warned of in the process that read it (``file:line: Category: message``).

    A library's own line counts where its message names a keyword of a call in the file, as ``RenderConfig.env_vars``.
    """
    for text in said:
        if match := re.match(r"(.*?):(\d+): ([\w.]+): (.*)", text, re.DOTALL):
            file, number, category, message = match.groups()
            if line := int(number) if file == str(path) else _line_of_keyword(path, message):
                warnings.warn_explicit(message, type(category.split(".")[-1], (Warning,), {}), str(path), line)


def _line_of_keyword(path: Path, message: str) -> int:
    """The line of the call and keyword that a message names first as ``Class.keyword``, or 0."""
    if not (named := re.search(r"\b([A-Z]\w*)\.([a-z_]\w*)", message)):
        return 0
    calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    own = (call for call in calls if ast.unparse(call.func).split(".")[-1] == named.group(1))
    return next((one.value.lineno for call in own for one in call.keywords if one.arg == named.group(2)), 0)


def validate(loaded: Loaded) -> Loaded:
    """A DAG file without a DAG is one that Airflow drops in silence."""
    source = loaded.path.read_text(encoding="utf-8")
    if not loaded.dag_ids and _means_a_dag(source):
        raise ProbeFailure("NoDagFound", NOTHING_DEFINED, _line_of_dag(source))
    return loaded


def _means_a_dag(source: str) -> bool:
    """Whether a DAG is written outside of functions named ``test_*``, which make their own."""
    tests = [n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")]
    lines = source.split("\n")
    for test in tests:
        lines[test.lineno - 1 : test.end_lineno] = [""] * ((test.end_lineno or test.lineno) - test.lineno + 1)
    return bool(re.search(r"@dag\b|\bDAG\(", "\n".join(lines)))


def _line_of_dag(source: str) -> int | None:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and any(
            ast.unparse(d).split("(")[0].split(".")[-1] == "dag" for d in node.decorator_list
        ):
            return node.lineno
    return None


def _in_fork(work: Any) -> dict[str, Any]:
    """What ``work`` returns, from a process of its own: blocking the database cannot be undone."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.close(read)
            with os.fdopen(write, "w") as answer:
                json.dump(work(), answer)
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        text = answer.read()
    os.waitpid(process, 0)
    if not text:
        raise ProbeFailure("NoResult", "the DAG file ended the process that reads it")
    return json.loads(text)


def _read_as_dag_processor(path: Path) -> dict[str, Any]:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.execution_time.supervisor import block_orm_access

    block_orm_access()
    try:
        bag = DagBag(str(path.parent) if (path.parent / ".airflowignore").exists() else str(path))
    except BaseException as error:
        return {"problem": _problem(error, path)}
    for text in bag.import_errors.values():
        return {"problem": _problem_in_text(text, path)}
    for dag in bag.dags.values():
        try:
            _serialize_and_back(dag)
        except Exception as error:
            return {"problem": _problem(error, path)}
    duplicate = _duplicate_dag_id(path, len(bag.dags))
    said = [text for texts in bag.captured_warnings.values() for text in texts]
    return {"problem": duplicate} if duplicate else {"dag_ids": sorted(bag.dags), "warnings": said}


def _serialize_and_back(dag: Any) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag)).timetable.validate()


def _duplicate_dag_id(path: Path, found: int) -> dict[str, Any] | None:
    """Two DAGs with one id in one file: the last wins, and nothing says so."""
    seen: dict[str, int] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        named = _literal_dag_id(node)
        if named is None or not isinstance(node, ast.Call):
            continue
        if named in seen and seen[named] != node.lineno:
            message = f"dag_id {named!r} is defined on line {seen[named]} already; the last one wins in silence"
            return {"kind": "AirflowDagDuplicatedIdException", "message": message, "line": node.lineno}
        seen[named] = node.lineno
    return None


def _literal_dag_id(node: Any) -> str | None:
    if not isinstance(node, ast.Call) or ast.unparse(node.func).split(".")[-1] not in ("DAG", "dag"):
        return None
    values = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "dag_id")]
    return next((v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)), None)


def _problem(error: BaseException, path: Path) -> dict[str, Any]:
    frames = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return {"kind": type(error).__name__, "message": str(error) or type(error).__name__, "line": frames[-1] if frames else None}


def _problem_in_text(text: str, path: Path) -> dict[str, Any]:
    """Error, message and line from the traceback that a DagBag keeps as text, or from its one-line message."""
    lines = re.findall(rf'File "{re.escape(str(path))}", line (\d+)', text)
    last = [line for line in text.strip().splitlines() if line.strip() and not line.startswith(" ")][-1:]
    kind, colon, message = (last or [text.strip()])[0].partition(": ")
    kind = kind.split(".")[-1]
    if not colon or not kind.isidentifier():
        kind, message = "ImportError", text.strip().splitlines()[-1]
    return {"kind": kind, "message": message, "line": int(lines[-1]) if lines else None}


def names_in(loaded: Loaded) -> list[str]:
    """The ids of the DAGs of a file."""
    return list(loaded.dag_ids)


def exercise(loaded: Loaded, settings: dict[str, Any]) -> list[str]:
    """``dag.test()`` for every DAG of the file; return their ids. Raises the task's error, or ProbeFailure.

    A DAG on assets runs without a logical date, as the scheduler would start it; others with one.
    """
    from airflow.dag_processing.dagbag import DagBag

    validate(loaded)
    if not loaded.dag_ids:
        return []
    bag = DagBag(str(loaded.path))
    selected = [dag_id for dag_id in loaded.dag_ids if is_selected(dag_id, settings)]
    for dag_id in selected:
        _test_dag(bag.dags[dag_id], settings, loaded.path)
    return selected


def _test_dag(dag: Any, settings: dict[str, Any], path: Path) -> None:
    failures: list[dict[str, Any]] = []
    for task in dag.tasks:
        _record_failures(task, failures)
    run = dag.test(logical_date=_logical_date(dag, settings), run_conf=settings.get("params"))
    states = {instance.task_id: str(instance.state) for instance in run.get_task_instances()}
    failed = [task_id for task_id, state in states.items() if state in ("failed", "upstream_failed")]
    if str(run.state) == "success" and not failed:
        return
    line = _line_of_task(dag, failed)
    if failures:
        error = failures[0]["error"]
        green = ", and its run is green all the same" if str(run.state) == "success" else ""
        message = f"task {failures[0]['task_id']!r} failed{green}: {error}"
        raise ProbeFailure(type(error).__name__, message, _last_line(error, path) or line) from error
    raise ProbeFailure("DagRunFailed", f"run of {dag.dag_id!r} ended {run.state}: {states}", line)


def _record_failures(task: Any, failures: list[dict[str, Any]]) -> None:
    """Add a failure callback, the public place where a task's exception is handed out."""

    def keep(context: dict[str, Any]) -> None:
        if context.get("exception") is not None:
            failures.append({"task_id": context["ti"].task_id, "error": context["exception"]})

    existing = task.on_failure_callback or []
    callbacks = [*(existing if isinstance(existing, (list, tuple)) else [existing]), keep]
    if hasattr(task, "partial_kwargs"):
        task.partial_kwargs["on_failure_callback"] = callbacks
    else:
        task.on_failure_callback = callbacks


def _logical_date(dag: Any, settings: dict[str, Any]) -> Any:
    from airflow.sdk import timezone

    asked = settings.get("date", settings.get("partition"))
    if asked is not None:
        return None if str(asked).lower() == "none" else timezone.parse(str(asked))
    on_assets = "Asset" in type(dag.timetable).__name__ or "Partition" in type(dag.timetable).__name__
    return None if on_assets else timezone.parse(LOGICAL_DATE)


def _last_line(error: BaseException, path: Path) -> int | None:
    frames = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return frames[-1] if frames else None


def _line_of_task(dag: Any, failed: list[str]) -> int | None:
    for task_id in failed:
        function = getattr(dag.get_task(task_id), "python_callable", None)
        if function is not None:
            code = inspect.unwrap(function).__code__
            return definition_line(Path(code.co_filename).read_text(encoding="utf-8"), code.co_firstlineno)
    return None
