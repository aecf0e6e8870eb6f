"""The traps of Prefect: the table of rules, and the one function that finds them in a loaded file."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from . import prefect_deployment_traps as deployments
from . import prefect_task_traps as tasks
from .apply import apply_rules
from .embedded_comments import hearing
from .model import Finding, Rule
from .prefect_loaded import load_file

SHOWN = "prefect 3.9"

RULES = (
    Rule(
        "P001",
        "keeps results under its inputs alone, as another task with the same argument names does",
        "With equal inputs the second task does not run: its state is Cached, its value is the first task's.",
        "cache_policy=INPUTS + TASK_SOURCE",
        SHOWN,
        tasks.shared_inputs,
    ),
    Rule(
        "P002",
        "has no such parameter",
        "The key function fails at each call: an error in the log of a run that is green, and nothing is ever cached.",
        "give the task the parameter, or use cache_policy=INPUTS + TASK_SOURCE",
        SHOWN,
        tasks.key_of_missing_parameter,
    ),
    Rule(
        "P003",
        "is neither returned nor asked for its result",
        "The task fails and the flow is Completed: only what a flow returns or raises decides its state, waiting does not.",
        "return the future, or call .result()",
        SHOWN,
        tasks.failure_of_nobody,
    ),
    Rule(
        "P004",
        "has six fields, of which the last is seconds",
        "'0 0 6 * * *' is every second of the first minute of each month's sixth day, not six in the morning.",
        "five fields: minute, hour, day, month, weekday",
        SHOWN,
        deployments.six_fields,
    ),
    Rule(
        "P005",
        "holds a template that nothing fills in",
        "The flow gets the braces as text, and the run is green.",
        "default None, and runtime.flow_run.scheduled_start_time in the flow",
        SHOWN,
        deployments.template_of_nobody,
    ),
    Rule(
        "P006",
        "is none of its flow's",
        "Nothing is said until it runs: the deployment is accepted, and each of its runs ends with SignatureMismatchError before "
        "the flow's first line.",
        "the name in the flow's signature",
        SHOWN,
        deployments.unknown_parameter,
    ),
    Rule(
        "P007",
        "is unknown to prefect.yaml and is dropped",
        "`prefect deploy` exits with 0 and does not name the key; a misspelt concurrency_limit limits nothing.",
        "the key as `prefect deploy` knows it",
        SHOWN,
        deployments.unknown_key,
    ),
    Rule(
        "P008",
        "has no time zone",
        "It is read in UTC: six is eight in a Berlin summer, and the run is green.",
        "Cron('0 6 * * *', timezone='Europe/Berlin'); timezone: in prefect.yaml; 'UTC', where that is meant",
        SHOWN,
        deployments.no_time_zone,
    ),
    Rule(
        "P009",
        "has a time limit that cannot interrupt it in a pool of threads",
        "The task ends as TimedOut, which reads as if it had been stopped; the blocking call went on to its end, and did its "
        "work.",
        "a limit on the call itself (timeout=), an async task, or a direct call instead of submit",
        SHOWN,
        tasks.time_limit_in_thread,
    ),
    Rule(
        "P010",
        "submits to the pool that it occupies, and waits",
        "When all threads of the pool hold such a task, none is left for what they wait for: the flow never ends.",
        "submit from the flow, and call within tasks",
        SHOWN,
        tasks.nested_submit,
    ),
    Rule(
        "P011",
        "is a list that map takes apart",
        "Where its length is that of the other list, each call gets one element of it instead of the whole; the run is green.",
        "unmapped([...])",
        SHOWN,
        tasks.map_over_constant,
    ),
    Rule(
        "P012",
        "has a rollback hook, and nothing opens a transaction",
        "A task alone commits as soon as it has ended: when a later one fails, the hook does not run.",
        "with transaction(): around the tasks that belong together",
        SHOWN,
        tasks.rollback_without_transaction,
    ),
    Rule(
        "P013",
        "has a cache policy, and persist_result=False, which turns it off",
        "Every run computes again. A warning when the file is imported says so (Ignoring `cache_policy`); the runs say nothing.",
        "leave persist_result out: a cache policy turns it on",
        SHOWN,
        tasks.cache_without_persistence,
    ),
    Rule(
        "P014",
        "has a cache_expiration, and a key with the run's id in it",
        "The default policy never finds a result of another run, so every run computes again.",
        "cache_policy=INPUTS + TASK_SOURCE beside it",
        SHOWN,
        tasks.expiration_of_one_run,
    ),
    Rule(
        "P015",
        "goes on without a limit where the server does not have this one",
        "A missing limit is a warning in the log of a green run (do not exist - skipping acquisition): any number enter at once.",
        "strict=True, and `prefect gcl create NAME --limit N` in the deployment",
        SHOWN,
        tasks.limit_that_may_not_exist,
        hint=True,
    ),
    Rule(
        "P016",
        "is a masked secret, and is stored as its mask",
        "The flow gets '**********' for a password.",
        "a parameter that names a block, and Secret.load(name).get() in the flow",
        SHOWN,
        deployments.secret_of_stars,
    ),
    Rule(
        "P017",
        "listens on all interfaces",
        "While the flow runs, whoever reaches port 8787 of the machine sees its tasks; host='127.0.0.1' does not change that.",
        "cluster_kwargs={'dashboard_address': '127.0.0.1:0'}, or None for no dashboard",
        SHOWN,
        tasks.dashboard_for_everybody,
    ),
    Rule(
        "P018",
        "is a limit that is switched off",
        "Any number enter at once, with strict=True too, and no log says so.",
        "active=True; `prefect gcl update NAME --enable` for one that exists",
        SHOWN,
        tasks.limit_switched_off,
        hint=True,
    ),
    Rule(
        "P019",
        "is no time zone",
        "The schedule is made and the file loads; only the server refuses it. `prefect deploy --all` stops there: deployments "
        "before it are changed, those after it are not.",
        "a name of the tz database: Europe/Zurich",
        SHOWN,
        deployments.unknown_time_zone,
    ),
)


def find_traps(module: ModuleType, path: Path, root: Path) -> list[Finding]:
    """The traps of one file's flows, tasks and deployments; those in a prefect.yaml are told with their entry point's file."""
    loaded = load_file(module, root)
    return apply_rules(map(hearing, RULES), loaded, loaded.sources) if loaded else []
