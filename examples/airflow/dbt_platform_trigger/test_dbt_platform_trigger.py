"""One load starts one run of the job, also when an answer is lost; a failed run is continued; dlt keeps its cursor."""

import json
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp.connector
import duckdb
import pytest
from deferral import run_trigger, send_event
from run_dag import FinishedRun, run_dag
from task_loop import RunOptions

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "embedded" / "harness"))
from dbt_platform_runs import NEVER_ENDS, Account, RunStatus  # noqa: E402
from dbt_platform_server import ANSWER_LOST, UNAVAILABLE, DbtPlatform, Fault, RecordedRequest  # noqa: E402

pytestmark = pytest.mark.slow
QUICK = (RunStatus.QUEUED, RunStatus.SUCCESS)  # one look by the operator, one by its trigger: nothing to sleep
CONNECTION_LOST = Fault(hangs=True, takes_effect=True)  # the run starts, the connection ends without an answer
BREAKS = (RunStatus.QUEUED, RunStatus.ERROR)


class AccountThatFilters(Account):
    """Lists runs by status too, which `reuse_existing_run` asks for."""

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: str) -> tuple[int, object]:
        code, data = super().answer(method, path, query, body)
        if isinstance(data, list) and "status__in" in query:
            data = [run for run in data if run["status"] in json.loads(query["status__in"][0])]
        return code, data


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the simulated platform."""

    def do_GET(self) -> None:
        self.serve("")

    def do_POST(self) -> None:
        self.serve(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())

    def serve(self, body: str) -> None:
        parts, headers = urlsplit(self.path), {name.lower(): value for name, value in self.headers.items()}
        request = RecordedRequest(self.command, parts.path, parse_qs(parts.query), headers, body)
        answer = self.server.platform.respond(request)
        if answer.hangs:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(answer.body.encode()))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, trusted by aiohttp: the hook speaks nothing but https."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    new = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*new.split(), "-keyout", file, "-out", file.with_suffix(".crt")], check=True, capture_output=True)
    file.write_text(file.read_text() + file.with_suffix(".crt").read_text())
    aiohttp.connector._SSL_CONTEXT_VERIFIED.load_verify_locations(file)  # made while aiohttp was imported
    return file


@pytest.fixture
def platform(certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DbtPlatform]:
    """The platform over TLS, the connection to it, and a database and a dlt folder of this test's own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.platform = platform = DbtPlatform(f"https://127.0.0.1:{server.server_port}", AccountThatFilters(12))
    platform.account.artifacts["run_results.json"] = '{"results": [{"unique_id": "test.shop.day", "status": "warn"}]}'
    connection = {"conn_type": "dbt_cloud", "host": f"127.0.0.1:{server.server_port}", "login": "12"}
    monkeypatch.setenv("AIRFLOW_CONN_DBT_CLOUD_DEFAULT", json.dumps(connection | {"password": platform.token}))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("SHOP_DBT_JOB", "5")
    set_places(tmp_path, monkeypatch)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield platform
    server.shutdown()
    server.server_close()
    thread.join()


def set_places(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(HERE / "orders.json", folder)
    places = {"SHOP_DATABASE": "shop_data.duckdb", "SHOP_DLT_DIR": "dlt_pipelines", "SHOP_ORDERS": "orders.json"}
    for name, value in places.items():
        monkeypatch.setenv(name, str(folder / value))


def causes(platform: DbtPlatform) -> list[tuple[object, int | None]]:
    return [(run.request["cause"], run.retry_of) for run in platform.account.runs.values()]


def variant(tmp_path: Path, old: str, new: str) -> Path:
    """The DAG file with one line changed."""
    text = (HERE / "dag.py").read_text()
    assert old in text
    (tmp_path / "variant.py").write_text(text.replace(old, new))
    return tmp_path / "variant.py"


def test_the_job_runs_once_and_its_warnings_are_read(metadata_database: Path, dag_file: Path, platform: DbtPlatform) -> None:
    """The run is waited for by a trigger; its id is the XCom, and the token in no log line."""
    platform.add_job(5, QUICK)
    run = run_dag(dag_file)
    assert (run.state, run.xcoms["load_orders"], run.xcoms["run_job"]) == ("success", 3, 1000)
    assert run.xcoms["list_warnings"] == ["test.shop.day"]
    assert (causes(platform), run.tries["run_job"]) == ([(f"orders of {run.run_id}", None)], 1)
    assert platform.lines_with_token("\n".join(run.observed.log)) == []


def test_a_lost_answer_starts_no_second_run(metadata_database: Path, dag_file: Path, platform: DbtPlatform) -> None:
    """The first try does not know its run; the second finds it by its status."""
    platform.add_job(5, QUICK)
    platform.fail_next("POST", ANSWER_LOST)
    run = run_dag(dag_file)
    assert (run.state, run.tries["run_job"], len(platform.account.runs)) == ("success", 2, 1)


def test_the_hooks_own_retry_starts_it_twice(metadata_database: Path, tmp_path: Path, platform: DbtPlatform) -> None:
    """Silent: `retry_limit` sends the POST again when the connection broke, before `reuse_existing_run` could look."""
    platform.add_job(5, QUICK)
    platform.fail_next("POST", CONNECTION_LOST)
    file = variant(tmp_path, "deferrable=True,", 'deferrable=True, hook_params={"retry_limit": 2},')
    run = run_dag(file)
    assert (run.state, run.tries["run_job"], len(platform.account.runs)) == ("success", 1, 2)


def poll_with_a_fault(file: Path, platform: DbtPlatform) -> FinishedRun:
    """The first look of the first trigger meets a 503."""
    faults = [UNAVAILABLE]

    def fail_then_look(instance: object) -> None:
        platform.fail_next("GET", *faults)
        faults.clear()
        run_trigger(instance)

    return run_dag(file, options=RunOptions(on_deferral=fail_then_look))


def test_one_503_while_waiting_reads_as_a_failed_job(metadata_database: Path, dag_file: Path, platform: DbtPlatform) -> None:
    """The task says "has failed" of a run that goes on; the next try waits for that same run."""
    platform.add_job(5, (RunStatus.QUEUED, RunStatus.QUEUED, *QUICK))
    run = poll_with_a_fault(dag_file, platform)
    assert "Job run 1000 has failed" in "\n".join(run.observed.log)
    assert (run.state, run.tries["run_job"], len(platform.account.runs)) == ("success", 2, 1)


def test_without_reuse_the_next_try_starts_another(metadata_database: Path, tmp_path: Path, platform: DbtPlatform) -> None:
    """Silent: two runs of one job at once."""
    platform.add_job(5, NEVER_ENDS, QUICK)
    run = poll_with_a_fault(variant(tmp_path, "reuse_existing_run=True,", ""), platform)
    assert (run.tries["run_job"], len(platform.account.runs)) == (2, 2)


def test_a_failed_run_is_continued(metadata_database: Path, dag_file: Path, platform: DbtPlatform) -> None:
    """The second try asks for the rest of the first run, not for a new one."""
    platform.add_job(5, BREAKS, QUICK)
    run = run_dag(dag_file)
    assert (run.state, [retry_of for _, retry_of in causes(platform)]) == ("success", [None, 1000])


def test_only_execution_timeout_cancels(metadata_database: Path, dag_file: Path, tmp_path: Path, platform: DbtPlatform) -> None:
    """`timeout` ends the waiting; the run goes on and costs."""
    platform.add_job(5, NEVER_ENDS)
    impatient = variant(tmp_path, "execution_timeout=timedelta(hours=2),", "timeout=0, retries=0,").read_text()
    (tmp_path / "variant.py").write_text(impatient.replace("        retries=2,\n", ""))
    assert run_dag(tmp_path / "variant.py").observed.errors["run_job"].endswith("Job run 1000 has failed.")
    assert not platform.account.runs[1000].cancelled
    run_dag(dag_file, options=RunOptions(on_deferral=send_event({"status": "timeout", "run_id": 1000, "message": ""})))
    assert platform.account.runs[1000].cancelled


def test_dlt_loads_only_what_changed_also_on_a_new_worker(
    metadata_database: Path, dag_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cursor is in the destination: with the local folder gone the next run still takes the one changed order."""
    set_places(tmp_path, monkeypatch)
    first, again = run_dag(dag_file), run_dag(dag_file)
    assert (first.task_states["run_job"], again.xcoms["load_orders"]) == ("skipped", 0)
    shutil.rmtree(tmp_path / "dlt_pipelines")
    rows = json.loads((tmp_path / "orders.json").read_text())
    rows[1] |= {"status": "paid", "updated_at": "2026-03-03T10:00:00Z"}
    (tmp_path / "orders.json").write_text(json.dumps(rows))
    assert run_dag(dag_file).xcoms["load_orders"] == 1
    with duckdb.connect(str(tmp_path / "shop_data.duckdb")) as shop:
        assert shop.sql("SELECT status FROM raw_shop.orders ORDER BY order_id").fetchall() == [("paid",)] * 3


def test_trap_without_waiting_the_task_is_green_while_the_run_is_queued(
    metadata_database: Path, tmp_path: Path, platform: DbtPlatform
) -> None:
    """`wait_for_termination=False`: `deferrable` and `retries` do nothing, whatever becomes of the run."""
    platform.add_job(5, BREAKS)
    run = run_dag(variant(tmp_path, "deferrable=True,", "deferrable=True, wait_for_termination=False,"))
    assert (run.task_states["run_job"], run.tries["run_job"]) == ("success", 1)
    assert platform.account.runs[1000].status is RunStatus.QUEUED


def test_trap_a_run_that_somebody_else_started_is_taken_for_ones_own(
    metadata_database: Path, dag_file: Path, platform: DbtPlatform
) -> None:
    """Silent: any unfinished run of the job will do, and what this load wanted built was never asked for."""
    by_hand = platform.start_run(5, *QUICK)
    run = run_dag(dag_file)
    assert (run.xcoms["run_job"], causes(platform)) == (by_hand, [("start_run", None)])


def test_trap_a_continued_run_forgets_its_own_steps(metadata_database: Path, tmp_path: Path, platform: DbtPlatform) -> None:
    """The first request has `steps_override`; the second continues the failed run and can name none."""
    platform.add_job(5, BREAKS, QUICK)
    run = run_dag(variant(tmp_path, "deferrable=True,", 'deferrable=True, steps_override=["dbt build -s orders"],'))
    posts = [
        (request.path.rsplit("/", 2)[1], "dbt build" in request.body) for request in platform.requests if request.method == "POST"
    ]
    assert (run.state, posts) == ("success", [("run", True), ("rerun", False)])


def test_an_answer_of_504_is_not_asked_for_again_by_the_hook(
    metadata_database: Path, tmp_path: Path, platform: DbtPlatform
) -> None:
    """The try ends, whatever `retry_limit` says; only a broken connection is repeated within it."""
    platform.add_job(5, QUICK)
    platform.fail_next("POST", ANSWER_LOST)
    run = run_dag(variant(tmp_path, "deferrable=True,", 'deferrable=True, hook_params={"retry_limit": 2},'))
    assert (run.state, run.tries["run_job"], platform.count("POST", "/run")) == ("success", 2, 1)
