"""Properties as automata over what happens in a run: the checks explore them, and the semantics watch by them.

What happens, in order: a node ends well, gates of an edge say yes or no, a node starts or an end is come to. Conditions
are looked at where a node starts and where a run ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from ..guards.evaluation import OpaqueFailed, holds
from ..guards.expressions import Formula
from ..nodes.outcome import ErrorRecord
from .position import AtEnd, AtNode, Position
from .properties import Property, Subject

Happening = Literal["ok", "yes", "no", "start", "end"]

RAISED = "!"
"""Before the text of a condition that raised: it lets nothing happen, and keeps from happening all that it could."""


class Mark(NamedTuple):
    """One thing that happens.

    Args:
        kind: a node ends well, a gate says yes or no, a node starts, or an end is come to.
        name: of the node, the gate or the end.
        verdict: at an end, the run's.
        holds: at a start and at an end, the texts of the conditions that are known to be true.
    """

    kind: Happening
    name: str
    verdict: str = ""
    holds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Monitor:
    """The automaton of one property, for one of the things that it is about; ``at_most_once`` has one for all.

    A state is a number of few values, 0 at the beginning. What violates the property does not stop it.

    Args:
        property: the property.
        about: what this one is about.
    """

    property: Property
    about: tuple[Subject, ...]

    start = 0

    def next(self, state: int, mark: Mark) -> tuple[int, bool]:
        """The state behind something that happens, and whether that violates the property.

        Args:
            state: the state before.
            mark: what happens.
        """
        return _FORMS[self.property.form](self, state, mark)

    def run(self, state: int, marks: Iterable[Mark]) -> tuple[int, bool]:
        """The state behind many things that happen, and whether any of them violates the property.

        Args:
            state: the state before.
            marks: what happens, in order.
        """
        bad = False
        for mark in marks:
            state, wrong = self.next(state, mark)
            bad = bad or wrong
        return state, bad

    @cached_property
    def names(self) -> frozenset[tuple[Happening, str]]:
        """What it looks at, besides ends: all else leaves its state as it is."""
        every = [*self.about, *self.property.other]
        kinds: dict[str, tuple[Happening, ...]] = {"node": ("start", "ok"), "gate": ("yes", "no")}
        return frozenset((kind, item.name) for item in every for kind in kinds.get(item.kind, ()))

    def minds(self, mark: Mark) -> bool:
        """Whether it may look at something that happens.

        Args:
            mark: what happens.
        """
        if mark.kind == "end" or (mark.kind, mark.name) in self.names:
            return True
        return mark.kind == "start" and bool(self.conditions) and self.property.form != "unless"

    @cached_property
    def conditions(self) -> dict[str, Formula]:
        """The conditions that it looks at, by their text."""
        return {item.name: item.tree for item in (*self.about, *self.property.other) if item.tree is not None}

    # forms

    def _unless(self, state: int, mark: Mark) -> tuple[int, bool]:
        """A bit for each gate that said yes since the last time, one for each node that ended well."""
        for place, item in enumerate(self.property.other):
            if item.kind == "gate" and item.name == mark.name and mark.kind in ("yes", "no"):
                state = state | (1 << place) if mark.kind == "yes" else state & ~(1 << place)
            elif item.kind == "node" and mark[:2] == ("ok", item.name):
                state |= 1 << place
        if not _occurs(self.about, mark):
            return state, False
        let = state or _known(self.property.other, mark)
        nodes = sum(1 << place for place, item in enumerate(self.property.other) if item.kind == "node")
        return state & nodes, not let

    def _after(self, state: int, mark: Mark) -> tuple[int, bool]:
        state |= _may_hold(self.property.other, mark)
        bad = bool(state) and _occurs(self.about, mark)
        return state | _occurs(self.property.other, mark), bad

    def _before(self, state: int, mark: Mark) -> tuple[int, bool]:
        state |= _done(self.about, mark) or _known(self.about, mark)
        return state, not state and _occurs(self.property.other, mark)

    def _leads_to(self, state: int, mark: Mark) -> tuple[int, bool]:
        if _occurs(self.about, mark) or _may_hold(self.about, mark):
            state = 1
        other = self.property.other
        if _done(other, mark) or _known(other, mark) or (mark.kind == "end" and _occurs(other, mark)):
            state = 0
        return state, bool(state) and mark.kind == "end"

    def _once(self, state: int, mark: Mark) -> tuple[int, bool]:
        if not _occurs(self.about, mark):
            return state, False
        return 1, bool(state)


_FORMS = {
    "unless": Monitor._unless,
    "after": Monitor._after,
    "before": Monitor._before,
    "leads_to": Monitor._leads_to,
    "once": Monitor._once,
}


def _occurs(subjects: Sequence[Subject], mark: Mark) -> bool:
    """Whether one of them begins: a node starts, a gate says yes, an end or a verdict is come to."""
    for item in subjects:
        if item.kind == "node" and mark[:2] == ("start", item.name):
            return True
        if item.kind == "gate" and mark[:2] == ("yes", item.name):
            return True
        if mark.kind == "end" and ((item.kind == "end" and item.name == mark.name) or _judged(item, mark)):
            return True
    return False


def _judged(item: Subject, mark: Mark) -> bool:
    return item.kind == "verdict" and item.name == mark.verdict


def _done(subjects: Sequence[Subject], mark: Mark) -> bool:
    """Whether one of them has happened: a node ended well, a gate said yes."""
    return any(
        (item.kind == "node" and mark[:2] == ("ok", item.name))
        or (item.kind == "gate" and mark[:2] == ("yes", item.name))
        for item in subjects
    )


def _known(subjects: Sequence[Subject], mark: Mark) -> bool:
    """Whether a condition among them is known to be true."""
    return any(item.kind == "condition" and item.name in mark.holds for item in subjects)


def _may_hold(subjects: Sequence[Subject], mark: Mark) -> bool:
    """Whether a condition among them is known to be true, or nobody can tell because it raised."""
    return any(
        item.kind == "condition" and (item.name in mark.holds or RAISED + item.name in mark.holds) for item in subjects
    )


def monitors_of(item: Property) -> tuple[Monitor, ...]:
    """The automata of a property: it holds where none of them is violated.

    Args:
        item: the property.
    """
    if item.form == "once":
        return (Monitor(item, item.about),)
    return tuple(Monitor(item, (subject,)) for subject in item.about)


# in a run


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
                return monitor.property
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
    return Watch(monitors, tuple(monitor.start for monitor in monitors)) if monitors else UNWATCHED


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
            state: the state, as what is about to start would see it.
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
