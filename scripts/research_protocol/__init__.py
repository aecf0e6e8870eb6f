"""What `research.py` answers before code is written: environment, code base, one name, stale forms, an error message."""
