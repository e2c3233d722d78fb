"""A finding on the picture: its path is marked step by step, and nothing else is."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import BaseModel

from guideway import START, End, Flow, FlowError, all_of, approval, compute, failed, fields, on, subflow, tool, when
from guideway.flows.check import Finding
from guideway.viz.extract import diagram_of
from guideway.viz.formats import FORMATS
from guideway.viz.looks import PATH
from guideway.viz.model import Diagram
from guideway.viz.tracing import traced


class S(BaseModel):
    """The state."""

    n: int = 0
    r: str | None = None


t = fields(S)
ok, no, lost = End("ok"), End("no", verdict="escalated"), End("lost", verdict="failed")


@compute(writes="n")
def a(n: int) -> int:
    return n


@tool(effect="once", stakes="high", timeout=1.0, writes="r")
def pay(n: int) -> str:
    return ""


b, c, d = a.named("b"), a.named("c"), a.named("d")
manager = approval("manager", denied=no)
lead = approval("lead", denied=manager, unless=t.n < 5)
flow = Flow(
    "f",
    state=S,
    on_failure=lost,
    edges=[
        on(START, a),
        on(a, failed(LookupError) >> b, when(t.n > 3) >> lead >> pay, when(t.n < 1) >> a, all_of(c, d)),
        on(pay, ok), on(b, ok), on(c, ok), on(d, ok),
    ],
)  # fmt: skip


def path(diagram: Diagram) -> set[tuple[str, str, tuple[int, ...]]]:
    """The edges that are marked: from, to, and at which steps."""
    names = {key: getattr(item, "name", "") or getattr(item, "title", "") for key, item in diagram.called.items()}
    return {(names[edge.source], names[edge.target], edge.steps) for edge in diagram.edges if edge.steps}


def finding(*names: str, **step: Any) -> Finding:
    """A finding with a path; the last step of its example came to what is given."""
    steps = [{"node": name, "outcome": "ok"} for name in names[1:-1]]
    steps[-1] |= step
    return Finding("F401", "error", "it goes wrong", "f.py:1", names, {"input": {}, "steps": steps, "then": names[-1]})


@pytest.mark.parametrize(
    ("given", "marked"),
    [
        (finding("START", "a", "a", "a"), [("START", "a", (1,)), ("a", "a", (2, 3))]),
        (finding("START", "a", "pay"), [("START", "a", (1,)), ("a", "lead", (2,)), ("lead", "pay", (2,))]),
        (
            finding("START", "a", "no", noes={"lead": "denied", "manager": "denied"}),
            [("START", "a", (1,)), ("a", "lead", (2,)), ("lead", "manager", (2,)), ("manager", "no", (2,))],
        ),
        (finding("START", "a", "b", outcome="failed"), [("START", "a", (1,)), ("a", "b", (2,))]),
        (finding("START", "a", "lost", outcome="failed"), [("START", "a", (1,)), ("failures", "lost", (2,))]),
        (finding("START", "a", "c"), [("START", "a", (1,)), ("a", "all of", (2,)), ("all of", "c", (2,))]),
    ],
)
def test_a_path_is_marked_through_gates_forks_and_ways(given, marked):
    """What a path names is joined by what lies between: gates on their yes or no, forks, the flow's own ways."""
    assert path(traced(diagram_of(flow), given)) == set(marked)


def test_a_path_within_a_flow_that_is_drawn_closed_ends_at_it():
    """Steps in a flow within are marked where it is drawn open, and stand for it where it is drawn closed."""
    inner = Flow("inner", state=S, edges=[on(START, b), on(b, ok)])
    node = subflow(inner, name="desk")
    outer = Flow("outer", state=S, edges=[on(START, node), on(node, End("out"))])
    within = Finding("F401", "error", "in there", "f.py:1", ("desk/START", "desk/b"))
    assert path(traced(diagram_of(outer), within)) == {("START", "b", (1,))}
    closed = traced(diagram_of(outer, room=0), within)
    assert path(closed) == set()
    assert [closed.called[key].name for key in closed.traced] == ["desk"]  # type: ignore[union-attr]  # it is a node


def test_the_finding_and_its_example_are_told_on_the_picture():
    """A reader of the picture needs no report beside it."""
    told = [line.text for line in traced(diagram_of(flow), finding("START", "a", "a")).told]
    assert told == [
        "F401 error: it goes wrong",
        "path: START > a > a",
        "example: it begins with nothing given; a is done; so it comes to a",
    ]


@pytest.mark.parametrize("format", ["dot", "svg", "mmd", "txt"])
def test_every_form_shows_the_path_by_more_than_its_colour(format):
    """The steps are numbered, in each format; without a finding nothing of it is drawn."""
    shown, plain = (
        FORMATS[format](found) for found in (traced(diagram_of(flow), finding("START", "a", "a")), diagram_of(flow))
    )
    assert isinstance(shown, str)
    assert isinstance(plain, str)
    mark = {"dot": "step 2", "svg": "step 2", "mmd": "#91;2#93;", "txt": "[step 2]"}[format]
    assert mark in shown
    assert "it goes wrong" in re.sub(r"<[^>]*>", "", shown).replace("\u00a0", " ")
    assert mark not in plain
    assert PATH not in plain
    assert (PATH in shown) is (format != "txt")


def test_the_picture_is_drawn_by_the_flow():
    """flow.draw(finding=) draws one of the check's own findings, the same each time."""
    endless = Flow("g", state=S, edges=[on(START, a), on(a, when(t.n < 1) >> a, ok)])
    found = next(item for item in endless.check().findings if item.code == "F401")
    assert endless.draw(format="svg", finding=found) == endless.draw(format="svg", finding=found)
    assert "F401" in str(endless.draw(format="txt", finding=found))


def test_a_finding_without_a_path_cannot_be_drawn():
    """The error says what tells it instead."""
    with pytest.raises(
        FlowError, match=r"F503 has no path to draw: it is about the flow as a whole. str\(report\) tells it"
    ):
        flow.draw(format="svg", finding=Finding("F503", "fact", "exempt"))
