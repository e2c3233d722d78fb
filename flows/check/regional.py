"""F1, fan-out and flows inside: the branches of an ``all_of`` join at one exit; a subflow's ends have their ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...guards.endings import Ended
from ...guards.outcomes import Failed
from ...nodes.outcome import Outcome
from ..position import Done, Finish, Place
from ..regions import Region
from ..semantics import next_move
from ..subflow import Subflow
from .endings import takes
from .graph import Graph, names_of
from .report import Finding, Proof


def regional(graph: Graph) -> tuple[list[Finding], list[Proof]]:
    """All of F105, F106 and F107.

    Args:
        graph: the flow's graph.
    """
    found = list(without_one_exit(graph))
    statement = "the branches of every all_of join at one exit"
    proofs = [Proof(statement, not found, found[0].path if found else ())] if graph.flow.forks else []
    return [*found, *unmatched_ends(graph), *ends_without_way(graph)], proofs


def without_one_exit(graph: Graph) -> Iterator[Finding]:
    """F105: the branches of an ``all_of`` come to no place where all of them join, or to more than one."""
    for name, region in graph.flow.regions.items():
        fork, start = graph.flow.forks[name], names_of(graph.path(name))
        what, ways = _broken(graph, region)
        if what:
            yield Finding(
                "F105", "error",
                f"{what}. Lead every branch of {name}, by every edge that is not for failures and every way of its "
                "gates, to one node or end behind it, where they join",
                fork.line, start, {"fork": name, "ways": [list(way) for way in ways]},
            )  # fmt: skip


def _broken(graph: Graph, region: Region) -> tuple[str, list[tuple[str, ...]]]:
    """What is wrong with a region, with the ways of its branches that show it; nothing where it is whole."""
    fork = graph.flow.forks[region.fork]
    heads = [head.target.name for head in fork.heads]
    if region.exit in heads:
        at = f"the branches of {fork.name} join at {region.exit!r}, which is one of its heads: that branch does nothing"
        return at, [(fork.name, head) for head in heads]
    if (fork.name, fork.name) in region.leaks:
        loop = _way(graph, fork.name, fork.name)
        return f"a branch of {fork.name} leads back to it: it would fan out without end", [loop]
    if region.exit is None:
        ways = [_way(graph, head, end) for end, head in region.leaks]
        ends = sorted({end for end, _ in region.leaks})
        if len(ends) == 1:
            return f"the branches of {fork.name} do not all come to {ends[0]!r}", [(fork.name, *way) for way in ways]
        said = " and ".join(repr(end) for end in ends[:3]) if ends else "no end at all"
        return f"the branches of {fork.name} come to {said}, and join nowhere", [(fork.name, *way) for way in ways]
    for place, source in region.leaks:
        out = (*_way(graph, fork.name, source), place)
        return f"the branches of {fork.name} join at {region.exit!r}, but {source!r} leads to {place!r} instead", [out]
    return "", []


def _way(graph: Graph, start: str, goal: str) -> tuple[str, ...]:
    """The shortest way from a place to another; a way from a place to itself goes round."""
    came: dict[str, tuple[str, ...]] = {}
    todo: list[tuple[str, ...]] = [(start,)] if start in graph.flow.forks or start != goal else []
    for so_far in todo:
        for arc in graph.out.get(so_far[-1], ()):
            if arc.target == goal:
                return (*so_far, goal)
            if arc.target not in came and arc.on not in ("failed", "spent"):
                came[arc.target] = (*so_far, arc.target)
                todo.append(came[arc.target])
    return (start,) if start == goal else (start, goal)


def unmatched_ends(graph: Graph) -> Iterator[Finding]:
    """F106: an edge behind a subflow to which none of its ends comes."""
    for name, route, mine in _rows(graph):
        if isinstance(route.match, Failed) or mine:
            continue
        came = graph.ends[name]
        if isinstance(route.match, Ended):
            meant = [one for one in came if route.match.matches(*one)]
            out = ", ".join([*route.match.ends, *route.match.verdicts])
        else:
            meant, out = [one for one in came if one[1] != "failed"], "the edge"
        taken = ", ".join(f"{end!r} ({verdict})" for end, verdict in meant)
        why = f"edges above it take {taken}" if meant else f"{name!r} comes to no such end"
        yield Finding(
            "F106", "warning", f"the edge '{route.id}' is never taken: {why}. Take {out} out, or move the edge up",
            route.line, names_of(graph.path(name)),
        )  # fmt: skip


def ends_without_way(graph: Graph) -> Iterator[Finding]:
    """F107: a subflow comes to an end, not failed, for which its row has no edge: the run is stuck."""
    for name, came in graph.ends.items():
        row = graph.flow.rows.get(name, ())
        if name not in graph.came or not row or all(not isinstance(route.match, Ended) for route in row):
            continue  # without a row, or with edges for failures alone, it is told by F102 and F103
        matched = {one for mine in takes(row, came) for one in mine}
        for end, verdict in came:
            if (end, verdict) in matched or verdict == "failed":
                continue
            outcome = Outcome("ok", end=end, verdict=verdict)
            move = next_move(graph.flow, Place(graph.flow.state.model_construct()), Done(name, outcome))
            stuck = isinstance(move, Finish) and move.error is not None
            example: dict[str, Any] = {"node": name, "end": end, "verdict": verdict}
            yield Finding(
                "F107", "error" if stuck else "warning",
                f"{name!r} can come to {end!r} ({verdict}), for which its row has no edge: the run is stuck and ends "
                f"failed. Add ended({end!r}) >> <a node or an end>, or a bare target, last",
                row[0].line, names_of(graph.path(name)), example if stuck else None,
            )  # fmt: skip


def _rows(graph: Graph) -> Iterator[tuple[str, Any, tuple[tuple[str, str], ...]]]:
    """The edges of the subflows that are reached, each with the ends that can take it."""
    for name, came in graph.ends.items():
        node = graph.flow.nodes[name]
        assert isinstance(node, Subflow)
        if name not in graph.came or not came:
            continue
        row = graph.flow.rows.get(name, ())
        for route, mine in zip(row, takes(row, came), strict=True):
            yield name, route, mine
