"""Every ending that does not prove itself is unknown: whatever it is, and wherever in a flow it happens."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, BeforeValidator, PlainSerializer

from guideway import (
    START,
    Budget,
    Context,
    End,
    Flow,
    Messages,
    act,
    all_of,
    compute,
    each,
    on,
    proposes,
    subflow,
    think,
    tool,
    when,
)
from tests.runs.desks import done, opened
from tests.torture.flows import Declined


class Job(BaseModel):
    messages: Messages = []
    item: str = "a"
    items: list[str] = ["a"]
    into: list[Any] = []
    first: str | None = None
    other: str | None = None


def _no_json(value: Any) -> Any:
    raise ValueError("it has no JSON form")


Odd = Annotated[str, BeforeValidator(lambda value: value), PlainSerializer(_no_json, when_used="json")]

RAISES: dict[str, Any] = {
    "error": RuntimeError, "connection": ConnectionError, "exit": SystemExit, "interrupt": KeyboardInterrupt,
    "generator": GeneratorExit, "cancelled": asyncio.CancelledError, "iteration": StopIteration,
}  # fmt: skip
ENDINGS = (*RAISES, "timeout", "misfit", "no json")


def ended(how: str, found: str) -> Any:
    """Ends as the name says, after the effect."""
    if how in RAISES:
        raise RAISES[how]("the answer got lost")
    return {"misfit": object(), "no json": "odd"}.get(how, found)


def charging(how: str, kind: str) -> Any:
    """A tool that acts, and ends in a way that proves nothing; its second call would end well."""
    returns: Any = Odd if how == "no json" else str

    def act_and(item: str, context: Context) -> Any:
        again = bool(context.deps.done())
        found = str(context.deps.does("charge", context.key, item))
        return found if again and how != "no json" else None if not again else "odd"

    def sync(item: str, context: Context) -> Any:
        again = act_and(item, context)
        if again is None and how == "timeout":
            time.sleep(0.4)
        return again if again is not None else ended(how, "charge of a")

    async def on_the_loop(item: str, context: Context) -> Any:
        again = act_and(item, context)
        if again is None and how == "timeout":
            await asyncio.sleep(30)
        return again if again is not None else ended(how, "charge of a")

    fn: Any = sync if kind == "sync" else on_the_loop
    fn.__annotations__["return"] = returns
    timeout = 0.15 if how == "timeout" else 20.0
    return tool(effect="once", stakes="low", timeout=timeout, writes="first", not_done=Declined, name="charge")(fn)


@think
def wants(messages: Messages) -> list[Any]:
    """The conversation so far."""
    return list(messages)


@compute(writes="other")
def beside(item: str) -> str:
    """Works beside."""
    return item


def flow_of(place: str, charge: Any) -> Flow[Job]:
    """The tool, somewhere in a flow."""
    over = End("over")
    budget = Budget(steps=20, tokens=100_000)
    if place == "act":
        do = act([charge], name="do")
        asks = think(tools=[charge])(wants.fn)
        edges = [on(START, asks), on(asks, when(proposes()) >> do, over), on(do, over)]
    elif place == "item":
        node = each(charge, name="all", over="items", item="item", into="into")
        edges = [on(START, node), on(node, over)]
    elif place == "subflow":
        inner = Flow("inner", state=Job, edges=[on(START, charge), on(charge, End("inner over"))], budget=budget)
        node = subflow(inner, name="inside", reads={"item": "item"}, writes={"first": "first"})
        edges = [on(START, node), on(node, over)]
    elif place == "branch":
        edges = [on(START, all_of(charge, beside)), on(charge, over), on(beside, over)]
    else:
        edges = [on(START, charge), on(charge, over)]
    return Flow(place, state=Job, edges=edges, budget=budget)


def proposing(prompt: Any) -> Any:
    """A model that wants the charge."""
    return [{"name": "charge", "args": {"item": "a"}, "id": "c1"}]


PLACES = ("step", "act", "item", "subflow", "branch", "graph")


def driven(app: Any, place: str) -> None:
    """Starts the run, and lets whatever the tool raised come out."""
    with contextlib.suppress(BaseException):
        if place == "graph":
            app.graph.invoke({"messages": "charge"}, {"configurable": {"thread_id": "r"}})
        else:
            app.start({"messages": "charge"}, run_id="r")


KINDS = ("sync", "async")
EVERY = [(place, how, kind) for place in PLACES for how in ENDINGS for kind in KINDS]
SOME = [
    (place, how, kind)
    for number, (place, how, kind) in enumerate(EVERY)
    if place == "step" or (number // 2 + number) % 7 == 0
]


@pytest.mark.parametrize(("place", "how", "kind"), SOME)
def test_an_ambiguous_ending_is_unknown(tmp_path, place, how, kind):
    """The effect happened and its ending proves nothing: the run parks, calls nothing again, and is settled."""
    unknown(tmp_path, place, how, kind)


@pytest.mark.torture
@pytest.mark.parametrize(("place", "how", "kind"), [one for one in EVERY if one not in SOME])
def test_every_ambiguous_ending_is_unknown(tmp_path, place, how, kind):
    """The same, of every ending in every place."""
    unknown(tmp_path, place, how, kind)


def unknown(tmp_path: Path, place: str, how: str, kind: str) -> None:
    """Runs a tool that ends so in that place, resumes, settles."""
    charge = charging(how, kind)
    with opened(tmp_path, flow_of(place, charge), proposing) as app:
        driven(app, place)
        assert len(done(tmp_path)) == 1
        for _ in range(2):
            run = app.resume("r")
            if how == "timeout" and kind == "sync" and run.status != "parked":
                break  # its thread has told its end, which is the truth
            assert (run.status, run.error.category) == ("parked", "unknown_effect"), run.error
        assert done(tmp_path) == ["charge\ta"]
        if run.status == "parked":
            with contextlib.suppress(Exception):  # its thread may tell its end just now
                app.settle("r", None, "odd" if how == "no json" else "charge of a", by="ann", note="in the books")
            run = app.resume("r")
        if how != "no json":
            assert run.status == "ended", run.error
        assert done(tmp_path) == ["charge\ta"]
