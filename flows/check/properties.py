"""F7, the author's properties: proved, refuted by a path that was carried out, or left open and then watched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import networkx as nx

from ..monitors import BEGIN, Monitor, monitors_of
from ..properties import Property
from .arcs import Arc
from .bounds import bounds
from .feasible import Clue, feasible
from .graph import Graph, names_of, told
from .product import Proved, Refuted, Undecided, Way, reach, way_back
from .replay import Replay, replay_values, replay_watched
from .report import Finding, Proof
from .stepping import Product
from .wishes import wish

if TYPE_CHECKING:
    from ..flow import Flow


@dataclass(frozen=True, slots=True)
class Carried:
    """What is said of a path: it was carried out, or nobody can tell.

    Args:
        state: whether a run can go it.
        done: the path carried out.
        core: why not.
    """

    state: Literal["yes", "no", "unknown"]
    done: Replay | None = None
    core: Sequence[Clue] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known of a property.

    Args:
        item: the property.
        proved: whether it holds; None: nobody can tell.
        failing: whether it fails only through failures or a budget that is used up.
        path: where it fails, or may.
        done: that path, carried out.
        why: why nobody can tell.
    """

    item: Property
    proved: bool | None
    failing: bool = False
    path: tuple[Arc, ...] = ()
    done: Replay | None = None
    why: str = ""


def properties(graph: Graph) -> tuple[list[Finding], list[Proof]]:
    """All of F7.

    Args:
        graph: the flow's graph.
    """
    judged = [judge(graph, item) for item in graph.flow.properties]
    found = [*refuted(judged), *refuted_by_failure(judged), *undecided(judged)]
    return found, [_proof(one) for one in judged]


def refuted(judged: Sequence[Judgement]) -> Iterator[Finding]:
    """F701: a property that a run violates on which nothing fails."""
    for one in judged:
        if one.proved is False and not one.failing:
            yield _finding("F701", one, f"{one.item} does not hold: {told(one.path)}. {_way_out(one)}")


def refuted_by_failure(judged: Sequence[Judgement]) -> Iterator[Finding]:
    """F702: a property that a run violates only where something fails, or a budget is used up."""
    for one in judged:
        if one.proved is False and one.failing:
            what = "where something fails or a budget is used up"
            yield _finding("F702", one, f"{one.item} does not hold {what}: {told(one.path)}. {_way_out(one)}")


def undecided(judged: Sequence[Judgement]) -> Iterator[Finding]:
    """F703: a property that is neither proved nor refuted: it is watched while a run goes."""
    for one in judged:
        if one.proved is None:
            where = f" ({told(one.path)})" if one.path else ""
            yield _finding(
                "F703",
                one,
                f"{one.item} is not proved: {one.why}{where}. It is enforced: what would violate it does not happen, "
                "and its step fails as 'forbidden'",
            )


def _finding(code: str, one: Judgement, message: str) -> Finding:
    severity: Any = {"F701": "error", "F702": "warning", "F703": "fact"}[code]
    example = None if one.done is None else one.done.example
    return Finding(code, severity, message, one.item.line, names_of(one.path), example)


def _way_out(one: Judgement) -> str:
    if one.item.form == "leads_to":
        return "Lead that way on to what it must lead to, or name this end too: .leads_to((..., <end>))"
    return f"Change the edges so that this way is gone; enforced({one.item}) watches it while a run goes"


def _proof(one: Judgement) -> Proof:
    """The property as a statement: proved, refuted or enforced."""
    path = names_of(one.path)
    if one.proved is None:
        return Proof(f"{one.item} (enforced)", None, path)
    return Proof(f"{one.item} (and enforced)" if one.item.marked else str(one.item), one.proved, path)


# judging


def judge(graph: Graph, item: Property) -> Judgement:
    """What is known of a property.

    Args:
        graph: the flow's graph.
        item: the property.
    """
    found = _judge(graph, item)
    if found.proved is False and item.marked:  # the edges let it happen, and the run does not
        return replace(found, proved=None, why="the edges alone do not keep it")
    return found


def _judge(graph: Graph, item: Property) -> Judgement:
    parts = [_judge_part(graph, monitor) for monitor in monitors_of(item)]
    for proved in (False, None):
        for failing in (False, True):
            for one in parts:
                if one.proved is proved and one.failing == failing:
                    return one
    return Judgement(item, True)


def _judge_part(graph: Graph, monitor: Monitor) -> Judgement:
    item = monitor.item

    def carried_out(way: Way) -> Carried:
        for wanted in _wanted(graph, monitor):
            done = replay_watched(graph, way.path, (monitor,), wanted)
            if done is not None:
                return Carried("yes", done)
        if graph.symbols is None or any(one.target != other.source for one, other in pairwise(way.path)):
            return Carried("unknown")  # of branches beside each other nobody sees what the others write
        said = feasible(graph, graph.symbols, way.path, claims=way.claims)
        if said.state == "no":
            return Carried("no", core=said.core)
        done = replay_values(graph, way.path, (monitor,), said.input, said.values)
        return Carried("unknown") if done is None else Carried("yes", done)

    found = reach(graph, monitor, feasible=carried_out)
    if not isinstance(found, Proved):
        fine = reach(graph, monitor, feasible=carried_out, failing=False)
        failing, found = (True, found) if isinstance(fine, Proved) else (False, fine)
        if isinstance(found, Refuted):
            return Judgement(item, False, failing, found.path, found.values.done)
        assert isinstance(found, Undecided)
        return Judgement(item, None, failing, found.path, why=found.why)
    round_and_round = _put_off(graph, monitor) if item.form == "leads_to" else ()
    if round_and_round:
        return Judgement(item, None, path=round_and_round, why="a cycle that nothing bounds may put it off for ever")
    return Judgement(item, True)


def _wanted(graph: Graph, monitor: Monitor) -> Iterator[dict[str, Any]]:
    """What fields should hold where a property is violated: nothing, or what its conditions ask for."""
    yield {}
    fields = graph.flow.state.model_fields
    for truth in (False, True):
        found = {name: value for tree in monitor.conditions.values() for name, value in wish(tree, truth, fields)}
        if found:
            yield found


def _put_off(graph: Graph, monitor: Monitor) -> tuple[Arc, ...]:
    """A way into a cycle that nothing bounds, and on which what must come does not; empty where there is none."""
    if not any(item.code in ("F401", "F402") for item in bounds(graph)[0]):
        return ()
    product = Product(graph, monitor)
    begin = (product.start, BEGIN)
    came: dict[Any, tuple[Any, tuple[Arc, ...]] | None] = {begin: None}
    todo = [begin]
    owed: nx.DiGraph[Any] = nx.DiGraph()
    for config, state in todo:
        for step in product.onward(config):
            into, _ = monitor.run(state, step.marks)
            if step.config is None:
                continue
            there = (step.config, into)
            if there not in came:
                came[there] = ((config, state), step.arcs)
                todo.append(there)
            if state and into and not any(arc.limits for arc in step.arcs):
                owed.add_edge((config, state), there)
    first: dict[Any, int] = {spot: place for place, spot in enumerate(came)}
    parts: Iterator[set[Any]] = nx.strongly_connected_components(owed)
    for part in parts:
        one: Any = min(part, key=first.__getitem__)
        if len(part) > 1 or owed.has_edge(one, one):
            return way_back(came, one)
    return ()


def watched(flow: Flow[Any]) -> tuple[Monitor, ...]:
    """The automata of the properties that are watched while a run goes: those that are marked or not proved.

    Args:
        flow: the flow.
    """
    graph = Graph(flow)
    return tuple(
        monitor
        for item in flow.properties
        if item.marked or judge(graph, item).proved is None
        for monitor in monitors_of(item)
    )
