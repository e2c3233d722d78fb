"""Flows and apps that the tests of the command line name: a refund desk, a question, an effect that nobody knows."""

from __future__ import annotations

import operator
import time
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel

from guideway import START, Anyone, End, Flow, Item, ask, compute, each, on, subflow, tool
from guideway.cli.demo.refund_desk import Bank, answer, refund_desk
from guideway.testing.models import ScriptedModel


def app(store):
    """The refund desk, where everybody is a lead."""
    return _refunds(store, Anyone())


def anns(store):
    """The refund desk, where Ann alone is a lead."""
    return _refunds(store, {"lead": {"ann"}})


def no_roles(store):
    """The refund desk, and nobody said who may approve."""
    return _refunds(store, None)


def no_model(store):
    """The refund desk without a model."""
    return refund_desk.compile(store=store, roles=Anyone())


def fixed():
    """An App whose store nobody can name."""
    return refund_desk.compile(models={"default": ScriptedModel(answer)})


def demanding(store, region):
    """Takes what the command line does not have."""


def nothing(store):
    """Makes no App."""


def _refunds(store, roles):
    bank = Bank(Path(store).absolute().parent / "ledger.jsonl")
    return refund_desk.compile(store=store, models={"default": ScriptedModel(answer)}, deps=bank, roles=roles)


class Talk(BaseModel):
    """The state of the other flows."""

    text: str = ""
    mood: str | None = None
    notes: Annotated[list[str], operator.add] = []


class Mood(BaseModel):
    """A form."""

    mood: str


done = End("done")
how = ask("host", "How was it?", form=Mood, within="1h", expired=done)
quick = ask("host", "Quick?", name="quick", writes="mood", within=timedelta(milliseconds=150), expired=done)
what = ask("host", "What was it?", name="what", writes="mood")


@compute(writes="notes")
def note(text: str) -> list[str]:
    """Keeps the text."""
    if text == "break":
        raise ValueError("it broke")
    return [text]


@tool(effect="once", stakes="low", timeout=5.0, writes="notes")
def send(text: str) -> list[str]:
    """Fails in a way that proves nothing."""
    raise ConnectionError(f"the line was cut while {text!r} was sent")


asking = Flow("asking", state=Talk, edges=[on(START, note), on(note, how), on(how, done)])
wondering = Flow("wondering", state=Talk, edges=[on(START, what), on(what, done)])
hurrying = Flow("hurrying", state=Talk, edges=[on(START, quick), on(quick, done)])
sending = Flow("sending", state=Talk, edges=[on(START, send), on(send, done)])


def asker(store):
    """Asks for a form."""
    return asking.compile(store=store, roles=Anyone())


def wonderer(store):
    """Asks for a text."""
    return wondering.compile(store=store, roles=Anyone())


def wonderer_without(store):
    """The same flow, which does not ask any more."""
    return Flow("wondering", state=Talk, edges=[on(START, note), on(note, done)]).compile(store=store)


def hurrier(store):
    """Asks for a text, and does not wait."""
    return hurrying.compile(store=store, roles=Anyone())


def sender(store):
    """Parks."""
    return sending.compile(store=store)


class Guests(BaseModel):
    """Whom an each-flow asks."""

    guests: list[str] = []
    moods: list[Item[Talk]] = []


inside = Flow("inside", state=Talk, edges=[on(START, how), on(how, done)])
one = subflow(inside, name="one", reads={"text": "text"}, writes={"mood": "mood"})
all_guests = each(inside, name="all guests", item="text", over="guests", into="moods")
nested = Flow("nested", state=Talk, edges=[on(START, one), on(one, done)])
crowded = Flow("crowded", state=Guests, edges=[on(START, all_guests), on(all_guests, done)])


def nester(store):
    """Asks for a form in a flow inside."""
    return nested.compile(store=store, roles=Anyone())


def crowder(store):
    """Asks for a form in a flow for every item."""
    return crowded.compile(store=store, roles=Anyone())


@tool(effect="once", stakes="low", timeout=0.1, writes="mood")
def dawdle(text: str) -> str:
    """Takes longer than it may, and then it is over: after a while, or when the file `over` lets it end."""
    time.sleep(1.5)
    while text == "held" and not Path("over").exists():
        time.sleep(0.01)
    return f"{text}, at last"


def dawdles(store):
    """A call that overruns its timeout."""
    return Flow("dawdles", state=Talk, edges=[on(START, dawdle), on(dawdle, done)]).compile(store=store)
