"""Each undocumented name that the harness uses is where it was."""

from __future__ import annotations

import re

import private_names
import pytest
from private_names import USES, private_name


@pytest.mark.parametrize("path", USES)
def test_name_is_where_it_was(path: str) -> None:
    """The installed Prefect has the name, and it can be called."""
    assert callable(private_name(path))


@pytest.mark.parametrize("path", ["prefect.flow_engine:run_flows", "prefect.flow_engines:run_flow"])
def test_a_moved_name_is_named_with_its_use(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which name is gone and what it was for, not where an attribute was looked up."""
    monkeypatch.setitem(private_names.USES, path, "runs flows")
    with pytest.raises(LookupError, match=re.escape(f"this Prefect has no {path}; the harness needs what runs flows")):
        private_name(path)
