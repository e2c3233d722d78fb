"""F304: branches that run side by side and write one field, which has no reducer to merge what they write."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from .arcs import Arc
from .graph import Graph, names_of, path_in, search
from .levels import Level
from .replay import replay_beside
from .report import Finding


def parallel_writes(graph: Graph) -> Iterator[Finding]:
    """F304: two branches of an ``all_of`` write one field without a reducer.

    Args:
        graph: the flow's graph.
    """
    for fork, branches in graph.levels.branches.items():
        told: set[str] = set()
        for one, other in combinations(branches, 2):
            mine, theirs = writers(graph, one), writers(graph, other)
            for field in mine:
                if field not in theirs or field in told or graph.flow.type.fields[field].reducer is not None:
                    continue
                told.add(field)
                yield _both(graph, fork, field, (one, mine[field]), (other, theirs[field]))


def writers(graph: Graph, level: Level) -> dict[str, str]:
    """The fields that the steps of a branch may write, each with the first node that does.

    Args:
        graph: the flow's graph.
        level: the branch.
    """
    found: dict[str, str] = {}
    for place in level.out:
        node = graph.flow.nodes.get(place)
        for name in () if node is None else node.written(graph.flow.state):
            if name in graph.flow.type.fields:
                found.setdefault(name, place)
        for branch in graph.levels.fork_at(level, place):
            for name, writer in writers(graph, branch).items():
                found.setdefault(name, writer)
    return found


def _both(graph: Graph, fork: str, field: str, one: tuple[Level, str], other: tuple[Level, str]) -> Finding:
    ways = [_way(graph, level, writer) for level, writer in (one, other)]
    before = graph.path(fork)
    done = replay_beside(graph, before, ways)
    names = [names_of((*before, *way)) for way in ways]
    example: dict[str, Any] | None = None
    if done is not None:
        example = {"field": field, "paths": [list(path) for path in names], **done}
    return Finding(
        "F304", "error" if done is not None else "warning",
        f"{one[1]!r} and {other[1]!r} {'run' if done is not None else 'may run'} side by side, in two branches of "
        f"{fork}, and both write {graph.flow.state.__name__}.{field}, which has no reducer: one of the two would be "
        f"lost. Write two fields, or merge what they write: {field}: Annotated[..., reducer]",
        graph.flow.forks[fork].line, names[0], example,
    )  # fmt: skip


def _way(graph: Graph, level: Level, writer: str) -> tuple[Arc, ...]:
    """A shortest way from a fork to a node of one of its branches, in whatever branch inside of that it is."""

    def onward(here: tuple[Level, str]) -> Iterator[tuple[Arc, tuple[Level, str]]]:
        for inner in (here[0], *graph.levels.fork_at(*here)):
            for arc in inner.out.get(here[1], ()):
                for there, name, through in graph.levels.lands(inner, arc):
                    if not any(left is level for left, _ in through):
                        yield arc, (there, name)

    found = search((level, level.start), onward)
    return next(path_in(found, spot) for spot in found if spot[1] == writer)
