"""What each field of the state can hold at each place: the flow of data that F3 looks at.

For each place the members of its type that each field can have there: anything at the start, since an input
may give any field; what a node returns after an ok outcome; what was there before after a failed one; not
None behind a condition that is known only where there is a value. A branch sees the state as it was at its
fork; where branches join, what any of them wrote is there, and what any of them made sure of.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from pydantic_core import PydanticUndefined

from ...nodes.act import Act
from ...nodes.node import Node
from ..each import Each
from ..rows import START
from ..subflow import Subflow
from .arcs import HUBS, Arc
from .endings import Ending
from .graph import Came, Graph, path_in, search
from .knowing import NOTHING, not_passed, passed
from .levels import Level
from .values import Effect


class Spot(NamedTuple):
    """A place of a level, and whether a bit is set when it is reached."""

    level: Level
    place: str
    set: bool


class Dataflow:
    """What each field can hold at each place.

    Args:
        graph: the flow's graph.
        start: what can be there at the start; None: anything.
    """

    def __init__(self, graph: Graph, start: int | None = None) -> None:
        self.graph = graph
        self.levels = graph.levels
        self.values = graph.values
        self.effects: dict[str, Effect] = {name: self.values.effect(graph.flow.nodes[name]) for name in graph.nodes}
        self.masks = {id(arc): self.values.without_none(fields) for arc, fields in self._known()}
        self._inner: dict[tuple[str, int], dict[str, int]] = {}
        self._spots: dict[tuple[Level, str], int] = {}
        self._arrived: dict[Level, int] = {}
        self._flow(self.values.all if start is None else start)

    def _known(self) -> Iterator[tuple[Arc, frozenset[str]]]:
        """For each arc with conditions the fields that are not None once it is taken."""
        behind: dict[str, frozenset[str]] = {}
        for source, routes in self.graph.flow.rows.items():
            before = NOTHING
            for route in routes:
                behind[route.id] = passed(route) | (before if route.match is None and source not in HUBS else NOTHING)
                before |= not_passed(route) if route.match is None else NOTHING
        for arc in self.graph.arcs:
            if arc.row is not None and behind[arc.row.id]:
                yield arc, behind[arc.row.id]

    # one arc

    def along(self, arc: Arc, at: int) -> int:
        """What can be there after an arc, from what can be there when its source begins."""
        source = self.graph.flow.nodes.get(arc.source)
        cleared, written = self.effects.get(arc.source, (0, 0))
        if isinstance(source, Subflow):
            cleared, written = self._given_back(source, arc.ends or self.graph.ends[arc.source], at)
        after = (at & ~cleared) | written
        if arc.on == "ok" or (isinstance(source, Subflow) and arc.ends):
            bits = after
        elif arc.on == "spent" or (arc.on == "failed" and self._may_have_written(arc.source, source)):
            bits = at | after
        elif arc.on == "refused":
            bits = at | written if isinstance(source, Act) else at
        else:
            bits = at
        return bits & self.masks.get(id(arc), self.values.all)

    def _may_have_written(self, name: str, node: Node[..., Any] | None) -> bool:
        """Whether a step that failed may have written all the same: an edge's function raised, or items did well."""
        return name in self.graph.raising or isinstance(node, Each | Subflow)

    def _given_back(self, node: Subflow, ends: Sequence[Ending], at: int) -> Effect:
        """What a subflow does that came to one of some ends."""
        inner = self.graph.nested(node)
        assert inner is not None
        held = inner.values
        came = self.inside(node, at)
        cleared = written = 0
        for outer, own in node.gives(self.graph.flow.state).items():
            cleared |= self.values.bits(outer)
            if not ends:
                written |= self.values.bits(outer)
            for end, _ in ends:
                written |= self.values.held(outer, held.members(own, came.get(end, 0)))
        return self.values.checked(cleared, written)

    def inside(self, node: Each | Subflow, at: int) -> dict[str, int]:
        """What the fields of the flow that a node holds can hold at each of its ends.

        Args:
            node: the node.
            at: what can be there when it begins.
        """
        inner = self.graph.nested(node)
        assert inner is not None
        held = inner.values
        start, given = 0, node.given(self.graph.flow.state)
        for name, info in inner.flow.state.model_fields.items():
            if name in given:
                start |= held.held(name, self.values.members(given[name], at))
            elif info.default is PydanticUndefined:
                start |= held.bits(name)
            else:
                start |= held.bits(name) & (
                    held.nones.get(name, 0) if info.default is None else ~held.nones.get(name, 0)
                )
        key = (node.name, start)
        if key not in self._inner:
            found = Dataflow(inner, start)
            self._inner[key] = {name: found.at(name) for name in inner.flow.ends}
        return self._inner[key]

    # the fixpoint

    def at(self, name: str) -> int:
        """What can be there when a place is reached, in whatever level.

        Args:
            name: the place.
        """
        found = 0
        for level in self.levels.all():
            found |= self._spots.get((level, name), 0)
        return found

    def carried(self, level: Level) -> int:
        """What the steps of a branch, and of the branches inside of it, may write."""
        if level not in self._carried:
            found = 0
            for name in level.out:
                node = self.graph.flow.nodes.get(name)
                if isinstance(node, Subflow):
                    for outer in node.gives(self.graph.flow.state):
                        found |= self.values.bits(outer)
                found |= self.effects.get(name, (0, 0))[1]
                for branch in self.levels.fork_at(level, name):
                    found |= self.carried(branch)
            self._carried[level] = found
        return self._carried[level]

    @cached_property
    def _carried(self) -> dict[Level, int]:
        return {}

    def _flow(self, start: int) -> None:
        self._todo: deque[tuple[Level, str]] = deque()
        self._put(self.levels.main, START.name, start)
        while self._todo:
            level, place = self._todo.popleft()
            here = self._spots[level, place]
            branches = self.levels.fork_at(level, place)
            for branch in branches:
                self._put(branch, place, here)
            for arc in level.out[place]:
                bits = self.along(arc, here)
                for branch in branches:
                    bits |= self.carried(branch)
                self._take(level, arc, bits)

    def _put(self, level: Level, place: str, bits: int) -> None:
        before = self._spots.get((level, place))
        if before is None or bits & ~before:
            self._spots[level, place] = bits | (before or 0)
            self._todo.append((level, place))

    def _take(self, level: Level, arc: Arc, bits: int) -> None:
        if level.leaves(arc):
            for holder in self.levels.holders[level.start]:
                self._take(holder, arc, bits | self._beside(level))
        elif level.joins(arc):
            self._arrive(level, bits)
        else:
            self._put(level, arc.target, bits)

    def _beside(self, level: Level) -> int:
        """What the siblings of a branch may have written when it leaves."""
        found = 0
        for branch in self.levels.branches[level.start]:
            found |= self.carried(branch) if branch is not level else 0
        return found

    def _arrive(self, level: Level, bits: int) -> None:
        self._arrived[level] = bits | self._arrived.get(level, 0)
        branches = self.levels.branches[level.start]
        if not all(branch in self._arrived for branch in branches):
            return
        joined = 0
        for name in self.values.types:
            joined |= self._merged(branches, self.values.bits(name))
        assert level.region is not None
        there = level.region.exit
        assert there is not None
        for holder in self.levels.holders[level.start]:
            if holder.region is not None and holder.region.exit == there:
                self._arrive(holder, joined)
            else:
                self._put(holder, there, joined)

    def _merged(self, branches: tuple[Level, ...], field: int) -> int:
        """What a field can hold where branches join: what those wrote that may; else what none of them ruled out."""
        writers = [branch for branch in branches if self.carried(branch) & field]
        found = 0 if writers else field
        for branch in writers or branches:
            bits = self._arrived[branch] & field
            found = found | bits if writers else found & bits
        return found

    # paths

    def path(self, name: str, field: str, member: int) -> tuple[Arc, ...]:
        """A shortest path on which a place is reached where a field holds a member of its type.

        Args:
            name: the place.
            field: the field.
            member: which member.
        """
        bit = self.values.bit(field, member)
        if bit not in self._found:
            start = Spot(self.levels.main, START.name, True)
            self._found[bit] = search(start, lambda here: self._onward(here, bit, self.values.bits(field)))
        spot = next((spot for spot in self._found[bit] if spot.place == name and spot.set), None)
        return () if spot is None else path_in(self._found[bit], spot)

    @cached_property
    def _found(self) -> dict[int, Came[Spot]]:
        return {}

    def _onward(self, here: Spot, bit: int, field: int) -> Iterator[tuple[Arc, Spot]]:
        at = self.values.all if here.set else self.values.all & ~bit
        branches = self.levels.fork_at(here.level, here.place)
        for branch in branches:
            for arc in branch.out.get(here.place, ()):
                yield from self._moves(branch, arc, bool(self.along(arc, at) & bit), bit, field)
        for arc in here.level.out.get(here.place, ()):
            yield from self._moves(here.level, arc, bool(self.along(arc, at) & bit), bit, field)

    def _moves(self, level: Level, arc: Arc, there: bool, bit: int, field: int) -> Iterator[tuple[Arc, Spot]]:
        if level.leaves(arc):
            for holder in self.levels.holders[level.start]:
                yield from self._moves(holder, arc, there or bool(self._beside(level) & bit), bit, field)
        elif level.joins(arc):
            branches = self.levels.branches[level.start]
            writers = [branch for branch in branches if self.carried(branch) & field]
            if writers:
                there = there and level in writers
            else:
                there = there and all(self._arrived.get(branch, 0) & bit for branch in branches)
            for holder in self.levels.holders[level.start]:
                yield from self._moves(holder, arc, there, bit, field)
        else:
            yield arc, Spot(level, arc.target, there)
