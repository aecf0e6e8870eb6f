"""What is wrong with a file of Snowflake tasks, as far as its text shows it; Snowflake accepts most of it in silence.

Rules: docs.snowflake.com, CREATE TASK and "Create a sequence of tasks with a task graph". Not looked into: privileges,
whether warehouses and tables exist, the insides of IF, FOR and LET in a body.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

import sqlglot
from snowflake_statements import Statement, Task, read_task, split_statements, stored_name
from sqlglot import exp

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of each statement that it keeps as a command

PARAMETERS = {
    *("WAREHOUSE", "SCHEDULE", "CONFIG", "OVERLAP_POLICY", "ALLOW_OVERLAPPING_EXECUTION", "FINALIZE", "COMMENT"),
    *("USER_TASK_TIMEOUT_MS", "SUSPEND_TASK_AFTER_NUM_FAILURES", "TASK_AUTO_RETRY_ATTEMPTS", "LOG_LEVEL"),
    *("ERROR_INTEGRATION", "SUCCESS_INTEGRATION", "USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS"),
    *("USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE", "TARGET_COMPLETION_INTERVAL", "SERVERLESS_TASK_MIN_STATEMENT_SIZE"),
    *("SERVERLESS_TASK_MAX_STATEMENT_SIZE", "TIMEZONE", "QUERY_TAG", "TIMESTAMP_INPUT_FORMAT", "WEEK_START"),
}
OF_THE_ROOT = {
    *("SCHEDULE", "CONFIG", "OVERLAP_POLICY", "ALLOW_OVERLAPPING_EXECUTION"),
    *("TASK_AUTO_RETRY_ATTEMPTS", "SUSPEND_TASK_AFTER_NUM_FAILURES"),
}
SERVERLESS = {name for name in PARAMETERS if "SERVERLESS" in name or "MANAGED" in name} | {"TARGET_COMPLETION_INTERVAL"}
INTERVAL = r"(\d+)\s*(HOURS?|MINUTES?|SECONDS?|H|M|S)"
CRON_LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
ALTERATIONS = {"RESUME", "SUSPEND", "ADD", "REMOVE", "SET", "UNSET", "MODIFY"}
SCRIPTING = {*("CALL", "EXECUTE", "LET", "RETURN", "IF", "FOR", "WHILE", "LOOP", "CASE", "BEGIN", "END", "ELSE", "RAISE")}
SYSTEM_CALL = re.compile(r"SYSTEM\$(\w+)\(\s*(?:'([^']*)')?", re.IGNORECASE)
STREAM = re.compile(r"STREAM\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w.\"]+)\s+(?:COPY\s+GRANTS\s+)?ON\s+(?:EXTERNAL\s+|DYNAMIC\s+)?"
                    r"(?:TABLE|VIEW|STAGE)\s+[\w.\"]+", re.IGNORECASE)  # fmt: skip

Tasks = Mapping[str, Task]


def task_problems(sql: str) -> list[str]:
    """One line for each problem, with its line in the file; an empty list says the file may be applied."""
    statements = list(split_statements(sql))
    created = [statement for statement in statements if _kind(statement) == "TASK"]
    tasks = {task.name: task for task in map(read_task, created)}
    streams = {stored_name(match[1]) for statement in statements if (match := STREAM.search(statement.text))}
    problems = [
        *((s.line, problem) for s in statements for problem in _statement_problems(s, tasks)),
        *((s.line, f"ALERT {name} is never resumed") for s, name in _sleeping_alerts(statements)),
        *((task.line, f"{task.name}: {p}") for task in tasks.values() for p in _header_problems(task)),
        *((task.line, f"{task.name}: {p}") for task in tasks.values() for p in _body_problems(task.body)),
        *((task.line, f"{task.name}: {p}") for task in tasks.values() for p in _graph_problems(task, tasks)),
        *((task.line, f"{task.name}: {p}") for task in tasks.values() for p in _call_problems(task, tasks, streams)),
        *((task.line, f"{task.name}: {p}") for task in tasks.values() for p in _state_problems(task, tasks, statements)),
    ]
    return [f"line {line}: {problem}" for line, problem in sorted(problems)]


def _kind(statement: Statement) -> str:
    """TASK, STREAM, DYNAMIC, ALERT ... for a CREATE; else the first word."""
    words = statement.words
    if words[0] != "CREATE":
        return words[0]
    return words[3] if words[1] == "OR" else words[1]


def _statement_problems(statement: Statement, tasks: Tasks) -> Iterator[str]:
    """What sqlglot takes for an opaque command, and what it reads without the parts Snowflake asks for."""
    words, kind = statement.words, _kind(statement)
    if kind in ("ALTER", "DROP", "EXECUTE", "DESCRIBE", "DESC") and words[1] == "TASK":
        position = 4 if words[2] == "IF" else 2
        named, action = statement.text.split()[position], words[position + 1 : position + 2]
        if kind == "ALTER" and action and action[0] not in ALTERATIONS:
            yield f"ALTER TASK has no {action[0]}; it has {', '.join(sorted(ALTERATIONS))}"
        if stored_name(named) not in tasks:
            yield f"{kind} TASK of {named}, which no CREATE TASK here makes"
    elif kind == "STREAM" and not STREAM.search(statement.text):
        yield "CREATE STREAM says no `ON TABLE name` (or VIEW, STAGE)"
    elif kind == "DYNAMIC":
        yield from (f"DYNAMIC TABLE without {name}" for name in ("TARGET_LAG", "WAREHOUSE") if name not in words)
    elif kind not in ("TASK", "STREAM", "ALERT", "SHOW", "CALL") and words[1] not in ("ALERT", "STREAM", "DYNAMIC"):
        yield from _sql_problems(statement)


def _sql_problems(statement: Statement) -> Iterator[str]:
    try:
        tree = sqlglot.parse_one(statement.text, read="snowflake")
    except sqlglot.errors.SqlglotError as error:
        yield f"does not parse: {str(error).splitlines()[0]}"
        return
    if isinstance(tree, (exp.Command, exp.Alias, exp.Condition)) and not isinstance(tree, exp.Query):
        yield f"{' '.join(statement.text.split())[:40]!r} is no statement"


def _header_problems(task: Task) -> Iterator[str]:
    given = task.parameters
    yield from (f"{word!r} is not understood before AS" for word in task.unread)
    yield from (f"{name} is no parameter of a task" for name in given if name not in PARAMETERS)
    if not task.body:
        yield "has no AS with a body"
    is_root = not task.after and not task.finalizes
    yield from (f"{name} belongs to the root task" for name in given if name in OF_THE_ROOT and not is_root)
    if task.after and task.finalizes:
        yield "a finalizer takes no AFTER"
    if is_root and "SCHEDULE" not in given and "STREAM_HAS_DATA" not in task.when.upper():
        yield "nothing starts it: no SCHEDULE, AFTER or FINALIZE, and no stream in WHEN"
    if "WAREHOUSE" in given and (both := sorted(SERVERLESS & given.keys())):
        yield f"{both[0]} is for serverless tasks, and it has a WAREHOUSE"
    triggered = is_root and "SCHEDULE" not in given and task.when
    if triggered and "WAREHOUSE" not in given and "TARGET_COMPLETION_INTERVAL" not in given:
        yield "a serverless triggered task needs TARGET_COMPLETION_INTERVAL"
    if "SCHEDULE" in given and (problem := _schedule_problem(given["SCHEDULE"])):
        yield problem
    if 0 < int(given.get("USER_TASK_TIMEOUT_MS", 0)) < 1000:
        yield f"USER_TASK_TIMEOUT_MS is {given['USER_TASK_TIMEOUT_MS']} milliseconds"


def _schedule_problem(schedule: str) -> str | None:
    if re.fullmatch(INTERVAL, schedule, re.IGNORECASE):
        return None
    words = schedule.split()
    if [word.upper() for word in words[:2]] != ["USING", "CRON"] or len(words) != 8:
        return f"SCHEDULE {schedule!r} is neither '5 MINUTES' nor 'USING CRON' with five fields and a time zone"
    for text, (low, high) in zip(words[2:7], CRON_LIMITS, strict=True):
        numbers = [int(number) for number in re.findall(r"\d+", re.sub(r"/\d+", "", text))]
        if any(not low <= number <= high for number in numbers):
            return f"cron field {text!r} is not within {low}-{high}"
    try:
        ZoneInfo(words[7])
    except (KeyError, ValueError, OSError):
        return f"there is no time zone {words[7]!r}"
    return None


def _body_problems(body: str) -> Iterator[str]:
    """A body is a statement or a block; CALL and scripting are taken as they are."""
    block = re.fullmatch(r"(?:DECLARE\b.*?)?\bBEGIN\s+(?!TRANSACTION\b|WORK\b|;)(.*)\bEND\s*;?\s*", body, re.I | re.S)
    for statement in split_statements(block[1] if block else body):
        if statement.words[0] not in SCRIPTING:
            yield from _sql_problems(statement)


def _graph_problems(task: Task, tasks: Tasks) -> Iterator[str]:
    yield from (f"AFTER {name}, which no CREATE TASK here makes" for name in task.after if name not in tasks)
    yield from (f"AFTER {name}, which is a finalizer" for name in task.after if name in tasks and tasks[name].finalizes)
    if task.name in _ancestors(task, tasks):
        yield "runs after itself"
    elif len(roots := _roots(task, tasks)) > 1:
        yield f"belongs to two graphs: {', '.join(sorted(roots))}"
    root = task.finalizes
    if root and (root not in tasks or tasks[root].after or tasks[root].finalizes):
        yield f"FINALIZE = {root}, which is no root task here"
    if len(ends := [other.name for other in tasks.values() if other.finalizes == task.name]) > 1:
        yield f"has {len(ends)} finalizers: {', '.join(ends)}"


def _ancestors(task: Task, tasks: Tasks) -> set[str]:
    found: set[str] = set()
    waiting = list(task.after)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += tasks[name].after if name in tasks else []
    return found


def _roots(task: Task, tasks: Tasks) -> set[str]:
    if task.finalizes:
        return {task.finalizes}
    return {name for name in {task.name, *_ancestors(task, tasks)} if name in tasks and not tasks[name].after}


def _call_problems(task: Task, tasks: Tasks, streams: set[str]) -> Iterator[str]:
    """The names that a WHEN or a body hands to system functions: nothing checks them before the run."""
    config, problem = _config(task, tasks)
    if problem and "CONFIG" in task.parameters:
        yield problem
    for function, name in SYSTEM_CALL.findall(re.sub(r"--[^\n]*", "", f"{task.when}\n{task.body}")):
        match function.upper():
            case "STREAM_HAS_DATA" if stored_name(name) not in streams:
                yield f"WHEN asks for stream {name!r}, which no CREATE STREAM here makes"
            case "GET_TASK_GRAPH_CONFIG" if not problem and name and name not in config:
                yield f"reads {name!r} of CONFIG, which has {sorted(config)}"
            case "GET_PREDECESSOR_RETURN_VALUE" if not name and len(task.after) > 1:
                yield "has several predecessors: say whose return value"
            case "GET_PREDECESSOR_RETURN_VALUE" if name and name not in _ancestors(task, tasks):
                stored = ", ".join(sorted(_ancestors(task, tasks)))
                yield f"asks {name!r} for its return value; it runs after {stored or 'nothing'} (case counts)"


def _config(task: Task, tasks: Tasks) -> tuple[dict[str, object], str]:
    """The graph's CONFIG and what is wrong with it."""
    texts = [tasks[name].parameters.get("CONFIG", "{}") for name in _roots(task, tasks) if name in tasks]
    try:
        return json.loads(texts[0].strip("$") if texts else "{}"), ""
    except json.JSONDecodeError as error:
        return {}, f"CONFIG is no JSON: {error}"


def _state_problems(task: Task, tasks: Tasks, statements: list[Statement]) -> Iterator[str]:
    """Tasks are made suspended; a graph is changed while its root is suspended, and its root is resumed last."""
    resumed = {stored_name(name): at for name, at in _altered(statements, "RESUME")}
    enabled = {stored_name(root) for s in statements for root in re.findall(r"TASK_DEPENDENTS_ENABLE\(\s*'([^']+)'", s.text)}
    roots = _roots(task, tasks)
    if not (roots & enabled or task.name in resumed):
        yield "is never resumed: a root does not run, a child counts as done"
    for root in sorted(roots - {task.name}):
        if task.name in resumed and root in resumed and resumed[root] < resumed[task.name]:
            yield f"is resumed after its root {root}: Unable to update graph"
    made = next(i for i, s in enumerate(statements) if _kind(s) == "TASK" and read_task(s).name == task.name)
    replaces = statements[made].words[1] == "OR"
    suspended = [at for name, at in _altered(statements, "SUSPEND") if stored_name(name) == task.name]
    if replaces and task.name in roots and not any(at < made for at in suspended):
        yield f"is replaced while it may run: begin with ALTER TASK IF EXISTS {task.name.lower()} SUSPEND"


def _sleeping_alerts(statements: list[Statement]) -> Iterator[tuple[Statement, str]]:
    resumed = {
        stored_name(s.text.split()[-2]) for s in statements if s.words[:2] == ["ALTER", "ALERT"] and s.words[-1] == "RESUME"
    }
    for statement in statements:
        if _kind(statement) == "ALERT" and statement.words[0] == "CREATE":
            name = statement.words[statement.words.index("ALERT") + (4 if "IF" in statement.words[:5] else 1)]
            if stored_name(name) not in resumed:
                yield statement, name


def _altered(statements: list[Statement], action: str) -> Iterator[tuple[str, int]]:
    for index, statement in enumerate(statements):
        if statement.words[:2] == ["ALTER", "TASK"] and statement.words[-1] == action:
            yield statement.text.split()[-2], index
