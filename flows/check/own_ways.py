"""The flow's own ways: F403, one that the budget does not keep enough for; F404, one that leads back to itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...guards.budgets import AMOUNTS, Budget, Spent
from ...nodes.node import Node
from ...nodes.outcome import ErrorRecord
from ...nodes.prices import usd
from ...nodes.think import Think
from ..position import AtLeft, Finish, Place
from ..semantics import EXHAUSTED, FAILURE, next_move
from .arcs import HUBS, Arc
from .bounds import bounds, unpaced, used_before
from .graph import Graph, names_of, path_in, search, told
from .replay import seen
from .report import Finding
from .shortest import Price, Way, calls, shortest, steps


def own_ways(graph: Graph) -> list[Finding]:
    """F403 and F404.

    Args:
        graph: the flow's graph.
    """
    return [*unpaid_way_out(graph), *round_by_failures(graph)]


# the way of a budget that is used up


class _Short(NamedTuple):
    """A part of the budget of which too little is kept.

    Args:
        kind: which.
        kept: how much is.
        way: the way that uses up the least of it, and how much.
    """

    kind: str
    kept: float
    way: Way

    @property
    def text(self) -> str:
        """What is kept and what is needed, in words."""
        if self.kind == "seconds":
            return "none of its seconds is kept"
        kept = f"{_figure(self.kept)} {self.kind} kept" if self.kept else f"no {self.kind} kept"
        cost = _figure(self.way.cost)
        if self.kind in _OF_ANSWERS:
            return f"{kept}, where the answers of models may need {cost}, and the prompts come on top"
        return f"{kept}, where {cost} {'is' if self.way.cost == 1 else 'are'} needed"


def _figure(amount: float) -> str:
    return f"{amount:.0f}" if amount == int(amount) else f"{amount:g}"


def _to_keep(budget: Budget, short: list[_Short]) -> str:
    """The ``keep=`` that would do, as Python; ``...`` for what cannot be counted."""
    parts = {kind: amount for kind in AMOUNTS if (amount := _kept(budget, kind))}
    told = {kind: _figure(amount) for kind, amount in parts.items()}
    for item in short:
        counted = item.kind in ("steps", "calls")
        told[item.kind] = _figure(item.way.cost) if counted else "..."
    return f"keep=Budget({', '.join(f'{kind}={told[kind]}' for kind in AMOUNTS if kind in told)})"


def _kept(budget: Budget, kind: str) -> float:
    return 0 if budget.keep is None else getattr(budget.keep, kind) or 0


_OF_ANSWERS = ("tokens", "usd")
"""What only calls of models use up; of the prompts nothing is known before they are made."""


def unpaid_way_out(graph: Graph) -> Iterator[Finding]:
    """F403: a used-up budget leads to nodes for which it does not keep enough, so the run ends failed on the way."""
    budget = graph.flow.budget
    if budget is None:
        return
    told_of: set[str] = set()
    for arc in graph.out.get(EXHAUSTED, ()):
        if arc.target in graph.flow.ends or arc.target in HUBS or arc.target in told_of:
            continue
        short = [found for kind in AMOUNTS if (found := _short(graph, budget, arc.target, kind)) is not None]
        if short:
            told_of.add(arc.target)
            yield _unpaid(graph, budget, arc, short)


def _unpaid(graph: Graph, budget: Budget, arc: Arc, short: list[_Short]) -> Finding:
    rows = graph.flow.rows
    named = (
        arc.words if EXHAUSTED in rows else f"{arc._replace(source=FAILURE).words}, which is for a used-up budget too,"
    )
    sure = any(item.kind not in _OF_ANSWERS for item in short)
    route = rows.get(EXHAUSTED, rows.get(FAILURE, ()))[0]
    example = None if route.gates else next((_stopped(graph, budget, arc.target, item) for item in short), None)
    return Finding(
        "F403", "warning",
        f"{named} leads to {arc.target!r}, but the budget keeps too little for the way from there to an end "
        f"({' > '.join(short[0].way.places)}): {'; '.join(item.text for item in short)}. A run that has no more left "
        f"than this {'ends' if sure else 'may end'} failed. Set it aside: "
        f"{_to_keep(budget, short)}",
        route.line, names_of(graph.path(EXHAUSTED)) + short[0].way.places, example,
    )  # fmt: skip


def _short(graph: Graph, budget: Budget, start: str, kind: str) -> _Short | None:
    """Whether a part of the budget that can be used up keeps less than the way out needs."""
    whole: float | None = getattr(budget, kind)
    if whole is None:
        return None
    kept = _kept(budget, kind)
    if kind == "seconds":
        timed = None if kept else shortest(graph, start, steps)
        return None if timed is None else _Short(kind, kept, timed)
    way = shortest(graph, start, _PRICES[kind])
    if way is None or way.cost <= kept:
        return None
    most = used_before(graph, f"max_{kind}")
    if most is not None and most <= whole - kept:  # the edges end a run before that much is used up
        others = [budget.deadline, *(getattr(budget, other) for other in AMOUNTS if other != kind)]
        if way.cost <= whole - most or all(other is None for other in others):
            return None
    return _Short(kind, kept, way)


def tokens(node: Node[..., object]) -> float:
    """The tokens that an answer of a node's model may have, as far as the node says; at least one.

    Args:
        node: the node.
    """
    return (node.max_tokens or 1) if isinstance(node, Think) else 0


def dollars(node: Node[..., object]) -> float:
    """The dollars that an answer of a node's model may cost; nothing where its price is not known.

    Args:
        node: the node.
    """
    if not isinstance(node, Think) or not isinstance(node.model, str) or ":" not in node.model:
        return 0
    provider, name = node.model.split(":", 1)
    return usd(name, 0, int(tokens(node)), provider=provider) or 0


_PRICES: dict[str, Price] = {"steps": steps, "calls": calls, "tokens": tokens, "usd": dollars}
"""For each part of a budget but the time, what a node uses up of it at least."""


def _stopped(graph: Graph, budget: Budget, start: str, short: _Short) -> dict[str, Any] | None:
    """What the semantics say when a part of the budget is used up; None where the run is not stopped at once."""
    spent = getattr(budget, short.kind) - short.kept
    place = Place(graph.flow.state.model_construct(), {}, Spent(**{short.kind: spent}))
    used_up = ErrorRecord("exhausted", "Exhausted", f"budget {short.kind} is used up")
    move = next_move(graph.flow, place, AtLeft("exhausted", start, used_up))
    if not isinstance(move, Finish) or move.error is None:
        return None
    return {"spent": {short.kind: spent}, "verdict": move.at.verdict, "error": move.error.message}


# the way of failures


def round_by_failures(graph: Graph) -> Iterator[Finding]:
    """F404: ``on_failure=`` leads to what fails into it again, and only the budget ends that."""
    cycle = _round(graph)
    if not cycle or bounds(graph)[0]:
        return  # a cycle that nothing bounds is told by F401
    last = cycle[-2].source
    path = (*graph.path(cycle[0].source), *cycle)
    what = f"{last!r} fails, or a function that its edges ask raises" if last in graph.raising else f"{last!r} fails"
    mend = f"Catch that failure: failed() >> <an end> in the row of {last!r}"
    if last in graph.raising:
        mend += ", without functions and policies in it"
    yield Finding(
        "F404", "warning",
        f"on_failure= leads back to itself where {what}: {told(cycle)} goes round until the budget is used up. {mend}",
        graph.flow.rows[FAILURE][0].line, names_of(path), seen(graph, path),
    )  # fmt: skip


def _round(graph: Graph) -> tuple[Arc, ...]:
    """A shortest cycle through ``on_failure`` by failures, without limits and people; empty where there is none."""
    if FAILURE not in graph.came:
        return ()
    alone, forks = unpaced(graph), graph.flow.forks

    def onward(place: str) -> Iterator[tuple[Arc, str]]:
        for arc in graph.out.get(place, ()):
            if arc.noes or arc.limits or not alone(arc) or (place in forks and arc.target == FAILURE):
                continue  # a fork fails where a join is refused, which no edge of a row could catch
            if arc.on in ("failed", "head") or place == FAILURE:
                yield arc, arc.target

    came = search(FAILURE, onward)
    for place in came:
        for arc, there in onward(place):
            if there == FAILURE:
                cycle = (*path_in(came, place), arc)
                return (*cycle[1:], cycle[0])
    return ()
