"""A run is watched while it works: its events, its models' words, and what becomes of a run that nobody watches on."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Any

import pytest
from pydantic import BaseModel

from guideway import (
    START,
    Anyone,
    App,
    Budget,
    ConfigError,
    End,
    Flow,
    RunBusy,
    RunNotFound,
    StateInvalid,
    WouldDeadlock,
    approval,
    compute,
    on,
    think,
    tool,
)
from guideway.testing import ScriptedModel

PAID: list[str] = []
GO = threading.Event()
INSIDE = threading.Event()


@pytest.fixture(autouse=True)
def fresh() -> None:
    PAID.clear()
    GO.clear()
    INSIDE.clear()


class Chat(BaseModel):
    """What a run carries."""

    message: str = "hi"
    reply: str | None = None
    echo: str | None = None
    paid: str | None = None


@think(writes="reply")
def answer(message: str) -> str:
    return message


@think(writes="echo")
def again(reply: str) -> str:
    return reply


@tool(effect="once", stakes="high", timeout=5, writes="paid")
def pay(reply: str) -> str:
    """Pays."""
    PAID.append(reply)
    return reply


@tool(effect="once", stakes="low", timeout=20, writes="paid")
def slow(message: str) -> str:
    """Takes its time."""
    INSIDE.set()
    assert GO.wait(15)
    PAID.append(message)
    return message


done = End("done")
talk = Flow("talk", state=Chat, edges=[on(START, answer), on(answer, again), on(again, done)])
gated = Flow(
    "gated",
    state=Chat,
    edges=[
        on(START, answer),
        on(answer, approval("lead", denied=done) >> pay),
        on(pay, done),
    ],
)
working = Flow("working", state=Chat, edges=[on(START, slow), on(slow, answer), on(answer, done)])


def echoes() -> dict[str, Any]:
    """A model that says what it is asked, in its own words."""
    return {"default": ScriptedModel(lambda prompt: f"you said {prompt}")}


def journal(app: App[Any], run: str) -> list[Any]:
    return [(event.number, event.kind) for event in app.store.events(run)]


def until(what: Any) -> None:
    """Waits for something that happens elsewhere."""
    end = time.monotonic() + 15
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_all_events_and_all_words_in_order():
    """The whole journal is heard, its first event too; the words of an answer come between a call and its result."""
    with talk.compile(models=echoes()) as app:
        events = list(app.stream({"message": "hello there"}, run_id="r", by="ann", tags=["t"]))
        written = [event for event in events if event.kind != "token"]
        assert [(event.number, event.kind) for event in written] == journal(app, "r")
        assert (written[0].kind, written[0].number, written[0].body["by"]) == ("started", 1, "ann")
        words = [event.body for event in events if event.kind == "token"]
        assert words[:4] == [
            {"node": "answer", "slot": "model.0", "text": text} for text in ("you", " said", " hello", " there")
        ]
        assert "".join(body["text"] for body in words if body["node"] == "again") == "you said you said hello there"
        assert all(event.number == 0 and event.at > 0 for event in events if event.kind == "token")
        kinds = [event.kind for event in events]
        assert kinds.index("intent") < kinds.index("token") < kinds.index("result")
        assert app.get("r").state.reply == "you said hello there"
        assert app.get("r").tags == ("t",)


async def test_the_async_face_is_the_same():
    """astream gives the same events and words on the caller's loop."""
    with talk.compile(models=echoes()) as app:
        there = [(event.number, event.kind) async for event in app.astream({"message": "x"}, run_id="a")]
        here = [(event.number, event.kind) for event in app.stream({"message": "x"}, run_id="b")]  # inside a loop
        assert there == here
        assert [item for item in there if item[0]] == journal(app, "a")


def test_words_are_not_in_the_journal():
    """A watched run leaves the journal that an unwatched one leaves."""
    with talk.compile(models=echoes()) as app:
        list(app.stream({}, run_id="watched"))
        app.start({}, run_id="alone")
        assert journal(app, "watched") == journal(app, "alone")
        assert "token" not in {event.kind for event in app.store.events("watched")}


def test_watching_costs_nothing_of_the_budget():
    """What is spent is the same, whoever listens."""
    edges = [on(START, answer), on(answer, again), on(again, done)]
    flow = Flow("b", state=Chat, edges=edges, budget=Budget(tokens=10_000), on_exhausted=done)
    with flow.compile(models=echoes()) as app:
        list(app.stream({}, run_id="watched"))
        alone = app.start({}, run_id="alone")
        assert app.get("watched").spent.tokens == alone.spent.tokens > 0


async def test_runs_do_not_mix():
    """Whoever watches one run hears that run alone, however many are watched at once."""
    with talk.compile(models=echoes()) as app:

        async def watch(name: str) -> set[str]:
            found = set()
            async for event in app.astream({"message": name}, run_id=name):
                if event.kind == "token" and event.body["node"] == "answer":
                    found.add(event.body["text"])
            return found

        heard = await asyncio.gather(watch("one"), watch("two"), watch("three"))
        assert heard == [{"you", " said", f" {name}"} for name in ("one", "two", "three")]


def test_a_run_that_is_there_is_resumed():
    """A run's id goes on with it: what is heard is what comes, not what was; a run that is over has nothing to say."""
    with gated.compile(models=echoes(), roles=Anyone()) as app:
        first = list(app.stream({}, run_id="r", by="web"))
        assert first[-1].kind == "asked"
        app.approve(app.get("r").waiting[0], by="ann")
        second = list(app.stream("r"))
        assert second[0].number > first[-1].number
        assert second[-1].kind == "ended"
        assert list(app.stream("r")) == []
        assert PAID == ["you said hi"]


@pytest.mark.parametrize("face", ["sync", "async"])
def test_errors_are_raised_to_whoever_watches(face):
    """What start and resume raise comes out of the stream, at its first event."""

    def drain(app: App[Any], given: Any, **options: Any) -> None:
        if face == "sync":
            list(app.stream(given, **options))
            return

        async def work() -> None:
            async for _ in app.astream(given, **options):
                pass

        asyncio.run(work())

    with talk.compile(models=echoes()) as app:
        with pytest.raises(StateInvalid, match="message"):
            drain(app, {"message": 5})
        with pytest.raises(RunNotFound, match="nothing"):
            drain(app, "nothing")
        with pytest.raises(ConfigError, match=r"run 'r' is there already: run_id=, by= and tags= are for a new one"):
            drain(app, "r", by="ann")
        assert app._engine.listeners == []
        assert app._engine.ears == []


def test_two_cannot_drive_one_run():
    """A second stream of a run that is under way is told who drives it."""
    with working.compile(models=echoes()) as app:
        events = app.stream({}, run_id="r")
        next(events)
        assert INSIDE.wait(15)
        with pytest.raises(RunBusy, match="is driven by"):
            list(app.stream("r"))
        GO.set()
        assert list(events)[-1].kind == "ended"


def test_who_stops_early_leaves_the_run_going():
    """break stops watching, not the run: it goes on to its end in the background, once."""
    with working.compile(models=echoes()) as app:
        for event in app.stream({}, run_id="r"):
            if event.kind == "intent":
                break
        assert app._engine.ears == []
        assert app.get("r").status == "running"
        GO.set()
        until(lambda: app.get("r").status == "ended")
        assert PAID == ["hi"]
        assert app.get("r").state.reply == "you said hi"


async def test_who_stops_early_in_async_code_leaves_the_run_going():
    """So does the async face, on the caller's loop."""
    with working.compile(models=echoes()) as app:
        events = app.astream({}, run_id="r")
        async for event in events:
            if event.kind == "intent":
                break
        await events.aclose()
        assert app._engine.ears == []
        GO.set()
        while app.get("r").status != "ended":  # noqa: ASYNC110  # the run has nothing to signal by
            await asyncio.sleep(0.01)
        assert PAID == ["hi"]


def test_closing_lets_a_run_go_that_nobody_watches(tmp_path):
    """close() waits for the call under way, lets the run go before the next, and another App resumes it: paid once."""
    with working.compile(store=tmp_path / "runs.db", models=echoes()) as app:
        for event in app.stream({}, run_id="r"):
            if event.kind == "intent":
                break
        assert INSIDE.wait(15)
        threading.Timer(0.3, GO.set).start()
    assert PAID == ["hi"]
    with working.compile(store=tmp_path / "runs.db", models=echoes()) as app:
        assert app.get("r").status in ("ready", "running")
        assert app.resume("r").status == "ended"
    assert PAID == ["hi"]


async def test_closing_from_the_loop_lets_it_go_too(tmp_path):
    """aclose() does the same for a run that is driven on the loop that closes."""
    app = working.compile(store=tmp_path / "runs.db", models=echoes())
    events = app.astream({}, run_id="r")
    async for event in events:
        if event.kind == "intent":
            break
    await events.aclose()
    asyncio.get_running_loop().call_later(0.3, GO.set)
    await app.aclose()
    with working.compile(store=tmp_path / "runs.db", models=echoes()) as app:
        assert app.resume("r").status == "ended"
    assert PAID == ["hi"]


def test_a_loop_that_ends_leaves_the_run_where_it_stands(tmp_path):
    """asyncio.run cancels what is left on it: the run is let go, and resumed from its journal."""
    started = asyncio.Event()

    @compute(writes="reply")
    async def wait(message: str) -> str:
        if message == "first" and not started.is_set():
            started.set()
            await asyncio.sleep(60)
        return message

    flow = Flow("w", state=Chat, edges=[on(START, wait), on(wait, done)])

    async def look() -> None:
        async for _ in app.astream({"message": "first"}, run_id="r"):
            await started.wait()
            break

    with flow.compile(store=tmp_path / "runs.db") as app:
        asyncio.run(look())
        assert app.get("r").status in ("ready", "running")
        assert app.resume("r").state.reply == "first"


def test_what_goes_wrong_unwatched_is_logged(caplog):
    """An error that nobody is there to catch is not lost."""
    with working.compile(models={"default": ScriptedModel([])}) as app:
        for event in app.stream({}, run_id="r"):
            if event.kind == "intent":
                break
        with caplog.at_level(logging.ERROR, "guideway"):
            GO.set()
            until(lambda: "run r, which nobody watches any more, stopped" in caplog.text)
        assert "ScriptedModel has 0 replies" in caplog.text


def test_a_stream_from_guideways_own_loop_would_wait_for_itself():
    """A node that runs on the loop which drives cannot wait for it, and is told so."""

    @compute(writes="reply")
    async def inner(message: str) -> str:
        with pytest.raises(WouldDeadlock, match="it would wait for itself"):
            next(iter(app.stream({})))
        return message

    with Flow("inner", state=Chat, edges=[on(START, inner), on(inner, done)]).compile() as app:
        assert app.start({"message": "ok"}).state.reply == "ok"
