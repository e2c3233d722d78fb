"""The example of an agent that calls tools, whose letters may end without proof."""

from __future__ import annotations

from examples import react_agent

flow = react_agent.flow()
WARNINGS = ("F601",)
