"""The desk that `guideway demo` runs."""

from __future__ import annotations

from guideway.cli.demo.refund_desk import refund_desk

flow = refund_desk
