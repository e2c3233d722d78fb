"""Items that are too many to be told one by one: what the log says of them, and what it leaves out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .places import Places

if TYPE_CHECKING:
    from ..runs.store import Event

FEW = 20
"""How many items of one ``each`` are told one by one."""

SHOWN = 10
"""Of more items than that: how many things that somebody may have to look at are told."""

_ITEM = re.compile(r"(\d+i)(\d+)")


class Crowds:
    """The items of a run, counted by the ``each`` that they are of: by what their paths begin with.

    Args:
        whole: nothing is left out.
    """

    def __init__(self, *, whole: bool = False) -> None:
        self.whole = whole
        self.left_out = 0
        self.people: dict[str, Counter[str]] = {}
        self._known: Counter[str] = Counter()
        self._seen: dict[str, set[str]] = {}
        self._shown: Counter[str] = Counter()

    def see_all(self, events: Iterable[Event]) -> None:
        """Counts the items of the events that are about to be told.

        Args:
            events: the run's.
        """
        for event in events:
            self.see(event.body.get("branch", ""))

    def see(self, path: str, places: Places | None = None) -> None:
        """Counts the items that a branch is part of.

        Args:
            path: the branch.
            places: say how many items there are, before they are seen.
        """
        for each, index in _items(path):
            if each not in self._seen:
                self._seen[each] = set()
                self._known[each] = 0 if places is None else places.size(each)
            self._seen[each].add(index)

    def of(self, path: str) -> str | None:
        """The outermost ``each`` with too many items that a branch is part of; None where it is part of none.

        Args:
            path: the branch.
        """
        return next((each for each, _ in _items(path) if self.crowded(each)), None)

    def crowded(self, each: str) -> bool:
        """Whether an ``each`` has too many items to tell them one by one.

        Args:
            each: what the paths of its items begin with.
        """
        return not self.whole and max(self._known[each], len(self._seen.get(each, ()))) > FEW

    def leaves_out(self, path: str, *, notable: bool) -> bool:
        """Whether something that happened in a branch is not told; counted then.

        Args:
            path: the branch.
            notable: somebody may have to look at it.
        """
        each = self.of(path)
        if each is None:
            return False
        if notable and self._shown[each] < SHOWN:
            self._shown[each] += 1
            return False
        self.left_out += 1
        return True

    def asked(self, path: str, status: str) -> None:
        """Counts what people were asked about items, and said.

        Args:
            path: the branch.
            status: ``asked``, or what was decided.
        """
        each = self.of(path)
        if each is not None:
            self.people.setdefault(each, Counter())[status] += 1

    def people_text(self, each: str) -> str:
        """What people were asked about items, and said, in one line; empty where they were not asked.

        Args:
            each: what the paths of the items begin with.
        """
        return ", ".join(f"{count} {status}" for status, count in self.people.get(each, Counter()).items())


def _items(path: str) -> Iterator[tuple[str, str]]:
    """The items that a branch is part of, outermost first: what their paths begin with, and which each is."""
    above = ""
    for own in path.split("."):
        found = _ITEM.fullmatch(own)
        if found is not None:
            yield above + found.group(1), found.group(2)
        above += f"{own}."
