"""The traps of Airflow: the table of rules, and the one function that finds them in a DAG file."""

from __future__ import annotations

import re
from pathlib import Path

from . import airflow_dag_traps as dags
from . import airflow_date_traps as dates
from . import airflow_task_traps as tasks
from .airflow_index import read_index as read_index
from .airflow_loaded import DagFileError, load_file, prepare, use_plugins
from .apply import apply_rules
from .embedded_comments import hearing
from .model import Finding, Rule

__all__ = ["RULES", "look_into", "prepare"]
SHOWN = "airflow 3.3"

RULES = (
    Rule(
        "A001",
        "is asked for, and no run of this DAG has it",
        "A run that assets or partitions start has no logical date: the injected parameter is None and lands in file names "
        "while the run is green; a template or context['ds'] fails at run time.",
        "dag_run.run_after, {{ dag_run.run_after | ds }}, or partition_key",
        SHOWN,
        dates.date_of_asset_run,
    ),
    Rule(
        "A002",
        "is asked for, and a run by `airflow dags trigger` or REST has none",
        "The injected parameter is None and lands in file names while the run is green; context['ds'] fails with KeyError.",
        "(dag_run.logical_date or dag_run.run_after)",
        SHOWN,
        dates.date_of_unscheduled_run,
        hint=True,
    ),
    Rule(
        "A003",
        "selects from data_interval_start to data_interval_end, which are equal here",
        "A cron string or timedelta is a moment since 3.0, not a period: nothing lies between, and the load is empty and green.",
        "CronDataIntervalTimetable(cron, timezone=...), or CronTriggerTimetable(..., interval=timedelta(days=1))",
        SHOWN,
        dates.interval_without_length,
    ),
    Rule(
        "A004",
        "asks the metadata database",
        "DagBag and dag.test() let it, so tests are green; on a worker each run fails with RuntimeError.",
        "ti.get_dr_count, ti.get_task_states, Variable of airflow.sdk, or the REST client",
        SHOWN,
        tasks.database_in_task,
    ),
    Rule(
        "A005",
        "is taken by no operator of the DAG",
        "Unknown keys of default_args are dropped: a misspelt retries retries nothing.",
        "the operators' own name for it",
        SHOWN,
        tasks.default_of_nobody,
    ),
    Rule(
        "A006",
        "is made elsewhere, or not at all",
        "Without the pool the task stays scheduled for ever; a line in the scheduler's log says so. dag.test() ignores pools.",
        "airflow pools set NAME SLOTS DESCRIPTION in the deployment",
        SHOWN,
        tasks.pool_that_may_not_exist,
        hint=True,
    ),
    Rule(
        "A007",
        "runs after failures too, and is all that ends the DAG",
        "Leaves decide: when an earlier task fails, the run is a success and the DAG's on_failure_callback is not called. A "
        "teardown with on_failure_fail_dagrun=True counts as a leaf too.",
        "a leaf with the rule all_success behind what must succeed; or .as_teardown() without on_failure_fail_dagrun",
        SHOWN,
        dags.leaf_that_forgives,
    ),
    Rule(
        "A008",
        "is a teardown whose failure leaves the run green",
        "What it should have removed stays, and the run is a success.",
        "on_failure_fail_dagrun=True where leftovers matter, and a second leaf behind the work (A007)",
        SHOWN,
        dags.teardown_without_voice,
        hint=True,
    ),
    Rule(
        "A009",
        "becomes one tag for each letter",
        "The DAG is missing under its tag in the UI and in every request by tag.",
        "tags=['finance']",
        SHOWN,
        dags.letters_for_tags,
    ),
    Rule(
        "A010",
        "is defined by a function that is never called",
        "The file imports without an error, and there is no such DAG.",
        "call it at the end of the file",
        SHOWN,
        dags.never_called,
        same_as="NoDagFound",
    ),
    Rule(
        "A011",
        "is defined twice in this file",
        "One of them is kept, by chance which, and no import error says so: the tasks of the other never run.",
        "an id for each",
        SHOWN,
        dags.one_id_twice,
        same_as="AirflowDagDuplicatedIdException",
    ),
    Rule(
        "A012",
        "multiplies its waits by 1",
        "retry_exponential_backoff is a factor since 3.2: the wait never grows.",
        "retry_exponential_backoff=2.0, with max_retry_delay",
        SHOWN,
        tasks.backoff_without_growth,
    ),
    Rule(
        "A013",
        "is an AsyncCallback that stands in the DAG file",
        "The triggerer cannot import it from there: the deadline is missed, and nobody hears of it.",
        "a module on the path (plugins folder, package), named by its dotted path; or SyncCallback",
        SHOWN,
        dags.callback_of_the_file,
    ),
    Rule(
        "A014",
        "is a key of the context, and is filled by position",
        "Nothing is said until it runs: the file loads, and the task of each run fails with ValueError (a reserved key).",
        "another name for the parameter, or none: ds=None is injected",
        SHOWN,
        dates.argument_named_like_context,
    ),
    Rule(
        "A015",
        "names a template file that is not there",
        "No import error: the log of the parse has a line (Failed to resolve template field), and the task of each run fails "
        "with TemplateNotFound.",
        "template_searchpath or a path from the DAG file; a space at the end, where it is a command",
        SHOWN,
        tasks.file_that_is_missing,
    ),
    Rule(
        "A016",
        "is accepted and ignored",
        "SLAs are gone since 3.0: the task is late, and nothing is recorded or called.",
        "DAG(deadline=DeadlineAlert(reference=..., interval=..., callback=...))",
        SHOWN,
        tasks.sla_of_nobody,
        same_as=r"DeprecatedParameter: \S+\(sla(_miss_callback)?=\)",
    ),
    Rule(
        "A017",
        "is in no template of Airflow 3",
        "Nothing is said until it runs: the file loads, ruff's AIR rules pass it by, and the task of each run fails with "
        "UndefinedError.",
        "logical_date, data_interval_start, prev_data_interval_start_success",
        SHOWN,
        dates.removed_in_template,
    ),
    Rule(
        "A018",
        "gets a param as text",
        "'3' * 2 is '33', bool('False') is True; the run is green.",
        "params['name'] in the function, or render_template_as_native_obj=True",
        SHOWN,
        dates.text_of_a_param,
    ),
    Rule(
        "A019",
        "is asked for by every parse of the file",
        "Three parses ask the secrets backend three times; without the value the DAG is an import error.",
        "{{ var.value.NAME }}, {{ conn.NAME.host }}, or the same call in the function of a task",
        SHOWN,
        dags.asked_while_parsed,
        same_as="AIR003",
    ),
    Rule(
        "A020",
        "is defined in several files",
        "Each file loads, one DAG is left of them, by chance which, and no import error says so.",
        "an id for each",
        SHOWN,
        dags.one_id_in_several_files,
    ),
    Rule(
        "A021",
        "waits for a date that the other DAG never has",
        "The sensor looks for a run with its own logical date; it waits until its time limit, seven days unless set.",
        "execution_delta, the same schedule, or schedule=[Asset(...)] instead of a sensor",
        SHOWN,
        tasks.dates_that_never_meet,
    ),
    Rule(
        "A022",
        "is no key that the Kubernetes executor looks for",
        "The pod is made as if nothing had been asked: no memory limit, no image, no volume; the run is green.",
        "executor_config={'pod_override': V1Pod(...)}",
        SHOWN,
        tasks.misspelled_pod,
    ),
    Rule(
        "A023",
        "is taken apart into other fields than meant",
        "The file loads. With _ in the type, or only digits before the unescaped character, it is read without an error: the "
        "type is empty, the user is the host. Else the task fails as if there were none (AirflowNotFoundException).",
        "percent-encode the parts (urllib.parse.quote(part, safe='')), - for _ in the type, or write the connection as JSON",
        SHOWN,
        dags.uri_in_wrong_fields,
    ),
)


def look_into(file: Path, root: Path) -> list[Finding]:
    """The traps of one DAG file; a file or DAG that does not load is a finding of its own. Runs no task and no callback."""
    use_plugins(file, root)
    try:
        loaded = load_file(file, root)
    except DagFileError as error:
        return [_not_loaded(file, error.line, str(error))]
    if loaded is None:
        return []
    broken = [_not_loaded(file, 1, f"DAG {dag_id}: {reason}") for dag_id, reason in loaded.unserialized.items()]
    return broken + apply_rules(map(hearing, RULES), loaded, loaded.sources)


def _not_loaded(file: Path, line: int, message: str) -> Finding:
    way_out = "the file must load as `airflow dag-processor` does"
    if "VARIABLE_NOT_FOUND" in message or re.search(r"Variable \S+ does not exist|conn_id .+ isn't defined", message):
        way_out = "ask in a task or a template (A019), or --set AIRFLOW_VAR_NAME=VALUE, --set AIRFLOW_CONN_ID=URI"
    if "not registered" in message or "Unknown priority strategy" in message:
        way_out = "register its class in a plugin; a folder not named `plugins`: --set AIRFLOW__CORE__PLUGINS_FOLDER=FOLDER"
    return Finding(str(file), line, "LOAD", f"not looked into: {message}", way_out)
