"""Every private name of Airflow that the harness leans on is still there."""

from __future__ import annotations

import pytest
from private_names import PRIVATE_NAMES, PrivateNameMoved, resolve


@pytest.mark.parametrize("name", PRIVATE_NAMES)
def test_name_is_where_the_harness_looks_for_it(name: str) -> None:
    """A failure here names what an upgrade of Airflow moved."""
    assert callable(resolve(name))


def test_a_moved_name_is_named_with_the_version() -> None:
    """The message is what a maintainer needs: the version, the name, the file to mend."""
    from airflow import __version__

    with pytest.raises(PrivateNameMoved, match=rf"Airflow {__version__} has no airflow.sdk.log.gone: .*private_names.py"):
        resolve("airflow.sdk.log.gone")
