"""What is written otherwise, in words: one sentence for each part, and which of it lets something loose."""

from __future__ import annotations

import json
import operator
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from guideway import (
    START,
    Budget,
    End,
    Flow,
    Item,
    Messages,
    Retry,
    act,
    approval,
    ask,
    at_most,
    compute,
    each,
    exists,
    never,
    on,
    policy,
    think,
    tool,
    when,
)
from guideway.flows.diff import diff
from guideway.flows.diff.telling import sections

from .desks import Ticket, desk, lead, look, no, paid, pay_back, read, t


def told(old: Any, new: Any, part: str = "") -> list[tuple[str, bool]]:
    """The sentences about a part, or about all, each with whether it lets something loose."""
    found = diff(old, new, solver=False).changes
    return [
        (f"{item.kind} {item.part} {item.name}: {item.text}", item.loosens) for item in found if part in ("", item.part)
    ]


@tool(effect="idempotent", timeout=10.0, writes="refund", name="pay_back")
def harmless(order: Any) -> str:
    return ""


@tool(effect="once", stakes="high", timeout=5.0, retry=None, writes="refund", name="pay_back")
def narrower(order: Any, message: str) -> str:
    return ""


def paying(what: Any, **options: Any) -> Flow[Ticket]:
    """A flow that pays by what is given."""
    return Flow("pays", state=Ticket, edges=[on(START, lead() >> what), on(what, paid)], **options)


def small(message: str) -> str | None:
    return None


def tiny(message: str) -> str | None:
    return None if message else "no"


def answering(**options: Any) -> Flow[Ticket]:
    """A flow that asks a person."""
    node = ask(
        "lead", options.pop("question", "How?"), name="how", writes="refund", expired=no, **{"within": "1h", **options}
    )
    return Flow("asks", state=Ticket, edges=[on(START, node), on(node, paid)])


LEFT = End("no", verdict="partial")


def left_early() -> Flow[Ticket]:
    """A flow with other ends of the same names."""
    rows = [
        on(START, lead(denied=LEFT, expired=LEFT) >> pay_back),
        on(pay_back, End("paid", succeeds_if=exists(t.refund))),
    ]
    return Flow("pays", state=Ticket, edges=rows, on_failure=LEFT)


PAY_BACK = "changed node pay_back:"
CASES: dict[str, tuple[Any, Any, list[tuple[str, bool]]]] = {
    "a node more": (
        Flow("f", state=Ticket, edges=[on(START, look), on(look, paid)]),
        Flow("f", state=Ticket, edges=[on(START, look), on(look, lead() >> pay_back), on(pay_back, paid)]),
        [
            ("added node pay_back: a tool with the effect once, of high stakes is new", False),
            ("removed edge look: otherwise >> paid", False),
            ("added edge look: lead >> pay_back", False),
            ("added edge pay_back: otherwise >> paid", False),
        ],
    ),
    "stakes and effect": (
        paying(pay_back), paying(harmless),
        [
            (f"{PAY_BACK} has the effect idempotent, had once", True),
            (f"{PAY_BACK} its stakes are low, were high", True),
            (f"{PAY_BACK} its body changed", False),
        ],
    ),
    "parameters": (
        paying(pay_back), paying(narrower),
        [
            (f"{PAY_BACK} takes message too", False),
            (f"{PAY_BACK} its timeout is 5s, was 10s", False),
        ],
    ),
    "who is asked": (answering(), answering(within="2h"), [("changed node how: waits 2h, waited 1h", False)]),
    "a question": (
        answering(), answering(question="How much?"), [('changed node how: asks "How much?", asked "How?"', False)],
    ),
    "a quorum": (
        desk(gate=lead(quorum=2)), desk(gate=lead()), [("changed gate lead: takes 1 to say yes, took 2", True)],
    ),
    "what is shown": (
        desk(), desk(gate=lead(shows=[t.intent])),
        [("changed gate lead: does not show message any more and shows intent too", True)],
    ),
    "who may not": (
        desk(gate=lead(not_by=["starter", "ann"])), desk(),
        [('changed gate lead: not by is ["starter"], was ["starter", "ann"]', True)],
    ),
    "how long a gate waits": (
        desk(), desk(gate=lead(within="2h")), [("changed gate lead: waits 2h, waited 24h", False)],
    ),
    "an exemption": (
        desk(gate=lead(unless=None)), desk(),
        [("changed gate lead: exempts some(order).total < 50, exempted nobody", True)],
    ),
    "a way": (
        desk(), desk(gate=lead(expired=paid)), [("changed gate lead: when expired it leads to paid, led to no", False)],
    ),
    "a way through guards": (
        desk(), desk(gate=lead(expired=approval("boss", denied=no) >> paid)),
        [
            ("changed gate lead: when expired it leads to boss >> paid, led to no", False),
            ("added gate boss: a new approval", False),
        ],
    ),
    "a rule": (
        desk(gate=policy(small, violated=no, name="rule")), desk(gate=policy(tiny, violated=no, name="rule")),
        [("changed gate rule: what its rule does changed: its body is another one", False)],
    ),
    "a limit": (
        desk(), desk(limit=3), [("changed limit read > read: at most 3 times, was 2", True)],
    ),
    "no limit": (
        desk(when(t.tries < 3, at_most(2)) >> read, no), desk(when(t.tries < 3) >> read, no),
        [("removed limit read > read: at most 2 times is gone", True)],
    ),
    "a budget": (
        desk(budget=Budget(steps=20, usd=1.0, seconds=60)), desk(budget=Budget(steps=30, usd=0.5)),
        [
            ("changed budget steps: 30, was 20", True), ("changed budget usd: 0.5, was 1.0", False),
            ("changed budget seconds: none, was 1m", True),
        ],
    ),
    "what is kept": (
        desk(budget=Budget(steps=20, keep=Budget(steps=2))), desk(budget=Budget(steps=20, keep=Budget(steps=3))),
        [("changed budget steps: kept for the way out: 3, was 2", False)],
    ),
    "an end": (
        paying(pay_back, on_failure=no), left_early(),
        [
            ("changed end no: its verdict is partial, was escalated", False),
            ("changed end paid: succeeds where exists(refund), succeeded in any case", False),
        ],
    ),
    "the order of edges": (
        desk(when(t.tries > 3) >> paid, when(t.tries > 5) >> no, read),
        desk(when(t.tries > 5) >> no, when(t.tries > 3) >> paid, read),
        [("changed order read: its edges are tried in another order", False)],
    ),
    "the flow's ways": (
        desk(on_failure=no), desk(on_failure=paid),
        [("changed edge a failure that no edge matches: otherwise >> paid, was otherwise >> no", False)],
    ),
    "a property": (
        desk(properties=[never(read).after(pay_back)]), desk(),
        [("removed property never(read).after(pay_back): is neither proved nor enforced any more", True)],
    ),
    "a label": (desk(), desk(label="Refunds"), [("changed flow refunds: its label is Refunds, was none", False)]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_change_is_a_sentence(case):
    """Each sort of change has its words; what takes away from what held a run back is marked."""
    old, new, words = CASES[case]
    sort = words[0][0].split()[1]
    parts = {sentence.split()[1] for sentence, _ in words}
    found = [item for item in told(old, new) if item[0].split()[1] in parts]
    assert set(words) <= set(found)
    assert [item for item in found if item[0].split()[1] == sort and item[1]] == [
        item for item in words if item[1] and item[0].split()[1] == sort
    ]
    assert told(old, old) == []


def test_the_tools_of_a_model_and_of_act_are_compared_one_by_one():
    """A tool more, a gate less, and another body of one are told by the tool's name."""

    class Chat(BaseModel):
        messages: Messages = Field(default_factory=list)

    @tool(effect="none")
    def find(order: str) -> str:
        return order

    @tool(effect="none", name="find")
    def find_otherwise(order: str) -> str:
        return order * 2

    @tool(effect="once", stakes="high", timeout=5.0)
    def send(order: str) -> str:
        return order

    boss = approval("boss", denied=no)

    def chat(tools: list[Any], gates: Any = None) -> Flow[Chat]:
        @think(tools=tools)
        def ask_model(messages: list[Any]) -> list[Any]:
            return messages

        do = act(tools, name="do", gates=gates)
        return Flow("chat", state=Chat, edges=[on(START, ask_model), on(ask_model, do), on(do, paid)])

    more = told(chat([find]), chat([find, send], {send: boss}), "node")
    assert ("added node do: has the tool send too, of high stakes", True) in more
    assert ("changed node do: calls of send pass boss, passed no gate", False) in more
    less = told(chat([find, send], {send: boss}), chat([find, send]), "node")
    assert ("changed node do: calls of send pass no gate, passed boss", True) in less
    first = next(sections(diff(chat([find, send], {send: boss}), chat([find, send]))))
    assert first.title == "let loose, where stakes are high"
    assert first.items == (("~ do: calls of send pass no gate, passed boss",),)
    assert ("changed node do: its tool find: its body changed", False) in told(
        chat([find]), chat([find_otherwise]), "node"
    )


def test_what_runs_for_each_item_is_compared():
    """The node of an each is told as what it runs."""

    class Notes(BaseModel):
        texts: list[str] = []
        made: list[Item[str]] = []

    @compute(name="one")
    def one(text: str) -> str:
        return text

    @compute(name="one")
    def other(text: str) -> str:
        return text * 2

    def many(node: Any) -> Flow[Notes]:
        all_of_them = each(node, name="all", item="text", over="texts", into="made")
        return Flow("many", state=Notes, edges=[on(START, all_of_them), on(all_of_them, paid)])

    assert ("changed node all: what it runs for each item: its body changed", False) in told(
        many(one), many(other), "node"
    )


class Then(BaseModel):
    """A state."""

    kept: str = ""
    gone: int = 0
    wider: Literal["a", "b"] = "a"
    bound: int = Field(1, ge=0)
    default: int = 1
    merged: list[str] = []
    order: Any = None


class Now(BaseModel):
    """A state, otherwise."""

    kept: str = ""
    wider: Literal["a", "b", "c"] | None = "a"
    bound: int = Field(1, ge=0, le=9)
    default: int = 2
    merged: Annotated[list[str], operator.add] = []
    order: Any = None
    new: str
    listed: list[int] = []


def state(model: type[BaseModel]) -> Flow[Any]:
    """A flow of a state."""

    @compute(writes="kept")
    def step(kept: str) -> str:
        return kept

    return Flow("f", state=model, edges=[on(START, step), on(step, paid)])


def test_fields_are_told_by_type_bounds_and_default():
    """What came, what went, and what changed about each."""
    assert [text for text, _ in told(state(Then), state(Now), "field")] == [
        "removed field gone: is gone: integer",
        'changed field wider: is "a" or "b" or "c" or None, was "a" or "b"',
        "changed field bound: is integer (>= 0, <= 9), was integer (>= 0)",
        "changed field default: is, 2 by default, was, 1 by default",
        "added field new: is new: string, required",
        "added field listed: is new: list of integer, [] by default",
        "changed field merged: is merged by add, was by nothing",
    ]


def test_a_state_that_is_only_described_otherwise_changes_nothing():
    """Another docstring is another schema, and no other behaviour."""

    class Same(Then):
        """A state, in other words."""

    Same.__name__ = "Then"
    (change,) = [item for item in diff(state(Then), state(Same), solver=False).changes if item.part == "field"]
    assert (change.text, change.behaves) == ("is described in other words", False)


def test_a_label_is_no_change_in_behaviour():
    """What is only told to people changes nothing that runs."""
    assert diff(desk(), desk(label="Refunds"), solver=False).same
    assert not diff(desk(), desk(budget=Budget(steps=21)), solver=False).same


def test_the_json_of_a_diff_is_plain():
    """It goes through JSON as it is, and names both versions."""
    found = diff(desk(), desk(limit=3), solver=False).to_json()
    assert json.loads(json.dumps(found)) == found
    assert set(found) == {"format", "old", "new", "same", "rerouted", "changes", "rows"}
    assert found["old"]["shape"] == desk().shape
    assert found["changes"][0].keys() == {"kind", "part", "name", "text", "behaves", "loosens", "high"}


def test_retry_and_models_are_told():
    """What a node's calls are tried by, and by which model."""

    def reading(**options: Any) -> Flow[Ticket]:
        @think(writes="refund", **options)
        def answer(message: str) -> str:
            return message

        return Flow("f", state=Ticket, edges=[on(START, answer), on(answer, paid)])

    found = [text for text, _ in told(reading(), reading(model="strong", retry=Retry(attempts=2)), "node")]
    assert "changed node answer: its model is strong, was default" in found
    assert any(text.startswith('changed node answer: retry is {"attempts": 2') for text in found)
