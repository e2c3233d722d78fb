"""Watching properties while a run goes: their automata, where each stands, and what is about to happen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..guards.evaluation import OpaqueFailed, holds
from ..guards.expressions import Formula
from ..nodes.outcome import ErrorRecord
from .monitors import BEGIN, RAISED, Mark, Monitor
from .position import AtEnd, AtNode, Position
from .properties import Property


class Watch(NamedTuple):
    """The automata by which a flow is watched, and where each of them stands.

    Args:
        monitors: the automata.
        states: their states, in the same order.
    """

    monitors: tuple[Monitor, ...] = ()
    states: tuple[int, ...] = ()

    def after(self, marks: Iterable[Mark]) -> Watch:
        """The same behind what happens.

        Args:
            marks: what happens, in order.
        """
        marks = tuple(marks)
        if not marks or not self.monitors:
            return self
        states = [monitor.run(state, marks)[0] for monitor, state in zip(self.monitors, self.states, strict=True)]
        return Watch(self.monitors, tuple(states))

    def violated(self, marks: Iterable[Mark]) -> Property | None:
        """The first property that what is about to happen would violate; None where all would hold.

        Args:
            marks: what happens, in order.
        """
        marks = tuple(marks)
        for monitor, state in zip(self.monitors, self.states, strict=True):
            if monitor.run(state, marks)[1]:
                return monitor.item
        return None

    def conditions(self) -> Mapping[str, Formula]:
        """The conditions that any of them looks at, by their text."""
        return {name: tree for monitor in self.monitors for name, tree in monitor.conditions.items()}


UNWATCHED = Watch()
"""Of a flow without anything to watch."""


def watch(monitors: tuple[Monitor, ...]) -> Watch:
    """The automata where they begin.

    Args:
        monitors: the automata.
    """
    return Watch(monitors, tuple(BEGIN for _ in monitors)) if monitors else UNWATCHED


class Lookout:
    """Watches one routing decision.

    Args:
        watched: the properties that are watched, and how each stands.
        tools: stakes by tool name.

    Attributes:
        done: the node that has just ended well.
        seen: what gates said and which conditions hold, so far.
        looks: whether there are conditions to look at.
    """

    __slots__ = ("_conditions", "_tools", "_watched", "done", "looks", "seen")

    def __init__(self, watched: Watch, tools: Mapping[str, str]) -> None:
        self._watched, self._tools, self._conditions = watched, tools, watched.conditions()
        self.looks = bool(self._conditions)
        self.done: str | None = None
        self.seen: tuple[str, ...] = ()

    def ended_well(self, node: str) -> None:
        """A node has ended well.

        Args:
            node: its name.
        """
        self.done = node

    def forget(self) -> None:
        """What was seen so far led to nothing."""
        self.seen = ()

    def said(self, gate: str, yes: bool) -> None:
        """A gate has said something.

        Args:
            gate: its name.
            yes: whether it lets the run pass.
        """
        self.seen = (*self.seen, f"{'yes' if yes else 'no'}:{gate}")

    def look(self, state: Any, memo: dict[Any, Any] | None) -> None:
        """Looks at the conditions.

        Args:
            state: the state; what people changed of a call is no part of it.
            memo: holds the values of opaque conditions of this decision.
        """
        for name, tree in self._conditions.items():
            try:
                if holds(tree, state, self._tools, memo) is True:
                    self.seen = (*self.seen, f"holds:{name}")
            except OpaqueFailed:
                self.seen = (*self.seen, f"holds:{RAISED}{name}")

    def against(self, at: Position | None = None) -> str | None:
        """The property that what is about to happen would violate; None where all hold.

        Args:
            at: where the run is about to come; None: nowhere yet.
        """
        found = self._watched.violated(happened(self.done, self.seen, at))
        return None if found is None else str(found)


class Nobody(Lookout):
    """Watches nothing, at no cost."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(UNWATCHED, {})

    def ended_well(self, node: str) -> None:
        """See ``Lookout.ended_well``."""

    def said(self, gate: str, yes: bool) -> None:
        """See ``Lookout.said``."""

    def against(self, at: Position | None = None) -> str | None:
        """See ``Lookout.against``."""


NOBODY = Nobody()
"""Watches where no property is watched; it remembers nothing."""


def happened(done: str | None, seen: Sequence[str], at: Position | None) -> Iterator[Mark]:
    """What happens by a move, in order.

    Args:
        done: the node that ended well, where one did.
        seen: what the gates said and which conditions hold, as a move's reasons have it.
        at: where the move leads; None: nowhere yet.
    """
    if done is not None:
        yield Mark("ok", done)
    told = [item.partition(":") for item in seen]
    for kind, _, name in told:
        if kind in ("yes", "no"):
            yield Mark("yes" if kind == "yes" else "no", name)
    conditions = tuple(name for kind, _, name in told if kind == "holds")
    if isinstance(at, AtNode) and at.node != "START" and at.forbidden is None:
        yield Mark("start", at.node, "", conditions)
    elif isinstance(at, AtEnd) and at.end is not None:
        yield Mark("end", at.end, at.verdict, conditions)


def forbidden(against: str, what: str) -> ErrorRecord:
    """The error of what would have violated a property.

    Args:
        against: the property, as text.
        what: what did not happen, in words.
    """
    return ErrorRecord("forbidden", "Forbidden", f"{what}: it would violate {against}")
