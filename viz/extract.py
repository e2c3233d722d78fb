"""From a flow to a diagram, by way of its manifest alone, so that a stored flow can be drawn without its code."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..flows.manifest import hashes
from . import holding, telling
from .model import Cluster, Diagram, Edge, EdgeKind, Line, Node
from .nesting import ROOM, Path, opened
from .regions import Regions

if TYPE_CHECKING:
    from ..flows.flow import Flow

ANYWHERE = "anywhere"
_FLOW_WAYS = {"on_exhausted": "budget used up", "on_failure": "a failure that no edge matches"}


def diagram_of(flow: Flow[Any], *, room: int = ROOM) -> Diagram:
    """The diagram of a flow.

    Args:
        flow: the flow.
        room: how many nodes the picture may have before flows within the flow are drawn closed.
    """
    return diagram_from(flow.manifest(), room=room)


def diagram_from(manifest: dict[str, Any], *, room: int = ROOM) -> Diagram:
    """The diagram of a manifest, whose flow need not be there.

    Args:
        manifest: as ``Flow.manifest`` gives it.
        room: how many nodes the picture may have before flows within the flow are drawn closed.
    """
    canvas = _Canvas(opened(manifest, room))
    _Extraction(manifest, canvas, (), None).draw()
    shape, build = hashes(manifest)
    named = (f"flow {manifest['name']}",) if manifest.get("label") else ()
    facts = [*named, f"state {manifest['shape']['state']['name']}", f"shape {shape}", f"build {build}"]
    if canvas.closed:
        flows = "1 flow within is" if canvas.closed == 1 else f"{canvas.closed} flows within are"
        facts.append(f"{flows} closed, for a picture of at most {room} nodes")
    title = manifest.get("label") or manifest["name"]
    parts = tuple(canvas.nodes.values()), tuple(canvas.edges), tuple(canvas.clusters.values())
    return Diagram(title, tuple(facts), *parts)


class _Canvas:
    """What was drawn so far, of a flow and of all flows within it."""

    def __init__(self, open: frozenset[Path]) -> None:
        self.open, self.closed = open, 0
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []
        self.clusters: dict[str, Cluster] = {}


class _Extraction:
    """One walk over a manifest, from START along rows and gates' ways, so that nodes come in reading order."""

    def __init__(self, manifest: dict[str, Any], canvas: _Canvas, path: Path, cluster: str | None) -> None:
        self.canvas, self.path, self.cluster = canvas, path, cluster
        self.shape: dict[str, Any] = manifest["shape"]
        self.build: dict[str, Any] = manifest["build"]
        self.data: dict[str, Any] = manifest.get("data", {})
        self.ways = {route["id"]: route for route in self.shape["ways"]}
        self.limits = telling.Limits(self.shape)
        self.forks: dict[str, Any] = self.shape.get("forks", {})
        self.regions = Regions(self.forks)
        self.pending: list[str] = []

    def draw(self) -> None:
        self.reach("START")
        self.walk()
        self.anywhere()
        for name in (*self.shape["rows"], *self.shape["nodes"], *self.shape["ends"]):
            if name not in _FLOW_WAYS:
                self.reach(name)
                self.walk()

    def walk(self) -> None:
        """Draws the edges of what was reached, and of what that reaches."""
        while self.pending:
            name = self.pending.pop(0)
            routes: list[dict[str, Any]] = self.shape["rows"].get(name, [])
            for place, route in enumerate(routes, 1):
                many = len(routes) > 1
                words = telling.guards(route, self.limits, otherwise=many and name not in self.forks)
                kind = self.kind(name, route["match"])
                self.edge(
                    self.leave(name, route["match"]), self.enter(route, name), kind, place if many else None, words
                )
            self.own_ways(name)

    def kind(self, name: str, match: dict[str, Any] | None) -> EdgeKind:
        if name in self.forks:
            return "branch"
        return "step" if match is None else "ended" if "ends" in match else "failed"

    # what is drawn, and where

    def key(self, sort: str, name: str) -> str:
        """What a thing is known by: its name, and where its flow stands, so that a flow may be used twice."""
        return f"{list(self.path) if self.path else ''}{sort}:{name}"

    def frame(self, name: str | None) -> str | None:
        """The cluster that a node stands in: that of its region, or of its flow."""
        fork = None if name is None else self.regions.home(name)
        if fork is None:
            return self.cluster
        key = self.key("region", fork)
        if key not in self.canvas.clusters:
            parent = self.regions.parent(fork)
            above = self.cluster if parent is None else self.frame(parent)
            self.canvas.clusters[key] = Cluster(key, "", above, "region")
        return key

    def reach(self, name: str) -> str:
        """The key of a node, an end or a fork, which is drawn when it is reached first."""
        key = self.key("node", name)
        if key not in self.canvas.nodes and key not in self.canvas.clusters:
            self.pending.append(name)
            self.add(name, key)
        return key

    def add(self, name: str, key: str) -> None:
        frame = self.frame(name)
        if name == "START":
            return self.put(Node(key, "start", name), frame)
        if name in self.forks:
            return self.put(Node(key, "fork", "all of"), frame)
        if name in self.shape["ends"]:
            return self.put(telling.end(key, name, self.shape["ends"][name]), frame)
        spec, build = self.shape["nodes"][name], self.build["nodes"].get(name, {})
        data, gates = self.data.get(name, {}), self.shape["gates"]
        path = (*self.path, name)
        if path in self.canvas.open:
            lines = holding.frame(spec, build, data)
            inner = _Extraction(spec["flow"], self.canvas, path, key)
            self.canvas.clusters[key] = Cluster(key, name, frame, spec["kind"], lines, inner.key("node", "START"))
            return inner.draw()
        if spec.get("flow"):
            self.canvas.closed += 1
            return self.put(holding.closed(key, spec, build, data), frame)
        if spec["kind"] == "each":
            return self.put(holding.each(key, spec, build, data, gates), frame)
        return self.put(telling.node(key, spec, build, data, gates), frame)

    def put(self, node: Node, frame: str | None) -> None:
        self.canvas.nodes[node.key] = node if frame is None else replace(node, cluster=frame)

    def edge(self, source: str, target: str, kind: EdgeKind, order: int | None, words: tuple[str, ...]) -> None:
        self.canvas.edges.append(Edge(source, target, kind, order, words))

    # where edges lead

    def leave(self, name: str, match: dict[str, Any] | None) -> str:
        """What an edge leaves: the one end of an open flow that it matches, or the node or the flow as a whole."""
        key = self.key("node", name)
        if match is None or "ends" not in match or (*self.path, name) not in self.canvas.open:
            return key
        ends = self.shape["nodes"][name]["flow"]["shape"]["ends"]
        meant = [end for end, spec in ends.items() if end in match["ends"] or spec["verdict"] in match["verdicts"]]
        return f"{[*self.path, name]}node:{meant[0]}" if len(meant) == 1 else key

    def land(self, source: str | None, target: str) -> str:
        """What an edge into a target leads to: the join before it, where branches come together there."""
        fork = self.regions.join(source, target)
        return self.reach(target) if fork is None else self.join(fork, target)

    def join(self, fork: str, target: str) -> str:
        """The join of a fork, which leads on to the exit of its region, or to the join around it."""
        key = self.key("join", fork)
        if key not in self.canvas.nodes:
            self.put(Node(key, "join", "join"), self.frame(fork))
            outer = self.regions.onward(fork)
            self.edge(key, self.reach(target) if outer is None else self.join(outer, target), "step", None, ())
        return key

    def enter(self, route: dict[str, Any], source: str | None) -> str:
        """What an edge leads to first: its first gate, or its target."""
        if not route["gates"]:
            return self.land(source, route["target"])
        return self.gate(route, 0, route["gates"][0], source)

    def gate(self, route: dict[str, Any], index: int, name: str, source: str | None) -> str:
        """A gate as it stands on one edge: its yes leads on along that edge, each no goes its own way."""
        frame = self.frame(source)
        key = self.key("gate", repr((route["id"], index, name, frame)))
        if key in self.canvas.nodes:
            return key
        spec = self.shape["gates"][name]
        self.put(telling.gate(key, name, spec), frame)
        if index == len(route["gates"]) - 1:
            onward = self.land(source, route["target"])
        else:
            onward = self.gate(route, index + 1, route["gates"][index + 1], source)
        self.edge(key, onward, "yes", None, (telling.yes(spec),))
        for no, way in spec["ways"].items():
            if way is not None:
                self.edge(key, self.follow(way, route, index, source), "no", None, (telling.no(no, spec),))
        return key

    def follow(self, way: dict[str, str], route: dict[str, Any], index: int, source: str | None) -> str:
        """Where a no leads: a target, a gate that then decides about the same target, or gates and a target."""
        if "gate" in way:
            return self.gate(route, index, way["gate"], source)
        return self.enter(self.ways[way["route"]], source) if "route" in way else self.land(source, way["target"])

    # ways that are not in a row

    def own_ways(self, name: str) -> None:
        """The ways of a node's own noes: an ask that nobody answers, a gate of a tool of act."""
        spec, key = self.shape["nodes"].get(name, {}), self.key("node", name)
        expired = spec.get("expired")
        if expired is not None:
            self.edge(key, self.follow(expired, {}, 0, name), "no", None, (telling.no("expired", spec),))
        for gate in telling.gates_of(spec, self.shape["gates"]) if spec.get("kind") == "act" else ():
            said = self.shape["gates"][gate]
            for no, way in said["ways"].items():
                if way is not None and "gate" not in way:
                    self.edge(key, self.follow(way, {}, 0, name), "no", None, (f"{gate}: {telling.no(no, said)}",))

    def anywhere(self) -> None:
        """The box of what holds at every step, with the flow's own ways."""
        rows = {kind: self.shape["rows"][kind][0] for kind in _FLOW_WAYS if kind in self.shape["rows"]}
        budget = telling.budget(self.build["budget"])
        if not rows and (not budget or self.cluster is not None):
            return  # the frame of a flow within tells its budget itself
        over = "ends the run" if self.cluster is None else "fails the flow"
        lines = [*budget, *([] if "on_failure" in rows else [Line(f"a failure that no edge matches {over}", "quiet")])]
        name = "budget and failures" if budget else "failures"
        key = ANYWHERE if self.cluster is None else self.key("flow", ANYWHERE)
        self.put(Node(key, "anywhere", name, tuple(lines)), self.cluster)
        for kind, route in rows.items():
            self.edge(key, self.enter(route, None), "anywhere", None, (_FLOW_WAYS[kind],))
