"""Load the days that the arguments name, one run each, with a server of its own: `python run_days.py 2026-03-01 2026-03-02`."""

import sys
import tempfile
from datetime import date
from pathlib import Path

HERE = Path(__file__).parent

if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent / "harness"))
    from prefect_server import client_settings, running_server

    with tempfile.TemporaryDirectory() as home, running_server(Path(home)) as server, client_settings(server):
        from flow import orders_platform

        for day in sys.argv[1:]:
            orders_platform(date.fromisoformat(day))
