"""A target: whatever an edge or a gate's way may lead to (a node, an end)."""

from __future__ import annotations


class Target:
    """Base of nodes and ends; compared by identity, known in a flow by its name."""

    name: str

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.name}>"
