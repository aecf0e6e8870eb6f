"""A Snowflake task graph in one SQL file, checked before it is applied.

What: root, children, config, return values, retries and a finalizer; a linter finds what Snowflake accepts in silence.
When: everything is SQL or a procedure in one account. Not for steps elsewhere: a task cannot wait for them.
Run: python pipeline.py [FILE ...], then snow sql -f task_graph.sql
Expect: no problem in task_graph.sql; else one line each with its place, and exit code 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

from task_linter import task_problems

GRAPH = Path(__file__).parent / "task_graph.sql"


def main(paths: list[Path]) -> int:
    """Print the problems of each file; 1 when there is one."""
    found = [(path, problem) for path in paths for problem in task_problems(path.read_text())]
    print("\n".join(f"{path.name}, {problem}" for path, problem in found) or "no problem found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]] or [GRAPH]))
