"""All flows that are tortured, by name."""

from __future__ import annotations

from tests.torture.edited import EDITED
from tests.torture.flows import SCENARIOS as NARROW
from tests.torture.flows import Scenario
from tests.torture.wide import WIDE

SCENARIOS: dict[str, Scenario] = {**NARROW, **EDITED, **WIDE}
