"""F4, bounds: every cycle has one, and what a run can use up at most.

An edge that bears a limit is taken at most so often in a run. Without these edges a cycle that is left has no
bound of its own: only a budget ends it. A run is then a walk that is cut at its limited edges, so it is no
longer than the pieces together; how cycles are nested does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...nodes.ask import Ask
from ...nodes.compute import Compute
from ...nodes.node import Node
from ...nodes.shapes import is_series
from ...nodes.think import Think
from ...nodes.tool import Tool
from ..each import Each
from ..rows import START
from ..semantics import EXHAUSTED
from ..subflow import Subflow
from .arcs import Arc
from .figures import FIGURES
from .graph import Graph, names_of, told
from .levels import Level, whole
from .replay import seen
from .report import Facts, Finding, Proof
from .rounds import Keep, Rounds, worst

EDGES = "edges"
"""In ``capped_by``: the flow's own edges and limits gave the figure."""


def bounds(graph: Graph) -> tuple[list[Finding], Facts]:
    """All of F4.

    Args:
        graph: the flow's graph.
    """
    if graph.bounded is None:
        graph.bounded = _bounds(graph)
    return graph.bounded


def _bounds(graph: Graph) -> tuple[list[Finding], Facts]:
    parts = list(free_cycles(graph, every))
    found: list[Finding] = []
    proof = Proof("every cycle has a limit on an edge", True)
    if parts:
        sure = _sure_caps(graph, parts)
        proof = Proof(f"every cycle has a limit on an edge, or is ended by the budget's {' and '.join(sure)}", True)
        if not sure:
            found, proof = _without_sure_caps(graph, parts)
    return found, _facts(graph, not parts and whole_regions(graph), proof)


def whole_regions(graph: Graph) -> bool:
    """Whether every region that a run can reach has one exit; else nothing is counted.

    Args:
        graph: the flow's graph.
    """
    return all(whole(graph.flow, region) for name, region in graph.flow.regions.items() if name in graph.came)


# cycles


class Part(NamedTuple):
    """A part of a level in which a run can go round without a limit.

    Args:
        level: the level.
        places: its places.
        inside: these, and those of the branches that begin at them.
    """

    level: Level
    places: frozenset[str]
    inside: frozenset[str]

    def meets(self, other: Part) -> bool:
        """Whether two have a place in common.

        Args:
            other: another.
        """
        return self.level is other.level and bool(self.places & other.places)


def free_cycles(graph: Graph, keep: Keep) -> Iterator[Part]:
    """Each part of the flow in which a run can go round without a limit.

    The way ``on_exhausted`` is taken once in a run, so no cycle goes through it.

    Args:
        graph: the flow's graph.
        keep: which arcs count.
    """
    rounds = all_rounds(graph) if keep is every else Rounds(graph, keep)
    for level, part in rounds.around():
        yield Part(level, frozenset(part), frozenset(rounds.inside(level, part)))


def all_rounds(graph: Graph) -> Rounds:
    """The levels of a flow with every arc; made once.

    Args:
        graph: the flow's graph.
    """
    if graph.rounds is None:
        graph.rounds = Rounds(graph, every)
    return graph.rounds


def _sure_caps(graph: Graph, parts: list[Part]) -> list[str]:
    """The parts of the budget that end any cycle; a deadline ends none behind ``on_exhausted``, which it leads to."""
    budget = graph.flow.budget
    caps = [name for name in ("steps", "seconds") if getattr(budget, name, None) is not None]
    if budget is not None and budget.deadline is not None:
        behind = graph.behind(EXHAUSTED)
        if not any(part.inside & behind.keys() for part in parts):
            caps.append("deadline")
    return caps


_SPENDS = {"calls": ("think", "tool", "act"), "tokens": ("think",), "usd": ("think",)}
"""Which kinds of node use up a part of the budget, as a rule: one that fails may have called nothing."""


def _without_sure_caps(graph: Graph, parts: list[Part]) -> tuple[list[Finding], Proof]:
    budget = graph.flow.budget
    costless: dict[str, list[Part]] = {}
    for name, kinds in _SPENDS.items():
        if getattr(budget, name, None) is not None:
            spends = {item for item in graph.nodes if _spends(graph, graph.flow.nodes[item], kinds)}
            costless[name] = list(free_cycles(graph, _among(set(graph.came) - spends)))
    alone_in = list(free_cycles(graph, unpaced(graph)))
    found: list[Finding] = []
    left: tuple[str, tuple[Arc, ...]] | None = None
    for part in parts:
        caps = [name for name, cycles in costless.items() if not any(part.meets(cycle) for cycle in cycles)]
        alone = next((cycle for cycle in alone_in if part.meets(cycle)), None)
        if caps:
            left = left or (" or ".join(caps), way_round(graph, part, every))
        elif alone is not None:
            found.append(_unbounded(graph, way_round(graph, alone, unpaced(graph)), alone=True))
        else:
            found.append(_unbounded(graph, way_round(graph, part, every), alone=False))
    if found or left is None:
        return found, Proof(
            "every cycle has a limit on an edge, or a part of the budget that ends it", False, found[0].path
        )
    what, cycle = left
    words = f"every cycle ends: {told(cycle)} ends by the budget's {what} only if each round uses some of it"
    return [], Proof(f"{words}; add Budget(steps=...)", None, names_of((*graph.path(cycle[0].source), *cycle)))


def _spends(graph: Graph, node: Node[..., Any], kinds: tuple[str, ...]) -> bool:
    """Whether a node is of one of some kinds, or holds one that is."""
    inner = graph.nested(node)
    if inner is not None:
        return any(_spends(inner, inner.flow.nodes[name], kinds) for name in inner.nodes)
    held = node.inner if isinstance(node, Each) else None
    return (node if held is None else held).kind in kinds


def every(arc: Arc) -> bool:  # noqa: ARG001  # the keep= that leaves nothing out
    """Every arc counts.

    Args:
        arc: any.
    """
    return True


def _among(places: set[str]) -> Keep:
    return lambda arc: arc.source in places and arc.target in places


def unpaced(graph: Graph) -> Keep:
    """Which arcs can be taken without a person doing something.

    Args:
        graph: the flow's graph.
    """
    waiting = {name for name, node in graph.flow.nodes.items() if isinstance(node, Subflow) and _waits(graph, node)}

    def keep(arc: Arc) -> bool:
        node = graph.flow.nodes.get(arc.source)
        if arc.source in waiting and arc.ends:
            return False
        answered = isinstance(node, Ask) and (arc.on in ("ok", "refused") or node.fn is None)
        return not arc.asked and not answered

    return keep


def _waits(graph: Graph, node: Subflow) -> bool:
    """Whether a subflow comes to no end without a person doing something."""
    inner = graph.nested(node)
    assert inner is not None
    rounds = Rounds(inner, unpaced(inner), limited=False)
    return not rounds.reached(inner.levels.main) & set(inner.flow.ends)


def way_round(graph: Graph, part: Part, keep: Keep, *, limited: bool = True) -> tuple[Arc, ...]:
    """A shortest cycle through the first node of a part.

    Args:
        graph: the flow's graph.
        part: the part.
        keep: which arcs count.
        limited: whether limits count, so that the cycle has none.
    """
    first = min(part.places, key=lambda name: (name not in graph.flow.nodes, graph.order[name]))
    came: dict[str, tuple[Arc, ...]] = {}
    todo: list[tuple[str, tuple[Arc, ...]]] = [(first, ())]
    for name, so_far in todo:
        for arc in graph.out.get(name, ()):
            if arc.target not in part.inside or (limited and arc.limits) or not keep(arc):
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
    example = seen(graph, path)
    if alone:
        what = f"nothing bounds the cycle {told(cycle)}: none of its edges bears a limit, and {why}"
        return Finding("F401", "error", f"{what}. {way_out}", where, names_of(path), example)
    what = f"only people bound the cycle {told(cycle)}: each round waits for one, none of its edges bears a limit"
    return Finding("F402", "warning", f"{what}, and {why}. {way_out}", where, names_of(path), example)


# figures


def _facts(graph: Graph, bounded: bool, proof: Proof) -> Facts:
    figures: dict[str, Any] = {}
    capped: dict[str, str | None] = {}
    for name, part in FIGURES:
        used = any(_weigh(graph, graph.flow.nodes[item], name) != 0 for item in graph.nodes)
        both = _worst(graph, name) if bounded and used else None
        figures[name] = 0 if not used else None if both is None else sum(both)
        capped[name] = None if figures[name] is None else EDGES
        budgeted = None if graph.flow.budget is None else getattr(graph.flow.budget, part)
        if budgeted is not None and (figures[name] is None or budgeted < figures[name]):
            figures[name], capped[name] = budgeted, f"budget.{part}"
    return Facts(**figures, capped_by=capped, proofs=(proof, *_open_lists(graph, figures["max_steps"])))


def _open_lists(graph: Graph, steps: int | None) -> Iterator[Proof]:
    """What is to be done about lists of any length, where they leave a run without a bound."""
    for name in graph.nodes:
        node = graph.flow.nodes[name]
        if steps is None and isinstance(node, Each) and longest(graph, node) is None:
            what = f"the list {node.over} of {name!r} may have any length"
            text = f"{what}: give it Field(max_length=...), or the flow a budget"
            yield Proof(text, None, names_of(graph.path(name)))


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


def longest(graph: Graph, node: Each) -> int | None:
    """How many items the list of an each has at most; None: any number.

    Args:
        graph: the flow's graph.
        node: the each.
    """
    info = graph.flow.state.model_fields[node.over]
    if graph.flow.type.fields[node.over].reducer is not None or graph.values.rewritten(node.over):
        return None  # its bound is of what is added, or of what a validator was given
    found = [getattr(item, "max_length", None) for item in info.metadata]
    return min((n for n in found if isinstance(n, int)), default=None)


def _weigh(graph: Graph, node: Node[..., Any], figure: str) -> float | None:
    """What one execution of a node adds to a figure at most; None: there is no bound."""
    own = 1 if figure == "max_steps" else 0
    if isinstance(node, Each | Subflow):
        inner = graph.nested(node)
        held = node.inner if isinstance(node, Each) else None
        if inner is not None:
            one: float | None = getattr(bounds(inner)[1], figure)
            more = own if isinstance(node, Each) else 0  # an item is a step beside those of its flow
            one = None if one is None else one + more
        else:
            one = 0 if held is None else _weigh(graph, held, figure)
        count = longest(graph, node) if isinstance(node, Each) else 1
        if one == 0 or count == 0:
            return own
        return None if one is None or count is None else own + count * one
    if figure == "max_calls":
        return calls_of(node)
    return None if figure != "max_steps" and isinstance(node, Think) else own


def used_before(graph: Graph, figure: str) -> float | None:
    """The most that a run can come to before ``on_exhausted`` is taken, by its edges alone; None: no bound.

    Args:
        graph: the flow's graph.
        figure: which one, as in ``Facts``.
    """
    if not whole_regions(graph) or any(free_cycles(graph, every)):
        return None
    found = _worst(graph, figure)
    return None if found is None else found[0]


def _worst(graph: Graph, figure: str) -> tuple[float, float] | None:
    """The most that a run can come to before and behind the budget's way; None: no bound."""
    weights: dict[str, float] = {}
    for name in graph.nodes:
        weight = _weigh(graph, graph.flow.nodes[name], figure)
        if weight is None:
            return None
        weights[name] = weight
    found = worst(all_rounds(graph), graph.levels.main, weights)
    # once in a run the budget's way may be taken, from anywhere: all before it, and all after it
    return found[START.name], found.get(EXHAUSTED, 0)
