"""F407, times: how long a run can work and wait at most.

Working is what calls take: timeouts, for each attempt and repair, and the pauses between. Python of the author's
own (a compute, a prompt, a condition) is not counted, nor is what an edit asks anew or a crash has done again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...guards.durations import seconds
from ...guards.gates import Approval, Gate
from ...guards.path import Edge
from ...guards.retry import Retry
from ...nodes.act import Act
from ...nodes.ask import Ask
from ...nodes.compute import Compute
from ...nodes.node import Node
from ...nodes.think import Think
from ...nodes.tool import Tool
from ..each import Each
from ..rows import START, Route
from ..semantics import EXHAUSTED, FAILURE
from ..subflow import Subflow
from .arcs import HUBS, Arc
from .bounds import all_rounds, calls_of, every, free_cycles, longest, whole_regions
from .graph import Graph
from .report import Times
from .rounds import worst

ANY_LENGTH = "goes over a list of any length"
NO_WITHIN = "has no within="


class Most(NamedTuple):
    """The most seconds of something.

    Args:
        seconds: how many; None: there is no bound.
        left: what leaves it open, each with why.
    """

    seconds: float | None = 0
    left: tuple[tuple[str, str], ...] = ()

    def __add__(self, other: Most) -> Most:  # type: ignore[override]  # amounts are added, not joined
        known = self.seconds is not None and other.seconds is not None
        return Most((self.seconds or 0) + (other.seconds or 0) if known else None, self.left + other.left)

    def times(self, count: int | None, name: str) -> Most:
        """So much for each item of a list.

        Args:
            count: how many there are at most; None: any number.
            name: whose list it is.
        """
        if self == Most() or (self.seconds is not None and count is not None):
            return Most((self.seconds or 0) * (count or 0), self.left)
        return Most(None, self.left or ((name, ANY_LENGTH),))


NOTHING = Most()


def _longest(found: Iterator[Most]) -> Most:
    """The longest of some; open where one of them is."""
    every = list(found)
    left = tuple(item for one in every for item in one.left)
    if any(one.seconds is None for one in every):
        return Most(None, left)
    return Most(max((one.seconds or 0 for one in every), default=0), left)


def times(graph: Graph) -> Times:
    """The most that a run can work and wait.

    Args:
        graph: the flow's graph.
    """
    if graph.timed is None:
        bounded = whole_regions(graph) and not any(free_cycles(graph, every))
        working = {name: work(graph, graph.flow.nodes[name]) for name in graph.nodes}
        waiting = {name: _waited(graph, name) for name in graph.came}
        work_left, wait_left = _left(working.values()), _left(waiting.values())
        graph.timed = Times(
            _most(graph, working, bounded, 0), _most(graph, waiting, bounded, 1),
            work_left or _endless(graph, working, bounded), wait_left or _endless(graph, waiting, bounded),
        )  # fmt: skip
    return graph.timed


def _left(found: Any) -> dict[str, str]:
    return dict(item for one in found for item in one.left)


def _endless(graph: Graph, found: dict[str, Most], bounded: bool) -> dict[str, str]:
    """What leaves a time open where it is not a node or a gate: how often these come."""
    steps = None if graph.flow.budget is None else graph.flow.budget.steps
    if bounded or steps is not None or all(one.seconds == 0 for one in found.values()):
        return {}
    return {"a cycle": "has no limit, and the budget no steps="}


def _most(graph: Graph, found: dict[str, Most], bounded: bool, beyond: int) -> float | None:
    """The most that a run comes to: by its edges, or by the steps that the budget lets it take."""
    weights: dict[str, float] = {}
    for name, one in found.items():
        if one.seconds is None:
            return None
        weights[name] = one.seconds
    top = max(weights.values(), default=0)
    steps = None if graph.flow.budget is None else graph.flow.budget.steps
    most = [] if steps is None else [top * (steps + beyond)]
    if bounded:
        walks = worst(all_rounds(graph), graph.levels.main, weights)
        most.append(weights.get(START.name, 0) + walks[START.name] + walks.get(EXHAUSTED, 0))
    return 0 if top == 0 else min(most, default=None)


# working


def work(graph: Graph, node: Node[..., Any]) -> Most:
    """The most seconds that one execution of a node works.

    Args:
        graph: the flow's graph.
        node: the node.
    """
    if isinstance(node, Each | Subflow):
        inner = graph.nested(node)
        if inner is not None:
            held = times(inner)
            one = Most(held.working, _within(node.name, held.open_work))
        else:
            one = work(graph, node.inner) if isinstance(node, Each) and node.inner is not None else Most()
        return one.times(longest(graph, node), node.name) if isinstance(node, Each) else one
    if isinstance(node, Act):
        return Most(None, ((node.name, "calls as often as a model proposes"),))
    if isinstance(node, Compute | Ask):
        return Most()
    if node.timeout is None:
        return Most(None, ((node.name, "has no timeout="),))
    asked = node.repairs + 1 if isinstance(node, Think) and not node.tools else 1
    calls = (calls_of(node) or 0) * (2 if isinstance(node, Tool) and node.reconcile is not None else 1)
    return Most(calls * node.timeout + asked * _pauses(node.retry))


def _pauses(retry: Retry | None) -> float:
    """The longest pauses between attempts: each bound is twice the one before."""
    if retry is None:
        return 0
    first, most = seconds(retry.pause, "pause"), seconds(retry.longest, "longest")
    found, pause = 0.0, first
    for _ in range(retry.attempts - 1):
        found, pause = found + min(pause, most), min(pause * 2, most)
    return found


def _within(name: str, left: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((f"{name}/{inner}", why) for inner, why in left.items())


# waiting


def _waited(graph: Graph, name: str) -> Most:
    """The most seconds that people are waited for in a place, and on the way out of it."""
    node = graph.flow.nodes.get(name)
    found = Most() if node is None else _wait_of(graph, node)
    arcs = [arc for arc in graph.out.get(name, ()) if arc.way is not None or arc.row is None or arc.row.gates]
    for head in {arc.head for arc in arcs}:  # of a fork every head is taken, else one arc
        found += _longest(_on_arc(graph, arc) for arc in arcs if arc.head == head)
    return found


def _wait_of(graph: Graph, node: Node[..., Any]) -> Most:
    """The most seconds that one execution of a node waits; the calls of an act wait side by side."""
    if isinstance(node, Ask):
        return Most(None, ((node.name, NO_WITHIN),)) if node.within is None else Most(node.within)
    if isinstance(node, Act):
        return _longest(_all(graph, gates) for gates in node.gates.values())
    if isinstance(node, Each | Subflow):
        inner = graph.nested(node)
        if inner is not None:
            held = times(inner)
            one = Most(held.waiting, _within(node.name, held.open_wait))
        else:
            one = _all(graph, node.gates) if isinstance(node, Each) else Most()
        return one.times(longest(graph, node), node.name) if isinstance(node, Each) else one
    return Most()


def _on_arc(graph: Graph, arc: Arc) -> Most:
    if arc.row is not None:
        return _all(graph, arc.row.gates) if arc.row.gates else NOTHING
    if isinstance(arc.way, Edge):
        return _all(graph, graph.flow.route_of[arc.way].gates)
    return _longest(_all(graph, route.gates) for route in _way_of(graph, arc.source))


def _way_of(graph: Graph, hub: str) -> tuple[Route, ...]:
    if hub not in HUBS:
        return ()
    return graph.flow.rows.get(hub) or graph.flow.rows.get(FAILURE, ())


def _all(graph: Graph, gates: tuple[Gate, ...]) -> Most:
    """The gates of an edge or a call, asked one after the other."""
    found = Most()
    for gate in gates:
        found += _asked(graph, gate)
    return found


def _asked(graph: Graph, gate: Gate) -> Most:
    """A gate, and what its longest no leads to: another gate, or gates before another target."""
    own = Most()
    if isinstance(gate, Approval):
        own = Most(None, ((gate.name, NO_WITHIN),)) if gate.within is None else Most(gate.within)
    return own + _longest(
        _asked(graph, way) if isinstance(way, Gate) else _all(graph, graph.flow.route_of[way].gates)
        for way in gate.ways().values()
        if isinstance(way, Gate | Edge)
    )
