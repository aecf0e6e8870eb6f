"""Load the orders of the day that the job names; a text that is no day selects nothing, as in a WHERE."""

import json
import sys

LANDED = {"2026-03-01": [1, 2], "2026-03-02": [3]}

print(
    json.dumps(
        {"day": sys.argv[1], "orders": [order for day, orders in LANDED.items() if day == sys.argv[1] for order in orders]}
    )
)
