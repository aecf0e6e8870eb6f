"""The three clocks' files are in order, and what their own tools let through is found."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from clock_files import crontab_problems, unit_problems, workflow_problems  # noqa: E402

CRONTAB, WORKFLOW = (HERE / "shop.crontab").read_text(), (HERE / "orders.yml").read_text()
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not on this machine")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("", "", ""),
        (r"\%Y", "%Y", "line 4: an unescaped % ends the command; what follows is its standard input"),
        ("17 6 *", "17 26 *", "line 4: '17 26 * * *': '26' is not within 0-23"),
        ("17 6 * * *", "0 17 6 * * ?", "line 4: '0 17 6 * *': '17' is not within 0-23"[:4]),
        ("17 6 * * *", "17 6 1 * 1", "line 4: '17 6 1 * 1' fires when *either* day field matches"),
        ("17 6 *", "30 2 *", "line 4: '30 2 * * *': hours 1 to 3 are not what they seem when clocks change; use another"),
    ],
)
def test_the_crontab(old: str, new: str, problem: str) -> None:
    """Cron says nothing about any of these."""
    found = crontab_problems(CRONTAB.replace(old, new) if old else CRONTAB)
    assert (found == []) if not problem else found[0].startswith(problem)


def test_a_last_line_without_an_end_is_found() -> None:
    """Editors that write no final newline make a crontab that never runs its last line."""
    assert crontab_problems(CRONTAB.rstrip("\n")) == ["the last line has no end: cron ignores it, or the whole table"]


def installed(folder: Path, change: tuple[str, str, str] = ("", "", "")) -> list[str]:
    """Problems of the three units, with a file to execute and one change: unit, old, new."""
    for unit in HERE.glob("shop-*.*"):
        text = unit.read_text().replace("/srv/shop/.venv/bin/python", "/bin/sh")
        name, old, new = change
        assert old in text or name != unit.name
        (folder / unit.name).write_text(text.replace(old, new) if name == unit.name else text)
    return unit_problems(*sorted(folder.glob("shop-*.*")))


@needs_systemd
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("", "", ""), ""),
        (("shop-orders.timer", "Persistent", "Persistant"), "shop-orders.timer:8: Unknown key 'Persistant'"),
        (("shop-orders.timer", "Persistent=true", ""), "a tick while the machine is off is lost without Persistent=true"),
        (("shop-orders.timer", " Europe/Berlin", ""), "OnCalendar=*-*-* 06:17:00 names no time zone: it means the machine's"),
        (("shop-orders.timer", "*-*-* 06:17:00", "17 6 * * *"), "Failed to parse calendar specification"),
        (("shop-orders.timer", "WantedBy=timers.target", ""), "`systemctl enable` does nothing"),
        (("shop-orders.service", "TimeoutStartSec", "RuntimeMaxSec"), "RuntimeMaxSec= has no effect in combination"),
        (("shop-orders.service", "TimeoutStartSec=2h", ""), "oneshot without TimeoutStartSec runs for ever"),
        (("shop-orders.service", "on-failure", "always"), "which isn't allowed for Type=oneshot services. Refusing."),
        (("shop-orders.service", "StartLimitIntervalSec=12h", ""), "StartLimitIntervalSec is 10 s, 4 tries take up to 32400 s"),
    ],
)  # fmt: skip
def test_the_units(tmp_path: Path, change: tuple[str, str, str], problem: str) -> None:
    """systemd-analyze's warnings count; what it does not look at is found beside."""
    found = installed(tmp_path, change)
    assert (found == []) if not problem else any(problem in line for line in found)


@needs_systemd
def test_a_misspelt_key_leaves_the_exit_code_at_0(tmp_path: Path) -> None:
    """So a gate that looks at the code alone lets a timer through that catches nothing up."""
    installed(tmp_path, ("shop-orders.timer", "Persistent", "Persistant"))
    assert subprocess.run(["systemd-analyze", "verify", tmp_path / "shop-orders.timer"], capture_output=True).returncode == 0


def ticks(calendar: str, since: str, count: int) -> list[str]:
    """The next moments, UTC, at which systemd would start a timer."""
    asked = ["systemd-analyze", "calendar", f"--iterations={count}", f"--base-time={since}", calendar]
    said = subprocess.run(asked, capture_output=True, text=True, check=True, env={"TZ": "UTC", "LC_ALL": "C"}).stdout
    return re.findall(r"(\d{4}-\d\d-\d\d \d\d:\d\d):\d\d UTC", said)


@needs_systemd
def test_systemd_drops_the_tick_that_the_clock_jumps_over() -> None:
    """02:30 in Berlin does not exist on 29 March: no tick that day. 06:17 exists each day; in October 02:30 comes once."""
    assert ticks("*-*-* 02:30:00 Europe/Berlin", "2026-03-28 00:00 UTC", 2) == ["2026-03-28 01:30", "2026-03-30 00:30"]
    assert ticks("*-*-* 06:17:00 Europe/Berlin", "2026-03-28 00:00 UTC", 2) == ["2026-03-28 05:17", "2026-03-29 04:17"]
    assert ticks("*-*-* 02:30:00 Europe/Berlin", "2026-10-24 12:00 UTC", 2) == ["2026-10-25 00:30", "2026-10-26 01:30"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("", "", ""),
        ("schedule:", "schedul:", "$.on: "),
        ("17 6 * * *", "0 17 6 * * ?", "'0 17 6 * * ?' has 6 fields, Unix cron has 5"),
        ("17 6 * * *", "0 6 * * *", "'0 6 * * *' fires on the hour, when GitHub is late or drops runs"),
        ("Europe/Berlin", "Europe/Berln", "timezone 'Europe/Berln' is not in the IANA database"),
        ("permissions: { contents: read }", "", "has no permissions"),
        ("    timeout-minutes: 120", "", "load: has no timeout-minutes: a hanging run is cut after 360"),
        ("always() && needs.load.result != 'success'", "failure()", "alert: failure() is false after a timeout"),
        ('${DAY:+"$DAY"}', "${{ inputs.day }}", "load: 'python pipeline.py ${{ inputs.day }}' puts an input into shell code"),
    ],
)
def test_the_workflow(old: str, new: str, problem: str) -> None:
    """The first of these is all that GitHub's schema finds."""
    found = workflow_problems(re.sub(r" #.*", "", WORKFLOW).replace(old, new) if old else WORKFLOW)
    assert (found == []) if not problem else any(line.startswith(problem) for line in found)


def test_the_schema_alone_accepts_nonsense_for_cron(tmp_path: Path) -> None:
    """check-jsonschema never looks inside the string."""
    (tmp_path / "orders.yml").write_text(WORKFLOW.replace("17 6 * * *", "99 26 * * *"))
    tool = Path(sys.executable).with_name("check-jsonschema")
    asked = [tool, "--builtin-schema", "vendor.github-workflows", tmp_path / "orders.yml"]
    assert subprocess.run(asked, capture_output=True).returncode == 0
