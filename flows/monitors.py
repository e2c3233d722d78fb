"""Properties as automata over what happens in a run: the checks explore them, and the semantics watch by them.

What happens, in order: a node ends well, gates of an edge say yes or no, a node starts or an end is come to. Conditions
are looked at where a node starts and where a run ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, Protocol

from ..guards.expressions import Formula
from .properties import Property, Subject

Happening = Literal["ok", "yes", "no", "start", "end"]

RAISED = "!"
"""Before the text of a condition that raised: it lets nothing happen, and keeps from happening all that it could."""


class Mark(NamedTuple):
    """One thing that happens.

    Args:
        kind: a node ends well, a gate says yes or no, a node starts, or an end is come to.
        name: of the node, the gate or the end.
        verdict: at an end, the run's; where the checks ask what a gate said, the target that it decided about.
        holds: at a start and at an end, the texts of the conditions that are known to be true.
    """

    kind: Happening
    name: str
    verdict: str = ""
    holds: tuple[str, ...] = ()


BEGIN: int = 0
"""The state of every automaton at the beginning."""


class Automaton(Protocol):
    """What the checks explore a flow with: a state behind what happens, and whether anything was wrong."""

    @property
    def names(self) -> frozenset[tuple[Happening, str]]:
        """What it looks at, besides ends."""
        ...

    @property
    def conditions(self) -> Mapping[str, Formula]:
        """The conditions that it looks at, by their text."""
        ...

    def minds(self, mark: Mark) -> bool:
        """Whether it may look at something that happens.

        Args:
            mark: what happens.
        """
        ...

    def run(self, state: int, marks: Iterable[Mark]) -> tuple[int, bool]:
        """The state behind what happens, and whether any of it is wrong.

        Args:
            state: the state before.
            marks: what happens, in order.
        """
        ...


@dataclass(frozen=True)
class Monitor:
    """The automaton of one property, for one of the things that it is about; ``at_most_once`` has one for all.

    A state is a number of few values, 0 at the beginning. What violates the property does not stop it.

    Args:
        item: the property.
        about: what this one is about.
    """

    item: Property
    about: tuple[Subject, ...]

    def next(self, state: int, mark: Mark) -> tuple[int, bool]:
        """The state behind something that happens, and whether that violates the property.

        Args:
            state: the state before.
            mark: what happens.
        """
        return _FORMS[self.item.form](self, state, mark)

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

    @property
    def names(self) -> frozenset[tuple[Happening, str]]:
        """What it looks at, besides ends: all else leaves its state as it is."""
        return self._names

    @property
    def conditions(self) -> Mapping[str, Formula]:
        """The conditions that it looks at, by their text."""
        return self._conditions

    @cached_property
    def _names(self) -> frozenset[tuple[Happening, str]]:
        every = [*self.about, *self.item.other]
        kinds: dict[str, tuple[Happening, ...]] = {"node": ("start", "ok"), "gate": ("yes", "no")}
        return frozenset((kind, item.name) for item in every for kind in kinds.get(item.kind, ()))

    def minds(self, mark: Mark) -> bool:
        """Whether it may look at something that happens.

        Args:
            mark: what happens.
        """
        if mark.kind == "end" or (mark.kind, mark.name) in self.names:
            return True
        return mark.kind == "start" and bool(self.conditions) and self.item.form != "unless"

    @cached_property
    def _conditions(self) -> dict[str, Formula]:
        return {item.name: item.tree for item in (*self.about, *self.item.other) if item.tree is not None}

    # forms

    def _unless(self, state: int, mark: Mark) -> tuple[int, bool]:
        """A bit for each gate that said yes since the last time, one for each node that ended well."""
        for place, item in enumerate(self.item.other):
            if item.kind == "gate" and item.name == mark.name and mark.kind in ("yes", "no"):
                state = state | (1 << place) if mark.kind == "yes" else state & ~(1 << place)
            elif item.kind == "node" and mark[:2] == ("ok", item.name):
                state |= 1 << place
        if not _occurs(self.about, mark):
            return state, False
        let = state or _known(self.item.other, mark)
        nodes = sum(1 << place for place, item in enumerate(self.item.other) if item.kind == "node")
        return state & nodes, not let

    def _after(self, state: int, mark: Mark) -> tuple[int, bool]:
        state |= _may_hold(self.item.other, mark)
        bad = bool(state) and _occurs(self.about, mark)
        return state | _occurs(self.item.other, mark), bad

    def _before(self, state: int, mark: Mark) -> tuple[int, bool]:
        state |= _done(self.about, mark) or _known(self.about, mark)
        return state, not state and _occurs(self.item.other, mark)

    def _leads_to(self, state: int, mark: Mark) -> tuple[int, bool]:
        if _occurs(self.about, mark) or _may_hold(self.about, mark):
            state = 1
        other = self.item.other
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
