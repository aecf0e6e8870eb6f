#!/usr/bin/env python3
"""What Lighthouse says of the built site: scores, first contentful paint and bytes for one page of each kind.

Needs node (18 or newer) with npx, which fetches the pinned Lighthouse, and a Chromium. Build the site first: make site-build.
The phone and its slow network are Lighthouse's own; `--desktop` takes both away.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

LIGHTHOUSE = "lighthouse@12.8.2"
SITE = Path(__file__).resolve().parents[1] / "site"
PAGES = ("", "patterns/", "references/dagster-patterns/", "examples/airflow/event_trigger/", "report/")
SCORES = ("performance", "accessibility", "best-practices", "seo")


class CompressingHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files compressed, as static hosts do."""

    def log_message(self, *said: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """One file or index page."""
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            return self.send_error(404)
        body = gzip.compress(path.read_bytes())
        self.send_response(200)
        for name, value in (("Content-Type", self.guess_type(str(path))), ("Content-Encoding", "gzip")):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--desktop", action="store_true", help="no simulated phone, no slowed network")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures")
    options = parser.parse_args()
    if missing := [word for word in ("npx", "chromium") if not shutil.which(word)]:
        print(f"{', '.join(missing)} not found: install node and Debian's package chromium", file=sys.stderr)
        return 2
    if not (SITE / "index.html").is_file():
        print("no site/: make site-build", file=sys.stderr)
        return 2
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(CompressingHandler, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    figures = {page or "home": ask_lighthouse(f"http://127.0.0.1:{server.server_port}/{page}", options.desktop) for page in PAGES}
    server.shutdown()
    show(figures, options.desktop)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def ask_lighthouse(address: str, desktop: bool) -> dict[str, float]:
    """Scores from 0 to 100, paint in seconds, transferred kilobytes and requests of one page."""
    with tempfile.TemporaryDirectory(prefix="lighthouse-") as folder:
        output = Path(folder, "report.json")
        command = ["npx", "--yes", LIGHTHOUSE, address, "--quiet", "--output=json", f"--output-path={output}"]
        command += ["--chrome-flags=--headless=new --no-sandbox", *(["--preset=desktop"] if desktop else [])]
        environment = os.environ | {"CHROME_PATH": str(shutil.which("chromium")), "LIGHTHOUSE_DISABLE_TELEMETRY": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if not output.exists():
            raise SystemExit(f"{address}: Lighthouse gave no report:\n{done.stderr[-1500:]}")
        return read_report(json.loads(output.read_text()))


def read_report(report: dict[str, Any]) -> dict[str, float]:
    """The figures that the table shows."""
    scores = {name: round(100 * (report["categories"][name]["score"] or 0)) for name in SCORES}
    audits = report["audits"]
    requests = audits["network-requests"]["details"]["items"]
    return scores | {
        "first paint s": round(audits["first-contentful-paint"]["numericValue"] / 1000, 2),
        "largest paint s": round(audits["largest-contentful-paint"]["numericValue"] / 1000, 2),
        "kB": round(sum(item["transferSize"] for item in requests) / 1000),
        "requests": len(requests),
    }


def show(figures: dict[str, dict[str, float]], desktop: bool) -> None:
    """A row per page."""
    table = Table(title=f"{LIGHTHOUSE}, {'desktop' if desktop else 'phone on a slowed network'}")
    table.add_column("page")
    for name in next(iter(figures.values())):
        table.add_column(name, justify="right")
    for page, row in figures.items():
        table.add_row(page, *(f"{value:g}" for value in row.values()))
    Console(width=140).print(table)


if __name__ == "__main__":
    sys.exit(main())
