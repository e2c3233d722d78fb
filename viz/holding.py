"""What the picture says, in words, about nodes that hold others: ``each`` and ``subflow``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import telling
from .model import Line, Mark, Node, Part
from .nesting import flows, works
from .words import listed

Spec = Mapping[str, Any]


def each(key: str, spec: Spec, build: Spec, data: Spec, gates: Mapping[str, Spec]) -> Node:
    """A node for every item of a list, as a node with its inner node as a part.

    Args:
        key: its key in the diagram.
        spec: its shape in the manifest.
        build: its build in the manifest.
        data: the fields that it reads and writes, where they are known.
        gates: the gates of the flow, by name.
    """
    inner, names = spec["node"], list(spec["gates"])
    asked = [Line(f"asks {' and then '.join(names)} for each item")] if names else []
    bare = [Line("no gate", "alert")] if inner["stakes"] == "high" and not names else []
    told = telling.told(inner, build["node"])
    part = Part(inner["name"], inner["kind"], telling.marks(inner), (*bare, *asked, *told))
    parts = [part, *(telling.gate_part(name, gates[name], "the item fails") for name in telling.linked(names, gates))]
    return Node(key, "each", spec["name"], tuple(_terms(spec, build, data)), parts=tuple(parts))


def frame(spec: Spec, build: Spec, data: Spec) -> tuple[Line, ...]:
    """What is told at the top of the frame of an open flow.

    Args:
        spec: the shape of each or subflow in the manifest.
        build: its build in the manifest.
        data: the fields that it reads and writes, where they are known.
    """
    inner = spec["flow"]
    terms = _terms(spec, build, data) if spec["kind"] == "each" else [_exchanged(spec, data)]
    own = inner["shape"]["rows"]
    budget = [] if "on_failure" in own or "on_exhausted" in own else telling.budget(inner["build"]["budget"])
    return tuple(line for line in (*_flow(spec), *terms, *budget) if line.text)


def closed(key: str, spec: Spec, build: Spec, data: Spec) -> Node:
    """A flow as a node that is drawn closed: how large it is, what must not be missed in it, and its ends.

    Args:
        key: its key in the diagram.
        spec: the shape of each or subflow in the manifest.
        build: its build in the manifest.
        data: the fields that it reads and writes, where they are known.
    """
    kind, shape = spec["kind"], spec["flow"]["shape"]
    inside = list(works(spec["flow"]))
    asked = sorted({name for held in flows(spec["flow"]) for name in held["shape"]["gates"]})
    high = [item["name"] for item in inside if item["stakes"] == "high"]
    once = [item["name"] for item in inside if item["effect"] == "once" and item["stakes"] != "high"]
    marks = [Mark("once", f"effect once: {listed(once, 4)}")] if once else []
    marks += [Mark("high", f"HIGH STAKES: {listed(high, 4)}")] if high else []
    ends = [f"{name} ({end['verdict']})" for name, end in shape["ends"].items()]
    lines = [
        *_flow(spec),
        *(_terms(spec, build, data) if kind == "each" else [_exchanged(spec, data)]),
        *telling.budget(spec["flow"]["build"]["budget"]),
        Line(f"closed: {telling.counted(len(inside), 'nodes')}"),
        Line(f"gates: {listed(asked)}" if asked else ""),
        Line(f"ends: {listed(ends)}", "quiet"),
    ]
    return Node(key, kind, spec["name"], tuple(line for line in lines if line.text), tuple(marks))


def _flow(spec: Spec) -> list[Line]:
    """The flow's name, where it is not the node's."""
    name = spec["flow"].get("label") or spec["flow"]["name"]
    return [Line(f"flow {name}")] if name != spec["name"] else []


def _terms(spec: Spec, build: Spec, data: Spec) -> list[Line]:
    """How the items of a list are worked on."""
    bounds = f"{build['at_once']} at once, tolerates {_tolerated(build['tolerate'])}"
    beside = [name for name in data.get("reads", ()) if name != spec["over"]]
    reads = f"{listed(beside)} → " if beside else "→ "
    return [Line(f"each {spec['item']} of {spec['over']}, {bounds}"), Line(f"{reads}{spec['into']}", "quiet")]


def _tolerated(most: float) -> str:
    if not most:
        return "no failure"
    return f"{most:.4%}".rstrip("0%").rstrip(".") + "%" if isinstance(most, float) else str(most)


def _exchanged(spec: Spec, data: Spec) -> Line:
    """What a subflow is given and gives back, renamed where it is another field within."""
    given, gives = spec["inputs"], spec["outputs"]
    if given is None and gives is None and data:
        return Line(f"shares {listed(list(data['reads']))}" if data["reads"] else "", "quiet")
    reads = data.get("reads", []) if given is None else [_as(outer, inner) for inner, outer in given.items()]
    writes = data.get("writes", []) if gives is None else [_as(inner, outer) for outer, inner in gives.items()]
    return Line(f"{listed(list(reads))} → {listed(list(writes))}".strip(), "quiet") if reads or writes else Line("")


def _as(here: str, there: str) -> str:
    return here if here == there else f"{here} as {there}"
