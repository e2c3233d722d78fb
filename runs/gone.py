"""What stands for a flow inside that the flow of today does not have any more: its events fold, and nothing runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class Untyped:
    """A state of which nobody knows the type: it stays as it began."""

    def load(self, data: Any) -> Any:
        """The state as journalled."""
        return data

    def dump(self, state: Any) -> Any:
        """The same again."""
        return state

    def fold(self, state: Any, delta: Any) -> Any:
        """The state: what is merged in cannot be told without its fields."""
        return state


UNTYPED: Any = Untyped()
GONE: Any = SimpleNamespace(
    name="", nodes={}, regions={}, routes={}, forks={}, ends={}, rows={}, budget=None, watched=(), type=UNTYPED
)
"""A flow of nothing. A run that stands in it is parked, as one that stands at a node that is gone."""
