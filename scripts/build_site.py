#!/usr/bin/env python3
"""Build the site: pages from the repository's own files, then MkDocs, strict; `--serve` shows it with live reload."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from site_pages import agents, badges, gallery, graphs, home, matrix, report, sources
from site_pages.sources import ROOT

WRITTEN, BUILT = ROOT / ".cache" / "site" / "docs", ROOT / "site"
# A search ranks long pages low: the one with all old names would never come first.
BOOSTED = {name: f"---\nsearch:\n  boost: {boost}\n---\n\n" for name, boost in (("api-drift", 4), ("troubleshooting", 3))}
THEME = Path(__file__).resolve().parent / "site_pages" / "theme"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--serve", metavar="ADDRESS", nargs="?", const="127.0.0.1:8000", help="serve, and rebuild when a file changes"
    )
    parser.add_argument("--only-pages", action="store_true", help="write the pages and stop before MkDocs")
    parser.add_argument("--release", metavar="NAME", help="keep this build's figures in the trend under this name")
    parser.add_argument("--results", type=Path, metavar="FILE", help="what `check.py --json FILE` wrote, instead of checking now")
    options = parser.parse_args()
    results = (
        json.loads(options.results.read_text())
        if options.results
        else sources.read_results(ROOT / ".cache" / "site" / "check.json")
    )
    if options.release:
        report.keep_release(options.release, results)
    examples = write_pages(WRITTEN, results)
    print(f"{len(list(WRITTEN.rglob('*.md')))} pages written to {WRITTEN.relative_to(ROOT)}")
    if options.only_pages:
        return 0
    if options.serve:
        return serve(options.serve, results)
    code = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict"], cwd=ROOT, env=quiet()).returncode
    if code == 0:
        agents.write_for_agents(WRITTEN, BUILT, examples)
        print(f"the site is in {BUILT.relative_to(ROOT)}/")
    return code


def write_pages(target: Path, results: dict[str, Any]) -> list[sources.Example]:
    """Write every page into `target` and return the examples; what an earlier build left there is taken out."""
    examples, pages = sources.find_examples(), sources.find_pages()
    drawn = graphs.read_graphs(examples)
    copied: set[Path] = set()
    texts: dict[Path, str] = {
        Path("index.md"): home.home_page(results, examples, pages),
        Path("report.md"): report.report_page(results),
    }
    for page in [*pages, *(ROOT / name for name in ("SKILL.md", "CHANGELOG.md", "CONTRIBUTING.md") if (ROOT / name).exists())]:
        inside = page.relative_to(ROOT)
        text = badges.with_badges(str(inside), page.read_text(encoding="utf-8"), results)
        texts[inside] = BOOSTED.get(page.stem, "") + with_pictures(
            badges.with_site_links(without_front_matter(text), inside, inside, copied)
        )
    for example in examples:
        place = Path("examples") / example.tool / f"{example.name}.md"
        text = gallery.example_page(example, drawn.get((example.tool, example.name), []), results, copied)
        texts[place] = with_pictures(text)
    patterns = matrix.by_pattern(examples)
    texts[Path("patterns/index.md")] = matrix.matrix_page(patterns, results)
    texts[Path("examples/index.md")] = gallery.index_page(examples)
    for name, tools in patterns.items():
        if matrix.has_page(tools):
            texts[matrix.place_of(name)] = matrix.compare_page(name, tools)
    write_changed(target, texts, copied)
    for example in examples:
        gallery.write_zip(example, target / "examples" / example.tool / f"{example.name}.zip")
    return examples


def without_front_matter(text: str) -> str:
    """The body of a page; a skill's front matter is shown as code, since MkDocs would read it as its own."""
    if not text.startswith("---\n"):
        return text
    head, _, body = text[4:].partition("\n---\n")
    return f"# SKILL.md\n\n```yaml\n{head}\n```\n\n{body.replace(chr(10) + '# ', chr(10) + '## ', 1)}"


def with_pictures(text: str) -> str:
    """Mermaid flowcharts drawn here, so that no reader's browser has to fetch a library."""
    parts = text.split("```mermaid\n")
    written = [parts[0]]
    for part in parts[1:]:
        source, _, rest = part.partition("\n```")
        picture = graphs.draw_mermaid(source, "diagram")
        written.append(f"\n{picture}\n{rest}" if picture else f"```text\n{source}\n```{rest}")
    return "".join(written)


def write_changed(target: Path, texts: dict[Path, str], copied: set[Path]) -> None:
    """Write what differs, so that live reload rebuilds once; take out what no longer belongs."""
    files = {target / place: text.encode() for place, text in texts.items()}
    files |= {target / "files" / inside: (ROOT / inside).read_bytes() for inside in copied if (ROOT / inside).is_file()}
    files |= {
        target / path.relative_to(THEME / "assets"): path.read_bytes() for path in (THEME / "assets").rglob("*") if path.is_file()
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
    for path in target.rglob("*"):
        if path.is_file() and path not in files and path.suffix != ".zip":
            path.unlink()


def serve(address: str, results: dict[str, Any]) -> int:
    """MkDocs' own server, and the pages written again whenever a source changes."""
    from watchfiles import watch

    server = subprocess.Popen([sys.executable, "-m", "mkdocs", "serve", "--dev-addr", address], cwd=ROOT, env=quiet())
    try:
        for _ in watch(ROOT / "references", ROOT / "examples", ROOT / "scripts" / "site_pages", stop_event=None):
            write_pages(WRITTEN, results)
            if server.poll() is not None:
                break
    except KeyboardInterrupt:
        pass
    finally:
        server.terminate()
        server.wait()
    return 0


def quiet() -> dict[str, str]:
    """The environment of MkDocs, without the advertisement that Material prints."""
    return os.environ | {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}


if __name__ == "__main__":
    sys.exit(main())
