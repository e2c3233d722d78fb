"""Branches, items and flows within flows on the picture: all of them are there, in their frames, with their words."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from guideway import START, End, Flow, all_of, compute, each, ended, on, subflow, think, when
from guideway.viz.extract import diagram_from, diagram_of
from guideway.viz.formats import FORMATS
from guideway.viz.model import Cluster, Diagram, Node
from guideway.viz.nesting import opened
from guideway.viz.regions import Regions
from guideway.viz.render_dot import render_dot
from guideway.viz.render_mermaid import render_mermaid
from guideway.viz.render_svg import render_svg
from guideway.viz.render_text import render_text
from tests.viz.drawings import DESK, NASTY
from tests.viz.nested import (
    FIVE,
    FORK_IN_BRANCH,
    PAGE,
    REFUND,
    RESEARCH,
    SUPPORT,
    Bill,
    Order,
    Study,
    closed_ok,
    not_ours,
    o,
    paid,
    refund,
    refused,
    stopped,
)

EVERY = (FIVE, FORK_IN_BRANCH, RESEARCH, SUPPORT)


def called(diagram: Diagram, key: str) -> str:
    """What stands at a key, with the frame that it stands in."""
    item = diagram.called[key]
    return item.title if isinstance(item, Cluster) else item.name


def arrows(diagram: Diagram, name: str, kind: str | None = None) -> list[tuple[str, int | None, str, str]]:
    """The edges that leave what has that name: kind, order, words, and what they lead to."""
    return [
        (edge.kind, edge.order, " ".join(edge.words), called(diagram, edge.target))
        for edge in diagram.edges
        if called(diagram, edge.source) == name and (kind is None or edge.kind == kind)
    ]


def only(diagram: Diagram, name: str) -> Node:
    """The node of that name."""
    (found,) = [node for node in diagram.nodes if node.name == name]
    return found


def frame(diagram: Diagram, title: str) -> Cluster:
    """The frame of that title."""
    (found,) = [item for item in diagram.clusters if item.title == title]
    return found


def told(item: Node | Cluster) -> list[str]:
    """What is told about a node or a frame."""
    return [line.text for line in item.lines]


def inside(diagram: Diagram, key: str | None) -> set[str]:
    """The names of the nodes that stand in a frame itself."""
    return {node.name for node in diagram.nodes if node.cluster == key}


# branches


def test_a_fork_leads_to_all_its_heads_and_its_branches_to_the_join():
    """A bar fans out to the heads, in the order they are merged; edges to the exit lead to a bar before it."""
    diagram = diagram_of(FIVE)
    assert arrows(diagram, "START") == [("step", None, "", "all of")]
    assert arrows(diagram, "all of") == [("branch", 1, "", "count_stock"), ("branch", 2, "", "check_credit")]
    assert arrows(diagram, "check_credit") == [("step", None, "", "join")]
    assert arrows(diagram, "count_stock") == [("failed", 1, "failed", "stopped"), ("step", 2, "otherwise", "join")]
    assert arrows(diagram, "join") == [("step", None, "", "ship")]


def test_a_region_is_a_frame_around_its_branches():
    """Bars and branches stand in the frame; what comes before, after, and by failure does not."""
    diagram = diagram_of(FIVE)
    (region,) = diagram.clusters
    assert region.kind == "region"
    assert inside(diagram, region.key) == {"all of", "count_stock", "check_credit", "join"}


def test_a_gate_on_a_head_stands_in_the_branch():
    """The gate of a head is drawn between the fork and the head, in the region, with its noes."""
    diagram = diagram_of(FORK_IN_BRANCH)
    assert ("branch", 2, "", "cashier") in arrows(diagram, "all of")
    assert arrows(diagram, "cashier") == [
        ("yes", None, "approved", "charge"),
        ("no", None, "denied", "explain"),
        ("no", None, "expired after 2h", "explain"),
    ]
    assert diagram.called[only(diagram, "cashier").cluster or ""] == diagram.clusters[0]


def test_a_fork_in_a_branch_joins_before_its_branch_does():
    """Where both regions have one exit, the inner join leads to the outer one, and the frames stand in each other."""
    diagram = diagram_of(FORK_IN_BRANCH)
    outer, inner = diagram.clusters
    assert (outer.parent, inner.parent) == (None, outer.key)
    assert inside(diagram, inner.key) == {"all of", "notify", "audit", "join"}
    joins = {node.key: node.cluster for node in diagram.nodes if node.kind == "join"}
    onward = {edge.source: edge.target for edge in diagram.edges if edge.source in joins}
    (first,) = [key for key, cluster in joins.items() if cluster == inner.key]
    assert joins[onward[first]] == outer.key
    assert called(diagram, onward[onward[first]]) == "ship"


def test_a_way_that_is_not_of_the_region_enters_its_exit_itself():
    """Only branches come together at the join: an edge to the exit from elsewhere leads to the exit."""

    @compute(writes="text")
    def skip(text: str) -> str:
        return text

    one, two, after = skip.named("one"), skip.named("two"), skip.named("after")
    flow = Flow(
        "f",
        state=Order,
        edges=[
            on(START, skip),
            on(skip, when(o.total > 1) >> all_of(one, two), after),
            on(one, after),
            on(two, after),
            on(after, closed_ok),
        ],
    )
    diagram = diagram_of(flow)
    assert arrows(diagram, "skip") == [("step", 1, "total > 1", "all of"), ("step", 2, "otherwise", "after")]
    assert arrows(diagram, "one") == [("step", None, "", "join")]


def test_regions_that_cross_have_no_frames_and_one_join():
    """Two forks that share a branch cannot stand in frames of their own; they join at one bar."""
    crossed = Regions(
        {
            "x": {"heads": ["a", "b"], "exit": "end", "inside": ["a", "b"]},
            "y": {"heads": ["b", "c"], "exit": "end", "inside": ["b", "c"]},
        }
    )
    assert crossed.framed == frozenset()
    assert [crossed.home(name) for name in ("x", "a", "b")] == [None, None, None]
    assert {crossed.join(name, "end") for name in ("a", "b", "c", "x", "y")} == {"x"}
    assert crossed.join("d", "end") is None
    assert crossed.onward("x") is None


# items


def test_each_shows_its_items_and_its_inner_node():
    """A node for every item says of what, how many at once, and what is tolerated; its node is a part of it."""
    node = only(diagram_of(RESEARCH), "searches")
    assert (node.kind, told(node)) == ("each", ["each query of queries, 5 at once, tolerates 10%", "→ found"])
    (part,) = node.parts
    assert (part.name, part.kind) == ("search", "tool")
    assert [mark.text for mark in part.marks] == ["no effect"]


def test_each_shows_the_gates_of_its_items():
    """Gates before the node are told as asked for each item, with what a no does; stakes stand out."""
    node = only(diagram_of(RESEARCH), "posting")
    post, editor = node.parts
    assert [mark.text for mark in post.marks] == ["effect: once", "HIGH STAKES"]
    assert [line.text for line in post.lines] == ["asks editor for each item", "timeout 8s"]
    assert (editor.kind, [line.text for line in editor.lines]) == (
        "approval",
        ["role editor · quorum 2 · within 24h", "denied: the item fails", "expired: the item fails"],
    )
    assert told(node)[0] == "each page of urls, 1 at once, tolerates no failure"


@pytest.mark.parametrize(
    ("tolerate", "words"),
    [(0, "no failure"), (0.0, "no failure"), (3, "3"), (0.05, "5%"), (0.125, "12.5%"), (1.0, "100%"), (0.5, "50%")],
)
def test_what_is_tolerated_is_a_count_or_a_share(tolerate: float, words: str):
    """A share is told in percent, a count as it is."""
    items = each(PAGE, name="items", item="url", over="urls", into="pages", tolerate=tolerate)
    flow = Flow("f", state=Study, edges=[on(START, items), on(items, End("over"))])
    assert f"each url of urls, 5 at once, tolerates {words}" in told(frame(diagram_of(flow), "items"))


def test_each_over_a_flow_is_a_frame_of_many():
    """A flow for every item is drawn open, in a frame that says how the items are worked on."""
    diagram = diagram_of(RESEARCH)
    found = frame(diagram, "reading")
    assert found.kind == "each"
    assert told(found) == [
        "flow page",
        "each url of urls, 8 at once, tolerates 3",
        "language → pages",
        "budget: 6 steps · $0.02",
    ]
    assert inside(diagram, found.key) == {"START", "fetch", "condense", "read", "unreadable"}
    assert arrows(diagram, "choose") == [("step", None, "", "reading")]
    assert arrows(diagram, "reading") == [("failed", 1, "failed", "short"), ("step", 2, "otherwise", "write")]


def test_an_inner_think_tells_its_model():
    """What works on the items is told as it would be in a box of its own."""

    @think(model=["small", "strong"])
    def sort(query: str) -> str:
        return query

    items = each(sort, name="items", item="query", over="queries", into="posted")
    flow = Flow("f", state=Study, edges=[on(START, items), on(items, End("over"))])
    (part,) = only(diagram_of(flow), "items").parts
    assert (part.kind, [line.text for line in part.lines]) == ("think", ["model small or else strong"])


# flows within flows


def test_a_subflow_is_a_frame_with_its_flow_and_what_is_exchanged():
    """The frame is titled by the node, tells the flow's name and the fields by both their names, and holds its ends."""
    diagram = diagram_of(SUPPORT)
    found = frame(diagram, "billing")
    assert (found.kind, found.parent) == ("subflow", None)
    assert told(found) == ["flow Billing desk", "message as question, amount → answer as reply, receipt"]
    assert {"START", "look_up_bill", "answered", "not ours", "too large"} <= inside(diagram, found.key)
    assert called(diagram, found.entry or "") == "START"
    assert told(frame(diagram, "refund")) == ["shares question, amount, answer, receipt", "budget: $0.05"]


def test_an_end_that_is_matched_leads_on_from_there():
    """An edge that names one end leaves that end; the others leave the frame, each with its place in the order."""
    diagram = diagram_of(SUPPORT)
    assert arrows(diagram, "not ours") == [("ended", 1, "ended not ours and at most 1 time", "triage")]
    assert arrows(diagram, "too large") == [("ended", 2, "ended as escalated", "person")]
    assert arrows(diagram, "billing") == [("failed", 3, "failed", "to a person"), ("step", 4, "otherwise", "thank")]


def test_an_edge_for_several_ends_leaves_the_frame():
    """Ends that share an edge are named on it, with the verdicts that it is for."""
    flow = Flow(
        "f",
        state=Bill,
        edges=[on(START, refund), on(refund, ended(paid, refused, "failed") >> not_ours, stopped)],
    )
    diagram = diagram_of(flow)
    assert arrows(diagram, "refund") == [
        ("ended", 1, "ended paid, refused or as failed", "not ours"),
        ("step", 2, "otherwise", "stopped"),
    ]


def test_frames_stand_in_frames():
    """A flow within a flow within a flow: its frame stands in the middle one's, and its gate in it."""
    diagram = diagram_of(SUPPORT)
    inner = frame(diagram, "refund")
    assert inner.parent == frame(diagram, "billing").key
    assert inside(diagram, inner.key) == {"START", "lead", "pay_back", "paid", "refused"}


def test_a_flow_used_twice_is_drawn_twice():
    """Two nodes that hold one flow have frames of their own, with keys and names that do not meet."""
    diagram = diagram_of(SUPPORT)
    gates = [node for node in diagram.nodes if node.name == "lead"]
    assert {called(diagram, node.cluster or "") for node in gates} == {"refund", "goodwill"}
    for flow in EVERY:
        keys = [item.key for item in (*diagram_of(flow).nodes, *diagram_of(flow).clusters)]
        assert len(keys) == len(set(keys))


def test_every_edge_has_both_its_ends_and_every_node_its_frame():
    """Whatever is nested in whatever, edges join what is drawn, and frames come before what stands in them."""
    for flow in EVERY:
        for room in (1, 20, 60):
            diagram = diagram_of(flow, room=room)
            assert {end for edge in diagram.edges for end in (edge.source, edge.target)} <= set(diagram.called)
            frames = [item.key for item in diagram.clusters]
            assert {node.cluster for node in diagram.nodes} <= {None, *frames}
            for place, item in enumerate(diagram.clusters):
                assert item.parent is None or item.parent in frames[:place]


def test_a_budget_without_ways_is_told_in_the_frame():
    """A flow within says its budget in its frame; where it has ways of its own, a box has them, as outside."""
    diagram = diagram_of(SUPPORT)
    boxes = [node for node in diagram.nodes if node.kind == "anywhere"]
    assert [None if node.cluster is None else called(diagram, node.cluster) for node in boxes] == ["billing", None]
    assert told(boxes[0])[-1] == "a failure that no edge matches fails the flow"


# closed flows


def test_flows_are_closed_where_the_picture_has_no_room():
    """With too little room, a flow is one node that tells its size, stakes, gates and ends; the title says so."""
    diagram = diagram_of(SUPPORT, room=20)
    node = only(diagram, "refund")
    assert node.kind == "subflow"
    assert told(node) == [
        "shares question, amount, answer, receipt",
        "budget: $0.05",
        "closed: 1 node",
        "gates: lead",
        "ends: paid (success), refused (partial)",
    ]
    assert [mark.text for mark in node.marks] == ["HIGH STAKES: pay_back"]
    assert diagram.facts[-1] == "1 flow within is closed, for a picture of at most 20 nodes"
    assert arrows(diagram, "refund")[0] == ("ended", 1, "ended refused", "answer_bill")
    assert "a flow as a node, closed" in render_svg(diagram)


def test_a_closed_flow_tells_what_is_deep_in_it():
    """Stakes and gates of a flow within a closed flow are told too."""
    diagram = diagram_of(SUPPORT, room=8)
    node = only(diagram, "billing")
    assert "gates: lead" in told(node)
    assert [mark.text for mark in node.marks] == ["HIGH STAKES: pay_back"]
    assert diagram.facts[-1] == "2 flows within are closed, for a picture of at most 8 nodes"
    assert not diagram.clusters


def test_flows_open_from_outside_in_and_the_smallest_first():
    """What is opened does not depend on the order of names: each level first, the smallest flow of it first."""
    manifest = SUPPORT.manifest()
    assert opened(manifest, 8) == frozenset()
    assert opened(manifest, 13) == {("goodwill",)}
    assert opened(manifest, 20) == {("goodwill",), ("billing",)}
    assert opened(manifest, 60) == {("goodwill",), ("billing",), ("billing", "refund")}


def test_a_closed_each_says_how_its_items_are_worked_on():
    """A flow for every item keeps its terms when it is closed."""
    node = only(diagram_of(RESEARCH, room=5), "reading")
    assert node.kind == "each"
    assert told(node)[:2] == ["flow page", "each url of urls, 8 at once, tolerates 3"]
    assert "closed: 2 nodes" in told(node)


# formats


def test_a_stored_manifest_draws_the_same_picture():
    """The picture comes from the manifest alone: brought through JSON, it gives the same diagram."""
    for flow in EVERY:
        assert diagram_from(json.loads(json.dumps(flow.manifest()))) == diagram_of(flow)


@pytest.mark.parametrize("name", list(FORMATS))
def test_the_same_flow_gives_the_same_bytes(name: str):
    """A picture with branches, items and flows within is the same when it is drawn again."""
    for flow in (FORK_IN_BRANCH, RESEARCH, SUPPORT):
        assert flow.draw(format=name) == FORMATS[name](diagram_from(json.loads(json.dumps(flow.manifest()))))


def test_svg_has_all_edges_and_nodes_and_says_what_frames_are():
    """Points that only lead edges are not in the picture; frames are told to screen readers."""
    diagram = diagram_of(SUPPORT)
    groups = [item.get("class") for item in ET.fromstring(render_svg(diagram)).iter()]
    assert (groups.count("node"), groups.count("edge")) == (len(diagram.nodes), len(diagram.edges))
    titles = [item.text or "" for item in ET.fromstring(render_svg(diagram)).iter() if item.tag.endswith("title")]
    assert {"subflow billing", "subflow refund", "billing to thank: otherwise"} <= set(titles)
    assert not [title for title in titles if re.match(r"c\d|n\d|cluster", title)]


def test_dot_cuts_edges_at_frames():
    """Edges into and out of a frame are cut at its outermost line."""
    source = render_dot(diagram_of(RESEARCH))
    assert "lhead=cluster_c0_many" in source
    assert "ltail=cluster_c0_many" in source


def test_a_way_into_a_loop_does_not_turn_the_picture_over():
    """A way from any step that leads into a loop does not order its nodes; one to what is passed once does."""
    marks = {
        "constraint=false" in line
        for line in render_dot(diagram_of(RESEARCH)).splitlines()
        if "style=dotted" in line and "->" in line
    }
    assert marks == {True}
    assert "constraint=false" not in render_dot(diagram_of(FORK_IN_BRANCH))
    assert "constraint=false" not in render_dot(diagram_of(DESK))
    assert "constraint=false" not in render_dot(diagram_of(SUPPORT))


def test_text_indents_what_is_within():
    """The text form has a flow beneath its node, indented once a level, and the row of the node above it, in order."""
    lines = render_text(diagram_of(SUPPORT)).splitlines()
    at = lines.index("billing (subflow)")
    assert lines[at + 1 : at + 10] == [
        "    flow Billing desk",
        "    message as question, amount → answer as reply, receipt",
        "  1. ended not ours and at most 1 time -> triage",
        "  2. ended as escalated -> person",
        "  3. failed -x> [escalated to a person]",
        "  4. otherwise -> thank",
        "",
        "    START",
        "      -> look_up_bill",
    ]
    assert "    refund (subflow)" in lines
    assert "        pay_back (tool) [effect: once] [HIGH STAKES]" in lines


def test_text_tells_forks_on_the_edges_to_them():
    """Heads and their gates stand beneath the edge to the fork; an edge to a join says what comes after it."""
    lines = render_text(diagram_of(FORK_IN_BRANCH)).splitlines()
    at = lines.index("START")
    assert lines[at : at + 6] == [
        "START",
        "  -> [all of]",
        "      1. -> count_stock",
        "      2. -> [approval cashier]",
        "            role cashier · within 2h",
        "            shows total",
    ]
    assert "  -> [join] -> [join] -> ship" in lines


def test_mermaid_has_subgraphs_within_subgraphs():
    """Frames are subgraphs; an edge into one leads to its start, one out of it leaves the subgraph."""
    diagram = diagram_of(SUPPORT)
    text = render_mermaid(diagram)
    outer, inner = (diagram.frames[frame(diagram, title).key] for title in ("billing", "refund"))
    between = text[text.index(f"subgraph {outer}[") : text.index(f"subgraph {inner}[")]
    assert "\nend\n" not in between
    start = diagram.names[frame(diagram, "billing").entry or ""]
    triage = diagram.names[only(diagram, "triage").key]
    assert f'{triage} -->|"1. department == #34;billing#34;"| {start}' in text
    assert f'{outer} -->|"4. otherwise"|' in text


@pytest.mark.parametrize("said", [text for text in NASTY if text.strip() and len(text) < 100 and "\ud800" not in text])
def test_names_that_strangers_chose_stay_apart(said: str):
    """Flows, nodes and gates may be called anything: all that is there is drawn, and nothing else."""

    @compute(writes="question")
    def work(question: str) -> str:
        return question

    one, two = work.named(said), work.named(f"{said}'] node:")
    over = End(said + "!")
    inner = Flow(said, state=Bill, edges=[on(START, one), on(one, all_of(two, work)), on(two, over), on(work, over)])
    first, again = subflow(inner, name=said + "1"), subflow(inner, name=said + "2")
    flow = Flow(said, state=Bill, edges=[on(START, first), on(first, ended(over) >> again), on(again, not_ours)])
    diagram = diagram_of(flow)
    assert (len(diagram.nodes), len(diagram.clusters), len(diagram.edges)) == (2 + 2 * 7, 4, 1 + 2 * 7 + 2)
    groups = [item.get("class") for item in ET.fromstring(render_svg(diagram)).iter()]
    assert (groups.count("node"), groups.count("edge")) == (len(diagram.nodes), len(diagram.edges))


def test_a_manifest_of_before_is_drawn_without_what_it_does_not_have():
    """A manifest that was stored when there were no forks and no fields in it is drawn as well as it can be."""
    manifest: dict[str, Any] = json.loads(json.dumps(REFUND.manifest()))
    del manifest["data"]
    manifest["shape"].pop("forks", None)
    assert told(only(diagram_from(manifest), "pay_back"))[0] == "question, amount → receipt"
