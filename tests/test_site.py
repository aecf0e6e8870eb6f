"""The built site in a real browser: it loads whole and alone, is found by its words, and can be read by everybody."""

from __future__ import annotations

import functools
import gzip
import http.server
import json
import shutil
import subprocess
import sys
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from snippet_checker.environments import ROOT

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install Debian's package `chromium`; .ci/run does"),
]
KINDS = (
    "",
    "patterns/",
    "patterns/event_trigger/",
    "references/dagster-patterns/",
    "examples/",
    "examples/airflow/event_trigger/",
    "report/",
)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves the built site without a line per request; a page that is not there is the site's own 404."""

    def log_message(self, *said: object) -> None:
        """Say nothing."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The body of 404.html, as static hosts send it."""
        body = (Path(self.directory) / "404.html").read_bytes()
        self.send_response(code)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="session")
def built() -> Path:
    """The site of this tree, built as `make site-build` does; the checker's answers come from its cache."""
    done = subprocess.run([sys.executable, "scripts/build_site.py"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "site"


@pytest.fixture(scope="session")
def address(built: Path) -> Iterator[str]:
    """Where the built site is served, on a free loopback port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=str(built)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab with its own storage, which may read what it has copied."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"], viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def pages_of(built: Path) -> list[str]:
    """The paths of the sitemap."""
    root = ElementTree.parse(built / "sitemap.xml").getroot()
    return [urlparse(str(place.text)).path.lstrip("/") for place in root.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]


def test_every_page_loads_whole_and_from_this_host_alone(built: Path, address: str, page: Page) -> None:
    """No error on the console, no answer but 200, no request to anybody else."""
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(f"{page.url}: {said.text}") if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    page.on("request", lambda asked: wrong.append(asked.url) if not asked.url.startswith((address, "data:", "blob:")) else None)
    page.on("response", lambda answer: wrong.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    paths = pages_of(built)
    for path in paths:
        page.goto(address + path)
        assert page.locator("h1").first.inner_text()
    assert (len(paths) > 50, wrong) == (True, [])


def test_a_page_that_is_not_there_says_so_and_leads_back(address: str, page: Page) -> None:
    """The 404 page is the site's own."""
    answer = page.goto(address + "no/such/page/")
    assert answer is not None
    assert (answer.status, page.locator("a.md-logo").count() > 0) == (404, True)


@pytest.mark.parametrize(
    ("example", "names"),
    [
        ("dagster/trifecta", {"raw_shop/orders", "marts/daily_revenue"}),
        ("airflow/idempotent_loads", {"load"}),
        ("prefect/orders_platform", {"extract", "price", "gate", "load"}),
    ],
)
def test_an_example_shows_the_graph_of_its_definitions(example: str, names: set[str], address: str, page: Page) -> None:
    """As text in the picture, so that it can be read and searched."""
    page.goto(f"{address}examples/{example}/")
    shown = set(page.locator("svg text").all_text_contents())
    assert names - shown == set()


def test_zensical_builds_the_same_pages(built: Path, tmp_path: Path) -> None:
    """The successor of MkDocs Material reads the same mkdocs.yml, strictly, and finds nothing to warn of."""
    shutil.copytree(ROOT / ".cache/site/docs", tmp_path / ".cache/site/docs")
    shutil.copytree(ROOT / "scripts/site_pages/theme", tmp_path / "scripts/site_pages/theme")
    shutil.copyfile(ROOT / "mkdocs.yml", tmp_path / "mkdocs.yml")
    zensical = Path(sys.executable).with_name("zensical")
    done = subprocess.run([str(zensical), "build", "--strict", "-f", "mkdocs.yml"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert [path for path in pages_of(built) if not (tmp_path / "site" / path / "index.html").is_file()] == []


def search(page: Page, address: str, words: str) -> list[str]:
    """The addresses of the first three pages that are found for these words."""
    page.goto(address)
    page.locator("label.md-search__icon[for=__search]").first.click(force=True)
    page.locator("input.md-search__input").fill(words)
    page.locator(".md-search-result__link").first.wait_for()
    links = [str(link.get_attribute("href")) for link in page.locator(".md-search-result__link").all()]
    return list(dict.fromkeys(link.split("?")[0] for link in links))[:3]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("deferrable sensor", "airflow"),
        ("event trigger", "event_trigger"),
        ("compute_kind", "dagster"),
        ("schedule_interval", "api-drift"),
        ("DummyOperator", "api-drift"),
        ("from airflow.operators.dummy import DummyOperator", "api-drift"),
        (
            'duckdb.duckdb.IOException: IO Error: Could not set lock on file "/srv/shop.duckdb": Conflicting lock',
            "troubleshooting",
        ),
        ("dagster._core.errors.DagsterUnknownPartitionError: Could not find a partition with key `2026-05`.", "troubleshooting"),
    ],
)
def test_search_finds_what_was_pasted(address: str, page: Page, words: str, found: str) -> None:
    """A heading, a pattern's name, an old name, an import, an error with the name of its class and the reader's own paths."""
    assert any(found in link for link in search(page, address, words))


def test_the_chosen_tool_holds_on_the_next_page(address: str, page: Page) -> None:
    """A reader of Prefect sees Prefect first, on every page with tabs."""
    page.goto(address + "patterns/event_trigger/")
    page.locator(".tabbed-labels label", has_text="Prefect").click()
    page.goto(address + "patterns/cron_schedule/")
    page.locator(".tabbed-block:visible").first.wait_for()
    chosen = page.evaluate("[...document.querySelectorAll('.tabbed-set input')].findIndex(field => field.checked)")
    labels = page.locator(".tabbed-labels label").all_inner_texts()
    assert labels[chosen] == "Prefect"


def test_the_copy_button_copies_exactly_the_snippet(address: str, page: Page) -> None:
    """No line number, no mark, no badge: the first fence of the page as it is in the file."""
    page.goto(address + "references/dagster-patterns/")
    page.locator(".language-python button[title], .language-python .md-clipboard").first.click()
    page.wait_for_timeout(300)
    copied = page.evaluate("navigator.clipboard.readText()")
    source = (ROOT / "references" / "dagster-patterns.md").read_text().split("```python\n")[1].split("```")[0]
    assert copied.strip("\n") == source.strip("\n")


def test_a_copied_file_of_an_example_has_no_line_numbers(address: str, page: Page) -> None:
    """Line numbers are for links."""
    page.goto(address + "examples/airflow/event_trigger/")
    page.locator("#dag-py ~ .highlight, #dag-py ~ table.highlighttable").first.locator("button, .md-clipboard").first.click()
    page.wait_for_timeout(300)
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == (ROOT / "examples/airflow/event_trigger/dag.py").read_text().strip()


def test_the_theme_is_kept(address: str, page: Page) -> None:
    """Dark on one page is dark on the next."""
    page.goto(address)
    page.locator("label[title='Switch to dark mode']").click()
    page.goto(address + "patterns/")
    assert page.locator("body").get_attribute("data-md-color-scheme") == "slate"


def test_the_matrix_is_filtered_by_words(address: str, page: Page) -> None:
    """Rows that hold every word stay; when none does, the page says so."""
    page.goto(address + "patterns/")
    page.locator("#filter").fill("cron prefect")
    shown = [row.inner_text() for row in page.locator("#matrix tbody tr:visible").all()]
    page.locator("#filter").fill("nothing like this")
    assert ([text.split("\t")[0] for text in shown], page.locator("#nothing").is_visible()) == (["Cron schedule"], True)


@pytest.mark.parametrize("path", KINDS)
def test_a_narrow_screen_has_no_sideways_scroll(address: str, page: Page, path: str) -> None:
    """360 pixels hold every kind of page; tables and code scroll inside themselves."""
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(address + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", KINDS)
def test_nobody_is_kept_from_reading(address: str, browser: Browser, path: str, scheme: str) -> None:
    """axe finds no serious violation on any kind of page, in both themes."""
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    tab = context.new_page()
    tab.goto(address + path)
    tab.wait_for_timeout(400)  # the theme fades in
    found = Axe().run(tab).response["violations"]
    serious = [
        (rule["id"], node["html"][:160], node["any"][0]["message"] if node["any"] else "")
        for rule in found if rule["impact"] in ("serious", "critical") for node in rule["nodes"][:2]
    ]  # fmt: skip
    context.close()
    assert serious == []


def test_agents_get_markdown(built: Path) -> None:
    """llms.txt lists pages that exist, every page has its twin, and the whole is in one file."""
    listed = [line.split("](")[1].rstrip(")") for line in (built / "llms.txt").read_text().splitlines() if line.startswith("- [")]
    twins = [path for path in pages_of(built) if not (built / path / "index.md").is_file()]
    missing = [place for place in listed if not (built / place).is_file()]
    assert (len(listed) > 50, missing, twins, "# Dagster patterns" in (built / "llms-full.txt").read_text()) == (
        True,
        [],
        [],
        True,
    )


def test_the_home_page_is_light(built: Path, address: str, page: Page) -> None:
    """Under 300 KB without the search index, compressed as every static host sends it."""
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(0 if "search_index" in answer.url else len(gzip.compress(answer.body()))))
    page.goto(address)
    page.wait_for_load_state("networkidle")
    assert 0 < sum(sizes) < 300_000


def test_figures_are_those_of_the_checker(built: Path, address: str, page: Page) -> None:
    """The home page's numbers are the last check's."""
    results = json.loads((ROOT / ".cache" / "site" / "check.json").read_text())["results"]
    page.goto(address)
    shown = page.locator(".figures dd").all_inner_texts()
    assert (int(shown[0]), int(shown[3])) == (len(results), sum(not result["passed"] for result in results))
