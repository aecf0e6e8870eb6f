"""Pages of two snippets: the first does something that a careless runner gets wrong, the second notices.

The right verdicts are those a reader would give who runs each snippet alone and reads to its end: a snippet that
never reaches its last line has failed, whatever its exit code, and no snippet feels what another has done.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trap:
    """``first`` and ``second`` are the snippets; ``first_passes`` is the right verdict on the first."""

    name: str
    first: str
    second: str
    first_passes: bool = True

    @property
    def verdicts(self) -> tuple[bool, bool]:
        """The right verdicts on both snippets."""
        return self.first_passes, True


FINE = "total = sum(range(4))\nassert total == 6\n"
_ANY_TOOL = (
    Trap("failed assertion", "assert 1 + 1 == 3\n", FINE, first_passes=False),
    Trap("sys.exit", "import sys\n\nsys.exit('no data today')\n", FINE, first_passes=False),
    Trap("os._exit(0)", "import os\n\nos._exit(0)\nassert False, 'never reached'\n", FINE, first_passes=False),
    Trap("variable", "leaked_total = 6\n", "assert 'leaked_total' not in globals()\n"),
    Trap(
        "working directory",
        "import os, tempfile\n\nfolder = tempfile.mkdtemp()\nopen(f'{folder}/leaked.txt', 'w').close()\nos.chdir(folder)\n",
        "import os\n\nassert not os.path.exists('leaked.txt')\n",
    ),
    Trap(
        "environment",
        "import os\n\nos.environ['LEAKED_REGION'] = 'north'\n",
        "import os\n\nassert 'LEAKED_REGION' not in os.environ\n",
    ),
)
_PER_TOOL = {
    "dagster": (
        Trap(
            "monkeypatch",
            "import dagster as dg\n\ndg.materialize = lambda assets: None\nassert dg.materialize([]) is None\n",
            "import dagster as dg\n\n\n@dg.asset\ndef counted():\n    return 6\n\n\nassert dg.materialize([counted]).success\n",
        ),
    ),
    "airflow": (
        Trap(
            "monkeypatch",
            "import airflow.sdk\n\nairflow.sdk.chain = lambda *tasks: None\nairflow.sdk.chain()\n",
            "from airflow.providers.standard.operators.empty import EmptyOperator\nfrom airflow.sdk import DAG, chain\n\n"
            "with DAG('chained', schedule=None):\n    first, last = EmptyOperator(task_id='a'), EmptyOperator(task_id='b')\n"
            "    chain(first, last)\nassert last.upstream_task_ids == {'a'}\n",
        ),
        Trap(
            "DAG left open",
            "from airflow.sdk import DAG\n\nunfinished = DAG('unfinished', schedule=None)\nunfinished.__enter__()\n",
            "from airflow.providers.standard.operators.empty import EmptyOperator\n\n"
            "alone = EmptyOperator(task_id='alone')\nassert not alone.has_dag()\n",
        ),
    ),
    "prefect": (
        Trap(
            "monkeypatch",
            "import prefect\n\nprefect.task = lambda function: function\nassert prefect.task(len) is len\n",
            "from prefect import task\n\n\n@task\ndef counted():\n    return 6\n\n\nassert counted.fn() == 6\n",
        ),
        Trap(
            "settings left changed",
            "from prefect.settings import PREFECT_TASKS_DEFAULT_RETRIES, temporary_settings\n\n"
            "changed = temporary_settings({PREFECT_TASKS_DEFAULT_RETRIES: 7})\nchanged.__enter__()\n",
            "from prefect.settings import get_current_settings\n\nassert get_current_settings().tasks.default_retries == 0\n",
        ),
    ),
}


def traps_of(tool: str) -> list[Trap]:
    """The traps every runner is put to in the environment of ``tool``."""
    return [*_ANY_TOOL, *_PER_TOOL[tool]]


def write_trap_pages(tool: str, folder: Path) -> list[Path]:
    """One page per trap, in the order of ``traps_of``; the name of the page lends its tool to what imports none."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = []
    for number, trap in enumerate(traps_of(tool), 1):
        page = folder / f"{tool}-trap-{number:02}.md"
        page.write_text(f"# {trap.name}\n\n```python\n{trap.first}```\n\nand then\n\n```python\n{trap.second}```\n")
        pages.append(page)
    return pages


def false_verdicts(trap: Trap, given: list[bool], per_page: bool = False) -> int:
    """How many verdicts on the two snippets are wrong or missing.

    ``per_page`` is for a runner that gives one verdict on a page: right is then that nothing in it fails.
    """
    if per_page:
        return int(given != [all(trap.verdicts)])
    wrong = sum(is_ != right for is_, right in zip(given, trap.verdicts, strict=False))
    return wrong + max(0, 2 - len(given))
