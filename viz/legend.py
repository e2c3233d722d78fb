"""The legend: the looks that a diagram uses, each with its meaning, and none that it does not use."""

from __future__ import annotations

from dataclasses import dataclass

from .looks import EDGES, ENDS, FRAMES, MARKS, NODES
from .model import ClusterKind, Diagram, EdgeKind, Kind, Mark, MarkKind

_PLAIN: tuple[Kind, ...] = ("start", "fork", "join", "end", "anywhere")
"""What says by its words what it is."""


@dataclass(frozen=True)
class Legend:
    """What a diagram uses, in the order of the tables of looks."""

    kinds: tuple[Kind, ...]
    frames: tuple[ClusterKind, ...]
    verdicts: tuple[str, ...]
    marks: tuple[MarkKind, ...]
    edges: tuple[EdgeKind, ...]


def legend_of(diagram: Diagram) -> Legend:
    """The looks that a diagram uses.

    Args:
        diagram: the diagram.
    """
    marks: list[Mark] = []
    for node in diagram.nodes:
        marks += [*node.marks, *(mark for part in node.parts for mark in part.marks)]
    kinds = {node.kind for node in diagram.nodes}
    frames = {item.kind for item in diagram.clusters}
    verdicts = {node.verdict for node in diagram.nodes}
    stamped = {mark.kind for mark in marks}
    strokes = {edge.kind for edge in diagram.edges}
    return Legend(
        tuple(kind for kind in NODES if kind in kinds and kind not in _PLAIN),
        tuple(kind for kind in FRAMES if kind in frames and kind != "frame"),
        tuple(verdict for verdict in ENDS if verdict in verdicts),
        tuple(mark for mark in MARKS if mark in stamped),
        tuple(kind for kind in EDGES if kind in strokes),
    )
