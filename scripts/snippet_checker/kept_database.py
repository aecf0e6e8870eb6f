"""Keep a migrated SQLite database for the next start, whole: a plain copy would miss what is still in its log."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path


def keep_database(source: Path, target: Path) -> None:
    """Copy a live SQLite database to ``target``, which appears only when it is complete."""
    partial = target.with_suffix(f".{os.getpid()}")
    reader, writer = sqlite3.connect(source), sqlite3.connect(partial)
    try:
        reader.backup(writer)
    finally:
        reader.close()
        writer.close()
    partial.rename(target)
