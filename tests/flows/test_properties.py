"""The author's language of properties: values with a printed form and JSON, and clear errors at their line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from guideway import (
    START,
    End,
    Flow,
    FlowError,
    Messages,
    Property,
    UnknownField,
    act,
    all_of,
    always,
    approval,
    at_most,
    at_most_once,
    compute,
    ended,
    enforced,
    exists,
    fields,
    never,
    on,
    think,
    tool,
    when,
)


class S(BaseModel):
    """A state."""

    total: float = 0.0
    receipt: str | None = None


@compute(writes="total")
def look(total: float) -> float:
    """A node."""
    return total


@compute(writes="receipt")
def pay_back(total: float) -> str:
    """Another."""
    return str(total)


t = fields(S)
done = End("done")
handed_over = End("handed over", verdict="escalated")
lead = approval("lead", denied=handed_over)
ROWS = [on(START, look), on(look, when(t.total > 50) >> lead >> pay_back, pay_back), on(pay_back, done)]


def flow(*properties: Any, **more: Any) -> Flow[S]:
    """A flow with properties."""
    return Flow("desk", state=S, edges=ROWS, properties=properties, **more)


def dear(total: float) -> bool:
    """A named condition."""
    return total > 50


PRINTED = {
    "never(pay_back).unless(lead)": never(pay_back).unless(lead),
    "never(pay_back).unless((lead, t.total < 5))": never(pay_back).unless((lead, t.total < 5)),
    "never(pay_back).after(dear)": never(pay_back).after(dear),
    'never(ended("success")).unless(look)': never(ended("success")).unless(look),
    "always((look, lead)).before(pay_back)": always((look, lead)).before(pay_back),
    "always(pay_back).leads_to(('handed over', exists(t.receipt)))": always(pay_back).leads_to(
        (handed_over, exists(t.receipt))
    ),
    'always(look).leads_to((done, ended("escalated")))': always(look).leads_to(ended(done, "escalated")),
    "at_most_once(pay_back)": at_most_once(pay_back),
}


@pytest.mark.parametrize("printed", PRINTED)
def test_a_property_prints_as_it_is_written(printed):
    """The printed form is the author's, with the fields of the state after t., and a flow takes it."""
    item = PRINTED[printed]
    assert str(item) == printed
    assert flow(item).properties == (item,)


def test_properties_are_values():
    """Two that say the same are equal and hash alike; what is marked is another, and a flow has each once."""
    one, other = never(pay_back).unless(lead), never(pay_back).unless(lead)
    assert one == other
    assert len({one, other, never(pay_back).after(look)}) == 2
    assert enforced(one) == one.enforced() != one
    assert enforced(one).marked
    assert flow(one, other).properties == (one,)
    with pytest.raises(AttributeError, match="cannot assign to field"):
        one.form = "after"  # type: ignore[misc]  # it is frozen


def test_the_manifest_has_them_in_the_build():
    """They are JSON in the manifest's build: what is enforced decides what happens, not where a run can stand."""
    marked = enforced(always(pay_back).leads_to((done, t.total < 5)))
    plain, with_it = flow(), flow(never(pay_back).unless(lead), marked)
    assert json.loads(json.dumps(with_it.manifest()["build"]["properties"])) == [
        {"form": "unless", "about": [{"node": "pay_back"}], "other": [{"gate": "lead"}],
         "text": "never(pay_back).unless(lead)"},
        {"form": "leads_to", "about": [{"node": "pay_back"}],
         "other": [{"end": "done"}, {"when": {"<": [{"read": "total"}, 5]}, "text": "total < 5"}],
         "text": "always(pay_back).leads_to((done, t.total < 5))", "enforced": True},
    ]  # fmt: skip
    assert with_it.shape == plain.shape
    assert with_it.build != plain.build
    assert "properties" not in plain.manifest()["build"]


@tool(effect="none", writes="receipt")
def elsewhere(total: float) -> str:
    """A node that the flow does not have."""
    return ""


@compute(writes="receipt")
def pay_bakc(total: float) -> str:
    """A misspelt one."""
    return ""


WRONG = {
    "no node 'elsewhere'. It has: 'look', 'pay_back'": lambda: never(elsewhere).unless(lead),
    "Did you mean 'pay_back'?": lambda: never(pay_bakc).unless(lead),
    "no gate 'leads'. Did you mean 'lead'?": lambda: never(pay_back).unless(approval("leads", denied=done)),
    "no end 'nowhere'": lambda: never(End("nowhere")).unless(look),
}


@pytest.mark.parametrize("told", WRONG)
def test_what_the_flow_does_not_have_is_told_with_the_nearest_name(told):
    """A name that the flow lacks is a FlowError at the property's line, with the nearest that it has."""
    item = WRONG[told]()
    with pytest.raises(FlowError, match="test_properties.py:") as caught:
        flow(item)
    assert told in str(caught.value)
    assert caught.value.where == item.line


UNFIT: dict[str, Any] = {
    "looked at where a node starts": lambda: never(t.total > 5).unless(lead),
    "a run is over at an end": lambda: at_most_once(done),
    "nothing comes behind it": lambda: never(pay_back).after(handed_over),
    "a run is over when it has a verdict": lambda: always(ended("escalated")).before(pay_back),
    "says nothing. Write at_most_once": lambda: never(pay_back).after(pay_back),
    "stands on both sides": lambda: always(look).leads_to((pay_back, look)),
    "is no node: every run begins there": lambda: never(START).unless(lead),
    "name its heads": lambda: never(all_of(look, pay_back)).unless(lead),
    "not about True (bool)": lambda: never(pay_back).unless(True),
    "not about 'pay_back' (str). Name the thing itself": lambda: never("pay_back"),  # type: ignore[arg-type]  # what an author may write
    "(list). Write several as a tuple": lambda: never([look, pay_back]),  # type: ignore[arg-type]  # what an author may write
    "not about a When. Write the conditions themselves": lambda: never(pay_back).unless(when(t.total > 5)),  # type: ignore[arg-type]  # what an author may write
    "not about an Edge. Name its gate, or its target": lambda: never(pay_back).unless(lead >> pay_back),  # type: ignore[arg-type]  # what an author may write
    "not about a Limit. at_most_once(pay) counts": lambda: never(pay_back).unless(at_most(3)),  # type: ignore[arg-type]  # what an author may write
    "not about a Property": lambda: never(at_most_once(pay_back)),  # type: ignore[arg-type]  # what an author may write
    "done is an end, which cannot": lambda: at_most_once(done),
    "at least one": lambda: at_most_once(()),
    "enforced(never(pay_back)) takes a property": lambda: enforced(never(pay_back)),  # type: ignore[arg-type]  # what an author may write
}


@pytest.mark.parametrize("told", UNFIT)
def test_a_thing_in_a_place_where_it_means_nothing_is_refused_at_its_line(told):
    """What cannot stand where it stands is a FlowError where it is written, which says why and what can."""
    with pytest.raises(FlowError, match="test_properties.py:") as caught:
        UNFIT[told]()
    assert told in str(caught.value)


LISTS: dict[str, Any] = {
    "properties=never(pay_back).unless(lead) is no list: write properties=": never(pay_back).unless(lead),
    "holds never(pay_back), which is no property: add .unless(...) or .after(...)": [never(pay_back)],
    "holds always((look, pay_back)), which is no property: add .before(...) or .leads_to(...)": [
        always((look, pay_back))
    ],
    "holds 'never(a)', which is no property": ["never(a)"],
}


@pytest.mark.parametrize("told", LISTS)
def test_what_is_no_list_of_properties_is_refused(told):
    """A flow says what is in properties= that is no property, and what is missing of one."""
    with pytest.raises(FlowError, match="test_properties.py:") as caught:
        Flow("desk", state=S, edges=ROWS, properties=LISTS[told])
    assert told in str(caught.value)


def test_a_condition_is_of_the_flow_s_state():
    """A field that the state does not have is told as everywhere."""

    class Other(BaseModel):
        totals: float

    with pytest.raises(UnknownField, match="no field 'totals'.*'total'"):
        flow(never(pay_back).unless(fields(Other).totals > 5))


def test_a_tool_and_a_gate_inside_of_a_step_are_told():
    """The tools of an act and the gates of its calls are no nodes and gates on edges, and the error says so."""

    class Chat(BaseModel):
        messages: Messages = []

    @tool(effect="once", stakes="high", timeout=1.0)
    def refund(total: float) -> str:
        """A tool."""
        return ""

    @think(tools=[refund])
    def agent(messages: Messages) -> Messages:
        """A model call."""
        return messages

    clerk = approval("clerk")
    do = act([refund], name="do", gates={refund: clerk})
    rows = [on(START, agent), on(agent, do), on(do, done)]
    with pytest.raises(FlowError, match="refund is a tool of 'do' and no node"):
        Flow("chat", state=Chat, edges=rows, properties=[at_most_once(refund)])
    with pytest.raises(FlowError, match="'clerk'|clerk decides about calls inside of a step"):
        Flow("chat", state=Chat, edges=rows, properties=[never(do).unless(clerk)])


def test_the_type_is_on_the_face():
    """Each form gives a Property."""
    assert all(isinstance(item, Property) for item in PRINTED.values())
