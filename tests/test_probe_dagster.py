"""What Dagster accepts in silence, and the checker does not."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from proving import ROOT, fence, interpreter
from snippet_checker.model import Level, Result

pytestmark = pytest.mark.slow
Prove = Callable[..., list[Result]]

GOOD = {
    "a chain of assets": "import dagster as dg\n@dg.asset\ndef a(): return 1\n@dg.asset\ndef b(a): return a + 1",
    "partitions": """
        import dagster as dg

        @dg.asset(partitions_def=dg.DailyPartitionsDefinition("2026-01-01"))
        def a(context: dg.AssetExecutionContext) -> None:
            assert context.partition_key == "2026-01-01"
    """,
    "a sensor and a schedule that take a resource of the definitions": """
        import dagster as dg

        class Store(dg.ConfigurableResource):
            rows: int = 2

        @dg.asset
        def a() -> None: ...

        job = dg.define_asset_job("work", [a])

        @dg.sensor(job=job)
        def watch(context: dg.SensorEvaluationContext, store: Store): return dg.RunRequest(run_key=str(store.rows))

        @dg.schedule(job=job, cron_schedule="0 6 * * *")
        def daily(context: dg.ScheduleEvaluationContext, store: Store): return dg.RunRequest(tags={"rows": str(store.rows)})

        defs = dg.Definitions([a], jobs=[job], sensors=[watch], schedules=[daily], resources={"store": Store()})
    """,
    "checks, resources, job, schedule, sensor": """
        import dagster as dg

        class Store(dg.ConfigurableResource):
            rows: int = 2

        @dg.asset
        def a(store: Store): return [1] * store.rows

        @dg.asset_check(asset=a, blocking=True)
        def some(a): return dg.AssetCheckResult(passed=len(a) == 2)

        @dg.op
        def one(): return 1

        @dg.job
        def work(): one()

        @dg.sensor(job=work)
        def watch(context): return dg.RunRequest(run_key="1")

        defs = dg.Definitions([a], asset_checks=[some], jobs=[work], resources={"store": Store()}, sensors=[watch],
                              schedules=[dg.ScheduleDefinition(name="s", job=work, cron_schedule="0 6 * * *")])
    """,
    "its own materialize": "import dagster as dg\ndef f(): return 1\nassert dg.materialize([dg.asset(f)]).success",
    "resources of its own run": """
        import dagster as dg

        class Store(dg.ConfigurableResource):
            rows: int

        @dg.asset
        def a(store: Store): return [1] * store.rows

        result = dg.materialize([a], resources={"store": Store(rows=2)})
    """,
    "resources of a test": """
        import dagster as dg

        class Store(dg.ConfigurableResource):
            rows: int

        @dg.asset
        def a(store: Store): return [1] * store.rows

        def test_rows():
            assert dg.materialize([a], resources={"store": Store(rows=2)}).output_for_node("a") == [1, 1]
    """,
    "external assets alone": "import dagster as dg\nspecs = [dg.AssetSpec('a'), dg.AssetSpec('b', deps=['a'])]",
    "a test": "import dagster as dg\ndef double(n): return 2 * n\ndef test_double():\n    assert double(2) == 4",
    "a main block": "import dagster as dg\nif __name__ == '__main__':\n    assert dg.materialize([]).success",
}
WRONG = {
    "compute_kind": ("@dg.asset(compute_kind='x')\ndef a(): return 1", "DeprecatedParameter", 3),
    "value that was never stored": (
        "@dg.asset\ndef a() -> dg.MaterializeResult: return dg.MaterializeResult()\n@dg.asset\ndef b(a): return a",
        "DagsterExecutionLoadInputError",
        6,
    ),
    "a check that fails": (
        "@dg.asset\ndef a(): return 1\n@dg.asset_check(asset=a)\ndef c(): return dg.AssetCheckResult(passed=False)",
        "AssetCheckFailed",
        None,
    ),
    "a tick without partition key": (
        "@dg.asset(partitions_def=dg.DailyPartitionsDefinition('2026-01-01'))\ndef a() -> None: ...\n"
        "job = dg.define_asset_job('j', '*')\ns = dg.ScheduleDefinition(job=job, cron_schedule='0 6 * * *')",
        "NoPartitionKey",
        None,
    ),
    "a bad cron": (
        "@dg.job\ndef j(): ...\ns = dg.ScheduleDefinition(job=j, cron_schedule='61 * * * *')",
        "DagsterInvalidDefinitionError",
        5,
    ),
    "a bad selection": ("@dg.asset\ndef a(): ...\nj = dg.define_asset_job('j', '1+c')", "DagsterInvalidAssetSelectionError", 5),
    "an undefined name": ("@dg.asset\ndef a(): return pd.DataFrame()", "NameError", 4),
    "a superseded decorator": (
        "@dg.multi_asset_sensor(monitored_assets=[dg.AssetKey('a')])\ndef s(context): ...",
        "SupersessionWarning",
        3,
    ),
    "a call that will look elsewhere": (
        "@dg.asset\ndef a(): ...\nd = dg.Definitions(assets=[a], jobs=[dg.define_asset_job('j')])\nd.get_job_def('j')",
        "UserWarning",
        6,
    ),
    "an old argument of a library": (
        "import dlt\n@dg.asset\ndef a():\n    dlt.pipeline('shop', full_refresh=True)",
        "Dlt04DeprecationWarning",
        6,
    ),
    "nothing that runs": ("class R(dg.ConfigurableResource):\n    a: int = 1", "NothingToRun", None),
    "a failing main block": ("if __name__ == '__main__':\n    raise SystemExit(3)", "SystemExit", 4),
    "a failing test": ("def test_a():\n    assert dg.__version__ == 'x'", "AssertionError", 4),
    "resources that nobody gives": (
        "class R(dg.ConfigurableResource):\n    n: int\n@dg.asset\ndef a(r: R): ...",
        "DagsterInvalidDefinitionError",
        None,
    ),
    "a test that fails inside a library": ("import json\ndef test_a():\n    assert json.loads('{')", "JSONDecodeError", 5),
    "two Definitions": ("one = dg.Definitions()\ntwo = dg.Definitions()", "SeveralDefinitions", None),
}


def test_what_is_right_runs(prove: Prove) -> None:
    """Assets materialize, jobs execute, schedules and sensors tick, tests and main blocks run."""
    results = prove("\n".join(fence(code) for code in GOOD.values()), "dagster")
    assert {name: r.findings for name, r in zip(GOOD, results, strict=True)} == dict.fromkeys(GOOD, ())
    assert {r.level for r in results} == {Level.RUNS}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named_at_its_line(name: str, prove: Prove) -> None:
    """The kind of error, and the line an engineer would edit."""
    code, kind, line = WRONG[name]
    [result] = prove(fence("import dagster as dg\n" + code), "dagster")
    assert [finding.kind for finding in result.findings][:1] == [kind]
    if line is not None:
        assert result.findings[0].line == line


def test_a_mark_says_which_partition(prove: Prove) -> None:
    """`with partition=...` reaches the run; without it the first key does."""
    code = (
        "import dagster as dg\n@dg.asset(partitions_def=dg.StaticPartitionsDefinition(['eu', 'us']))\n"
        "def a(context: dg.AssetExecutionContext) -> None:\n    assert context.partition_key == 'us'"
    )
    without, named = prove(fence(code) + "\n" + fence(code, "with partition=us"), "dagster")
    assert (without.passed, named.passed) == (False, True)


def test_a_sensor_may_ask_for_the_partition_it_adds(prove: Prove) -> None:
    """The tick reads dynamic partitions from the snippet's instance, which the tick's own context drops."""
    code = """
        import dagster as dg

        SHOPS = dg.DynamicPartitionsDefinition(name="shops")

        @dg.asset(partitions_def=SHOPS)
        def shop() -> None: ...

        @dg.sensor(target=[shop])
        def new_shops():
            add = [SHOPS.build_add_request(["bern"])]
            return dg.SensorResult([dg.RunRequest(partition_key="bern")], dynamic_partitions_requests=add)
    """
    [result] = prove(fence(code, "with partition=bern"), "dagster")
    assert result.findings == ()


def test_loading_validates_and_does_not_run(prove: Prove) -> None:
    """At the level `loads` an asset that fails is accepted, a definition that cannot load is not."""
    fails = fence("import dagster as dg\n@dg.asset\ndef a(): raise ValueError")
    broken = fence("import dagster as dg\n@dg.asset\ndef b(store: dg.ResourceParam[int]): ...\ndefs = dg.Definitions([b])")
    ran, loaded = prove(fails + "\n" + broken, "dagster", level=Level.LOADS)
    assert (ran.passed, ran.level, loaded.passed) == (True, Level.LOADS, False)


def test_configuration_files_are_held_against_the_instance_s_schema(prove: Prove) -> None:
    """A misspelt key in dagster.yaml is found at its line."""
    good = fence("# dagster.yaml\ntelemetry:\n  enabled: false", language="yaml")
    bad = fence("# dagster.yaml\ntelemetri:\n  enabled: false", language="yaml")
    right, wrong = prove(good + "\n" + bad, "dagster")
    assert (right.passed, [(f.kind, f.line) for f in wrong.findings]) == (True, [("DagsterInvalidConfigError", 9)])


def test_private_names_are_where_the_probe_looks() -> None:
    """When one of them moves, this says which."""
    code = (
        "from dagster import _symbol_annotations as m\n"
        "for name in ('is_deprecated', 'get_deprecated_info', 'is_superseded', 'get_superseded_info', 'get_deprecated_params'):\n"
        "    assert hasattr(m, name), name\n"
        "from dagster._core.instance.ref import InstanceRef\n"
        "from dagster._core.workspace.config_schema import process_workspace_config\n"
    )
    done = subprocess.run([interpreter("dagster"), "-c", code], capture_output=True, text=True)
    assert done.stderr == ""


def test_dagsters_migrations_are_read_once_in_the_warm_process() -> None:
    """Each instance would read all of them twice; those of a snippet's own are not kept."""
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT / 'scripts')!r})\n"
        "from snippet_checker import probe_dagster\n"
        "probe_dagster.warm_up()\n"
        "from alembic.config import Config\n"
        "from alembic.script import ScriptDirectory\n"
        "def read(location):\n"
        "    config = Config()\n"
        "    config.set_main_option('script_location', location)\n"
        "    return ScriptDirectory.from_config(config)\n"
        "for location in ('dagster:_core/storage/alembic', '.'):\n"
        "    print(read(location) is read(location))\n"
    )
    done = subprocess.run([interpreter("dagster"), "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
