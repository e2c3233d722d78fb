"""F1, structure: every node is reached, every outcome has a way on, every way can come to an end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import networkx as nx

from ...guards.outcomes import Failed
from ...nodes.outcome import Outcome
from ..position import Done, Finish, Place
from ..rows import START
from ..semantics import next_move
from .arcs import HUBS
from .graph import Graph, names_of
from .regional import regional
from .report import Finding, Proof


def structure(graph: Graph) -> tuple[list[Finding], list[Proof]]:
    """All of F1.

    Args:
        graph: the flow's graph.
    """
    reached = list(unreachable(graph))
    stuck = [*without_row(graph), *without_way_on(graph)]
    ends = list(traps(graph))
    proofs = [
        Proof("edges lead from START to every node", not reached),
        Proof("edges lead from every node to an end, without the flow's own ways", not ends and not stuck),
    ]
    found, proved = regional(graph)
    return [*reached, *stuck, *ends, *found], [*proofs, *proved]


def unreachable(graph: Graph) -> Iterator[Finding]:
    """F101: a node that no run can reach."""
    for name, node in graph.flow.nodes.items():
        if name in graph.came:
            continue
        sources = sorted({arc.source for arc in graph.into.get(name, ()) if arc.source not in HUBS} - {name})
        why = f"only {_listed(sources)} leads to it, which nothing reaches" if sources else "no edge leads to it"
        yield Finding(
            "F101", "error",
            f"node {name!r} cannot be reached from START: {why}. Add an edge that leads to it, or take its row out",
            node.line,
        )  # fmt: skip


def without_row(graph: Graph) -> Iterator[Finding]:
    """F102: a node after which nothing is said: every run that comes there is stuck."""
    for name in graph.nodes:
        if name not in graph.flow.rows:
            yield Finding(
                "F102", "error",
                f"node {name!r} has no row: a run that comes there is stuck and ends failed. "
                f"Add on({name}, <a node or an end>)",
                graph.flow.nodes[name].line, names_of(graph.path(name)),
                _stuck(graph, name, Outcome("ok")),
            )  # fmt: skip


def without_way_on(graph: Graph) -> Iterator[Finding]:
    """F103: a row whose edges are all for failures: every run that comes there and does well is stuck."""
    for name in (START.name, *graph.nodes):
        routes = graph.flow.rows.get(name, ())
        if routes and all(isinstance(route.match, Failed) for route in routes):
            yield Finding(
                "F103", "error",
                f"the row of {name!r} has edges for failures alone: a run that comes there and does well is stuck and "
                "ends failed. "
                "Add an edge without failed(...), such as a bare target, last",
                routes[0].line, names_of(graph.path(name)),
                None if name == START.name else _stuck(graph, name, Outcome("ok")),
            )  # fmt: skip


def traps(graph: Graph) -> Iterator[Finding]:
    """F104: nodes from which no end can be reached, the flow's own ways not counted."""
    stuck = {name for name in graph.nodes if all(isinstance(r.match, Failed) for r in graph.flow.rows.get(name, ()))}
    free = {*graph.flow.ends, *stuck}
    todo = deque(free)
    while todo:
        for arc in graph.into.get(todo.popleft(), ()):
            if arc.source not in free and arc.source not in HUBS:
                free.add(arc.source)
                todo.append(arc.source)
    caught = [
        name for name in graph.came if name not in free and (name in graph.flow.nodes or name in graph.flow.forks)
    ]
    if not caught:
        return
    inside = set(caught)
    parts = nx.condensation(graph.digraph(lambda arc: arc.source in inside and arc.target in inside, caught))
    for part in parts.nodes:
        if parts.out_degree(part) == 0:
            members = [name for name in caught if name in parts.nodes[part]["members"] and name in graph.flow.nodes]
            yield Finding(
                "F104", "error",
                f"{_listed(members)} cannot reach an end: a run that comes there goes round for ever. "
                "Add an edge that leads on to an end (the flow's own ways do not count)",
                graph.flow.nodes[members[0]].line, names_of(graph.path(members[0])),
            )  # fmt: skip


def _stuck(graph: Graph, name: str, outcome: Outcome) -> dict[str, object] | None:
    """What the semantics say to an outcome that has no way on; they read no state for it."""
    move = next_move(graph.flow, Place(graph.flow.state.model_construct()), Done(name, outcome))
    if not isinstance(move, Finish) or move.error is None:
        return None
    return {"node": name, "outcome": outcome.kind, "verdict": move.at.verdict, "error": move.error.message}


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
