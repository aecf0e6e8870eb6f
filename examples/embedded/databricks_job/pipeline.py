"""A Databricks job as an Asset Bundle, read for one target and checked before it is deployed.

What: load, branch on a task value, check each country, dbt, a task that runs on failure only; the job as JSON for the API.
When: all steps run in one workspace. Not when a step waits for another system, or days are managed one by one.
Run: python pipeline.py check, then databricks bundle deploy --target prod; python pipeline.py [TARGET] prints JSON
Expect: no problem found in dev, prod; else one line for each, and exit code 1. orders_job.json is the JSON of prod.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from bundle_target import jobs_of, targets_of

HERE = Path(__file__).parent
BUNDLE = HERE / "databricks.yml"


def api_body(job: dict[str, Any], target: str) -> str:
    """The job as the Jobs API takes it: files where the bundle's deployment puts them, notebooks without their ending."""
    deployed = f"/Workspace/Shared/.bundle/shop/{target}/files"
    return json.dumps(job, indent=2).replace(str(HERE), deployed).replace('.py"', '"')


def check() -> int:
    """Print what is wrong with the jobs of any target; the exit code."""
    sys.path[:0] = [str(HERE / "harness"), str(HERE.parent / "harness")]  # lifted out, or in the pack
    from bundle_rules import problems

    targets = targets_of(BUNDLE)
    found = [
        f"{target}: {key}: {problem}"
        for target in targets
        for key, job in jobs_of(BUNDLE, target).items()
        for problem in problems(job)
    ]
    print("\n".join(found) or f"no problem found in {', '.join(targets)}")
    return 1 if found else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        sys.exit(check())
    [wanted] = sys.argv[1:] or ["prod"]
    print(api_body(jobs_of(BUNDLE, wanted)["orders"], wanted))
