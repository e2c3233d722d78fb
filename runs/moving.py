"""Where a run of another version stands in the flow of today: edges, forks and limits found again by what they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..flows.decisions import call_of
from ..flows.flow import Flow
from ..flows.migrations import Names
from ..flows.position import AtEnd, AtFork, AtGate, AtHead, AtJoin, AtLeft, AtNode, Parked, Position
from ..guards.gates import Gate
from ..nodes.act import Act
from ..nodes.node import Node
from ..nodes.tool import Tool
from .branches import Branch
from .codec import read_position, write_position

_FIXED = ("START", "on_failure", "on_exhausted", "way")
"""Sources of edges that are no nodes."""


class Misfit(Exception):
    """A run does not fit the flow of today; what does not, in words."""


class Edges:
    """The edges, forks, gates and limits of a version, and what they are in the flow of today.

    Args:
        then: the manifest of the version.
        flow: the flow of today.
        names: what was renamed.
    """

    def __init__(self, then: Mapping[str, Any], flow: Flow[Any], names: Names) -> None:
        self.flow, self.names = flow, names
        self._then, self._now = then["shape"], flow.manifest()["shape"]
        self._policies = then["build"]["policies"], flow.manifest()["build"]["policies"]
        self.routes = dict(_routes(self._then))
        self._found: dict[str, str] | None = None

    # edges

    def of(self, route: str) -> str | None:
        """The edge of today; None where there is none.

        Args:
            route: its id of then.
        """
        named = self.names.edge(route)
        if named is not None:
            return named if named in self.flow.routes else None
        if not self.names.renames:
            return route if route in self.flow.routes else None
        if self._found is None:
            self._found = {}
            for name, (source, data) in _routes(self._now):
                self._found.setdefault(_text(self._told(self._now, source, data, Names(()))), name)
        if route not in self.routes:
            return None
        return self._found.get(_text(self._told(self._then, *self.routes[route], self.names)))

    def there(self, route: str) -> str:
        """As ``of``, for an edge on which the run waits.

        Args:
            route: its id of then.

        Raises:
            Misfit: the flow does not have it.
        """
        found = self.of(route)
        if found is None:
            raise Misfit(f"the run waits on the edge {route!r}, which the flow does not have any more")
        return found

    def _told(self, shape: Mapping[str, Any], source: str, data: Mapping[str, Any], names: Names) -> list[Any]:
        """What an edge is, under the names of today."""
        limits = shape["limits"]
        conditions = [
            {"at_most": limits[item["limit"]]} if "limit" in item else names.condition(item["when"])
            for item in data["conditions"]
        ]
        gates, target = data["gates"], self._target(shape, data["target"], names)
        return [self._target(shape, source, names), data["match"], conditions, gates, target]

    def _target(self, shape: Mapping[str, Any], name: str, names: Names) -> Any:
        fork = shape.get("forks", {}).get(name)
        return names.node(name) if fork is None else ["all_of", *(names.node(head) for head in fork["heads"])]

    # forks

    def fork(self, name: str) -> str:
        """The fork of today.

        Args:
            name: its name of then.

        Raises:
            Misfit: the flow does not have it.
        """
        heads: list[str] = self._then.get("forks", {}).get(name, {"heads": []})["heads"]
        wanted = [self.names.node(head) for head in heads]
        for found, fork in self._now.get("forks", {}).items():
            if fork["heads"] == wanted:
                return str(found)
        raise Misfit(f"the run is in the branches of {name!r}, which the flow does not have any more")

    def asking(self, node: str, index: int, gate: str) -> str | None:
        """The edge of today to a node that asks by a gate of this name; None where there is none.

        Args:
            node: the node's name.
            index: which gate of the edge.
            gate: the gate's name, or that of one that it leads to.
        """
        for name, route in self.flow.routes.items():
            first = [one for one in route.gates[index : index + 1] if gate in (one.name, *_led_to(one))]
            if first and route.target.name == node:
                return name
        return None

    # gates and limits

    def gate_changed(self, name: str) -> bool:
        """Whether a gate asks otherwise than it did: its role, quorum, exemption, or what it shows.

        Args:
            name: the gate's.
        """
        was, now = (shape["gates"].get(name) for shape in (self._then, self._now))
        policies = [build.get(name) for build in self._policies]
        return was is None or now is None or _asks(was) != _asks(now) or policies[0] != policies[1]

    def counters(self, old: Mapping[str, int]) -> dict[str, int]:
        """How often the edges with limits were taken, by the limits of today.

        A limit is the one of today that has its name, else those between the same two places, from the same place or
        to it: it goes on counting where its number or what is beside it was changed, and from the higher count where
        two became one.

        Args:
            old: by the limits of then.
        """
        found = dict(old)
        for name, count in old.items():
            if not count or name in self._now["limits"]:
                continue
            successors = self._successors(name)
            if successors:
                del found[name]
            for successor in successors:
                found[successor] = max(found.get(successor, 0), count)
        return found

    def _successors(self, limit: str) -> set[str]:
        found: dict[int, set[str]] = {}
        for source, data in self.routes.values():
            if not any(item.get("limit") == limit for item in data["conditions"]):
                continue
            ends = [self._target(self._then, end, self.names) for end in (source, data["target"])]
            for _, (other, today) in _routes(self._now):
                here = [self._target(self._now, end, Names(())) for end in (other, today["target"])]
                alike = 2 * (here[0] == ends[0]) + (here[1] == ends[1])
                found.setdefault(alike, set()).update(item["limit"] for item in today["conditions"] if "limit" in item)
        nothing: set[str] = set()
        return next((found[alike] for alike in (3, 2, 1) if found.get(alike)), nothing)

    # what a fork of a run begins behind

    def incoming(self, data: dict[str, Any]) -> dict[str, Any]:
        """What branches or a step had come to, under the names of today.

        Args:
            data: as ``incoming.written`` gave it.
        """
        if "at" not in data:
            return data | {"node": self.names.node(data["node"])}
        return {"at": write_position(_beside(read_position(data["at"]), self, self.names))}


def moved(branch: Branch, edges: Edges, names: Names, flow: Flow[Any]) -> Position:
    """The position of a branch in the flow of today.

    Args:
        branch: the branch.
        edges: the edges of then and of today.
        names: what was renamed.
        flow: the flow of today.

    Raises:
        Misfit: what it stands at is gone.
    """
    at = branch.at
    if branch.of_item:
        return at
    if isinstance(at, Parked):
        return Parked(at.at._replace(node=names.node(at.at.node)), at.reason)
    if isinstance(at, AtNode):
        return at._replace(node=names.node(at.node))
    if isinstance(at, AtGate):
        route = edges.there(at.route)
        if names.edge(at.route) is not None:  # an edge that an author named may have other gates: all are asked
            return AtHead(route, at.refusal, at.failure, at.edits)
        return replace(at, route=route)
    if isinstance(at, AtEnd) and at.end is not None and at.end not in flow.ends:
        raise Misfit(f"a flow inside of the run ended at {at.end!r}, which it does not have any more")
    found = _beside(at, edges, names)
    _region(branch, found, names, flow)
    return found


def _beside(at: Position, edges: Edges, names: Names) -> Position:
    """The positions of branches, and of what waits for them."""
    if isinstance(at, AtHead):
        return replace(at, route=edges.there(at.route))
    if isinstance(at, AtFork):
        return AtFork(edges.fork(at.fork))
    if isinstance(at, AtJoin):
        return replace(at, exit=names.node(at.exit))
    if isinstance(at, AtLeft):
        route = None if at.route is None else edges.there(at.route)
        return replace(at, source=names.node(at.source), route=route)
    return at


def _region(branch: Branch, at: Position, names: Names, flow: Flow[Any]) -> None:
    """Refuses branches that stand outside of what today lies between their fork and where they join."""
    if not isinstance(at, AtFork):
        return
    region = flow.regions[at.fork]
    for child in branch.children.values():
        place = child.at.at if isinstance(child.at, Parked) else child.at
        if isinstance(place, AtNode) and names.node(place.node) not in region.inside:
            raise Misfit(f"a branch stands at {place.node!r}, which is not in the branches of {at.fork!r} any more")
        if isinstance(place, AtJoin) and names.node(place.exit) != region.exit:
            raise Misfit(f"a branch of {at.fork!r} came to {place.exit!r}, where they do not join any more")


def same_calls(branch: Branch, node: Node[..., Any], seen: Any) -> None:
    """Refuses a call that was made in the step under way and that the node of today would make otherwise.

    What happened, or perhaps did, is used where the step goes on: as the result of another call it would be a guess.

    Args:
        branch: the branch.
        node: the node of today where it stands.
        seen: its state as the flow of today sees it.

    Raises:
        Misfit: there is such a call.
    """
    for call in branch.calls.values():
        intent = call.intent
        if intent is None or intent["kind"] != "tool" or (call.result is not None and "error" in call.result):
            continue
        name = intent["tool"]
        if isinstance(node, Act):
            if all(tool.name != name for tool in node.tools):
                raise Misfit(f"{name!r} was called in the step under way, and {node.name!r} has no such tool any more")
            continue
        at = branch.at.at if isinstance(branch.at, Parked) else branch.at
        edits = at.edits if isinstance(at, AtNode) else None
        if not isinstance(node, Tool):
            raise Misfit(f"{name!r} was called in the step under way, and {node.name!r} is no tool any more")
        if _text(call_of(node, seen, edits).arguments) != _text(intent["arguments"]):
            raise Misfit(f"{name!r} was called in the step under way with other arguments than it would be given now")


def _routes(shape: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, Mapping[str, Any]]]]:
    """The edges of a version by id, each with its source."""
    for source, routes in (*shape["rows"].items(), ("way", shape["ways"])):
        for route in routes:
            yield route["id"], (source, route)


def _led_to(gate: Gate) -> Iterator[str]:
    """The names of the gates that a gate's noes lead to."""
    for way in gate.ways().values():
        if isinstance(way, Gate):
            yield way.name
            yield from _led_to(way)


def _asks(gate: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in gate.items() if name != "ways"}


def _text(data: Any) -> str:
    return json.dumps(data, sort_keys=True, ensure_ascii=False)
