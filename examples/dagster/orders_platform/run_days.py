"""Load the days that the arguments name, one run each, in this process: `python run_days.py 2026-03-01 2026-03-02`."""

import sys

from definitions import defs

if __name__ == "__main__":
    for day in sys.argv[1:]:
        defs.resolve_job_def("load_day").execute_in_process(partition_key=day)
