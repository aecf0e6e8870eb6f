"""Every private name of Dagster that the harness leans on is still there."""

from __future__ import annotations

import dagster as dg
import pytest
from private_names import PRIVATE_NAMES, PrivateNameMoved, resolve


@pytest.mark.parametrize("name", PRIVATE_NAMES)
def test_name_is_where_the_harness_looks_for_it(name: str) -> None:
    """A failure here names what an upgrade of Dagster moved."""
    assert callable(resolve(name))


def test_a_moved_name_is_named_with_the_version() -> None:
    """The message is what a maintainer needs: the version, the name, the file to mend."""
    with pytest.raises(PrivateNameMoved, match=rf"Dagster {dg.__version__} has no dagster._core.gone: .*private_names.py"):
        resolve("dagster._core.gone")
