#!/usr/bin/env python3
"""Run other checkers of Markdown snippets over a folder of pages, inside a tool's environment.

  rivals.py FOLDER --tool dagster

Also here: the naive way (a fresh Python per snippet) and the floor (the bodies alone in one warm process).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from corpus import TOOLS
from measure import ROOT, Cost, compile_imports, environments, measure, python_of, quiet_environment
from traps import false_verdicts, traps_of, write_trap_pages

HERE = Path(__file__).resolve().parent
INSTALLED = ROOT / ".cache" / "rivals"
AT_ONCE = 2  # fresh processes of the naive way; the same as the cores of a small machine
_FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_START = "import sys; sys.path.append(sys.argv.pop(1)); import pytest; sys.exit(pytest.main(sys.argv[1:]))"


@dataclass(frozen=True)
class Rival:
    """How a checker is set up as its documentation says: files beside ``pages/``, and arguments of pytest.

    ``per_page`` is set for one that gives a single result per page.
    """

    arguments: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)
    per_page: bool = False


RIVALS = {
    "pytest-examples": Rival(
        ("-p", "pytest_examples", "test_pages.py"),
        {
            "test_pages.py": (
                "import pytest\nfrom pytest_examples import find_examples\n\n"
                "@pytest.mark.parametrize('example', find_examples('pages'), ids=str)\n"
                "def test_example(example, eval_example):\n    eval_example.run(example)\n"
            )
        },
    ),
    "sybil": Rival(
        ("pages",),
        {
            "conftest.py": (
                "from sybil import Sybil\nfrom sybil.parsers.markdown import PythonCodeBlockParser\n\n"
                "pytest_collect_file = Sybil(parsers=[PythonCodeBlockParser()], pattern='*.md').pytest()\n"
            )
        },
    ),
    "mktestdocs": Rival(
        ("test_pages.py",),
        {
            "test_pages.py": (
                "import pathlib\nimport pytest\nfrom mktestdocs import check_md_file\n\n"
                "@pytest.mark.parametrize('page', sorted(pathlib.Path('pages').glob('*.md')), ids=str)\n"
                "def test_page(page):\n    check_md_file(fpath=page)\n"
            )
        },
        per_page=True,
    ),
    "pytest-markdown-docs": Rival(("-p", "pytest_markdown_docs.plugin", "--markdown-docs", "pages")),
}


@dataclass(frozen=True)
class Outcome:
    """What one way of checking made of a folder. ``verdicts`` are in the order of the pages, True for passed."""

    cost: Cost
    verdicts: list[bool]

    @property
    def failures(self) -> int:
        """How many verdicts are failures: on the clean corpus each is a false one."""
        return self.verdicts.count(False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="Markdown pages; their snippets are expected to pass")
    parser.add_argument("--tool", choices=TOOLS, required=True)
    options = parser.parse_args()
    pages = sorted(options.folder.glob("*.md"))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        work = Path(folder)
        install_rivals(work)
        compile_imports(options.tool, work)
        ways = {"naive": lambda: run_naive(pages, options.tool, work / "naive")}
        ways |= {name: (lambda name=name: run_rival(name, pages, options.tool, work / name)) for name in RIVALS}
        ways["floor"] = lambda: run_floor(pages, options.tool, work / "floor")
        for name, run in ways.items():
            outcome = run()
            false, asked, wrong = (0, 0, []) if name == "floor" else spring_traps(name, options.tool, work / f"{name}-traps")
            print(
                f"{name:22} {outcome.cost.wall:7.2f} s wall {outcome.cost.cpu:7.2f} s CPU {len(outcome.verdicts):4} results "
                f"{outcome.failures:3} false failures  {false}/{asked} trap verdicts wrong {', '.join(wrong)}"
            )


def install_rivals(work: Path) -> None:
    """Install what `rivals.txt` pins, with the pinned uv, unless exactly that is there already."""
    stamp = INSTALLED / "installed-from.txt"
    wanted = (HERE / "rivals.txt").read_text(encoding="utf-8")
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    shutil.rmtree(INSTALLED, ignore_errors=True)
    command = [environments.uv_executable(), "pip", "install", "--quiet", "--no-deps", "--target", INSTALLED]
    command += ["--python", python_of("dagster"), "-r", HERE / "rivals.txt"]
    done = measure(command, work, os.environ)
    if done.code:
        raise environments.MachineError(f"the rivals could not be installed:\n{done.output}")
    stamp.write_text(wanted, encoding="utf-8")


def run_rival(name: str, pages: Sequence[Path], tool: str, work: Path) -> Outcome:
    """One session of a rival over copies of ``pages``; what it never came to has no verdict."""
    rival = RIVALS[name]
    (work / "pages").mkdir(parents=True)
    for page in pages:
        shutil.copy(page, work / "pages")
    for file, text in rival.files.items():
        (work / file).write_text(text, encoding="utf-8")
    shutil.copy(HERE / "record_verdicts.py", work)
    recorded = work / "verdicts.txt"
    environment = quiet_environment(work / "home")
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "VERDICTS_FILE": str(recorded)}
    quiet = ["-q", "-p", "no:cacheprovider", "-p", "record_verdicts", "-c", "/dev/null", "--rootdir", work]
    command = [python_of(tool), "-c", _START, INSTALLED, *quiet, *rival.arguments]
    cost = measure(command, work, environment)
    lines = recorded.read_text(encoding="utf-8").split() if recorded.exists() else []
    return Outcome(cost, [line == "passed" for line in lines])


def run_naive(pages: Sequence[Path], tool: str, work: Path) -> Outcome:
    """A fresh Python for each snippet, each in a folder of its own; passed means exit code 0."""
    files = write_bodies(pages, work / "bodies")

    def run_one(file: Path) -> Cost:
        folder = work / file.stem
        folder.mkdir()
        return measure([python_of(tool), file], folder, quiet_environment(folder / "home"))

    started = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        costs = list(pool.map(run_one, files))
    wall = time.perf_counter() - started
    total = Cost(wall, sum(cost.cpu for cost in costs), output="\n".join(cost.output for cost in costs))
    return Outcome(total, [cost.code == 0 for cost in costs])


def run_floor(pages: Sequence[Path], tool: str, work: Path) -> Outcome:
    """The bodies one after another in one warm process: what no way of checking can go below on one core."""
    return _in_one_process("floor.py", (), pages, tool, work)


def run_unisolated(pages: Sequence[Path], tool: str, work: Path) -> Outcome:
    """The checker's own work one snippet after another in one warm process: what the checker costs beyond is isolation."""
    return _in_one_process("unisolated.py", (tool,), pages, tool, work)


def _in_one_process(script: str, words: Sequence[str], pages: Sequence[Path], tool: str, work: Path) -> Outcome:
    bodies = write_bodies(pages, work / "bodies")[0].parent
    done = measure([python_of(tool), HERE / script, *words, bodies], work, quiet_environment(work / "home"))
    try:
        said = json.loads(done.output.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise environments.MachineError(f"{script} gave no figures:\n{done.output[-2000:]}") from None
    failed = len(said["failed"])
    verdicts = [False] * failed + [True] * (said["results"] - failed)
    return Outcome(Cost(said["wall"], said["cpu"], done.peak, done.code, done.output), verdicts)


def write_bodies(pages: Sequence[Path], folder: Path) -> list[Path]:
    """Each Python fence of ``pages`` as a file of its own, in order."""
    folder.mkdir(parents=True)
    codes = [code for page in pages for code in _FENCE.findall(page.read_text(encoding="utf-8"))]
    files = [folder / f"body_{number:04}.py" for number in range(len(codes))]
    for file, code in zip(files, codes, strict=True):
        file.write_text(code, encoding="utf-8")
    return files


def spring_traps(name: str, tool: str, work: Path) -> tuple[int, int, list[str]]:
    """False verdicts, verdicts asked for, and the traps that were told wrong; one session per page of two snippets.

    A page to itself favours the rivals: when one snippet ends the session, only its neighbour is lost with it.
    """
    false, asked, wrong = 0, 0, []
    per_page = name in RIVALS and RIVALS[name].per_page
    for trap, page in zip(traps_of(tool), write_trap_pages(tool, work / "written"), strict=True):
        run = run_naive if name == "naive" else lambda *rest: run_rival(name, *rest)
        given = run([page], tool, work / page.stem).verdicts
        found = false_verdicts(trap, given, per_page)
        false, asked = false + found, asked + (1 if per_page else 2)
        wrong += [trap.name] if found else []
    return false, asked, wrong


if __name__ == "__main__":
    main()
