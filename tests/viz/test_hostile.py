"""Text that strangers would send: it is shown, and does nothing else, in every format."""

from __future__ import annotations

import json
import re
import unicodedata
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guideway.viz.graphviz import layout
from guideway.viz.model import Diagram
from guideway.viz.render_dot import places, render_dot
from guideway.viz.render_mermaid import render_mermaid
from guideway.viz.render_pdf import render_pdf
from guideway.viz.render_svg import render_svg
from guideway.viz.render_text import render_text
from guideway.viz.words import NAME, TEXT, shown, wrapped
from tests.viz.drawings import NASTY, every_place
from tests.viz.drawings import TEXT as ANYTHING

DRAWN = {"svg", "g", "title", "text", "path", "polygon", "polyline", "ellipse"}
"""The elements that Graphviz draws with."""

OPEN = r"\(\(\(|\(\(|\[\[|\[/|\[\\|\[\(|\[|\(\[|\(|\{\{|\{|>"
SHUT = r"\)\)\)|\)\)|\]\]|\\\]|/\]|\)\]|\]\)|\]|\)|\}\}|\}"
NODE = re.compile(rf'n\d+({OPEN})"[^"]+"({SHUT})')
LINK = re.compile(r'[nc]\d+ (-->|==>|-\.->)(\|"[^"]+"\|)? n\d+')
OTHER = re.compile(
    r'flowchart TB|direction TB|end|subgraph \w+\["[^"]+"\]|linkStyle \d+ [\w#:,-]+'
    r"|classDef \w+ [\w#:,. -]+|class [nc\d,]+ \w+"
)


def names(diagram: Diagram) -> set[str]:
    """What Graphviz finds in DOT source as nodes and edges."""
    drawn = json.loads(layout(render_dot(diagram), "dot_json"))
    places = {item["_gvid"]: item["name"] for item in drawn["objects"]}
    nodes = {name for name in places.values() if not name.startswith("cluster")}
    seen = [edge for edge in drawn.get("edges", []) if edge.get("style") != "invis"]
    return nodes | {f"{places[edge['tail']]}->{places[edge['head']]}" for edge in seen}


def wanted(diagram: Diagram) -> set[str]:
    """The nodes and edges of a diagram, by the renderers' names, with the points where edges leave frames."""
    out = {f"{diagram.frames[item.key]}_out" for item in diagram.clusters if item.entry is not None}
    return set(diagram.names.values()) | out | {"->".join(places(diagram, edge)) for edge in diagram.edges}


def each(test):
    """Runs a test on each nasty text, and on whatever hypothesis finds."""
    for said in NASTY:
        test = example(said=said)(test)
    return settings(max_examples=25)(given(said=ANYTHING)(test))


@each
def test_svg_stays_a_picture(said):
    """The SVG parses, holds nothing but drawing, and has as many nodes and edges as the diagram."""
    diagram = every_place(said)
    found = ET.fromstring(render_svg(diagram))
    for element in found.iter():
        assert element.tag.rpartition("}")[2] in DRAWN
        assert not [name for name in element.attrib if "href" in name or name.lower().startswith("on")]
    kinds = [element.get("class") for element in found.iter()]
    assert (kinds.count("node"), kinds.count("edge")) == (len(diagram.nodes), len(diagram.edges))


@each
def test_dot_keeps_its_nodes_and_edges(said):
    """Graphviz reads from the DOT source the diagram's nodes and edges, and no others."""
    diagram = every_place(said)
    assert names(diagram) == wanted(diagram)


@each
def test_mermaid_keeps_its_grammar(said):
    """Every line of Mermaid is one of its few forms, and the links and nodes are the diagram's."""
    diagram = every_place(said)
    lines = render_mermaid(diagram).splitlines()
    assert not [line for line in lines if not any(form.fullmatch(line) for form in (NODE, LINK, OTHER))]
    assert sum(bool(NODE.fullmatch(line)) for line in lines) == len(diagram.nodes)
    assert sum(bool(LINK.fullmatch(line)) for line in lines) == len(diagram.edges)
    assert not re.search(r"%%|<(?!br/>)|click|javascript:|`", "\n".join(lines).replace("click n0 href", ""))


@each
def test_text_cannot_drive_a_terminal(said):
    """The text form holds nothing that cannot be seen, and no line that a text made."""
    diagram = every_place(said)
    text = render_text(diagram)
    assert text.replace("\n", "").isprintable()
    assert len(text.splitlines()) == len(render_text(every_place("x")).splitlines())


@settings(max_examples=10)
@given(said=ANYTHING)
@example(said="\\) Tj ET (evil")
@example(said="((\\")
@example(said="中文")
def test_pdf_keeps_its_strings(said):
    """A text ends no string of a PDF: its parentheses and backslashes are numbers."""
    pdf = render_pdf(every_place(said))
    content = pdf.split(b"stream\n", 1)[1].split(b"\nendstream", 1)[0]
    for line in content.decode("ascii").splitlines():
        assert line.count("(") == line.count(")")
        assert line.startswith("BT ") or "(" not in line


def test_backslashes_are_shown_as_they_are():
    r"""Graphviz's own escapes such as ``\N`` are text like any other."""
    diagram = every_place(r"\N\G\E\\n")
    texts = [item for item in ET.fromstring(render_svg(diagram)).iter() if item.tag.endswith("text")]
    said = ["".join(item.itertext()) for item in texts]
    assert r"\N\G\E\\n" in said
    assert rb"(\134N\134G\134E\134\134n) Tj" in render_pdf(diagram)


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x1b[31m", r"\x1b[31m"),
        ("user\u202etxt", r"user\u202etxt"),
        ("a\u200bb\u00a0c", r"a\u200bb\xa0c"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("é Ж 中文 “x”", "é Ж 中文 “x”"),
        ("", ""),
    ],
)
def test_what_cannot_be_seen_is_escaped(said, seen):
    """Control characters, marks of direction, blanks that are none and broken characters are written as escapes."""
    assert shown(said) == seen


@given(st.text(max_size=2000))
def test_shown_text_is_visible_and_bounded(said):
    """Whatever comes in, what comes out can be seen and is not much longer than the limit."""
    seen = shown(said)
    assert seen.isprintable()
    assert len(seen) <= 10 * TEXT + 40
    assert all(len(line) <= 30 for line in wrapped(said, 30))


def test_what_is_cut_says_so():
    """A text that is too long ends with how long it is."""
    assert shown("a" * 10_000, NAME) == "a" * NAME + "… (10,000 characters)"


def test_accents_do_not_pile_up():
    """More accents than two on a character are written as escapes, so that none covers its neighbours."""
    seen = shown("e" + "\u0301" * 5)
    assert sum(unicodedata.combining(char) > 0 for char in seen) == 2
