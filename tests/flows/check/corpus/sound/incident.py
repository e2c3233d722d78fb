"""The example of an incident, whose repairs may end without proof: its runs then wait for a person."""

from __future__ import annotations

from examples.incident import incident_flow

flow = incident_flow()
WARNINGS = ("F601",)
