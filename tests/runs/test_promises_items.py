"""``each``: every item once, in order, so many at a time; what failed is told, and only that is tried again."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from guideway import (
    GIVE_UP,
    NOT_DONE,
    START,
    Budget,
    Context,
    End,
    Failure,
    Flow,
    Item,
    all_of,
    approval,
    ask,
    at_most,
    compute,
    each,
    fields,
    on,
    policy,
    think,
    tool,
    when,
)
from guideway.errors import DecisionRefused, RunBusy, RunNotReady
from guideway.nodes.calls import ModelAnswer
from guideway.runs.underway import open_calls
from guideway.testing import ScriptedModel
from tests.runs.wide_desks import Box, World, alone, opened

DONE = End("done")
OUT = End("out", verdict="partial")


@tool(effect="once", stakes="low", timeout=5.0, not_done=LookupError)
def post(word: Any, context: Context) -> str:
    """An effect for an item."""
    return str(context.deps.does(str(word), context.key))


@tool(effect="once", stakes="high", timeout=5.0, not_done=LookupError)
def pay(word: Any, context: Context) -> str:
    """An effect for an item that somebody must allow."""
    return str(context.deps.does(str(word), context.key))


@compute(writes="why")
def told(failure: Failure | None, into: list[Item[Any]]) -> str:
    """What the flow's way reads of the items."""
    seen = [entry.failure.category if entry.failure else "ok" for entry in into]
    return f"{failure.category if failure else None}: {', '.join(seen)}"


def posts(what: Any = post, **options: Any) -> Any:
    """An each over the words."""
    options = {"name": "posts", "item": "word", "over": "words", "into": "into"} | options
    return each(what, **options)


def came(run: Any) -> list[str]:
    """What came of each item: its value's text, or its failure's category."""
    return [entry.failure.category if entry.failure else str(entry.value) for entry in run.state.into]


# order and number


def test_entries_are_in_the_order_of_the_list_whatever_ends_first(tmp_path):
    """The first items are the slowest."""
    world = World()
    world.slow = {"a": 0.4, "b": 0.2}
    with opened(tmp_path, alone(posts(at_once=4)), world) as app:
        run = app.start({"words": ["a", "b", "c", "d"]}, run_id="r")
    assert [(entry.index, entry.value) for entry in run.state.into] == [
        (0, "did a"), (1, "did b"), (2, "did c"), (3, "did d"),
    ]  # fmt: skip
    assert [step.entry["index"] for step in run.steps if step.entry][2:] == [1, 0]


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_no_more_items_are_worked_on_at_a_time_than_is_said(tmp_path, at_once):
    """Counted inside of the tool: exactly so many at a time, never more."""
    world = World()
    world.slow = dict.fromkeys("abcdef", 0.03)
    with opened(tmp_path, alone(posts(at_once=at_once)), world) as app:
        run = app.start({"words": list("abcdef")}, run_id="r")
    assert came(run) == [f"did {word}" for word in "abcdef"]
    assert world.most == at_once


def test_flows_of_items_share_the_number_with_all_their_branches(tmp_path):
    """An item with branches of its own is one item; no third item begins while two are at work."""
    now: list[set[str]] = [set()]
    most = [0]

    def work(name: str) -> Any:
        @compute(name=name, writes="trail")
        async def works(word: str) -> list[str]:
            now[0].add(word)
            most[0] = max(most[0], len(now[0]))
            await asyncio.sleep(0.03)
            return [f"{name} {word}"]

        return works

    class Part(Box):
        word: str = ""

    @compute(writes="trail")
    def meets(word: str) -> list[str]:
        now[0].discard(word)
        return ["meets"]

    one, two = work("one"), work("two")
    part = Flow(
        "part", state=Part, budget=Budget(steps=5),
        edges=[on(START, all_of(one, two)), on(one, meets), on(two, meets), on(meets, DONE)],
    )  # fmt: skip
    with opened(tmp_path, alone(posts(part, at_once=2, reads={}))) as app:
        run = app.start({"words": list("abcde")}, run_id="r")
    assert [entry.value["trail"] for entry in run.state.into] == [
        [f"one {word}", f"two {word}", "meets"] for word in "abcde"
    ]
    assert most == [2]


def test_items_that_wait_hold_no_place(tmp_path):
    """With one item at a time, all that need a person are asked, and those that need none are done meanwhile."""
    lead = approval("lead", unless=fields(Box).n > 0, name="lead")
    world = World()
    with opened(tmp_path, alone(posts(lead >> pay, at_once=1)), world) as app:
        run = app.start({"words": list("abc")}, run_id="r", by="web")
        assert [request.call.arguments["word"] for request in run.waiting] == ["a", "b", "c"]
        for request in reversed(run.waiting):
            app.approve(request, by="ann")
        run = app.resume("r")
    assert came(run) == ["did a", "did b", "did c"]
    assert world.most == 1


def test_a_list_that_holds_the_same_twice_has_two_items(tmp_path):
    """Duplicates are items of their own, with keys of their own."""
    world = World()
    with opened(tmp_path, alone(posts()), world) as app:
        run = app.start({"words": ["a", "a", "a"]}, run_id="r")
    assert came(run) == ["did a"] * 3
    assert len(set(world.keys)) == 3


class Parcel(BaseModel):
    """An item with a shape."""

    to: str
    due: date | None = None


ITEMS = [
    (str, ["a", ""]),
    (dict[str, int], [{"a": 1}, {}]),
    (date, [date(2026, 1, 2), date(2025, 3, 4)]),
    (Parcel, [Parcel(to="x", due=date(2026, 1, 2)), Parcel(to="y")]),
    (list[int], [[1, 2], []]),
    (int | None, [1, None, 0]),
]


@pytest.mark.parametrize(("kind", "items"), ITEMS, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize("by_flow", [False, True], ids=["node", "flow"])
def test_items_of_any_type_come_as_they_are(tmp_path, kind, items, by_flow):
    """Models, dicts, dates, None: the node or flow of an item is given the item with its type, and gives it back."""

    class List(BaseModel):
        words: list[kind]  # type: ignore[valid-type]  # the type is a parameter of the test
        into: list[Item[Any]] = []

    class Part(BaseModel):
        word: kind  # type: ignore[valid-type]  # the type is a parameter of the test
        same: bool = False

    @compute(writes="same")
    def same(word: kind) -> bool:  # type: ignore[valid-type]  # the type is a parameter of the test
        return word in items and type(word) in {type(item) for item in items}

    part = Flow("part", state=Part, edges=[on(START, same), on(same, DONE)])
    flow = Flow("list", state=List, edges=[on(START, e := posts(part if by_flow else same)), on(e, DONE)])
    with opened(tmp_path, flow) as app:
        run = app.start({"words": items}, run_id="r")
    assert run.end == "done"
    values = [entry.value for entry in run.state.into]
    assert [value["same"] for value in values] == [True] * len(items) if by_flow else values == [True] * len(items)


# tolerance


@pytest.mark.parametrize(
    ("tolerate", "total", "bad", "ends"),
    [
        (0, 4, 0, "over"), (0, 4, 1, None), (2, 4, 2, "over"), (2, 4, 3, None), (1.0, 4, 4, "over"),
        (0.5, 4, 2, "over"), (0.5, 4, 3, None),
        (0.1, 5, 1, None), (0.2, 5, 1, "over"), (0.3, 10, 3, "over"), (0.3, 10, 4, None),
        (0, 0, 0, "over"), (1.0, 0, 0, "over"), (0.0, 3, 1, None), (7, 3, 3, "over"),
        (0.58, 50, 29, "over"), (0.58, 50, 30, None),
    ],
)  # fmt: skip
def test_so_many_may_fail_and_no_more(tmp_path, tolerate, total, bad, ends):
    """A count or a share, at its exact boundary; the list is written either way."""
    world = World()
    words = [f"w{number}" for number in range(total)]
    world.broken = set(words[:bad])
    with opened(tmp_path, alone(posts(tolerate=tolerate)), world) as app:
        run = app.start({"words": words}, run_id="r")
    assert run.end == ends
    assert len(run.state.into) == total
    assert sum(not entry.ok for entry in run.state.into) >= bad
    if ends is None:
        assert (run.error.type, run.error.category) == ("ItemsFailed", "declined")
        assert f"of {total} items failed" in run.error.message


def test_after_one_failure_too_many_no_further_item_begins(tmp_path):
    """What was begun is finished, what was not begun is told so, and no effect of it happens."""
    world = World()
    world.broken, world.slow = {"b"}, {"a": 0.1}
    flow = Flow(
        "posts", state=Box, budget=Budget(steps=9), on_failure=told,
        edges=[on(START, e := posts(at_once=2)), on(e, DONE), on(told, OUT)],
    )  # fmt: skip
    with opened(tmp_path, flow, world) as app:
        run = app.start({"words": list("abcd")}, run_id="r")
    assert world.did == ["a"]
    assert came(run) == ["did a", "declined", "cancelled", "cancelled"]
    assert run.state.into[3].failure.message == "not begun: more items failed than are tolerated"
    assert run.state.why == "declined: ok, declined, cancelled, cancelled"


def test_what_items_wait_for_is_withdrawn_when_too_many_failed(tmp_path):
    """A yes that comes too late is refused, and runs nothing."""
    world = World()
    world.broken = {"b"}
    lead = approval("lead", name="lead")
    with opened(tmp_path, alone(posts(lead >> pay)), world) as app:
        run = app.start({"words": list("abc")}, run_id="r", by="web")
        a, b, c = run.waiting
        app.approve(b, by="ann")
        run = app.resume("r")
        assert came(run) == ["cancelled", "declined", "cancelled"]
        for late in (a, c):
            with pytest.raises(DecisionRefused, match="withdrawn"):
                app.approve(late, by="ann")
    assert world.did == []


# budgets


def spent_of_items(run: Any) -> list[int]:
    """The steps that each item's event says it spent."""
    return [step.spent.steps for step in run.steps if step.entry is not None]


def test_items_that_the_steps_do_not_cover_say_so(tmp_path):
    """What was not begun because the budget is used up is told in those words, and its category is exhausted."""
    flow = Flow(
        "posts", state=Box, budget=Budget(steps=4, keep=Budget(steps=1)), on_exhausted=told,
        edges=[on(START, e := posts(at_once=2)), on(e, DONE), on(told, OUT)],
    )  # fmt: skip
    world = World()
    with opened(tmp_path, flow, world) as app:
        run = app.start({"words": list("abcde")}, run_id="r")
    assert (run.end, world.did) == ("out", ["a", "b"])
    assert came(run) == ["did a", "did b", "exhausted", "exhausted", "exhausted"]
    assert run.state.why == "exhausted: ok, ok, exhausted, exhausted, exhausted"
    assert run.state.into[4].failure.message == "not begun: the budget is used up"
    assert (run.spent.steps, spent_of_items(run)) == (4, [1, 1, 0, 0])
    each_step = next(step for step in run.steps if step.node == "posts")
    assert each_step.error.message.startswith("2 of 5 items were over")


@pytest.mark.parametrize("effect", ["none", "once"])
def test_items_that_the_calls_do_not_cover_count_as_those_that_the_steps_do_not(tmp_path, effect):
    """One rule: an item that the budget refused before it called anything is no execution, and counts no step."""
    if effect == "once":
        what = post
    else:

        @tool(effect="none", timeout=5.0)
        def what(word: Any, context: Context) -> str:
            return str(context.deps.does(str(word), context.key))

    flow = Flow(
        "posts", state=Box, budget=Budget(steps=50, calls=3), on_exhausted=told,
        edges=[on(START, e := posts(what, at_once=5)), on(e, DONE), on(told, OUT)],
    )  # fmt: skip
    world = World()
    with opened(tmp_path, flow, world) as app:
        run = app.start({"words": list("abcdefg")}, run_id="r")
    assert sorted(world.did) == ["a", "b", "c"]
    assert came(run) == ["did a", "did b", "did c", *["exhausted"] * 4]
    assert run.spent.calls == 3
    assert sorted(spent_of_items(run), reverse=True)[:3] == [1, 1, 1]
    assert sum(spent_of_items(run)) == 3
    assert run.spent.steps == 5


def test_the_budget_around_that_ends_inside_of_items_goes_its_own_way_with_the_list_written(tmp_path):
    """Items over a flow with a budget and a way of its own: it is the flow around whose way is taken."""

    @think(writes="said", max_tokens=10)
    def say(word: str) -> str:
        return word

    class Part(BaseModel):
        word: str = ""
        said: str = ""

    part = Flow(
        "part", state=Part, budget=Budget(steps=5, tokens=1000), on_exhausted=End("poor", verdict="partial"),
        edges=[on(START, say), on(say, DONE)],
    )  # fmt: skip
    flow = Flow(
        "posts", state=Box, budget=Budget(steps=50, tokens=40), on_exhausted=told,
        edges=[on(START, e := posts(part, at_once=1, tolerate=1.0)), on(e, DONE), on(told, OUT)],
    )  # fmt: skip
    with opened(tmp_path, flow, model=ScriptedModel(lambda prompt: "yes", usage=(5, 10))) as app:
        run = app.start({"words": list("abcd")}, run_id="r")
    assert run.end == "out"
    assert came(run)[2:] == ["exhausted", "exhausted"]
    assert [entry.end for entry in run.state.into[:2]] == ["done", "done"]
    assert run.spent.tokens == 30


# unknown effects


@pytest.mark.parametrize(("first", "second"), [("result", "give up"), ("not done", "result"), ("give up", "not done")])
def test_parked_items_are_settled_one_after_the_other(tmp_path, first, second):
    """Each by its own branch, with its own word; a third item goes on, and none becomes a silent Failure."""
    world = World()
    world.lost = {"a", "c"}
    words = {"result": "found", "not done": NOT_DONE, "give up": GIVE_UP}
    with opened(tmp_path, alone(posts(tolerate=1)), world) as app:
        run = app.start({"words": list("abc")}, run_id="r")
        assert (run.status, run.error.category) == ("parked", "unknown_effect")
        assert run.state.into == []
        with pytest.raises(RunNotReady, match="parked in 2 branches"):
            app.settle("r", None, "found", by="ann")
        world.lost.clear()
        app.settle("r", "1i0", words[first], by="ann")
        assert app.get("r").status == ("parked" if first == "give up" else "ready")
        run = app.resume("r")
        assert run.status == "parked"
        app.settle("r", "1i2", words[second], by="bob")
        run = app.resume("r")
    seen = {"result": "found", "not done": "did {}", "give up": "unknown_effect"}
    assert came(run) == [seen[first].format("a"), "did b", seen[second].format("c")]
    assert run.end == "over"
    assert world.did.count("b") == 1
    assert [world.did.count("a"), world.did.count("c")] == [1 + (first == "not done"), 1 + (second == "not done")]
    assert len(set(world.keys)) == 3


def test_an_item_that_was_given_up_is_not_done_again_by_a_retry(tmp_path):
    """Nobody knows whether it happened: the retry parks there again, and calls nothing."""
    world = World()
    world.lost = {"a"}
    with opened(tmp_path, alone(posts()), world) as app:
        app.start({"words": list("ab")}, run_id="r")
        app.settle("r", "1i0", GIVE_UP, by="ann")
        assert app.resume("r").verdict == "failed"
        world.lost.clear()
        run = app.retry("r", by="ann")
        assert (run.status, run.error.category) == ("parked", "unknown_effect")
        assert world.did == ["a", "b"]
        app.settle("r", "1i0", "found", by="ann")
        run = app.resume("r")
    assert (run.end, came(run)) == ("over", ["found", "did b"])
    assert world.did == ["a", "b"]


def test_a_run_whose_item_was_given_up_can_be_cancelled(tmp_path):
    """What was given up is no call under way."""
    world = World()
    world.lost = {"a"}
    lead = approval("lead", name="lead")
    with opened(tmp_path, alone(posts(lead >> pay, tolerate=1)), world) as app:
        run = app.start({"words": list("ab")}, run_id="r", by="web")
        app.approve(run.waiting[0], by="ann")
        app.resume("r")
        app.settle("r", None, GIVE_UP, by="ann")
        assert open_calls(app.store.events("r")) == []
        assert app.cancel("r", by="ann").status == "cancelled"


def test_an_item_whose_flow_was_given_up_when_the_time_around_is_over_does_not_stall(tmp_path):
    """The deadline passed while the item was parked: to give it up ends the item, and the flow around goes its way."""
    world = World()
    world.lost = {"a"}

    class Part(BaseModel):
        word: str = ""
        said: str | None = None

    @tool(effect="once", stakes="low", timeout=5.0, writes="said")
    def says(word: str, context: Context) -> str:
        return str(context.deps.does(word, context.key))

    @compute(writes="said")
    def sorry() -> str:
        return "sorry"

    part = Flow(
        "part", state=Part, budget=Budget(steps=9), on_failure=sorry,
        edges=[on(START, says), on(says, DONE), on(sorry, DONE)],
    )  # fmt: skip
    flow = Flow(
        "posts", state=Box, budget=Budget(steps=50, deadline=timedelta(seconds=0.8)), on_exhausted=told,
        edges=[on(START, e := posts(part)), on(e, DONE), on(told, OUT)],
    )  # fmt: skip
    with opened(tmp_path, flow, world) as app:
        assert app.start({"words": ["a"]}, run_id="r").status == "parked"
        time.sleep(0.9)
        app.resume("r")
        app.settle("r", None, GIVE_UP, by="ann")
        run = app.resume("r")
    assert (run.status, run.end) == ("ended", "out")
    assert came(run) == ["exhausted"]


# retrying


def test_a_retry_repeats_no_finished_item_and_no_effect(tmp_path):
    """Only what failed is tried again, with its own key."""
    world = World()
    world.broken = {"b", "d"}
    with opened(tmp_path, alone(posts(tolerate=1)), world) as app:
        assert app.start({"words": list("abcde")}, run_id="r").verdict == "failed"
        first = list(world.did)
        assert "a" in first
        world.broken.clear()
        run = app.retry("r", by="ann")
    assert came(run) == [f"did {word}" for word in "abcde"]
    assert sorted(world.did) == list("abcde")
    assert run.end == "over"


def test_a_retry_of_an_approved_item_runs_the_call_that_was_approved(tmp_path):
    """The yes was for exactly this call, and stands: the retry asks nobody, and what was done is done once."""
    world = World()
    world.broken = {"b"}
    lead = approval("lead", name="lead")
    with opened(tmp_path, alone(posts(lead >> pay)), world) as app:
        run = app.start({"words": list("ab")}, run_id="r", by="web")
        for request in run.waiting:
            app.approve(request, by="ann")
        assert app.resume("r").verdict == "failed"
        world.broken.clear()
        run = app.retry("r", by="ann")
    assert (run.end, came(run)) == ("over", ["did a", "did b"])
    assert sorted(world.did) == ["a", "b"]


def test_a_no_about_an_item_stands_in_a_retry_and_an_expiry_is_asked_again(tmp_path):
    """A retry passes nobody's no; where nobody decided, it asks once more, under another id."""
    world = World()
    lead = approval("lead", name="lead", within=0.8)
    with opened(tmp_path, alone(posts(lead >> pay, tolerate=1)), world) as app:
        run = app.start({"words": list("abc")}, run_id="r", by="web")
        a, b, c = run.waiting
        app.deny(a, by="ann")
        app.approve(c, by="ann")
        time.sleep(0.9)
        run = app.resume("r")
        assert (run.verdict, came(run)) == ("failed", ["declined", "declined", "did c"])
        run = app.retry("r", by="ann")
        again = run.waiting
        assert [request.call.arguments["word"] for request in again] == ["b"]
        assert again[0].id not in (a.id, b.id, c.id)
        app.approve(again[0], by="ann")
        run = app.resume("r")
    assert (run.end, came(run)) == ("over", ["declined", "did b", "did c"])
    assert sorted(world.did) == ["b", "c"]


def test_the_flow_of_an_item_that_failed_goes_on_where_it_failed(tmp_path):
    """Its first step, an effect, is done: the retry begins at the second."""
    world = World()
    world.broken = {"second b"}

    class Part(BaseModel):
        word: str = ""
        one: str | None = None
        two: str | None = None

    def does(name: str, writes: str) -> Any:
        @tool(name=name, effect="once", stakes="low", timeout=5.0, writes=writes, not_done=LookupError)
        def effect(word: str, context: Context) -> str:
            return str(context.deps.does(f"{name} {word}", context.key))

        return effect

    first, second = does("first", "one"), does("second", "two")
    part = Flow("part", state=Part, edges=[on(START, first), on(first, second), on(second, DONE)])
    with opened(tmp_path, alone(posts(part)), world) as app:
        assert app.start({"words": list("ab")}, run_id="r").verdict == "failed"
        assert [app.retry("r", by="ann").verdict for _ in range(2)] == ["failed", "failed"]
        world.broken.clear()
        run = app.retry("r", by="ann")
        assert run.end == "over"
        assert [entry.value["two"] for entry in run.state.into] == ["did second a", "did second b"]
    assert sorted(world.did) == ["first a", "first b", "second a", "second b"]


def test_an_each_in_a_loop_works_on_the_same_list_anew(tmp_path):
    """The second round is another each: its items are worked on again, under other keys."""
    t = fields(Box)
    world = World()

    @compute(writes="n")
    def count(n: int) -> int:
        return n + 1

    flow = Flow(
        "rounds", state=Box, budget=Budget(steps=30),
        edges=[on(START, e := posts()), on(e, count), on(count, when(t.n < 2, at_most(3)) >> e, DONE)],
    )  # fmt: skip
    with opened(tmp_path, flow, world) as app:
        run = app.start({"words": list("ab")}, run_id="r")
    assert (run.end, sorted(world.did), len(set(world.keys))) == ("done", ["a", "a", "b", "b"], 4)


def test_an_each_in_a_loop_over_another_list_reuses_nothing(tmp_path):
    """The second round's list is another one: each of its items is worked on."""
    t = fields(Box)
    world = World()

    class Next(BaseModel):
        n: int
        words: list[Any]

    @compute
    def change(n: int) -> Next:
        return Next(n=n + 1, words=["x", "b", "y"])

    flow = Flow(
        "rounds", state=Box, budget=Budget(steps=30),
        edges=[on(START, e := posts()), on(e, change), on(change, when(t.n < 2, at_most(3)) >> e, DONE)],
    )  # fmt: skip
    with opened(tmp_path, flow, world) as app:
        run = app.start({"words": list("ab")}, run_id="r")
    assert came(run) == ["did x", "did b", "did y"]
    assert sorted(world.did) == ["a", "b", "b", "x", "y"]


# people


def test_many_open_questions_are_answered_in_any_order_from_other_apps(tmp_path):
    """Items over a flow that asks: answered last first, by another App, while the first is at work on others."""

    class Part(BaseModel):
        word: str = ""
        said: str | None = None

    clerk = ask("clerk", "What?", name="clerk", writes="said")
    part = Flow("part", state=Part, edges=[on(START, clerk), on(clerk, DONE)])
    flow = alone(posts(part, at_once=2))
    with opened(tmp_path, flow) as app, opened(tmp_path, flow) as other:
        run = app.start({"words": list("abcd")}, run_id="r")
        assert [request.id for request in run.waiting] == [f"r.1i{number}.1" for number in range(4)]
        for request in reversed(other.inbox()):
            other.answer(request, f"about {request.id}", by="ann")
            assert other.resume("r").status in ("waiting", "ended")
        run = app.get("r")
    assert [entry.value["said"] for entry in run.state.into] == [f"about r.1i{number}.1" for number in range(4)]


def test_an_item_whose_request_expires_is_a_failure_of_that_item_alone(tmp_path):
    """Nobody decided about it in time: its entry says so, and the others are as they were decided."""
    lead = approval("lead", name="lead", within=0.6)
    world = World()
    with opened(tmp_path, alone(posts(lead >> pay, tolerate=1)), world) as app:
        run = app.start({"words": list("ab")}, run_id="r", by="web")
        app.approve(run.waiting[1], by="ann")
        time.sleep(0.7)
        run = app.resume("r")
    assert (came(run), world.did) == (["declined", "did b"], ["b"])
    assert run.state.into[0].failure.message.startswith("expired")


def test_an_item_needs_all_the_people_of_its_quorum(tmp_path):
    """Two people for each item: one yes lets nothing run."""
    lead = approval("lead", name="lead", quorum=2)
    world = World()
    with opened(tmp_path, alone(posts(lead >> pay)), world) as app:
        run = app.start({"words": list("ab")}, run_id="r", by="web")
        one, two = run.waiting
        app.approve(one, by="ann")
        app.approve(two, by="bob")
        assert app.resume("r").status == "waiting"
        assert world.did == []
        app.approve(one.id, by="bob")
        app.approve(two.id, by="ann")
        run = app.resume("r")
    assert came(run) == ["did a", "did b"]


def test_whoever_started_the_run_decides_about_no_item(tmp_path):
    """The starter is barred in an item too."""
    lead = approval("lead", name="lead")
    with opened(tmp_path, alone(posts(lead >> pay)), World()) as app:
        run = app.start({"words": ["a"]}, run_id="r", by="web")
        with pytest.raises(DecisionRefused, match="whoever started the run"):
            app.approve(run.waiting[0], by="WEB")


def test_a_rule_before_each_item_makes_its_no_a_failure(tmp_path):
    """A policy's reason is in the entry of the item."""

    def calls(call: Any) -> str | None:
        return "too long" if len(call.arguments["word"]) > 1 else None

    world = World()
    with opened(tmp_path, alone(posts(policy(calls) >> post, tolerate=1.0)), world) as app:
        run = app.start({"words": ["a", "bb"]}, run_id="r")
    assert came(run) == ["did a", "declined"]
    assert run.state.into[1].failure.message.endswith("too long")


# stopping


def test_a_cancel_while_items_are_at_work_is_refused_or_heard_and_leaves_nothing_behind(tmp_path):
    """In the middle of an effect it is refused; the run that was cancelled after commits nothing more."""
    world = World()
    started = threading.Event()

    @tool(effect="once", stakes="low", timeout=5.0)
    def slow(word: Any, context: Context) -> str:
        started.set()
        time.sleep(0.4)
        return str(context.deps.does(str(word), context.key))

    with (
        opened(tmp_path, alone(posts(slow, at_once=2)), world) as app,
        opened(tmp_path, alone(posts(slow)), world) as other,
    ):
        found: list[Any] = []

        def drives() -> None:
            found.append(app.start({"words": list("abcdef")}, run_id="r"))

        thread = threading.Thread(target=drives)
        thread.start()
        assert started.wait(5)
        with pytest.raises(RunBusy, match="in the middle of"):
            other.cancel("r", by="ann")
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                other.cancel("r", by="ann")
                break
            except RunBusy:
                time.sleep(0.002)
            except RunNotReady:
                break
        thread.join(10)
        assert found
        run = other.get("r")
    results = [event for event in run.events if event.kind == "result"]  # a cancel may come before the step is over
    assert run.status in ("cancelled", "ended")
    assert len(world.did) == len(results) >= len([step for step in run.steps if step.entry])


@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=6), st.integers(1, 4),
    st.integers(0, 200),
)  # fmt: skip
def test_nothing_is_dispatched_beyond_the_budget_whatever_models_report(usages, at_once, bound):
    """A model that reports more than it was allowed stops the run; no call is begun whose worst case did not fit."""

    @think(writes="said", max_tokens=20)
    def say(word: int) -> str:
        return str(word)

    class List(BaseModel):
        words: list[int]
        into: list[Item[Any]] = []
        said: str = ""

    from langchain_core.messages import AIMessage

    class Hostile:
        name = "hostile"

        def bound(self, request: Any) -> int:
            return 20

        async def answer(self, request: Any) -> ModelAnswer:
            await asyncio.sleep(0.001)
            return ModelAnswer(AIMessage("yes"), *usages[int(str(request.messages[-1].text))], 0.0)

    flow = Flow(
        "posts", state=List, budget=Budget(steps=50, tokens=bound),
        edges=[on(START, e := posts(say, at_once=at_once, tolerate=1.0)), on(e, DONE)],
    )  # fmt: skip
    with opened(None, flow, model=Hostile()) as app:
        run = app.start({"words": list(range(len(usages)))}, run_id="r")
    assert run.status == "ended"
    spent = 0
    for event in run.events:
        if event.kind == "intent":
            assert spent + event.body["spent"]["tokens"] <= bound
        spent += (event.body.get("spent") or {}).get("tokens", 0)
    assert spent == run.spent.tokens
