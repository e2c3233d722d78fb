"""Every ending that does not prove itself is unknown: whatever it is, and wherever in a flow it happens."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, BeforeValidator, PlainSerializer

from guideway import (
    GIVE_UP,
    START,
    Budget,
    Context,
    End,
    Flow,
    Messages,
    Retry,
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
from tests.runs.processes import Process
from tests.torture.flows import Away, Declined


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


# business keys in doubt


def cannot_say(item: str) -> Any:
    """A world that cannot be asked just now."""
    raise ConnectionError("the books are closed")


@tool(
    effect="once", stakes="low", timeout=20.0, key="item", writes="first", reconcile=cannot_say,
    retry=Retry(attempts=3, pause=0.001),
)  # fmt: skip
def keyed(item: str, context: Context) -> str:
    """Acts, and its answer gets lost."""
    context.deps.does("charge", context.key, item)
    raise RuntimeError("the answer got lost")


@pytest.mark.parametrize("place", ["step", "act"])
def test_a_key_in_doubt_is_not_tried_again_and_asks_no_model_twice(tmp_path, place):
    """Its error names the run and the way out; no attempt, no call and no further answer of a model is spent on it."""
    asked: list[Any] = []

    def model(prompt: Any) -> Any:
        asked.append(prompt)
        return [{"name": "keyed", "args": {"item": "a"}, "id": f"c{len(asked)}"}]

    with opened(tmp_path, flow_of(place, keyed), model) as app:
        assert app.start({"messages": "charge"}, run_id="r").status == "parked"
        before = len(asked)
        run = app.start({"messages": "charge"}, run_id="s")
        assert (run.error.category, run.error.type) == ("unavailable", "KeyUnknown")
        assert "in use by run 'r'" in run.error.message
        assert "Settle run 'r'" in run.error.message
        assert len(asked) == before + (place == "act")
        assert run.spent.calls == (place == "act")
        app.settle("r", None, GIVE_UP, by="ann", note="nobody knows")
        app.resume("r")
        again = app.retry("s", by="ann")
        assert "retry run 'r', which parks at that call, and settle it" in again.error.message
        app.retry("r", by="ann")
        app.settle("r", None, "receipt", by="ann", note="found in the books")
        assert app.retry("s", by="ann").status == "ended"
        assert app.get("s").error is None
        assert done(tmp_path) == ["charge\ta"]


def test_a_key_of_a_run_whose_driver_died_names_the_way_out(tmp_path):
    """The process that used the key was killed in its call: the second run says to resume the first."""
    code = """
        from pathlib import Path
        import tests.runs.test_promises_endings as those
        from guideway.testing.models import ScriptedModel
        from tests.torture.world import World
        world = World(Path(path).parent, dies_after="charge")
        app = those.flow_of("step", those.keyed).compile(store=path, deps=world)
        app.start({}, run_id="r")
    """
    with Process(code, tmp_path / "runs.db") as process:
        assert process.end() == -signal.SIGKILL
    with opened(tmp_path, flow_of("step", keyed), proposing) as app:
        error = app.start({}, run_id="s").error
        assert (error.category, error.type) == ("unavailable", "KeyUnknown")
        assert "Resume run 'r': it asks the world, or parks, and is settled then" in error.message
        assert done(tmp_path) == ["charge\ta"]


# what is called again


def test_an_idempotent_call_is_repeated_with_its_key(tmp_path):
    """Across attempts, and by the next process after one that was killed in it: always the same key."""
    code = """
        from pathlib import Path
        import tests.runs.test_promises_endings as those
        from tests.torture.world import World
        world = World(Path(path).parent, dies_after="put")
        those.flow_of("step", those.put).compile(store=path, deps=world).start({}, run_id="r")
    """
    with Process(code, tmp_path / "runs.db") as process:
        assert process.end() == -signal.SIGKILL
    with opened(tmp_path, flow_of("step", put), proposing) as app:
        assert app.resume("r").end == "over"
        keys = {line.split("\t")[1] for line in (tmp_path / "ledger").read_text().splitlines()}
        assert (len(done(tmp_path)), len(keys)) == (3, 1)


@tool(effect="idempotent", writes="first", retry=Retry(attempts=2, pause=0.001))
def put(item: str, context: Context) -> str:
    """Puts; the first attempt of a process that lives hears no answer."""
    found = str(context.deps.does("put", context.key, item))
    if context.attempt == 1:
        raise Away("nobody answers")
    return found


# a close while a call is under way


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_close_in_the_middle_of_a_call_leaves_it_unknown_and_nobody_waiting(tmp_path, kind):
    """Whoever waits for the run in another thread is told, the run is let go, and its call is not repeated."""
    begins, goes_on = threading.Event(), threading.Event()

    def wait(item: str, context: Context) -> str:
        begins.set()
        goes_on.wait(30)
        return str(context.deps.does("charge", context.key, item))

    async def wait_on_the_loop(item: str, context: Context) -> str:
        context.deps.does("charge", context.key, item)
        begins.set()
        await asyncio.sleep(30)
        return "never"

    fn: Any = wait if kind == "sync" else wait_on_the_loop
    charge = tool(effect="once", stakes="low", timeout=30.0, writes="first", name="charge")(fn)
    told: list[BaseException] = []

    def start(app: Any) -> None:
        try:
            app.start({}, run_id="r")
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is looked at
            told.append(error)

    with opened(tmp_path, flow_of("step", charge)) as app:
        thread = threading.Thread(target=start, args=(app,))
        thread.start()
        assert begins.wait(10)
        app.close()
        thread.join(10)
        assert not thread.is_alive()
        assert len(told) == 1
    with opened(tmp_path, flow_of("step", charge)) as app:
        run = app.resume("r")
        assert (run.status, run.error.category) == ("parked", "unknown_effect")
        assert (run.parked[0].running is not None) == (kind == "sync")
        goes_on.set()
        for _ in range(1500):
            if kind == "async" or app.get("r").status == "ready":
                break
            time.sleep(0.01)
        if kind == "async":
            app.settle("r", None, "charge of a", by="ann", note="in the books")
        assert app.resume("r").state.first == "charge of a"
        assert done(tmp_path) == ["charge\ta"]
