"""F4, bounds: every cycle has one, and what a run can use up at most.

An edge that bears a limit is taken at most so often in a run. Without these edges a cycle that is left has no
bound of its own: only a budget ends it. A run is then a walk that is cut at its limited edges, so it is no
longer than the pieces together; how cycles are nested does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import networkx as nx

from ...guards.limits import Limit
from ...nodes.ask import Ask
from ...nodes.compute import Compute
from ...nodes.node import Node
from ...nodes.shapes import is_series
from ...nodes.think import Think
from ...nodes.tool import Tool
from ..rows import START
from ..semantics import EXHAUSTED
from .arcs import Arc
from .graph import Graph, names_of, told
from .replay import seen
from .report import FIGURES, Facts, Finding, Proof

EDGES = "edges"
"""In ``capped_by``: the flow's own edges and limits gave the figure."""


def bounds(graph: Graph) -> tuple[list[Finding], Facts]:
    """All of F4.

    Args:
        graph: the flow's graph.
    """
    parts = list(free_cycles(graph, _every))
    found: list[Finding] = []
    proof = Proof("every cycle has a limit on an edge", True)
    if parts:
        sure = _sure_caps(graph, parts)
        proof = Proof(f"every cycle has a limit on an edge, or is ended by the budget's {' and '.join(sure)}", True)
        if not sure:
            found, proof = _without_sure_caps(graph, parts)
    return found, _facts(graph, not parts, proof)


# cycles


def free_cycles(graph: Graph, keep: Callable[[Arc], bool]) -> Iterator[set[str]]:
    """The places of each part of the flow in which a run can go round without a limit.

    The way ``on_exhausted`` is taken once in a run, so no cycle goes through it.

    Args:
        graph: the flow's graph.
        keep: which arcs count.
    """
    free = graph.digraph(
        lambda arc: not arc.limits and arc.target != EXHAUSTED and arc.source in graph.came and keep(arc)
    )
    for part in nx.strongly_connected_components(free):
        if len(part) > 1 or any(free.has_edge(name, name) for name in part):
            yield part


def _sure_caps(graph: Graph, parts: list[set[str]]) -> list[str]:
    """The parts of the budget that end any cycle; a deadline ends none behind ``on_exhausted``, which it leads to."""
    budget = graph.flow.budget
    caps = [name for name in ("steps", "seconds") if getattr(budget, name, None) is not None]
    if budget is not None and budget.deadline is not None:
        behind = graph.behind(EXHAUSTED)
        if not any(part & behind.keys() for part in parts):
            caps.append("deadline")
    return caps


_SPENDS = {"calls": ("think", "tool", "act"), "tokens": ("think",), "usd": ("think",)}
"""Which kinds of node use up a part of the budget, as a rule: one that fails may have called nothing."""


def _without_sure_caps(graph: Graph, parts: list[set[str]]) -> tuple[list[Finding], Proof]:
    budget, nodes = graph.flow.budget, graph.flow.nodes
    costless: dict[str, set[str]] = {}
    for name, kinds in _SPENDS.items():
        if getattr(budget, name, None) is not None:
            spends = {item for item in graph.nodes if nodes[item].kind in kinds}
            costless[name] = set[str]().union(*free_cycles(graph, _among(set(graph.came) - spends)))
    unpaced = {name: part for part in free_cycles(graph, _unpaced(graph)) for name in part}
    found: list[Finding] = []
    left: tuple[str, tuple[Arc, ...]] | None = None
    for part in parts:
        caps = [name for name, cycles in costless.items() if not cycles & part]
        alone = next((unpaced[name] for name in part if name in unpaced), None)
        if caps:
            left = left or (" or ".join(caps), _way_round(graph, part, _every))
        elif alone is not None:
            found.append(_unbounded(graph, _way_round(graph, alone, _unpaced(graph)), alone=True))
        else:
            found.append(_unbounded(graph, _way_round(graph, part, _every), alone=False))
    if found or left is None:
        return found, Proof(
            "every cycle has a limit on an edge, or a part of the budget that ends it", False, found[0].path
        )
    what, cycle = left
    words = f"every cycle ends: {told(cycle)} ends by the budget's {what} only if each round uses some of it"
    return [], Proof(f"{words}; add Budget(steps=...)", None, names_of((*graph.path(cycle[0].source), *cycle)))


def _every(arc: Arc) -> bool:  # noqa: ARG001  # the keep= that leaves nothing out
    return True


def _among(places: set[str]) -> Callable[[Arc], bool]:
    return lambda arc: arc.source in places and arc.target in places


def _unpaced(graph: Graph) -> Callable[[Arc], bool]:
    """Which arcs can be taken without a person doing something."""

    def keep(arc: Arc) -> bool:
        node = graph.flow.nodes.get(arc.source)
        answered = isinstance(node, Ask) and (arc.on in ("ok", "refused") or node.fn is None)
        return not arc.asked and not answered

    return keep


def _way_round(graph: Graph, part: set[str], keep: Callable[[Arc], bool]) -> tuple[Arc, ...]:
    """A shortest cycle without a limit through the first place of a part."""
    first = min(part, key=graph.order.__getitem__)
    came: dict[str, tuple[Arc, ...]] = {}
    todo: list[tuple[str, tuple[Arc, ...]]] = [(first, ())]
    for name, so_far in todo:
        for arc in graph.out.get(name, ()):
            if arc.target not in part or arc.limits or not keep(arc):
                continue
            if arc.target == first:
                return (*so_far, arc)
            if arc.target not in came:
                came[arc.target] = (*so_far, arc)
                todo.append((arc.target, came[arc.target]))
    raise AssertionError(part)


def _unbounded(graph: Graph, cycle: tuple[Arc, ...], *, alone: bool) -> Finding:
    """F401, or F402 where a person takes part in every round: a cycle that nothing ends."""
    node = graph.flow.nodes.get(cycle[0].source)
    where = cycle[0].where or (graph.flow.line if node is None else node.line)
    why = "the flow has no budget" if graph.flow.budget is None else "no part of the budget ends it for sure"
    way_out = "Put at_most(n) on an edge of it, or give the flow a budget: budget=Budget(steps=...)"
    path = (*graph.path(cycle[0].source), *cycle)
    example = seen(graph.flow, path)
    if alone:
        what = f"nothing bounds the cycle {told(cycle)}: none of its edges bears a limit, and {why}"
        return Finding("F401", "error", f"{what}. {way_out}", where, names_of(path), example)
    what = f"only people bound the cycle {told(cycle)}: each round waits for one, none of its edges bears a limit"
    return Finding("F402", "warning", f"{what}, and {why}. {way_out}", where, names_of(path), example)


# figures


def _facts(graph: Graph, bounded: bool, proof: Proof) -> Facts:
    thinks = any(isinstance(graph.flow.nodes[name], Think) for name in graph.nodes)
    own: dict[str, float | None] = {
        "max_steps": _worst(graph, lambda _: 1) if bounded else None,
        "max_calls": (_worst(graph, calls_of) if bounded else None) if _calls(graph) else 0,
        "max_tokens": None if thinks else 0,
        "max_usd": None if thinks else 0.0,
    }
    figures: dict[str, Any] = {}
    capped: dict[str, str | None] = {}
    for name, part in FIGURES:
        figures[name], capped[name] = own[name], None if own[name] is None else EDGES
        budgeted = None if graph.flow.budget is None else getattr(graph.flow.budget, part)
        if budgeted is not None and (figures[name] is None or budgeted < figures[name]):
            figures[name], capped[name] = budgeted, f"budget.{part}"
    return Facts(**figures, capped_by=capped, proofs=(proof,))


def _calls(graph: Graph) -> bool:
    return any(calls_of(graph.flow.nodes[name]) != 0 for name in graph.nodes)


def calls_of(node: Node[..., Any]) -> int | None:
    """The most model and tool calls of one step, with one model in each slot; None: as many as a model proposes.

    Args:
        node: the node.
    """
    attempts = 1 if node.retry is None else node.retry.attempts
    if isinstance(node, Tool):
        return attempts
    if isinstance(node, Think):
        models = len(node.model) if is_series(node.model) else 1
        return attempts * models * (1 if node.tools else 1 + node.repairs)
    return 0 if isinstance(node, Compute | Ask) else None


def _worst(graph: Graph, weigh: Callable[[Node[..., Any]], int | None]) -> int | None:
    """The most that a run can come to, a weight for each execution of a node; None: no bound."""
    weights: dict[str, int] = {}
    for name in graph.nodes:
        weight = weigh(graph.flow.nodes[name])
        if weight is None:
            return None
        weights[name] = weight
    arcs = [arc for arc in graph.arcs if arc.source in graph.came and arc.target != EXHAUSTED]
    whole: nx.DiGraph[str] = nx.DiGraph()
    whole.add_nodes_from(graph.came)
    whole.add_edges_from((arc.source, arc.target) for arc in arcs)
    worst = _walks(nx.condensation(whole), arcs, weights)
    # once in a run the budget's way may be taken, from anywhere: all before it, and all after it
    return worst[START.name] + worst.get(EXHAUSTED, 0)


def _walks(parts: Any, arcs: list[Arc], weights: dict[str, int]) -> dict[str, int]:
    """For each place the most that a walk from it can come to; parts are worked off from the last to the first."""
    place: dict[str, int] = parts.graph["mapping"]
    inner: dict[int, list[Arc]] = {}
    leaving: dict[int, set[int]] = {}
    entries: dict[int, set[str]] = {}
    for arc in arcs:
        here, there = place[arc.source], place[arc.target]
        if here == there:
            inner.setdefault(here, []).append(arc)
        else:
            leaving.setdefault(here, set()).add(there)
            entries.setdefault(there, set()).add(arc.target)
    total: dict[int, int] = {}
    for part in reversed(list(nx.topological_sort(parts))):
        members: set[str] = parts.nodes[part]["members"]
        own = _within(members, entries.get(part, members), inner.get(part, []), weights)
        total[part] = own + max((total[next_part] for next_part in leaving.get(part, ())), default=0)
    return {name: total[part] for name, part in place.items()}


def _within(members: set[str], entries: set[str], arcs: list[Arc], weights: dict[str, int]) -> int:
    """The most that the pieces of a walk within one part can come to: one, and one more for each limited edge."""
    if not arcs:
        return max(weights.get(name, 0) for name in entries)
    free: nx.DiGraph[str] = nx.DiGraph()
    free.add_nodes_from(members)
    free.add_edges_from((arc.source, arc.target) for arc in arcs if not arc.limits)
    longest: dict[str, int] = {}
    for name in reversed(list(nx.topological_sort(free))):
        longest[name] = weights.get(name, 0) + max((longest[other] for other in free.successors(name)), default=0)
    restarts: dict[Limit, int] = {}
    for arc in arcs:
        if arc.limits:
            tightest = min(arc.limits, key=lambda limit: limit.n)
            restarts[tightest] = max(restarts.get(tightest, 0), longest[arc.target])
    return max(longest[name] for name in entries) + sum(limit.n * most for limit, most in restarts.items())
