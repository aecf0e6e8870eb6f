"""Load the days that the arguments name, one run each, in this process: `python run_days.py 2026-03-01 2026-03-02`.

The metadata database is a new one in a temporary folder; `airflow dags test` would need one that is migrated.
"""

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent

if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent / "harness"))
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        from metadata_database import build_template, open_database
        from run_dag import run_dag

        with open_database(build_template(Path(home))):
            for day in sys.argv[1:]:
                run = run_dag(HERE / "dag.py", datetime.fromisoformat(day).replace(tzinfo=UTC))
                if run.state != "success":
                    sys.exit(f"{day}: {run}")
