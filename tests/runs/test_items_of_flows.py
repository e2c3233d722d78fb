"""``each`` over a flow: every item is a flow of its own inside of the run, with a budget of its own."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field

from guideway import (
    START,
    Budget,
    End,
    Flow,
    Item,
    any_of,
    ask,
    at_most,
    compute,
    each,
    failed,
    fields,
    length,
    on,
    when,
)


class Part(BaseModel):
    word: str
    said: str = ""


class Whole(BaseModel):
    words: list[str]
    parts: list[Item[Part]] = Field(default_factory=list[Item[Part]])


@compute(writes="said")
def first(word: str) -> str:
    """Says it once."""
    return word


@compute(writes="said")
def second(said: str) -> str:
    """Says it twice."""
    return f"{said} {said}"


def whole(*, own: Budget | None = None, around: Budget | None = None, asks: bool = False) -> Flow[Whole]:
    """Items of two steps, the second of which may be a person's."""
    last = ask("clerk", "What do you say?", name="clerk", writes="said") if asks else second
    part = Flow("part", state=Part, edges=[on(START, first), on(first, last), on(last, End("said"))], budget=own)
    parts = each(part, name="parts", item="word", over="words", into="parts", tolerate=1.0)
    over = End("over")
    return Flow("whole", state=Whole, edges=[on(START, parts), on(parts, failed() >> over, over)], budget=around)


def ends(run: Any) -> list[str | None]:
    """What the items came to."""
    return [item.failure.category if item.failure else item.end for item in run.state.parts]


WORDS = ["a", "b", "c", "d", "e", "f", "g"]


@pytest.mark.parametrize("at_a_time", [1, 2, 7])
def test_every_item_runs_through_its_own_flow(at_a_time):
    """One item or many: each goes through the steps of its flow, and its state is its value."""
    with whole().compile() as app:
        run = app.start({"words": WORDS[:at_a_time]})
    assert [item.value.said for item in run.state.parts] == [f"{word} {word}" for word in WORDS[:at_a_time]]


def test_steps_of_other_items_are_no_part_of_the_budget_of_an_item():
    """Seven items at two steps each, some at a time: a budget of two steps an item is enough for all."""
    with whole(own=Budget(steps=2)).compile() as app:
        run = app.start({"words": WORDS})
    assert ends(run) == ["said"] * 7


def test_items_that_wait_do_not_use_up_the_budgets_of_those_that_begin():
    """Items wait for a person; those that come after them have all of their own budget."""
    with whole(own=Budget(steps=2), asks=True).compile() as app:
        run = app.start({"words": WORDS})
        assert len(run.waiting) == 7
        for request in run.waiting:
            app.answer(request, "so", by="ann")
        run = app.resume(run.id)
    assert ends(run) == ["said"] * 7


def test_steps_under_way_are_part_of_the_budget_around_them():
    """The flow around bounds all items together, and the step that writes their list: it is never overdrawn."""
    with whole(around=Budget(steps=9)).compile() as app:
        run = app.start({"words": WORDS})
    assert run.spent.steps == 9
    assert ends(run) == ["said"] * 4 + ["exhausted"] * 3


@compute(writes="said")
def stutter(said: str) -> str:
    """Says one letter more."""
    return said + "."


def stuttering(tolerate: float) -> Flow[Whole]:
    """Items that say three letters; the one that is asked for more has no budget for it."""
    p = fields(Part)
    more = any_of(p.word == "long", length(p.said) < 3)
    part = Flow(
        "part",
        state=Part,
        edges=[on(START, stutter), on(stutter, when(more, at_most(20)) >> stutter, End("said"))],
        budget=Budget(steps=5),
    )
    parts = each(part, name="parts", item="word", over="words", into="parts", at_once=1, tolerate=tolerate)
    over, spent = End("over"), End("spent", verdict="partial")
    return Flow(
        "whole",
        state=Whole,
        edges=[on(START, parts), on(parts, failed() >> End("too many", verdict="partial"), over)],
        on_exhausted=spent,
    )


def test_an_item_that_uses_up_its_own_budget_is_one_that_failed_and_no_more():
    """It is listed with the reason, and those after it are worked on."""
    with stuttering(1).compile() as app:
        run = app.start({"words": ["a", "long", "b"]})
    assert (run.end, ends(run)) == ("over", ["said", "exhausted", "said"])


def test_items_that_use_up_their_own_budgets_are_too_many_as_others_are():
    """More of them than are tolerated fail the step; the budget around is not used up by that."""
    with stuttering(1).compile() as app:
        run = app.start({"words": ["a", "long", "long", "b"]})
    assert (run.end, ends(run)) == ("too many", ["said", "exhausted", "exhausted", "cancelled"])
