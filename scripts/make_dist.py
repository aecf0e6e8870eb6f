#!/usr/bin/env python3
"""Build dist/data-orchestration.zip, the form that uploads take: one folder, one SKILL.md, at most 200 files and 5 MB.

Everything that an agent needs goes in first; then whole examples in the order of `dist_examples.txt` until 200 files.
What did not fit is printed: the repository and the plugin carry it.
"""

from __future__ import annotations

import io
import os
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from site_pages.sources import TOOLS, files_of

ROOT = Path(__file__).resolve().parents[1]
NAME, MOST_FILES, MOST_BYTES = "data-orchestration", 200, 5_000_000
SCRIPTS = ("check.py", "check_project.py", "fix_project.py", "research.py", "new.py", "find_traps.py", "drift_ledger.json")
PACKAGES = ("snippet_checker", "research_protocol")
PACKED = "trap_rules"  # one small file a rule or two: imported from a zip, they count as one


def main() -> int:
    target = ROOT / "dist" / f"{NAME}.zip"
    chosen, left = choose(list(always()), wanted_examples())
    write(target, chosen)
    size, count = target.stat().st_size, len(chosen) + 1
    print(f"{target.relative_to(ROOT)}: {count} files, {size:,} bytes")
    if left:
        print(f"left out for the limit of {MOST_FILES} files: {', '.join(left)}")
    return 0 if count <= MOST_FILES and size <= MOST_BYTES else 1


def always() -> Iterable[Path]:
    """What every upload has: the skill, its pages and scripts, the pins, the harnesses without their own tests."""
    yield from (ROOT / name for name in ("SKILL.md", "LICENSE"))
    yield from sorted((ROOT / "references").glob("*.md"))
    yield from (ROOT / "scripts" / name for name in SCRIPTS)
    for package in PACKAGES:
        yield from sorted((ROOT / "scripts" / package).glob("*.py"))
    for tool in TOOLS:
        yield from (ROOT / "examples" / tool / name for name in ("pyproject.toml", "uv.lock", "conftest.py"))
        yield from (path for path in files_of(ROOT / "examples" / tool / "harness") if not path.name.startswith("test_"))


def wanted_examples() -> list[str]:
    """TOOL/PATTERN, most asked first; every line must name a folder."""
    lines = (ROOT / "scripts" / "dist_examples.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def choose(first: list[Path], examples: list[str]) -> tuple[list[Path], list[str]]:
    """The files that go in, and the examples that would pass the limit. Raises SystemExit for a name without a folder."""
    chosen, left = list(first), []
    for name in examples:
        folder = ROOT / "examples" / name
        if not folder.is_dir():
            raise SystemExit(f"scripts/dist_examples.txt: {name} is no folder of examples/")
        files = list(files_of(folder))
        if len(chosen) + len(files) + 1 > MOST_FILES:
            left.append(name)
        else:
            chosen += files
    return chosen, left


def write(target: Path, files: list[Path]) -> None:
    """The same files give the same bytes; who reads the target meanwhile reads the old ones."""
    target.parent.mkdir(exist_ok=True)
    unfinished = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for path in sorted(files):
                add(archive, f"{NAME}/{path.relative_to(ROOT)}", path.read_bytes())
            add(archive, f"{NAME}/scripts/{PACKED}.zip", packed(ROOT / "scripts" / PACKED))
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def packed(package: Path) -> bytes:
    """A package as a zip that Python imports from."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(package.glob("*.py")):
            add(archive, f"{package.name}/{path.name}", path.read_bytes())
    return content.getvalue()


def add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """A file with a date and rights that do not depend on this machine."""
    stamp = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
    stamp.compress_type, stamp.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    archive.writestr(stamp, content)


if __name__ == "__main__":
    sys.exit(main())
