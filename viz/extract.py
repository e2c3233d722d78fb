"""From a flow to a diagram, by way of its manifest, so that a stored flow can be drawn without its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import telling
from .model import Diagram, Edge, EdgeKind, Line, Node

if TYPE_CHECKING:
    from ..flows.flow import Flow

ANYWHERE = "anywhere"
_FLOW_WAYS = {"on_exhausted": "budget used up", "on_failure": "a failure that no edge matches"}


def diagram_of(flow: Flow[Any]) -> Diagram:
    """The diagram of a flow.

    Args:
        flow: the flow.
    """
    named = (f"flow {flow.name}",) if flow.label else ()
    facts = (*named, f"state {flow.state.__name__}", f"shape {flow.shape}", f"build {flow.build}")
    return _Extraction(flow.manifest(), _details(flow)).diagram(facts)


def _details(flow: Flow[Any]) -> dict[str, dict[str, Any]]:
    """What the manifest does not tell of each node: the fields read and written."""
    details: dict[str, dict[str, Any]] = {}
    for name, node in flow.nodes.items():
        details[name] = {"reads": node.reads(flow.state), "written": node.written(flow.state)}
    return details


class _Extraction:
    """One walk over a manifest, from START along rows and gates' ways, so that nodes come in reading order."""

    def __init__(self, manifest: dict[str, Any], details: dict[str, dict[str, Any]]) -> None:
        self.manifest, self.details = manifest, details
        self.shape: dict[str, Any] = manifest["shape"]
        self.build: dict[str, Any] = manifest["build"]
        self.ways = {route["id"]: route for route in self.shape["ways"]}
        self.limits = telling.Limits(self.shape)
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []
        self.pending: list[str] = []

    def diagram(self, facts: tuple[str, ...]) -> Diagram:
        self.reach("START")
        self.walk()
        self.anywhere()
        for name in (*self.shape["rows"], *self.shape["nodes"], *self.shape["ends"]):
            if name not in _FLOW_WAYS:
                self.reach(name)
                self.walk()
        title = self.manifest.get("label") or self.manifest["name"]
        return Diagram(title, facts, tuple(self.nodes.values()), tuple(self.edges))

    def walk(self) -> None:
        """Draws the edges of what was reached, and of what that reaches."""
        while self.pending:
            name = self.pending.pop(0)
            key = self.key(name)
            routes: list[dict[str, Any]] = self.shape["rows"].get(name, [])
            for place, route in enumerate(routes, 1):
                many = len(routes) > 1
                words = telling.guards(route, self.limits, otherwise=many)
                kind: EdgeKind = "failed" if route["match"] is not None else "step"
                self.edge(key, self.enter(route), kind, place if many else None, words)
            self.own_ways(name, key)

    # where edges lead

    def key(self, name: str) -> str:
        return f"node:{name}"

    def reach(self, name: str) -> str:
        """The key of a node or an end, which is drawn when it is reached first."""
        key = self.key(name)
        if key not in self.nodes:
            self.nodes[key] = self.node(name, key)
            self.pending.append(name)
        return key

    def node(self, name: str, key: str) -> Node:
        if name == "START":
            return Node(key, "start", name)
        end = self.shape["ends"].get(name)
        if end is not None:
            return telling.end(key, name, end)
        spec, build = self.shape["nodes"][name], self.build["nodes"].get(name, {})
        return telling.node(key, spec, build, self.details.get(name, {}), self.shape["gates"])

    def edge(self, source: str, target: str, kind: EdgeKind, order: int | None, words: tuple[str, ...]) -> None:
        self.edges.append(Edge(source, target, kind, order, words))

    def enter(self, route: dict[str, Any]) -> str:
        """What an edge leads to first: its first gate, or its target."""
        if not route["gates"]:
            return self.reach(route["target"])
        return self.gate(route, 0, route["gates"][0])

    def gate(self, route: dict[str, Any], index: int, name: str) -> str:
        """A gate as it stands on one edge: its yes leads on along that edge, each no goes its own way."""
        key = f"gate:{route['id']}:{index}:{name}"
        if key in self.nodes:
            return key
        spec = self.shape["gates"][name]
        self.nodes[key] = telling.gate(key, name, spec)
        last = index == len(route["gates"]) - 1
        onward = self.reach(route["target"]) if last else self.gate(route, index + 1, route["gates"][index + 1])
        self.edge(key, onward, "yes", None, (telling.yes(spec),))
        for no, way in spec["ways"].items():
            if way is not None:
                self.edge(key, self.follow(way, route, index), "no", None, (telling.no(no, spec),))
        return key

    def follow(self, way: dict[str, str], route: dict[str, Any], index: int) -> str:
        """Where a no leads: a target, a gate that then decides about the same target, or gates and a target."""
        if "gate" in way:
            return self.gate(route, index, way["gate"])
        return self.enter(self.ways[way["route"]]) if "route" in way else self.reach(way["target"])

    # ways that are not in a row

    def own_ways(self, name: str, key: str) -> None:
        """The ways of a node's own noes: an ask that nobody answers, a gate of a tool of act."""
        spec = self.shape["nodes"].get(name, {})
        expired = spec.get("expired")
        if expired is not None:
            self.edge(key, self.follow(expired, {}, 0), "no", None, (telling.no("expired", spec),))
        for gate in telling.gates_of(spec, self.shape["gates"]) if "gates" in spec else ():
            said = self.shape["gates"][gate]
            for no, way in said["ways"].items():
                if way is not None and "gate" not in way:
                    self.edge(key, self.follow(way, {}, 0), "no", None, (f"{gate}: {telling.no(no, said)}",))

    def anywhere(self) -> None:
        """The box of what holds at every step, with the flow's own ways."""
        rows = {kind: self.shape["rows"][kind][0] for kind in _FLOW_WAYS if kind in self.shape["rows"]}
        budget = telling.budget(self.build["budget"])
        if not rows and not budget:
            return
        without = "" if "on_failure" in rows else "a failure that no edge matches ends the run"
        lines = [*budget, *([Line(without, "quiet")] if without else [])]
        self.nodes[ANYWHERE] = Node(ANYWHERE, "anywhere", "budget and failures" if budget else "failures", tuple(lines))
        for kind, route in rows.items():
            self.edge(ANYWHERE, self.enter(route), "anywhere", None, (_FLOW_WAYS[kind],))
