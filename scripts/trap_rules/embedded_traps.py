"""The traps of schedulers inside a platform: the table of rules, and the one function that finds them in a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from . import embedded_file_traps as files
from . import embedded_snowflake_traps as snowflake
from .apply import apply_rules
from .embedded_comments import hearing
from .embedded_loaded import Loaded, Project, load_file
from .model import Finding, Rule
from .sources import Source

SNOWFLAKE = "Snowflake's documented rules for tasks and streams, simulated on DuckDB"
DATABRICKS = "databricks-bundles 1.22; references by Databricks' documented rules"
GITHUB = "GitHub's documented rules for workflows, simulated"

RULES = (
    Rule(
        "E001",
        "is made and never resumed",
        "A task is made suspended: a root never starts, and a suspended child is left out while the graph succeeds.",
        "ALTER TASK ... RESUME, children first; or SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('root')",
        SNOWFLAKE,
        snowflake.never_resumed,
    ),
    Rule(
        "E002",
        "is resumed after its root",
        "One error, at deployment: the started root refuses it. Where the script goes on, the child stays suspended, and every "
        "run of the graph succeeds without it.",
        "resume children first, the root last",
        SNOWFLAKE,
        snowflake.resumed_after_root,
    ),
    Rule(
        "E003",
        "reads a stream and has no branch for deletes",
        "Rows that the source deleted stay in the copy, and the stream has forgotten them.",
        "WHEN MATCHED AND METADATA$ACTION = 'DELETE' THEN DELETE, with one stream row for each key",
        SNOWFLAKE,
        snowflake.forgets_deletes,
    ),
    Rule(
        "E004",
        "is replaced by each deployment",
        "Changes that no task has read yet are gone.",
        "CREATE STREAM IF NOT EXISTS",
        SNOWFLAKE,
        snowflake.replaced_stream,
        hint=True,
    ),
    Rule(
        "E005",
        "is read by two statements without a transaction around them",
        "The first consumes the stream, the second finds it empty; both succeed.",
        "BEGIN TRANSACTION ... COMMIT within the body",
        SNOWFLAKE,
        snowflake.read_twice,
    ),
    Rule(
        "E006",
        "is used, and the job does not declare it",
        "The bundle is accepted; the task gets the braces as text, and loads nothing.",
        "parameters: [{name: ..., default: ...}] in the job",
        DATABRICKS,
        files.undeclared_parameter,
    ),
    Rule(
        "E007",
        "has no concurrency group",
        "A run that is late, long or started by hand overlaps the next: both see the day as missing and load it.",
        "concurrency: {group: NAME, cancel-in-progress: false}",
        GITHUB,
        files.overlapping_runs,
        hint=True,
    ),
    Rule(
        "E008",
        "asks again for ever: it has no limit of its own",
        "A job that never ends keeps the loop running, and no alert comes.",
        "a deadline by time.monotonic(), and an exception behind it",
        "Python 3.11",
        files.endless_poll,
    ),
    Rule(
        "E009",
        "has no time limit",
        "A job that hangs is ended by GitHub after six hours; until then it counts as running, and no alert comes.",
        "timeout-minutes: 30 in the job",
        GITHUB,
        files.hanging_job,
        hint=True,
    ),
    Rule(
        "E010",
        "is no job cluster of its job",
        "The bundle is accepted; only the workspace knows that the task has nothing to run on.",
        "job_clusters: [{job_cluster_key: ..., new_cluster: ...}] in the job",
        DATABRICKS,
        files.undeclared_cluster,
    ),
)


def find_traps(module: ModuleType | None, path: Path, root: Path) -> list[Finding]:
    """The traps of one SQL, YAML or Python file, which is read, not imported (``module`` is for the other tools' sake)."""
    return find_in_files([str(path)], root)


def find_in_files(files: Iterable[str], root: Path) -> list[Finding]:
    """The traps of several files of one project, in the order of the files."""
    project = Project(root)
    return [finding for file in files for finding in _find_in(load_file(Path(file), project))]


def _find_in(loaded: Loaded) -> list[Finding]:
    try:
        _ = loaded.document
    except ImportError:
        way_out = "install PyYAML there, or name with --python an interpreter that has it"
        return [Finding(loaded.path, 1, "LOAD", "not looked into: the interpreter has no PyYAML", way_out)]
    own = [Source(loaded.path, sys.modules[__name__], loaded.tree)] if loaded.tree else []  # for its comments
    return apply_rules(map(hearing, RULES), loaded, own)
