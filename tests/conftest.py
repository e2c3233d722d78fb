"""Settings and fixtures of the whole suite.

pytest sets up the repository's root as a package of its own (under the checkout's name, since the root has an
``__init__.py``); that does nothing, because the face loads nothing until it is asked for a name.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.house import ROOT

# A slow machine is no bug: no example has a deadline. CI draws the same examples each time: only a change fails it.
settings.register_profile("developer", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("developer"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT
