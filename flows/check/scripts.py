"""The values that a path is carried out with: of the input, and of what each step on it writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...guards.outcomes import Failed, kinds
from ...nodes.outcome import ErrorRecord, Outcome
from ..subflow import Subflow
from .arcs import Arc
from .graph import Graph
from .laying import Hop, Laying
from .samples import sample
from .wishes import wish, wishes

if TYPE_CHECKING:
    from ..flow import Flow


@dataclass(slots=True)
class Script:
    """Made-up values.

    Args:
        input: the run's input.
        updates: for each hop what its source writes, by field.
        given: whether the input is given, and nothing of it may be made up.
    """

    input: dict[str, Any]
    updates: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    given: bool = False


def decided(
    hops: list[Hop], path: Sequence[Arc], first: Mapping[str, Any], values: Sequence[Mapping[str, Any]]
) -> Script:
    """The values that were found for a path.

    Args:
        hops: the path, laid out.
        path: its arcs.
        first: of the input.
        values: for each arc what its source writes, by field.
    """
    made = Script(dict(first), [{} for _ in hops])
    at = 0
    for place, hop in enumerate(hops):
        there = next((other for other in range(at, len(path)) if path[other] is hop.first), None)
        if there is not None:  # what siblings of a branch do is not on the path
            made.updates[place], at = dict(values[there]), there + 1
    return made


def script(
    graph: Graph,
    hops: list[Hop],
    wanted: Mapping[str, Any],
    given: Mapping[str, Any] | None,
    choice: int = 0,
    found: Script | None = None,
) -> Script:
    """Values that may lead a run along a path.

    Args:
        graph: the flow's graph.
        hops: the path, laid out.
        wanted: what fields shall hold at its end.
        given: the input; None: it is made up.
        choice: which of the ends that an edge is for its subflow shall come to.
        found: what was found by other means, and stands.

    Raises:
        NoSample: no value of a required field's type is known.
    """
    flow = graph.flow
    made = Script(dict(given or {}), [{} for _ in hops], given is not None)
    if found is not None:
        made.input.update(found.input)
        made.updates = [dict(update) for update in found.updates]
    for name, value in wanted.items():
        _put(flow, made, hops, len(hops) - 1, name, value)
    fields = flow.state.model_fields
    for place, hop in enumerate(hops):
        for name, value in wishes(flow.rows.get(hop.first.source, ()), hop.first.row, fields):
            _put(flow, made, hops, place, name, value)
        for gate, _ in hop.last.noes:  # one that is exempt there asks nobody, and says no to nothing
            unless = getattr(flow.gates.get(gate), "unless", None)
            for name, value in () if unless is None else wish(unless, False, fields):
                _put(flow, made, hops, place, name, value)
    for place, hop in enumerate(hops):
        for name, value in _asked_inside(graph, hop, made.updates[place], choice):
            _put(flow, made, hops, place, name, value, before=True)
    for name, info in fields.items():
        if info.is_required() and name not in made.input and not made.given:
            made.input[name] = sample(info.annotation)
    return made


def _asked_inside(graph: Graph, hop: Hop, update: dict[str, Any], choice: int) -> Iterator[tuple[str, Any]]:
    """What fields shall hold when a subflow begins, so that it comes to an end of the edge and gives back an update."""
    node = graph.flow.nodes.get(hop.first.source)
    inner = graph.nested(node) if isinstance(node, Subflow) and hop.first.ends else None
    if inner is None or not isinstance(node, Subflow):
        return
    end, _ = hop.first.ends[choice % len(hop.first.ends)]
    hops = Laying(inner).path(inner.path(end))
    back, given = node.gives(graph.flow.state), node.given(graph.flow.state)
    made = script(inner, hops or [], {back[name]: value for name, value in update.items() if name in back}, None)
    yield from ((given[name], value) for name, value in made.input.items() if name in given)


def _put(
    flow: Flow[Any], made: Script, hops: list[Hop], place: int, name: str, value: Any, *, before: bool = False
) -> None:
    """Has a field hold a value when a hop is taken: its last writer writes it, else the input gives it.

    Where it shall hold it ``before`` the hop's own source begins, that does not write it.
    """
    for at in range(place - before, -1, -1):
        arc = hops[at].first
        node = flow.nodes.get(arc.source)
        if not hops[place].sees(hops[at]) or node is None or arc.on != "ok":
            continue
        if name in node.written(flow.state):
            made.updates[at].setdefault(name, value)
            return
    if not made.given:
        made.input.setdefault(name, value)


def scripted_error(arc: Arc) -> ErrorRecord:
    """The failure that takes an arc.

    Args:
        arc: the arc.
    """
    category, classes = "exhausted" if arc.on == "spent" else "bug", tuple[str, ...]()
    if arc.row is not None and isinstance(arc.row.match, Failed):
        category = next(iter(arc.row.match.categories), category)
        classes = kinds(arc.row.match.types[0]) if arc.row.match.types else ()
    return ErrorRecord(category, "Scripted", "made up by the check", classes)


def step_told(hop: Hop, outcome: Outcome) -> dict[str, Any]:
    """A step as an example tells it, JSON-able but for its values.

    Args:
        hop: the hop that begins with it.
        outcome: what it came to.
    """
    step: dict[str, Any] = {"node": hop.first.source, "outcome": outcome.kind}
    if outcome.end is not None:
        step |= {"end": outcome.end, "verdict": outcome.verdict}
    if outcome.update:
        step["update"] = outcome.update
    if outcome.error is not None:
        step["error"] = outcome.error.category
        if outcome.error.classes:
            step["classes"] = list(outcome.error.classes)
    if hop.last.noes:
        step["noes"] = dict(hop.last.noes)
    return step
