"""Ending a process ends what it has started, whatever session that is in and whatever signals it ignores."""

from __future__ import annotations

import signal
import subprocess
import sys

import psutil
from airflow_processes import end_trees

STUBBORN = """
import signal, subprocess, sys, time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleeping = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", sleeping], start_new_session=True)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
print(child.pid, flush=True)
time.sleep(600)
"""


def test_a_child_that_ignores_the_polite_signal_ends_with_its_parent() -> None:
    """It has a session of its own and outlives its parent's SIGTERM."""
    parent = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    end_trees([parent])
    assert parent.returncode == -signal.SIGTERM
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
