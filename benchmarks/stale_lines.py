#!/usr/bin/env python3
"""Forms that were right once: how many of them the static level reports before anything runs.

  stale_lines.py             recall against the stored truth, and findings on the good snippets (none is right)
  stale_lines.py --execute   find the truth anew: execute every line in its pinned environment, all warnings on

Truth is what execution says: `error`, `deprecated` (it warns), or `silent` (accepted without a word, and of no or of
another effect; nothing but a static check can tell). It lies beside, in stale_lines.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
STORED = HERE / "stale_lines.json"
GOOD_SNIPPETS = 60  # per tool
LINES = {
    "dagster": (
        "from dagster import FreshnessPolicy\npolicy = FreshnessPolicy(maximum_lag_minutes=30, cron_schedule='0 6 * * *')",
        "from dagster import pipeline, repository",
        "from dagster import external_assets_from_specs",
        "from dagster import build_freshness_checks",
        "from dagster_dbt import dbt_cli_resource",
        "from dagster import AssetGroup",
        "import dagster as dg\npolicy = dg.RetryPolicy(retries=3)",
        "import dagster as dg\n@dg.asset(owner='team:sales')\ndef orders(): ...",
        "import dagster as dg\nspec = dg.AssetSpec('orders')\nspec.with_group('sales')",
        "import dagster as dg\nnightly = dg.ScheduleDefinition(name='nightly', cron='0 6 * * *', job_name='load')",
        "import dagster as dg\norders = dg.SourceAsset('orders')",
        "import dagster as dg\n@dg.asset(auto_materialize_policy=dg.AutoMaterializePolicy.lazy())\ndef orders(): ...",
        "import dagster as dg\nall_of_them = dg.AssetSelection.keys('orders')",
        "import dagster as dg\n@dg.asset(compute_kind='sql')\ndef orders(): ...",
        "import dagster as dg\n@dg.asset(non_argument_deps={'orders'})\ndef invoices(): ...",
    ),
    "airflow": (
        "from airflow.operators.dummy_operator import DummyOperator",
        "from airflow.utils.dates import days_ago, round_time",
        "from airflow.operators.subdag import SubDagOperator",
        "from airflow.datasets import Dataset",
        "from airflow.sdk import DAG\norders = DAG('orders', schedule_interval='@hourly')",
        "from airflow.sdk import dag\n@dag(schedule=None, default_view='graph')\ndef orders(): ...\norders()",
        "from airflow.sdk import DAG\norders = DAG('orders', schedule=None)\nprint(orders.concurrency)",
        "from airflow.sdk import Variable\nlimit = Variable.get('limit', default_var=3)",
        "from airflow.decorators import task, dag, task_group",
        "from airflow.operators.bash import BashOperator",
        "from airflow.operators.empty import EmptyOperator",
        "from airflow.sensors.base import BaseSensorOperator",
        "from airflow.models.baseoperator import cross_downstream",
        "from airflow.models.param import Param",
        "from airflow.sdk import DAG\norders = DAG('orders', schedule=None, sla_miss_callback=print)",
    ),
    "prefect": (
        "from prefect.deployments import Deployment",
        "from prefect.infrastructure import KubernetesJob",
        "from prefect.filesystems import GCS, GitHub",
        "from prefect.orion.schemas.states import Completed",
        "from prefect.engine import begin_flow_run",
        "from prefect import Flow, Parameter, case",
        "from prefect import flow\n@flow\ndef orders(): ...\norders.run()",
        "from prefect.context import PrefectObjectRegistry",
        "from prefect import flow\n@flow(executor='local')\ndef orders(): ...",
        "from prefect import task\n@task(max_retries=3)\ndef orders(): ...",
        "from prefect import task\n@task(cache_for=60)\ndef orders(): ...",
        "from prefect import flow\n@flow\ndef orders(): ...\norders.to_deployment(name='nightly', cron_schedule='0 6 * * *')",
        "from prefect.schedules import Cron\ndaily = Cron('0 6 * * *', tz='Europe/Berlin')",
        "from prefect.task_runners import SequentialTaskRunner, ConcurrentTaskRunner",
        "from prefect.client import get_client",
    ),
}
_MARKER = "\x1e"  # before the one line of JSON: tools print what they like


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--execute", action="store_true", help="execute every line and store what comes of it")
    parser.add_argument("--inside", choices=("execute", "find"), help=argparse.SUPPRESS)
    parser.add_argument("--tool", choices=sorted(LINES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(_MARKER + json.dumps(_INSIDE[options.inside](options.tool, json.load(sys.stdin))))
    elif options.execute:
        store_truth()
    else:
        report()


# --- in the tooling's environment


def store_truth() -> None:
    """Execute every line in a process of its own and write what came of it."""
    stored = []
    for tool, lines in LINES.items():
        for line in lines:
            stored.append({"tool": tool, "line": line} | run_inside(tool, "execute", [line])[0])
            print(f"{tool} {stored[-1]['truth']:10} {line!r}: {stored[-1]['said'][:110]}")
    STORED.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


def report() -> None:
    """Print recall by kind of truth, what was missed, and what was found on good snippets."""
    from corpus import make_samples
    from rich.console import Console
    from rich.table import Table

    stored = json.loads(STORED.read_text(encoding="utf-8"))
    if [(one["tool"], one["line"]) for one in stored] != [(tool, line) for tool, lines in LINES.items() for line in lines]:
        sys.exit("stale_lines.json is not of these lines; run stale_lines.py --execute")
    table = Table(title="Stale lines that the static level reports", title_justify="left", show_edge=False)
    for name in ("tool", "errors", "deprecated", "silent", "findings on good snippets"):
        table.add_column(name, justify="left" if name == "tool" else "right")
    remarks = []
    for tool in LINES:
        own = [one for one in stored if one["tool"] == tool]
        good = [sample.code for sample in make_samples(tool, GOOD_SNIPPETS)]
        found = run_inside(tool, "find", [one["line"] for one in own] + good)
        cells = []
        for truth in ("error", "deprecated", "silent"):
            hits = [bool(findings) for one, findings in zip(own, found, strict=False) if one["truth"] == truth]
            cells.append(f"{sum(hits)} of {len(hits)}")
        false = [finding for findings in found[len(own) :] for finding in findings]
        table.add_row(tool, *cells, f"{len(false)} on {len(good)}")
        missed = [one for one, findings in zip(own, found, strict=False) if not findings]
        remarks += [f"missed ({one['truth']}): {tool}: {one['line']!r}" for one in missed]
        remarks += [f"false: {tool}: {finding}" for finding in false]
    console = Console(width=140)
    console.print(table)
    for remark in remarks:
        console.print(remark, highlight=False, markup=False)


def run_inside(tool: str, what: str, sources: list[str]) -> list[Any]:
    """The answers of this file, run under the interpreter of ``tool``'s environment."""
    import os
    import subprocess

    from measure import python_of, quiet_environment

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        command = [str(python_of(tool)), str(Path(__file__).resolve()), "--inside", what, "--tool", tool]
        environment = quiet_environment(Path(folder)) | {"PATH": os.environ["PATH"]}
        done = subprocess.run(
            command, input=json.dumps(sources), capture_output=True, text=True, cwd=folder, env=environment, timeout=600
        )
    if _MARKER not in done.stdout:
        raise RuntimeError(f"{tool}: {what} ended with {done.returncode} and no answer:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.rpartition(_MARKER)[2])


# --- in a tool's environment: standard library, and the half of the checker that runs there


def _execute(tool: str, sources: list[str]) -> list[dict[str, str]]:
    import warnings

    probe, live_names = _inside_modules(tool)
    probe.warm_up()  # what importing the tool itself warns about is not the line's doing
    answers = []
    for source in sources:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                exec(compile(source, "stale_line.py", "exec", dont_inherit=True), {"__name__": "stale_line"})
            except Exception as error:
                answers.append({"truth": "error", "said": f"{type(error).__name__}: {error}".split(" (/")[0]})
                continue
        said = [f"{one.category.__name__}: {one.message}" for one in caught if _is_about(one, tool, probe, live_names)]
        answers.append({"truth": "deprecated" if said else "silent", "said": said[0] if said else ""})
    return answers


def _is_about(warning: Any, tool: str, probe: Any, live_names: Any) -> bool:
    """Whether a warning says of this line that it is on its way out: raised in it, or in the tool's own code."""
    stale = live_names.is_stale(warning.category) or "removed" in str(warning.message)
    inside = warning.filename.replace("\\", "/").partition("/site-packages/")[2].split("/")[0]
    return stale and (warning.filename == "stale_line.py" or inside.startswith(probe.ROOTS))


def _find(tool: str, sources: list[str]) -> list[list[dict[str, Any]]]:
    probe, live_names = _inside_modules(tool)
    probe.warm_up()
    return [live_names.find_stale_names(source, probe) for source in sources]


def _inside_modules(tool: str) -> tuple[Any, Any]:
    import importlib

    sys.path.append(str(HERE.parent / "scripts"))
    names = (f"snippet_checker.probe_{tool}", "snippet_checker.live_names")
    return importlib.import_module(names[0]), importlib.import_module(names[1])


_INSIDE = {"execute": _execute, "find": _find}


if __name__ == "__main__":
    main()
