"""README's first page, from whose refund nothing is known where it times out."""

from __future__ import annotations

from tests.first_page import refund_desk

flow = refund_desk
WARNINGS = ("F601",)
