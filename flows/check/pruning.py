"""What was learnt of paths that no run can go: conditions that are impossible together, which the search leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..watching import Mark
from .arcs import Arc
from .graph import Graph

Known = tuple[Any, ...]

NOTHING_KNOWN: Known = ()


class Pruning:
    """What was learnt so far.

    Args:
        graph: the flow's graph.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def learn(self, path: Sequence[Arc], core: Sequence[Any]) -> bool:
        """Takes why a path is not possible; gives whether that says anything new."""
        return False

    def after(self, known: Known, arcs: Sequence[Arc], marks: Sequence[Mark]) -> Known | None:
        """What is known behind arcs; None where no run can take them."""
        return known
