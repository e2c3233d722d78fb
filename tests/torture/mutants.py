"""Protections, taken out one by one: each must be missed by a test (see test_mutants.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

BREAKS: dict[str, Callable[[], Any]] = {}
