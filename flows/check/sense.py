"""F405, the sense of a budget: what it can never pay for, and how many rounds it suffices for."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from math import floor
from typing import Any, NamedTuple

from ...guards.budgets import Budget, Spent
from ..affording import over
from ..position import Place
from ..semantics import EXHAUSTED
from .bounds import every, free_cycles, way_round
from .cheapest import Cheapest
from .graph import Graph, told
from .livelock import livelocks
from .own_ways import dollars, tokens
from .report import Finding
from .shortest import Way, calls, steps


class Sense(NamedTuple):
    """What a budget is good for.

    Args:
        found: the ends that it can never pay for, and the cycles that only it or a limit ends.
        cheapest: for each success end the least steps and calls, where the budget has them.
        rounds: how often at most it pays for each cycle that only it ends.
    """

    found: list[Finding]
    cheapest: dict[str, dict[str, float]]
    rounds: dict[str, int]


def sense(graph: Graph) -> Sense:
    """All of F405 and F406.

    Args:
        graph: the flow's graph.
    """
    found = Sense(list(livelocks(graph)), {}, {})
    budget = graph.flow.budget
    if budget is None:
        return found
    ways = _Ways(graph, budget)
    out = graph.behind(EXHAUSTED)
    for name, end in graph.flow.ends.items():
        if end.verdict != "success" or name not in graph.came:
            continue
        least = {kind: way.cost for kind in ("steps", "calls") if (way := ways.to(name, kind)) is not None}
        if least:
            found.cheapest[name] = least
        if name not in out:  # what is kept for the way out is not the question here
            found.found.extend(_never(graph, budget, ways, name))
    found.rounds.update(_rounds(graph, budget, ways, found.cheapest))
    return found


class _Ways:
    """The cheapest ways by what the budget bounds; of tokens and dollars only those of one call are surely needed."""

    def __init__(self, graph: Graph, budget: Budget) -> None:
        self.kinds = {
            "steps": Cheapest(graph, steps, 1, operator.add),
            "calls": Cheapest(graph, calls, 0, operator.add),
            "tokens": Cheapest(graph, tokens, 0, max),
            "usd": Cheapest(graph, dollars, 0, max),
        }
        self.budget = budget

    def to(self, end: str, kind: str) -> Way | None:
        """The cheapest way to an end; None where the budget does not bound the kind.

        Args:
            end: the end.
            kind: a part of the budget.
        """
        return None if getattr(self.budget, kind) is None else self.kinds[kind].way(end)


def _never(graph: Graph, budget: Budget, ways: _Ways, end: str) -> Iterator[Finding]:
    """F405: an end whose cheapest way the budget does not pay for."""
    for kind in ways.kinds:
        way, bound = ways.to(end, kind), budget.bound(kind, on_the_way_out=False)
        if way is None or bound is None or way.cost <= bound:
            continue
        kept = " beside what keep= sets aside" if bound != getattr(budget, kind) else ""
        answer = " for one answer alone" if kind in ("tokens", "usd") else ""
        yield Finding(
            "F405", "warning",
            f"the budget never pays for a way to {end!r}: the cheapest ({' > '.join(way.places)}) needs {way.cost:g} "
            f"{kind}{answer}, and the budget has {bound:g}{kept}. Raise it, or take the end out",
            graph.flow.line, way.places, _stopped(graph, budget, kind, bound, way),
        )  # fmt: skip
        return


def _stopped(graph: Graph, budget: Budget, kind: str, bound: float, way: Way) -> dict[str, Any] | None:
    """What the semantics say of a run that has used up all before the last node of the way."""
    node = next((graph.flow.nodes[name] for name in reversed(way.places) if name in graph.flow.nodes), None)
    if node is None or kind not in ("steps", "calls"):
        return None
    used = Spent(steps=int(bound)) if kind == "steps" else Spent(calls=int(bound))
    spent = Place(graph.flow.state.model_construct(), {}, used)
    found = over(budget, spent, node)
    return None if found is None else {"spent": {kind: bound}, "before": node.name, "error": found.message}


def _rounds(
    graph: Graph, budget: Budget, ways: _Ways, cheapest: dict[str, dict[str, float]]
) -> Iterator[tuple[str, int]]:
    """Cycles that only the budget ends, and how often at most it pays for each on the way to a success end."""
    for part in free_cycles(graph, every) if cheapest else ():
        cycle = way_round(graph, part, every)
        pays: list[int] = []
        for kind in ("steps", "calls"):
            bound = budget.bound(kind, on_the_way_out=False)
            one = sum(ways.kinds[kind].cost(arc) for arc in cycle)
            if bound is not None and one:
                rest = min(least[kind] for least in cheapest.values() if kind in least)
                pays.append(max(0, floor((bound - rest) / one)))
        if pays:
            yield told(cycle), min(pays)
