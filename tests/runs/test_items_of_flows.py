"""``each`` over a flow: every item is a flow of its own inside of the run, with a budget of its own."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field

from guideway import START, Budget, End, Flow, Item, ask, compute, each, failed, on


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
    assert ends(run) == ["said"] * 4 + ["exhausted"] + ["cancelled"] * 2
