"""Where an ``all_of`` fans out and joins: which frame a node is drawn in, and which join an edge enters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any


class Regions:
    """The regions of a flow.

    Args:
        forks: the forks of a manifest: heads, exit, and what is inside, by name.
    """

    def __init__(self, forks: Mapping[str, Mapping[str, Any]]) -> None:
        self.forks = forks
        self.inside = {name: frozenset(spec["inside"]) - {name} for name, spec in forks.items()}
        self.ordered = sorted(forks, key=lambda name: (len(self.inside[name]), name))

    @cached_property
    def framed(self) -> frozenset[str]:
        """The forks whose regions are drawn as frames: those that stand in each other whole, or apart."""
        whole = {name: self.inside[name] | {name} for name in self.forks}
        crossed: set[str] = set()
        for one in self.forks:
            for other in self.forks:
                nested = (whole[one] <= self.inside[other]) != (whole[other] <= self.inside[one])
                if one != other and whole[one] & whole[other] and not nested:
                    crossed |= {one, other}
        return frozenset(self.forks) - crossed

    def home(self, name: str) -> str | None:
        """The fork whose frame a node stands in: the innermost; a fork stands in its own.

        Args:
            name: a node or a fork.
        """
        if name in self.framed:
            return name
        return next((fork for fork in self.ordered if fork in self.framed and name in self.inside[fork]), None)

    def parent(self, fork: str) -> str | None:
        """The fork whose frame the frame of a fork stands in.

        Args:
            fork: a fork with a frame.
        """
        return next((other for other in self.ordered if other in self.framed and fork in self.inside[other]), None)

    def join(self, source: str | None, target: str) -> str | None:
        """The fork whose branches join where an edge enters; None where it enters the target itself.

        Args:
            source: the node or fork whose row the edge stands in; None for the flow's own ways, which leave all
                regions.
            target: where the edge leads.
        """
        for fork in self.ordered:
            if self.forks[fork]["exit"] == target and (source == fork or source in self.inside[fork]):
                return self._one_of(fork)
        return None

    def onward(self, fork: str) -> str | None:
        """The fork whose join comes after the join of a fork, where both are at one exit.

        Args:
            fork: as ``join`` gives it.
        """
        out = self.forks[fork]["exit"]
        for other in self.ordered:
            outer = fork in self.inside[other] and other not in self.inside[fork]
            if outer and self.forks[other]["exit"] == out and self._one_of(other) != fork:
                return self._one_of(other)
        return None

    def _one_of(self, fork: str) -> str:
        """The fork that stands for all whose branches cross those of this one before the same exit."""
        if fork in self.framed:
            return fork
        out = self.forks[fork]["exit"]
        return min(name for name in self.forks if name not in self.framed and self.forks[name]["exit"] == out)
