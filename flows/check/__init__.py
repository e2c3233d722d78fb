"""Checks of a flow before it runs, one file per kind of proof. Only routing (F2) asks a solver.

Each code has a page in docs/checks/.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...errors import CheckFailed
from .bounds import bounds
from .cases import cases
from .codes import CODES, unknown_codes
from .data import data
from .effects import effects
from .failures import failures
from .graph import Graph
from .killed import killed
from .own_ways import own_ways
from .properties import properties
from .report import Facts, Finding, Proof, Report, arranged
from .routing import not_proved
from .safety import safety
from .sense import sense
from .structure import structure
from .times import times

if TYPE_CHECKING:
    from ..flow import Flow

__all__ = ["CODES", "Facts", "Finding", "Proof", "Report", "check", "refuse_errors"]


def check(flow: Flow[Any], *, strict: bool = False, solver: bool = True) -> Report:
    """Checks a flow without running it; none of its functions is called.

    Args:
        flow: the flow.
        strict: warnings count as errors.
        solver: whether the solver is asked, where it is installed; routing is proved by it.
    """
    return _check(Graph(flow, solver=solver), strict, {id(flow)})


def _check(graph: Graph, strict: bool, seen: set[int]) -> Report:
    """Checks a flow and, once each, those that are nodes of it."""
    flow = graph.flow
    found, facts = bounds(graph)
    found = [*found, *own_ways(graph)]  # what bounds found is kept
    proofs: list[Proof] = []
    for group in (structure, data, safety, properties):
        more, proved = group(graph)
        found += more
        proofs += proved
    budgeted = sense(graph)
    found += budgeted.found
    found += [*failures(graph), *unknown_codes(flow)]
    if graph.symbols is not None:
        more, proved = cases(graph, graph.symbols)
        found += more
        proofs += [*facts.proofs, *proved]
    else:
        proofs += [*facts.proofs, *not_proved(graph)]
    for name, node in flow.nodes.items():
        inner = graph.nested(node)
        if inner is None or id(inner.flow) in seen:
            continue
        seen.add(id(inner.flow))
        report = _check(inner, strict, seen)
        found += [_of(name, inner.flow, item) for item in report.findings]
        proofs += [
            replace(item, text=f"in {name!r}: {item.text}", path=_within(name, item.path))
            for item in report.facts.proofs
        ]
    facts = replace(
        facts, proofs=tuple(proofs), ends=effects(graph).table(), times=times(graph), killed=killed(graph),
        cheapest=budgeted.cheapest, rounds=budgeted.rounds,
    )  # fmt: skip
    return Report(flow.name, arranged(found, flow.accepts), facts, strict)


def _of(node: str, flow: Flow[Any], item: Finding) -> Finding:
    """A finding of a flow that is a node, as told where it is one."""
    message = f"in flow {flow.name!r}, the node {node!r}: {item.message}"
    return replace(item, message=message, path=_within(node, item.path))


def _within(node: str, path: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{node}/{place}" for place in path)


def refuse_errors(flow: Flow[Any]) -> None:
    """Refuses a flow that has errors which its author does not accept.

    Args:
        flow: the flow.

    Raises:
        CheckFailed: there are errors; ``data["findings"]`` holds them all.
    """
    errors = check(flow, solver=False).failures
    if errors:
        told = "".join(f"\n  {item}" for item in errors)
        raise CheckFailed(
            f"flow {flow.name!r} has {'an error' if len(errors) == 1 else f'{len(errors)} errors'}:{told}",
            where=flow.line,
            findings=errors,
        )
