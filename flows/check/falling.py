"""Whether a run can come to a case that no edge of a row is for: by the product, with each path carried out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...guards.symbolic import Symbols
from .arcs import Arc, no_way
from .endings import Ending
from .feasible import Feasible, feasible
from .graph import Graph
from .product import Proved, Way
from .reaching import gap
from .replay import Replay, replay_stuck


@dataclass(frozen=True, slots=True)
class Fallen:
    """What is known of a case without an edge.

    Args:
        possible: False: no run comes to it; None: nobody can tell.
        path: the path to it, the last arc one of ``no_way``; one that may lead there where none is known to.
        done: that path, carried out.
    """

    possible: bool | None
    path: tuple[Arc, ...] = ()
    done: Replay | None = None


def fallen(
    graph: Graph, symbols: Symbols, source: str, ends: tuple[Ending, ...] = (), *, used_up: bool = False
) -> Fallen:
    """Whether a run can come to a case of a row without an edge; first by paths on which nothing fails.

    Args:
        graph: the flow's graph.
        symbols: of its state.
        source: whose row it is.
        ends: for a subflow, the end to which it came.
        used_up: whether an edge may be passed over because a limit on it is used up.
    """
    may_be: list[tuple[Arc, ...]] = []
    carried: list[Fallen] = []

    def look(way: Way) -> Feasible:
        found = feasible(graph, symbols, way.path)
        if found.state == "no":
            return found
        done = replay_stuck(graph, way.path, found.input, found.values) if found.values else None
        if done is None:
            may_be.append(way.path)
            return replace(found, state="unknown")
        carried.append(Fallen(True, way.path, done))
        return replace(found, state="yes")

    last = no_way(source, ends=ends, used_up=used_up)
    for failing in (False, True):
        answer = gap(graph, last, look, failing=failing)
        if carried:
            return carried[0]
    if isinstance(answer, Proved) and not may_be:
        return Fallen(False)
    return Fallen(None, may_be[0] if may_be else (*graph.path(source), last))
