"""A store grows with what is added, whatever came before: bytes, rows and statements of a step are flat."""

from __future__ import annotations

import operator
import os
import sqlite3
from contextlib import closing
from typing import Annotated

import pytest
from pydantic import BaseModel

import guideway as gw

KB = "z" * 1024
CHECKPOINTS = "select coalesce(sum(length(data)), 0) from checkpoints"


class Listed(BaseModel):
    n: int = 0
    last: int = 0
    log: Annotated[list[str], operator.add] = []


class Chatted(BaseModel):
    n: int = 0
    last: int = 0
    messages: gw.Messages = []


class Line(BaseModel):
    n: int
    log: list[str]


class Said(BaseModel):
    n: int
    messages: list[dict[str, str]]


@gw.compute
def add(n: int) -> Line:
    """One more kilobyte in the list."""
    return Line(n=n + 1, log=[KB])


@gw.compute
def say(n: int) -> Said:
    """One more kilobyte of messages."""
    return Said(n=n + 1, messages=[{"role": "user", "content": KB}])


KINDS = {"list": (Listed, add), "messages": (Chatted, say)}
EMPTY = 140_000  # bytes of a file without runs: a page for every table and index
LIMITS = {"list": 2_000_000, "messages": 2_000_000}


def looping(kind):
    """A loop whose every step adds a kilobyte."""
    state, node = KINDS[kind]
    t, done = gw.fields(state), gw.End("done")
    edges = [gw.on(gw.START, node), gw.on(node, gw.when(t.n < t.last) >> node, done)]
    return gw.Flow("growing", state=state, edges=edges, budget=gw.Budget(steps=100_000))


def waiting():
    """A loop in which a person is asked before every kilobyte."""
    t, done = gw.fields(Listed), gw.End("done")
    lead = gw.approval("lead", within="24h", denied=done, expired=done)
    edges = [gw.on(gw.START, lead >> add), gw.on(add, gw.when(t.n < t.last) >> lead >> add, done)]
    return gw.Flow("asking", state=Listed, edges=edges, budget=gw.Budget(steps=100_000), on_failure=done)


def sizes(path):
    """The bytes of each step's event, in order."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("select length(body) + length(link) from events where kind = 'step' order by key")
        return [size for (size,) in rows]


def flat(path, steps):
    """Assert that no step takes more than what it adds, early or late."""
    found = sizes(path)
    assert len(found) == steps
    assert max(found[1:]) - min(found[:-1]) < 400  # the last one ends the run; numbers grow by a digit
    assert max(found) < 1024 + 500


@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_steps_take_two_megabytes_at_most(tmp_path, kind):
    """1,000 steps that each add 1 KB: one statement and one row each, the last as small as the first: 2 MB in all."""
    path = tmp_path / "runs.db"
    with looping(kind).compile(store=path) as app:
        app.start({"last": 1})
        told = []
        app.store._db._connection.set_trace_callback(told.append)
        run = app.start({"last": 1000})
        app.store._db._connection.set_trace_callback(None)
        assert run.spent.steps == run.state.n == 1000
        assert len(app.store.events(run.id)) == 1000 + 2
        assert sum("insert into events" in sql for sql in told) == 1000 + 2
        assert len(told) < 1000 + 40
        app.store._db.single("delete from events where key >> 32 = 1", (), "the first run")
    flat(path, 1000)
    assert path.stat().st_size < LIMITS[kind]
    assert os.listdir(tmp_path) == ["runs.db"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_foreign_caller_of_the_graph_adds_no_more(tmp_path, kind):
    """Through ``app.graph``, with no App to drive it, a step adds one row too, and no checkpoint holds the state."""
    path = tmp_path / "runs.db"
    with looping(kind).compile(store=path) as app:
        config = {"configurable": {"thread_id": "r"}, "recursion_limit": 200}
        given = {"last": 60}
        assert app.graph.invoke(given, config)["n"] == 60
        assert len(app.store.events("r")) == 60 + 2
        assert app.store.verify("r") is None
    flat(path, 60)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(CHECKPOINTS).fetchone()[0] < 4096
    assert path.stat().st_size < 60 * 2000 + EMPTY


def waited(path, times):
    """Let a run wait at its gate so often; gives how many events of each kind that makes."""
    with waiting().compile(store=path, roles=gw.Anyone()) as app:
        run = app.start({"last": times}, by="web")
        while run.status == "waiting":
            app.approve(run.waiting[0], by="ann")
            run = app.resume(run.id)
        assert (run.status, run.state.n) == ("ended", times)
        assert len(run.state.log) == times
        kinds = [event.kind for event in app.store.events(run.id)]
    return {kind: kinds.count(kind) for kind in set(kinds)}


def test_a_wait_adds_what_it_asks(tmp_path):
    """At a gate each wait adds its request and its decision, and no copy of the state, the last as few as the first."""
    path = tmp_path / "runs.db"
    events = waited(path, 30)
    assert [events[kind] for kind in ("asked", "decided", "step")] == [30, 30, 30]
    assert sum(events.values()) <= 30 * 4 + 3
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(CHECKPOINTS).fetchone()[0] < 4096
        asked = "select length(body) from events where kind = 'asked' order by key"
        found = [size for (size,) in connection.execute(asked)]
    assert max(found) - found[1] < 400
    assert path.stat().st_size < 30 * 5000 + EMPTY


@pytest.mark.torture
def test_two_hundred_waits_take_five_kilobytes_each(tmp_path):
    """200 waits at a gate, with 1 KB more in the state each: what is asked, decided and written, and nothing else."""
    path = tmp_path / "runs.db"
    waited(path, 200)
    assert path.stat().st_size < 1_000_000
