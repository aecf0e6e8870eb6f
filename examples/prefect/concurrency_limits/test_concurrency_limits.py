"""A limit holds, and the ways in which it is not there although the code asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from uuid import uuid4

import pytest
from concurrency_seen import Gauge
from finished_run import read_run, run_and_read
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.concurrency.sync import concurrency, rate_limit
from prefect_server import PrefectServer
from worker_process import deploy_to_pool, start_run, work_once


@pytest.fixture
def limit(prefect_server: PrefectServer) -> Iterator[Callable[..., str]]:
    """Makes limits of new names, and takes them away afterwards."""
    names: list[str] = []

    def make(**options: object) -> str:
        names.append(f"test-{uuid4().hex}")
        with get_client(sync_client=True) as client:
            client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=names[-1], **options))
        return names[-1]

    yield make
    with get_client(sync_client=True) as client:
        for name in names:
            client.delete_global_concurrency_limit_by_name(name)


def enter(names: str | list[str], **options: object) -> str:
    with concurrency(names, **options):
        return "entered"


def test_one_query_at_a_time(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four tasks at once, one inside the database at any moment."""
    gauge = Gauge()
    monkeypatch.setattr(example, "query", gauge.watch(example.query))
    run = run_and_read(example.totals)
    assert (run.result, gauge.calls, gauge.most) == ([100, 200, 300, 400], 4, 1)


def test_missing_limit_is_no_limit_unless_strict(prefect_server: PrefectServer) -> None:
    """Silent but for a warning: three at once. Right: strict raises before any work."""
    name, gauge = f"missing-{uuid4().hex}", Gauge(60, until=3)
    work = task(name="work")(gauge.watch(lambda number, strict: enter(name, strict=strict)))

    def body(strict: bool) -> list[object]:
        return work.map([1, 2, 3], strict).result(raise_on_failure=False)

    loose = flow(name="loose")(body)(strict=False)
    strict = flow(name="strict")(body)(strict=True)
    assert (loose, gauge.most) == (["entered"] * 3, 3)
    assert [type(error) for error in strict] == [ConcurrencySlotAcquisitionError] * 3
    assert rate_limit(name) is None


def test_strict_does_not_see_a_misspelt_second_name_nor_an_inactive_limit(limit: Callable[..., str]) -> None:
    """Silent: strict asks only that one of the names is known. Right: one `with` for each name."""
    known, off = limit(limit=1), limit(limit=1, active=False)
    assert enter([known, "misspelt"], strict=True) == "entered"
    with concurrency(off, strict=True):
        assert enter(off, strict=True, timeout_seconds=60) == "entered"
    with pytest.raises(Exception, match="must be created"), concurrency(known, strict=True):
        enter("misspelt", strict=True)


def test_limit_held_twice_by_one_task_waits_for_itself(limit: Callable[..., str]) -> None:
    """Silent: for ever, unless `timeout_seconds` is given. A limit is not re-entrant."""
    name = limit(limit=1)
    with concurrency(name, strict=True), pytest.raises(TimeoutError):
        enter(name, strict=True, timeout_seconds=1)


def test_rate_needs_decay_and_spends_the_burst_first(limit: Callable[..., str]) -> None:
    """Without decay 422. With 3 slots and one given back in 100 s, three calls pass and the fourth must wait."""
    with pytest.raises(Exception, match="Only concurrency limits with slot decay"):
        rate_limit(limit(limit=3))
    rate = limit(limit=3, slot_decay_per_second=0.01)
    for _ in range(3):
        rate_limit(rate, strict=True, timeout_seconds=30)
    with pytest.raises(TimeoutError):
        rate_limit(rate, strict=True, timeout_seconds=1)


def test_tag_limit_counts_tasks_across_flows(prefect_server: PrefectServer) -> None:
    """The limit of a tag holds for every task that carries it."""
    tag, gauge = f"tag-{uuid4().hex}", Gauge()
    work = [task(name=name, tags=[tag])(gauge.watch(lambda number: number)) for name in ("read", "write")]
    with get_client(sync_client=True) as client:
        client.create_concurrency_limit(tag, 1)
        run = run_and_read(flow(name="tagged")(lambda: [future.result() for future in [w.submit(1) for w in work]]))
        client.delete_concurrency_limit_by_tag(tag)
    assert (run.state.name, gauge.calls, gauge.most) == ("Completed", 2, 1)


SLOW_FLOW = "import time\nfrom prefect import flow\n@flow\ndef load():\n    time.sleep(2)\n"


@pytest.mark.slow
def test_second_run_of_a_limited_deployment(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """Of two runs that are due one works; the other waits for a later poll or is Cancelled, by the strategy."""
    (file := tmp_path / "load_flow.py").write_text(SLOW_FLOW)
    pool, runs = f"shop-{uuid4().hex}", {}
    for strategy in (ConcurrencyLimitStrategy.ENQUEUE, ConcurrencyLimitStrategy.CANCEL_NEW):
        config = ConcurrencyLimitConfig(limit=1, collision_strategy=strategy)
        deployment = deploy_to_pool(file, "load", pool, name=strategy.value, concurrency_limit=config)
        runs[strategy.value] = [start_run(deployment).id for _ in range(2)]
    work_once(pool)
    states = {strategy: sorted(read_run(run).state.name for run in both) for strategy, both in runs.items()}
    assert states == {"ENQUEUE": ["AwaitingConcurrencySlot", "Completed"], "CANCEL_NEW": ["Cancelled", "Completed"]}


def test_limits_are_made_once_and_not_reset(example: ModuleType) -> None:
    """An operator's change survives the next run."""
    example.ensure_limits()
    with get_client(sync_client=True) as client:
        client.update_global_concurrency_limit(example.API, GlobalConcurrencyLimitUpdate(limit=3))
        example.ensure_limits()
        changed = client.read_global_concurrency_limit_by_name(example.API).limit
        client.delete_global_concurrency_limit_by_name(example.API)
    assert changed == 3
