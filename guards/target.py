"""A target: whatever an edge or a gate's way may lead to (a node, an end)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from ..errors import FlowError, caller


class Target:
    """Base of nodes and ends; compared by identity, known in a flow by its name."""

    name: str

    if not TYPE_CHECKING:  # a type checker refuses it by itself

        def __rshift__(self, other: object) -> NoReturn:
            """Refuses ``START >> node``: edges start at guards, and rows at ``on``."""
            to = other.name if isinstance(other, Target) else "..."
            raise FlowError(
                f"{self.name} >> {to} is no edge: a row is on({self.name}, {to}), and >> stands between guards and "
                "their target, such as when(...) >> node",
                where=caller(),
            )

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.name}>"
