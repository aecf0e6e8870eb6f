#!/usr/bin/env python3
"""Copy an example into a project of your own, with its pins, its test and the harness that the test stands on.

`new.py dagster/cron_schedule my_project` makes a folder that passes its own test at once; `new.py --list` says what there is.
Needs the standard library only.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
TOOLS = ("dagster", "airflow", "prefect", "embedded")
LEFT_BEHIND = shutil.ignore_patterns(
    "__pycache__", "*.pyc", "target", "logs", ".dlt", ".user.yml", "*.duckdb", "*.duckdb.wal", "*.db", ".venv*", "dbt_packages"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pattern", nargs="?", metavar="TOOL/PATTERN", help="which example")
    parser.add_argument("target", nargs="?", type=Path, help="a folder that does not exist yet, or is empty")
    parser.add_argument("--list", action="store_true", help="print every TOOL/PATTERN")
    options = parser.parse_args()
    if options.list:
        print("\n".join(known_patterns()))
        return 0
    if not options.pattern or options.target is None:
        parser.error("give TOOL/PATTERN and a target folder, or --list")
    try:
        copy_example(options.pattern, options.target)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(next_steps(options.pattern, options.target))
    return 0


def known_patterns() -> list[str]:
    """Every example as TOOL/PATTERN."""
    folders = (path.parent for tool in TOOLS for path in sorted((EXAMPLES / tool).glob("*/test_*.py")))
    return list(dict.fromkeys(f"{path.parent.name}/{path.name}" for path in folders if path.name != "harness"))


def copy_example(pattern: str, target: Path) -> None:
    """Write the example into `target`. Raises ValueError with the way out for an unknown pattern or a target in use."""
    tool, _, name = pattern.partition("/")
    if pattern not in known_patterns():
        near = [known for known in known_patterns() if (name and name in known) or known.endswith(f"/{tool}")]
        raise ValueError(
            f"{pattern}: there is no such example; {'did you mean ' + ', '.join(near) if near else '--list shows all'}"
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"{target}: is in use; name a folder that does not exist yet, or is empty")
    source = EXAMPLES / tool
    shutil.copytree(source / name, target, ignore=LEFT_BEHIND, dirs_exist_ok=True)  # links are followed: dbt_shop comes along
    shutil.copytree(source / "harness", target / "harness", ignore=lambda *asked: {*LEFT_BEHIND(*asked), *_tests(asked[1])})
    shared, own = source / "conftest.py", source / name / "conftest.py"
    (target / "conftest.py").write_text(
        "\n\n".join(_without_future(path) for path in (shared, own) if path.exists()), encoding="utf-8"
    )
    for pins in ("pyproject.toml", "uv.lock"):
        text = (source / pins).read_text(encoding="utf-8")
        (target / pins).write_text(
            text.replace(f'name = "{tool}-examples"', f'name = "{_project_name(target)}"'), encoding="utf-8"
        )


def next_steps(pattern: str, target: Path) -> str:
    """What to type to see it pass."""
    return (
        f"{target} is {pattern} with its pins. Now:\n\n"
        f"    cd {target}\n    uv sync --frozen\n    uv run --frozen python -m pytest\n\n"
        "Without uv: a virtual environment with the dependencies of pyproject.toml, then python -m pytest."
    )


def _without_future(conftest: Path) -> str:
    """Two conftest.py become one, and only the first line of code may be an import from the future."""
    return conftest.read_text(encoding="utf-8").replace("from __future__ import annotations\n", "")


def _tests(names: list[str]) -> list[str]:
    return [name for name in names if name.startswith("test_")]


def _project_name(target: Path) -> str:
    words = "".join(letter if letter.isalnum() else "-" for letter in target.resolve().name.lower()).strip("-")
    return words or "pipeline"


if __name__ == "__main__":
    sys.exit(main())
