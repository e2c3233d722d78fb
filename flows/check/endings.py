"""What takes which edge of a row: the ends of a subflow, and failures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...guards.endings import Ended
from ...guards.outcomes import Failed
from ..ends import End
from ..rows import Route

Ending = tuple[str, str]
"""An end that a subflow came to, and its verdict."""


def verdicts(ends: Iterable[End]) -> tuple[Ending, ...]:
    """Ends, each with every verdict that it can have.

    Args:
        ends: the ends to which a flow can come.
    """
    found: list[Ending] = []
    for end in ends:
        found.append((end.name, end.verdict))
        if end.succeeds_if is not None:
            found.append((end.name, "failed"))
    return tuple(found)


def takes(routes: Sequence[Route], came: Iterable[Ending]) -> list[tuple[Ending, ...]]:
    """For each edge of a subflow's row the ends that can take it; those that an edge surely takes are gone below it.

    Args:
        routes: the row, in the order tried.
        came: the ends to which the subflow can come.
    """
    return _sorted(routes, came)[0]


def untaken(routes: Sequence[Route], came: Iterable[Ending]) -> tuple[Ending, ...]:
    """The ends of a subflow, not failed, that no edge of its row surely takes.

    Args:
        routes: the row.
        came: the ends to which the subflow can come.
    """
    return tuple(one for one in _sorted(routes, came)[1] if one[1] != "failed")


def _sorted(routes: Sequence[Route], came: Iterable[Ending]) -> tuple[list[tuple[Ending, ...]], list[Ending]]:
    """For each edge the ends that can take it, and those that are left below the last."""
    left = list(came)
    found: list[tuple[Ending, ...]] = []
    for route in routes:
        mine = [one for one in left if is_for(route, one)]
        found.append(tuple(mine))
        if not route.conditions and not (
            isinstance(route.match, Failed) and (route.match.types or route.match.categories)
        ):
            left = [one for one in left if one not in mine]
    return found, left


def is_for(route: Route, came: Ending) -> bool:
    """Whether an edge may be for an end; one for some failures may be for an end that failed."""
    if isinstance(route.match, Ended):
        return route.match.matches(*came)
    return (came[1] == "failed") == isinstance(route.match, Failed)


def covers(route: Route, other: Route) -> bool:
    """Whether an edge for failures is for all that another is for.

    Args:
        route: the edge.
        other: the other.
    """
    mine, its = route.match, other.match
    return isinstance(mine, Failed) and isinstance(its, Failed) and mine.covers(its)
