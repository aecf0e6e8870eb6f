"""Load a day that is not there yet. It says when it has looked, and goes on when its source has answered (a line of input)."""

import sqlite3
import sys

with sqlite3.connect("shop.sqlite", isolation_level=None, timeout=60) as shop:
    [(loaded,)] = shop.execute("SELECT count(*) FROM orders WHERE day = '2026-03-01'").fetchall()
    print("looked", flush=True)
    sys.stdin.readline()
    if not loaded:
        shop.execute("INSERT INTO orders VALUES ('2026-03-01', 1200)")
