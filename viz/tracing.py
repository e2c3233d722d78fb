"""A finding on the picture: the path that leads to it, step by step, and its example in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import FlowError, caller
from ..flows.check.telling import in_words
from ..nodes.shapes import is_dict
from .model import Cluster, Diagram, Edge, Line, Node

if TYPE_CHECKING:
    from ..flows.check.report import Finding

_BETWEEN = ("approval", "policy", "fork", "join")
"""What a path goes through without naming it."""


def traced(diagram: Diagram, finding: Finding) -> Diagram:
    """A diagram with the path of a finding laid over it.

    Args:
        diagram: of the flow that the finding is about.
        finding: the finding.

    Raises:
        FlowError: the finding has no path.
    """
    if not finding.path:
        raise FlowError(
            f"{finding.code} has no path to draw: it is about the flow as a whole. str(report) tells it", where=caller()
        )
    trace = _Trace(diagram, finding)
    steps = trace.edges()
    edges = tuple(replace(edge, steps=tuple(steps[place])) for place, edge in enumerate(diagram.edges))
    return replace(diagram, edges=edges, traced=tuple(dict.fromkeys(trace.keys)), told=tuple(_told(finding)))


def _told(finding: Finding) -> Iterator[Line]:
    yield Line(f"{finding.code} {finding.severity}: {finding.message}", "alert")
    yield Line(f"path: {' > '.join(finding.path)}")
    if finding.example is not None:
        yield Line(f"example: {in_words(finding.example)}")


def _with_steps(finding: Finding) -> Iterator[tuple[str, dict[str, Any]]]:
    """The names of a path, each with what the executed example did there; START does nothing."""
    done = [step for step in (finding.example or {}).get("steps", ()) if is_dict(step)]
    for name in finding.path:
        step = done.pop(0) if done and done[0].get("node") == name else {}
        yield name, step


class _Trace:
    """The keys and the edges that a path leads along."""

    def __init__(self, diagram: Diagram, finding: Finding) -> None:
        self.diagram = diagram
        places = [(self.key(name), step) for name, step in _with_steps(finding)]
        self.keys = [key for key, _ in places if key is not None]
        self.steps = [step for key, step in places if key is not None]
        self.out: dict[str, list[int]] = defaultdict(list)
        for place, edge in enumerate(diagram.edges):
            self.out[edge.source].append(place)

    def key(self, name: str) -> str | None:
        """The node or frame that a name of the path is drawn as: what holds it, where its flow is drawn closed."""
        parts = name.split("/")
        while parts:
            *above, last = parts
            key = f"{above or ''}node:{last}"
            if key in self.diagram.called:
                return key
            parts = above
        return None

    def edges(self) -> dict[int, list[int]]:
        """For each edge the steps at which it is taken."""
        found: dict[int, list[int]] = defaultdict(list)
        number = 0
        through: list[str] = []
        for source, target, step in zip(self.keys, self.keys[1:], self.steps, strict=False):
            way = self.way(source, target, step)
            if source == target and not way:
                continue  # both are inside of what is drawn closed
            number += 1
            through.append(source)
            for place in way:
                found[place].append(number)
                through.append(self.diagram.edges[place].target)
        self.keys = [*through, *self.keys[-1:]]
        return found

    def way(self, source: str, target: str, step: dict[str, Any]) -> list[int]:
        """The edges from one node to the next: the shortest way through gates, forks and joins that fits the step."""
        starts = [[place] for key in self.leaving(source) for place in self.out[key]]
        starts.sort(key=lambda way: self.misfit(way[0], step))
        seen: set[int] = set()
        while starts:
            way = starts.pop(0)
            if self.arrives(way[-1], target):
                return way
            head = self.diagram.called[self.diagram.edges[way[-1]].target]
            if way[-1] in seen or not isinstance(head, Node) or head.kind not in _BETWEEN:
                continue
            seen.add(way[-1])
            onward = sorted(self.out[head.key], key=lambda place: self.misfit(place, step))
            starts += [[*way, place] for place in onward]
        return []

    def leaving(self, key: str) -> Iterator[str]:
        """What an edge may leave where it leaves a node: the node, the ends in its frame, the ways of the flow."""
        yield key
        for node in self.diagram.nodes:
            if node.kind == "anywhere" or (node.kind == "end" and node.cluster == key):
                yield node.key

    def arrives(self, place: int, target: str) -> bool:
        """Whether an edge leads to a node, or to the frame that it is the first in."""
        head = self.diagram.called[self.diagram.edges[place].target]
        return head.key == target or (isinstance(head, Cluster) and head.entry == target)

    def misfit(self, place: int, step: dict[str, Any]) -> int:
        """How little an edge is what the example did: by whether a gate said no, and how the step ended."""
        edge: Edge = self.diagram.edges[place]
        said_no = bool(step.get("noes"))
        failed = step.get("outcome") == "failed"
        kinds = {"no": said_no, "yes": not said_no, "failed": failed, "anywhere": failed, "step": not failed}
        return 0 if kinds.get(edge.kind, True) else 1
