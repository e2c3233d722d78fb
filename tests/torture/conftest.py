"""One forge for all tests of a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.torture.forge import Forge


@pytest.fixture(scope="session")
def forge() -> Iterator[Forge]:
    """A warm process whose children drive runs, and die."""
    forge = Forge()
    yield forge
    forge.close()
