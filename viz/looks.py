"""How each kind looks: shape, colours and word, in one table for all renderers.

The hues are those of Okabe and Ito, which colour-blind readers tell apart: blue for models, orange for the
outside world, yellow for people, violet for rules, grey for plain code. No meaning rests on a colour alone: each
has its shape or line and its word. Text is near black on light fills (contrast above 7:1).
"""

from __future__ import annotations

from dataclasses import dataclass

from .model import ClusterKind, EdgeKind, Kind, MarkKind, Node

INK, QUIET, PAPER = "#1a1a1a", "#4d4d4d", "#ffffff"
ALERT = "#a32a00"
PATH = "#d00000"
"""The path of a finding; it is told by its width and its numbers too."""


@dataclass(frozen=True)
class Look:
    """How a node looks.

    Args:
        word: what the kind is called on the picture.
        meaning: what it is, for the legend.
        shape: Graphviz's shape.
        style: Graphviz's style beside ``filled``.
        fill: the fill.
        line: the outline.
        mermaid: what stands around a label in Mermaid.
        lines: outlines, one inside the other.
        width: the outline's width.
        ink: the colour of its name, where nothing else is told.
    """

    word: str
    meaning: str
    shape: str
    style: str
    fill: str
    line: str
    mermaid: tuple[str, str]
    lines: int = 1
    width: float = 1.2
    ink: str = INK


NODES: dict[Kind, Look] = {
    "start": Look("start", "a run begins", "ellipse", "", "#1a1a1a", "#1a1a1a", ("((", "))"), ink=PAPER),
    "compute": Look("compute", "plain code", "box", "", "#f2f2f2", "#595959", ("[", "]")),
    "think": Look("think", "a model call", "box", "rounded", "#e3f0fb", "#005a8f", ("(", ")")),
    "tool": Look("tool", "the outside world", "component", "", "#fff0db", "#9a4f00", ("[[", "]]")),
    "act": Look("act", "runs a model's calls", "folder", "", "#fff0db", "#9a4f00", ("[/", "\\]")),
    "ask": Look("ask", "a person answers", "note", "", "#fff8cf", "#6b5600", ("[/", "/]")),
    "each": Look("each", "a node for every item of a list", "box3d", "", "#f2f2f2", "#404040", ("[(", ")]"), width=1.6),
    "subflow": Look("subflow", "a flow as a node, closed", "tab", "", "#e2f3f0", "#00524d", ("[\\", "\\]"), width=2.0),
    "fork": Look("all of", "branches, side by side", "trapezium", "", "#333333", "#333333", ("[\\", "/]"), ink=PAPER),
    "join": Look("join", "waits for all", "invtrapezium", "", "#333333", "#333333", ("(((", ")))"), ink=PAPER),
    "approval": Look(
        "approval",
        "a person decides, by default not the starter",
        "octagon",
        "",
        "#fff8cf",
        "#6b5600",
        ("{{", "}}"),
        width=2.0,
    ),
    "policy": Look("policy", "a rule decides", "hexagon", "", "#efe9f8", "#56368a", ("{", "}"), width=2.0),
    "end": Look("end", "a run is over", "box", "", "#ffffff", "#1a1a1a", ("([", "])")),
    "anywhere": Look("at every step", "", "box", "dashed", "#ffffff", "#4d4d4d", (">", "]")),
}

ENDS: dict[str, Look] = {
    "success": Look("success", "", "ellipse", "", "#ddf3e8", "#00573f", ("([", "])"), lines=2),
    "partial": Look("partial", "", "ellipse", "dashed", "#ffffff", "#00573f", ("([", "])"), lines=2),
    "escalated": Look("escalated", "", "ellipse", "", "#fae7f1", "#83305f", ("([", "])"), lines=1, width=2.5),
    "failed": Look("failed", "", "ellipse", "dashed", "#fbe3dc", ALERT, ("([", "])"), lines=1, width=2.5),
}
"""The ends by verdict."""


@dataclass(frozen=True)
class Stroke:
    """How an edge looks.

    Args:
        meaning: what it is, for the legend.
        color: its colour, of its words too.
        style: Graphviz's style: solid, dashed, dotted.
        head: Graphviz's arrowhead.
        mermaid: the arrow in Mermaid.
        text: the arrow in plain text.
        width: its width.
        tail: Graphviz's arrowtail.
    """

    meaning: str
    color: str
    style: str
    head: str
    mermaid: str
    text: str
    width: float = 1.2
    tail: str = "none"


EDGES: dict[EdgeKind, Stroke] = {
    "step": Stroke("after ok, in the order tried", "#1a1a1a", "solid", "normal", "-->", "->"),
    "failed": Stroke("after a failure", ALERT, "dashed", "empty", "-.->", "-x>"),
    "ended": Stroke("after that end of a subflow", "#00524d", "solid", "vee", "-->", "->", 1.6),
    "branch": Stroke("every branch, merged in this order", "#1a1a1a", "solid", "normal", "-->", "->", 1.6, tail="dot"),
    "yes": Stroke("the gate says yes", "#00573f", "bold", "normal", "==>", "=>", 2.2),
    "no": Stroke("the gate says no", "#83305f", "solid", "normal", "-->", "->", tail="tee"),
    "anywhere": Stroke("from any step", "#4d4d4d", "dotted", "empty", "-.->", "..>", 1.6),
}


@dataclass(frozen=True)
class Frame:
    """How a cluster looks: its word and its meaning for the legend, Graphviz's style, fill, outline, how many."""

    word: str
    meaning: str
    style: str
    fill: str
    line: str
    lines: int = 1


FRAMES: dict[ClusterKind, Frame] = {
    "frame": Frame("", "", "rounded", PAPER, QUIET),
    "region": Frame("region", "branches until they join", "dashed", "#f6f6f6", "#8c8c8c"),
    "subflow": Frame("subflow", "a flow as a node", "rounded", "#f1faf8", "#00524d"),
    "each": Frame("each", "a flow for every item of a list", "rounded", "#f1faf8", "#00524d", 2),
}


@dataclass(frozen=True)
class Stamp:
    """How a mark looks: fill, text and outline; its word and its meaning for the legend."""

    word: str
    meaning: str
    fill: str
    ink: str
    line: str


MARKS: dict[MarkKind, Stamp] = {
    "none": Stamp("no effect", "only reads", "#ffffff", INK, "#595959"),
    "idempotent": Stamp("idempotent", "twice is as once", "#d9d9d9", INK, "#595959"),
    "once": Stamp("once", "must never happen twice", "#333333", "#ffffff", "#333333"),
    "high": Stamp("high stakes", "runs only when approved", ALERT, "#ffffff", ALERT),
    "exempt": Stamp("unless", "nobody is asked", "#ffffff", ALERT, ALERT),
}


def look(node: Node) -> Look:
    """How a node looks.

    Args:
        node: the node.
    """
    return ENDS.get(node.verdict or "", NODES["end"]) if node.kind == "end" else NODES[node.kind]


def is_high(node: Node) -> bool:
    """Whether stakes are high in a node, or in a part of it.

    Args:
        node: the node.
    """
    marks = [*node.marks, *(mark for part in node.parts for mark in part.marks)]
    return any(mark.kind == "high" for mark in marks)
