"""All flows that are tortured, by name."""

from __future__ import annotations

from tests.torture.edited import EDITED
from tests.torture.flows import SCENARIOS as NARROW
from tests.torture.flows import WATCHED, Scenario
from tests.torture.late import LATE, MENDED
from tests.torture.wide import WIDE

SCENARIOS: dict[str, Scenario] = {**NARROW, **EDITED, **WIDE}
"""Those that are killed at every commit."""

LONG: dict[str, Scenario] = WATCHED
"""Those that are killed so in the long form alone: the short one has their like in one process."""

ALL: dict[str, Scenario] = {**SCENARIOS, **LONG, **LATE, **MENDED}
"""Those, and some for which commits are not all: calls that outlast their time, and runs that fail at first."""
