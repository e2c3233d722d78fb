"""The example of a desk of flows, one of whose tools may end without proof."""

from __future__ import annotations

from examples.support_desk.desk import desk

flow = desk()
WARNINGS = ("F601",)
