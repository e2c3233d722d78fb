"""Each renderer on diagrams made by hand: what a reader finds in svg, dot, mermaid, text and pdf."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from guideway.viz.looks import ALERT, EDGES, ENDS, FRAMES, INK, MARKS, NODES, PAPER, QUIET
from guideway.viz.model import Cluster, Diagram, Edge, Line, Mark, Node, Part
from guideway.viz.render_dot import render_dot
from guideway.viz.render_mermaid import render_mermaid
from guideway.viz.render_pdf import render_pdf
from guideway.viz.render_svg import render_svg
from guideway.viz.render_text import render_text

SVG = "{http://www.w3.org/2000/svg}"

SMALL = Diagram(
    "Small",
    ("state S",),
    (
        Node("s", "start", "START"),
        Node("p", "tool", "pay", (Line("total → note"),), (Mark("once", "effect: once"), Mark("high", "HIGH STAKES"))),
        Node("g", "approval", "lead", (Line("role lead"),), (Mark("exempt", "unless total < 50"),)),
        Node("e", "end", "done", verdict="success"),
        Node("h", "end", "human", verdict="escalated"),
        Node("d", "act", "do", parts=(Part("look", "tool", (Mark("none", "no effect"),), (Line("asks lead"),)),)),
    ),
    (
        Edge("s", "g", "step", 1, ("total > 1", "and exists(note)")),
        Edge("s", "d", "step", 2, ("otherwise",)),
        Edge("g", "p", "yes", None, ("approved",)),
        Edge("g", "h", "no", None, ("denied",)),
        Edge("p", "h", "failed", 1, ("failed: timeout",)),
        Edge("p", "e", "step", 2, ("otherwise",)),
        Edge("d", "e"),
    ),
)


def words(svg: str) -> list[str]:
    """The texts of an SVG."""
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def groups(svg: str, sort: str) -> list[ET.Element]:
    """The groups of an SVG that are nodes, or edges."""
    return [element for element in ET.fromstring(svg).iter(f"{SVG}g") if element.get("class") == sort]


def test_svg_shows_every_word():
    """Names, marks, guards with their order, answers, title, facts and legend are all in the picture."""
    said = " ".join(words(render_svg(SMALL)))
    names, guards = ["Small", "state S", "pay", "look", "escalated"], ["1.", "total > 1", "and exists(note)"]
    marks, answers = ["HIGH STAKES", "effect: once", "unless total < 50", "role lead"], ["approved", "denied"]
    for word in (*names, *guards, *marks, *answers, "failed: timeout"):
        assert word in said
    assert "the gate says yes" in said
    assert "after a failure" in said


def test_svg_has_a_group_for_each_node_and_edge():
    """The picture has as many nodes and edges as the diagram."""
    svg = render_svg(SMALL)
    assert len(groups(svg, "node")) == len(SMALL.nodes)
    assert len(groups(svg, "edge")) == len(SMALL.edges)


def test_svg_tells_names_to_pointers_and_screen_readers():
    """Each node and edge is titled by what it is, and the whole by its title, not by a renderer's names."""
    svg = render_svg(SMALL)
    titles = [element.text for element in ET.fromstring(svg).iter(f"{SVG}title")]
    assert "tool pay" in titles
    assert "START to lead: total > 1; and exists(note)" in titles
    assert not [title for title in titles if re.fullmatch(r"n\d+.*|flow|cluster_.*|", title or "")]
    assert ET.fromstring(svg).get("aria-label") == "Small"


def test_svg_is_one_element_without_prolog():
    """Nothing stands before the svg element, so that the picture can be put into a page as it is."""
    svg = render_svg(SMALL)
    assert svg.startswith("<svg ")
    assert svg.rstrip().endswith("</svg>")
    assert "<!" not in svg
    assert "Graphviz" not in svg


def test_edges_that_join_the_same_nodes_stay_apart():
    """Two edges between the same nodes are two arrows, and both their guards are told."""
    nodes = (Node("a", "compute", "a"), Node("b", "compute", "b"))
    twice = Diagram("t", (), nodes, (Edge("a", "b", "step", 1, ("x > 1",)), Edge("a", "b", "failed", 2, ("failed",))))
    svg = render_svg(twice)
    assert len(groups(svg, "edge")) == 2
    assert "a to b: x > 1 / failed" in [element.text for element in ET.fromstring(svg).iter(f"{SVG}title")]


def test_the_legend_holds_what_is_used_and_no_more():
    """A look that the picture does not use is not explained."""
    said = " ".join(words(render_svg(SMALL)))
    assert "a rule decides" not in said
    assert "from any step" not in said
    assert "ends partial" not in said
    assert "ends success" in said


def test_an_empty_diagram_is_drawn():
    """A diagram without anything in it is a picture with a title, in every format."""
    empty = Diagram("nothing")
    assert "nothing" in words(render_svg(empty))
    for render in (render_dot, render_mermaid, render_text):
        assert "nothing" in render(empty)
    assert render_pdf(empty).startswith(b"%PDF")


def test_clusters_are_frames_with_titles():
    """Nodes of a cluster stand in a frame that bears its title; clusters may stand in clusters."""
    nodes = (Node("a", "compute", "a", cluster="in"), Node("b", "compute", "b"))
    diagram = Diagram("t", (), nodes, (Edge("a", "b"),), (Cluster("out", "outer"), Cluster("in", "inner", "out")))
    assert {"outer", "inner"} <= set(words(render_svg(diagram)))
    mermaid = render_mermaid(diagram)
    assert mermaid.index('c0["outer"]') < mermaid.index('c1["inner"]') < mermaid.index("n0[")


def test_mermaid_is_plain():
    """Mermaid is written in its plainest syntax: a shape, a quoted label and a class for each node, a link an edge."""
    text = render_mermaid(SMALL)
    assert text.startswith("flowchart TB\n")
    assert 'n0(("START"))' in text
    assert 'n1[["tool#58; pay<br/>effect#58; once<br/>HIGH STAKES<br/>total #8594; note"]]' in text
    assert 'n0 -->|"1. total #62; 1 and exists(note)"| n2' in text
    assert 'n2 ==>|"approved"| n1' in text
    assert 'n1 -.->|"1. failed#58; timeout"| n4' in text
    assert "n5 --> n3" in text
    assert "class n1 toolHighLook" in text


def test_text_lists_edges_beneath_their_nodes():
    """The text form shows each node's edges in order, and a gate's answers beneath the edge that it stands on."""
    lines = render_text(SMALL).splitlines()
    start = lines.index("START")
    assert lines[start : start + 7] == [
        "START",
        "  1. total > 1 and exists(note) -> [approval lead]",
        "        unless total < 50",
        "        role lead",
        "      approved => pay",
        "      denied -> [escalated human]",
        "  2. otherwise -> do",
    ]
    assert "pay (tool) [effect: once] [HIGH STAKES]" in lines
    assert "    look [no effect]" in lines


def test_pdf_is_a_page_of_letters():
    """A PDF holds the words as text, each object where its table says, and no picture."""
    pdf = render_pdf(SMALL)
    assert pdf.startswith(b"%PDF-1.4")
    assert b"(HIGH STAKES) Tj" in pdf
    assert b"/Image" not in pdf
    table = pdf[int(pdf.rsplit(b"startxref\n", 1)[1].split()[0]) :]
    places = [int(place) for place in re.findall(rb"^(\d{10}) 00000 n", table, re.M)]
    assert [pdf[place:].split()[0] for place in places] == [b"%d" % number for number in range(1, len(places) + 1)]
    length = int(re.findall(rb"/Length (\d+)", pdf)[0])
    assert pdf.split(b"stream\n", 1)[1][length:].startswith(b"\nendstream")


def test_pdf_with_other_letters_is_a_picture():
    """A name in letters that not every reader's fonts have is kept as it is, in a picture."""
    pdf = render_pdf(Diagram("Ж", nodes=(Node("a", "compute", "имя"),)))
    assert b"/DCTDecode" in pdf
    assert b"\xff\xd8\xff" in pdf


def luminance(color: str) -> float:
    """The relative luminance of a colour, as WCAG 2 defines it."""
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_is_legible():
    """Whatever is written has a contrast of at least 4.5 to its ground: WCAG's AA."""
    pairs = [(stroke.color, PAPER) for stroke in EDGES.values()]
    pairs += [(stamp.ink, stamp.fill) for stamp in MARKS.values()]
    for looks in (*NODES.values(), *ENDS.values()):
        inks = (PAPER,) if looks.ink == PAPER else (INK, QUIET, looks.line, ALERT)
        pairs += [(ink, looks.fill) for ink in inks]
    pairs += [(NODES[kind].line, NODES["act"].fill) for kind in ("policy", "approval")]
    parts = ("compute", "think", "tool", "ask", "policy", "approval")
    pairs += [(NODES[kind].line, NODES["each"].fill) for kind in parts]
    for frame in FRAMES.values():
        pairs += [(ink, frame.fill) for ink in (INK, QUIET, ALERT, *(stroke.color for stroke in EDGES.values()))]
    pairs += [(frame.line, frame.fill) for frame in FRAMES.values() if frame.word and frame.word != "region"]
    assert not [(ink, fill, contrast(ink, fill)) for ink, fill in pairs if contrast(ink, fill) < 4.5]


def test_no_meaning_rests_on_colour_alone():
    """Kinds differ by shape, verdicts by outline, edges by line; each without its colour too."""
    assert len({(looks.shape, looks.style) for looks in NODES.values()} - {("box", "")}) == len(NODES) - 2
    assert len({looks.mermaid for looks in NODES.values()}) == len(NODES)
    assert len({(looks.style, looks.lines, looks.width) for looks in ENDS.values()}) == len(ENDS)
    assert len({(frame.style, frame.lines, frame.line) for frame in FRAMES.values()}) == len(FRAMES)
    assert len({(stroke.style, stroke.head, stroke.tail) for stroke in EDGES.values()}) == len(EDGES)


@pytest.mark.parametrize("render", [render_dot, render_svg, render_mermaid, render_text, render_pdf])
def test_the_same_diagram_gives_the_same_bytes(render):
    """Drawing twice gives the same."""
    assert render(SMALL) == render(SMALL)
