"""F406, livelock: what the ways out of a cycle ask about never changes on it, so only a limit or the budget ends it."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx

from ...guards.expressions import Expr, Opaque
from ...guards.limits import Limit
from ..rows import Route
from .arcs import HUBS, Arc
from .bounds import Part, bounds, way_round
from .graph import Graph, names_of, told
from .replay import seen
from .report import Finding
from .rounds import Rounds


def livelocks(graph: Graph) -> Iterator[Finding]:
    """F406: a cycle whose ways out ask about fields that nothing on it writes.

    What ends it otherwise counts as a way out too: a gate, a failure that the row names, a function on an edge, an
    end of a subflow. A cycle whose only way out is a limit is counted on purpose, and not told.

    Args:
        graph: the flow's graph.
    """
    if graph.flow.state.__pydantic_decorators__.model_validators:
        return  # such a validator may change any field at each write
    for part in _around(graph):
        asked = _asked(graph, part)
        if not asked or asked & _written(graph, part):
            continue
        cycle = way_round(graph, part, _well, limited=False)
        if any(arc.limits for arc in cycle) or not bounds(graph)[0]:  # what nothing bounds is told by F401
            yield _finding(graph, cycle, asked)


def _around(graph: Graph) -> Iterator[Part]:
    """The parts of each level in which a run can go round while nothing fails, limits or not."""
    rounds = Rounds(graph, _well, limited=False)
    for level in graph.levels.all():
        onward: nx.DiGraph[str] = nx.DiGraph()
        onward.add_edges_from((step.source, step.target) for step in rounds.steps(level))
        for places in nx.strongly_connected_components(onward):
            if len(places) > 1 or any(onward.has_edge(name, name) for name in places):
                yield Part(level, frozenset(places), frozenset(rounds.inside(level, places)))


def _well(arc: Arc) -> bool:
    """Whether an arc is taken while nothing fails."""
    return arc.on not in ("failed", "spent") and arc.source not in HUBS


def _written(graph: Graph, part: Part) -> set[str]:
    nodes = (graph.flow.nodes[name] for name in part.inside if name in graph.flow.nodes)
    return {field for node in nodes for field in node.written(graph.flow.state)}


def _asked(graph: Graph, part: Part) -> frozenset[str]:
    """The fields that decide whether a run leaves a part; none where something else may, or it only counts rounds."""
    found: frozenset[str] = frozenset()
    wanted: set[str] = set()
    counted: set[str] = set()
    for place in part.places:
        leaving = [arc for arc in part.level.out.get(place, ()) if _leaves(part, arc)]
        if any(arc.on != "ok" or arc.row is None or arc.row.gates or arc.ends for arc in leaving):
            return frozenset()
        routes = [arc.row for arc in leaving if arc.row is not None]
        limited = False
        for route in graph.flow.rows[place] if routes else ():
            if route.match is not None:
                continue
            leads_out, conditions = any(route is one for one in routes), _conditions(route)
            if any(map(_opaque, conditions)) or (route.gates and not leads_out):
                return frozenset()
            found |= frozenset[str]().union(*(item.reads for item in conditions))
            if leads_out:
                (counted if limited and not conditions else wanted).add(route.target.name)
            limited = limited or bool(route.limits)
    return found if wanted - counted else frozenset()


def _conditions(route: Route) -> list[Expr]:
    return [item for item in route.conditions if not isinstance(item, Limit)]


def _leaves(part: Part, arc: Arc) -> bool:
    """Whether an arc leads out; the flow's own ways do not count, which every node has."""
    if arc.on == "spent" or arc.target in HUBS:
        return False
    return arc.target not in part.places or part.level.joins(arc) or part.level.leaves(arc)


def _opaque(tree: Expr) -> bool:
    return isinstance(tree, Opaque) or any(map(_opaque, tree.parts))


def _finding(graph: Graph, cycle: tuple[Arc, ...], asked: frozenset[str]) -> Finding:
    path = (*graph.path(cycle[0].source), *cycle)
    fields = ", ".join(sorted(asked))
    limited = any(arc.limits for arc in cycle)
    node = graph.flow.nodes.get(cycle[0].source)
    return Finding(
        "F406", "warning",
        f"the cycle {told(cycle)} goes round until {'a limit is' if limited else 'the budget is'} used up: its ways "
        f"out ask about {fields}, which nothing on it writes. Let a node on it write that, or ask about what it writes",
        cycle[0].where or (None if node is None else node.line), names_of(path), seen(graph, path),
    )  # fmt: skip
