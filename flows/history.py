"""What has happened in one execution of a flow, as far as properties depend on it; runs fold it from their journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from .monitors import Mark, Monitor
from .watching import Watch, watch

_ENOUGH = 2
"""How often a thing has happened matters up to here: no property tells three times from two."""


class History:
    """What has happened, each thing once, in the order in which it happened last.

    No automaton of a property can tell this from all that happened: each depends on the order of what happened last,
    and on whether something happened more than once.
    """

    __slots__ = ("_marks", "_watch")

    def __init__(self, marks: Iterable[tuple[Mark, int]] = ()) -> None:
        self._marks = dict(marks)
        self._watch: Watch | None = None

    def add(self, marks: Iterable[Mark]) -> None:
        """Takes what happened next; only folds of events call it.

        Args:
            marks: what happened, in order.
        """
        marks = tuple(marks)
        for mark in marks:
            self._marks[mark] = min(_ENOUGH, self._marks.pop(mark, 0) + 1)
        if self._watch is not None:
            self._watch = self._watch.after(marks)

    def watch(self, monitors: tuple[Monitor, ...]) -> Watch:
        """How properties stand.

        Args:
            monitors: their automata.
        """
        if self._watch is None or self._watch.monitors is not monitors:
            self._watch = watch(monitors).after(self.marks())
        return self._watch

    def marks(self) -> Iterator[Mark]:
        """What has happened, in an order and a number that no automaton can tell from the true ones."""
        for mark, count in self._marks.items():
            yield from [mark] * count

    def to_json(self, keep: Callable[[Mark], bool] | None = None) -> list[list[Any]]:
        """It as JSON-able data.

        Args:
            keep: what of it; all by default.
        """
        return [[*mark[:3], list(mark.holds), n] for mark, n in self._marks.items() if keep is None or keep(mark)]

    def renamed(self, node: Callable[[str], str]) -> History:
        """The same under other names of nodes and ends.

        Args:
            node: the name of today, from that of then.
        """
        return History(
            (mark if mark.kind in ("yes", "no") else mark._replace(name=node(mark.name)), count)
            for mark, count in self._marks.items()
        )


def history_from(data: Sequence[Sequence[Any]]) -> History:
    """What ``to_json`` wrote.

    Args:
        data: as written.
    """
    return History((Mark(kind, name, verdict, tuple(holds)), count) for kind, name, verdict, holds, count in data)
