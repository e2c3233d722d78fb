"""The airline's desk, whose tools may end without proof: its runs then wait for a person."""

from __future__ import annotations

from examples.airline_desk.flow import airline_desk

flow = airline_desk
WARNINGS = ("F601",)
