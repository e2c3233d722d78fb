"""F305: what a flow inside gives back, and what an ``each`` is given and writes, fits the state around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from ...nodes.annotations import bare, is_model, members, metadata, text
from ...nodes.fits import may_fit
from ...nodes.outcome import Failure
from ...nodes.sealing import shown
from ...nodes.signature import MISSING
from ..each import Each, Item
from ..subflow import Subflow
from .arcs import Arc
from .dataflow import Dataflow
from .fitting import accepts, fits, whole_type
from .graph import Graph, names_of, told
from .replay import replay, replay_end
from .report import Finding
from .samples import NoSample, present, sample

Unsure = tuple[str, str]
"""A node, and what of it is not known to fit."""


def borders(flow: Dataflow, unknown: list[Unsure]) -> Iterator[Finding]:
    """F305: a value that cannot be handed over between a flow and what it holds.

    Args:
        flow: what the fields can hold.
        unknown: gets what is neither known to fit nor known not to.
    """
    for name in flow.graph.nodes:
        node = flow.graph.flow.nodes[name]
        if isinstance(node, Subflow):
            yield from _given_back(flow, node, unknown)
        elif isinstance(node, Each):
            yield from _items(flow.graph, node, unknown)
            yield from _results(flow.graph, node, unknown)


def _given_back(flow: Dataflow, node: Subflow, unknown: list[Unsure]) -> Iterator[Finding]:
    """What a flow ends with and the field of the state around it does not take."""
    inner = flow.graph.nested(node)
    assert inner is not None
    state = flow.graph.flow.state
    came, inside = flow.inside(node, flow.at(node.name)), Dataflow(inner)
    for outer, own in node.gives(state).items():
        wanted = whole_type(state.model_fields[outer])
        for end, member in ((end, member) for end in came for member in range(len(inside.values.types[own]))):
            given = inside.values.types[own][member]
            if not came[end] & inside.values.bit(own, member):
                continue
            fit, value = fits(wanted, given)
            if fit == "unknown" and not may_fit(wanted, given):
                fit, value = "no", _sample(given)
            if fit == "unknown":
                unknown.append((node.name, f"what {node.name!r} gives back as {outer} ({text(wanted)})"))
            if fit != "no":
                continue
            done = _carried_out(flow.graph, node, inner, inside.path(end, own, member), {own: value})
            shown = done is not None and accepts(wanted, value) is False
            yield Finding(
                "F305", "error" if shown else "warning",
                f"{node.name!r} gives {inner.flow.state.__name__}.{own} back as {state.__name__}.{outer}, which takes "
                f"{text(wanted)}, but {'is' if shown else 'may be'} given {value!r} where the flow comes to {end!r}: "
                f"the step would fail as invalid_output. Give the two fields one type, or leave {outer} out of writes=",
                node.line, names_of(flow.graph.path(node.name)), done if shown else None,
            )  # fmt: skip
            break


def _carried_out(
    graph: Graph, node: Subflow, inner: Graph, path: tuple[Arc, ...], wanted: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The example of a run to a subflow and of its flow to an end with wanted values; None where there was none."""
    given = node.given(graph.flow.state)
    done = replay_end(inner, path, wanted)
    if done is None:
        return None
    asked = {given[name]: value for name, value in done.input.items() if name in given}
    fields = inner.flow.state.model_fields
    if any(fields[name].default != value for name, value in done.input.items() if name not in given):
        return None  # what it is not given is as its default says
    around = replay(graph, graph.path(node.name), asked)
    if around is None or any(getattr(around.state, name) != value for name, value in asked.items()):
        return None
    return {"around": around.example, "inside": done.example}


def _items(graph: Graph, node: Each, unknown: list[Unsure]) -> Iterator[Finding]:
    """Items of a type that what works on them does not take."""
    wanted: Any
    if node.inner is not None:
        wanted = next(param.annotation for param in node.inner.fields() if param.name == node.item)
        whose = f"the parameter {node.item!r} of {node.works!r}"
    elif node.flow is not None:
        wanted = whole_type(node.flow.state.model_fields[node.item])
        whose = f"the field {node.item!r} of flow {node.works!r}"
    else:
        return
    for given in _element(graph.flow.state.model_fields[node.over].annotation):
        fit, value = fits(wanted, given)
        if fit == "unknown" and not may_fit(wanted, given):
            fit, value = "no", _sample(given)
        if fit == "unknown":
            unknown.append((node.name, f"{whose} ({text(wanted)})"))
        if fit == "no":
            path = graph.path(node.name)
            done = replay(graph, path, {node.over: [value]})
            shown = done is not None and getattr(done.state, node.over) == [value] and accepts(wanted, value) is False
            yield Finding(
                "F305", "error" if shown else "warning",
                f"each {node.name!r}: {whose} takes {text(wanted)}, but an item of {node.over} "
                f"{'is' if shown else 'may be'} {value!r} on the way {told(path)}: that item would fail as "
                "invalid_input. Give the list's items that type",
                node.line, names_of(path), done.example | {"item": _plain(value)} if shown and done else None,
            )  # fmt: skip
            return


def _results(graph: Graph, node: Each, unknown: list[Unsure]) -> Iterator[Finding]:
    """A field that does not take the entries of an each: of an item that did well, and of one that failed."""
    wanted = whole_type(graph.flow.state.model_fields[node.into])
    reducer = graph.flow.type.fields[node.into].reducer is not None
    parts = list(_element(graph.flow.state.model_fields[node.into].annotation))
    for entry in _entries(node):
        if accepts(wanted, [entry]) is not False:
            if not any(item is Any or item is dict or get_origin(item) is dict or _is_item(item) for item in parts):
                unknown.append((node.name, f"what {node.name!r} writes to {node.into} ({text(wanted)})"))
            continue
        path = graph.path(node.name)
        yield Finding(
            "F305", "error",
            f"each {node.name!r} writes one entry an item into {node.into}, which takes {text(wanted)} and refuses "
            f"{entry!r}: the step would fail as invalid_output. Make it list[Item[...]] with the type of what "
            f"{node.works!r} gives, or list[dict[str, Any]]{', which its reducer merges' if reducer else ''}",
            node.line, names_of(path), {"writes": {node.into: [entry]}},
        )  # fmt: skip
        return


def _is_item(annotation: Any) -> bool:
    return is_model(annotation) and issubclass(annotation, Item)


def _entries(node: Each) -> Iterator[dict[str, Any]]:
    """Entries as a run writes them."""
    failure = Failure(category="bug", message="made up by the check", node=node.works)
    yield {"index": 0, "failure": failure.model_dump()}
    if node.inner is None or node.inner.returns is MISSING:
        return
    try:
        yield {"index": 0, "value": _plain(present(node.inner.returns))}
    except NoSample:
        return


def _element(annotation: Any) -> Iterator[Any]:
    """The members of a list's item type."""
    for item in members(annotation):
        if get_origin(item) in (list, tuple, set, frozenset):
            for part in get_args(item):
                yield from (() if metadata(part) or part is Ellipsis else members(bare(part)))


def _sample(annotation: Any) -> Any:
    try:
        return sample(annotation)
    except NoSample:
        return None


def _plain(value: Any) -> Any:
    return shown(value)
