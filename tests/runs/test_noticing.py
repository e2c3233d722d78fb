"""``notify=``: people are told of a request when it opens and before it expires, once a store; no run waits for it."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import threading
import time

import pytest
from pydantic import BaseModel

from guideway import START, Anyone, Budget, End, Flow, approval, compute, on
from guideway.runs.store import SqliteStore
from guideway.runs.store.requests import remind_at
from guideway.runs.store.schema import _FIRST, STORE
from tests.runs.processes import Process

done, expired = End("done"), End("expired", verdict="partial")


class Note(BaseModel):
    text: str = ""


@compute(writes="text")
def print_it(text: str) -> str:
    """Something harmless that is approved."""
    return text + "!"


def desk(within="1h"):
    """A flow that asks a lead before it prints."""
    lead = approval("lead", within=within, denied=expired, expired=expired)
    return Flow("desk", state=Note, edges=[on(START, lead >> print_it), on(print_it, done)], budget=Budget(steps=3))


@pytest.fixture
def path(tmp_path):
    """Where the store is."""
    return tmp_path / "runs.db"


def app(path, notify=None, within="1h"):
    """An App on the store, as one process would have it."""
    return desk(within).compile(store=path, roles=Anyone(), notify=notify)


def remind_now(path, request):
    """Bring the moment of a request's reminder forward to now."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("update requests set notice = 1 where id = ? and notice is not null", (request,))
        connection.execute("update requests set remind = 1 where id = ?", (request,))
    connection.close()


def eventually(true):
    """Whether something becomes true within five seconds."""
    end = time.monotonic() + 5
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


@pytest.mark.parametrize("store", ["file", "memory"])
def test_a_request_is_told_of_when_it_opens(path, store):
    """notify= gets the request as people see it, once, and closing the App waits for it."""
    told = []
    with app(path if store == "file" else None, told.append) as made:
        run = made.start({"text": "a"}, run_id="r", by="web")
        made.inbox()
        made.resume("r")
    assert told == run.waiting


@pytest.mark.parametrize("who", ["resume", "inbox", "work"])
def test_a_request_is_told_of_again_before_it_expires(path, who):
    """Whatever sweeps reminds: a resume, the inbox, a worker, in any process; once."""
    told, others = [], []
    with app(path, told.append) as made:
        made.start({}, run_id="r", by="web")
    with app(path, others.append) as other:
        sweeps = {
            "resume": lambda: other.resume("r"),
            "inbox": other.inbox,
            "work": lambda: other.work(until=lambda: True),
        }
        sweeps[who]()
        assert others == []
        remind_now(path, "r.1")
        sweeps[who]()
        assert eventually(lambda: others)
        sweeps[who]()
    assert [item.id for item in told] == [item.id for item in others] == ["r.1"]
    assert others[0].expires == told[0].expires


@pytest.mark.parametrize(
    ("within", "left"),
    [(86400.0, 17280.0), (600.0, 120.0), (300.0, 60.0), (180.0, 60.0), (100.0, 50.0), (2.0, 1.0)],
)
def test_the_reminder_leaves_time_to_act(within, left):
    """A fifth of the time is left, at least a minute, and never more than half; without an end there is no reminder."""
    assert remind_at(1000.0, 1000.0 + within) == pytest.approx(1000.0 + within - left)
    assert remind_at(1000.0, None) is None
    assert remind_at(1000.0, 1000.0) is None


def test_a_reminder_comes_by_itself(path):
    """A worker reminds when the moment is there, without anyone asking."""
    told = []
    with app(path, lambda request: told.append(time.time()), within="1s") as made:
        run = made.start({}, run_id="r", by="web")
        assert made.work(until=lambda: made.get("r").status == "ended", pause=0.02) == 1
    asked, expires = run.waiting[0].asked, run.waiting[0].expires
    assert len(told) == 2
    assert told[0] < asked + 0.5 <= told[1] < expires


def test_of_two_processes_one_tells(path):
    """Each notice is told by one of all that sweep at the same time, whichever comes first."""
    told = []
    with app(path) as quiet:
        for number in range(5):
            quiet.start({}, run_id=f"r{number}", by="web")
    apps = [app(path, told.append) for _ in range(4)]
    begin = threading.Barrier(4)

    def sweep(made):
        begin.wait()
        made.inbox()

    threads = [threading.Thread(target=sweep, args=(made,)) for made in apps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for made in apps:
        made.close()
    assert sorted(item.id for item in told) == [f"r{number}.1" for number in range(5)]


DIES = """
from guideway import Anyone
from tests.runs.test_noticing import desk
def notify(request):
    raise AssertionError("this process was to die before")
app = desk().compile(store=path, roles=Anyone(), notify=notify)
def dies(when, kinds):
    if (when, kinds) == ("before", "notice"):
        os.kill(os.getpid(), signal.SIGKILL)
app.store.hook = dies
app.start({}, run_id="r", by="web")
time.sleep(60)
"""


def test_who_dies_before_it_told_leaves_it_to_the_next(path):
    """A request that was asked and of which nobody was told is told of by the next process that sweeps."""
    with Process(DIES, path) as process:
        assert process.end() == -9
    told = []
    with app(path, told.append) as made:
        made.inbox()
    assert [item.id for item in told] == ["r.1"]


def test_a_notice_that_is_late_is_one(path):
    """Where nobody told of a request until it was time to remind, it is told of once."""
    told = []
    with app(path) as quiet:
        quiet.start({}, run_id="r", by="web")
    remind_now(path, "r.1")
    with app(path, told.append) as made:
        made.inbox()
        assert eventually(lambda: told)
        made.inbox()
    assert len(told) == 1


def test_nobody_is_told_of_what_is_decided_or_over(path):
    """Requests that were decided, withdrawn or have expired are not told of."""
    told = []
    with app(path) as quiet:
        decided = quiet.start({}, run_id="a", by="web").waiting[0]
        quiet.approve(decided, by="ann")
        quiet.start({}, run_id="b", by="web")
        quiet.cancel("b", by="ann")
    with app(path, told.append, within="1ms") as made:
        made.store.hook = lambda when, kinds: time.sleep(0.01) if when == "after" and "asked" in kinds else None
        made.start({}, run_id="c", by="web")
        made.inbox()
    assert told == []


def test_another_flows_requests_are_not_told_of(path):
    """An App tells of its own flow's requests."""
    told = []
    with app(path) as quiet:
        quiet.start({}, run_id="r", by="web")
    other = Flow("other", state=Note, edges=[on(START, print_it), on(print_it, done)])
    with other.compile(store=path, roles=Anyone(), notify=told.append) as made:
        made.inbox()
    assert told == []


@pytest.mark.parametrize("bad", [ValueError("no server"), SystemExit(1)])
def test_a_notify_that_raises_hurts_nothing(path, caplog, bad):
    """What notify= raises is logged; the run waits as it should, and the next request is told of."""
    told = []

    def notify(request):
        told.append(request.id)
        raise bad

    with caplog.at_level(logging.ERROR, "guideway"), app(path, notify) as made:
        assert made.start({}, run_id="a", by="web").status == "waiting"
        assert eventually(lambda: told == ["a.1"])
        time.sleep(0.05)
        assert made.start({}, run_id="b", by="web").status == "waiting"
    assert told == ["a.1", "b.1"]
    assert "notify= failed for request a.1; it is not called again for this" in caplog.text


def test_an_async_notify_is_awaited(path):
    """Async ones are awaited, one after the other on one loop, so that they can share a client."""
    told, loops = [], set()

    async def notify(request):
        await asyncio.sleep(0.01)
        loops.add(asyncio.get_running_loop())
        told.append(request.id)

    with app(path, notify) as made:
        for name in "abc":
            made.start({}, run_id=name, by="web")
    assert told == ["a.1", "b.1", "c.1"]
    assert len(loops) == 1


def test_a_slow_notify_holds_up_no_run(path):
    """A notify= that takes its time is waited for by nobody, and the order is kept: opened first, then reminded."""
    goes_on, told = threading.Event(), []

    def notify(request):
        goes_on.wait(10)
        told.append(request.id)

    with app(path, notify) as made:
        begun = time.monotonic()
        request = made.start({}, run_id="a", by="web").waiting[0]
        remind_now(path, "a.1")
        made.inbox()
        made.approve(made.start({}, run_id="b", by="web").waiting[0], by="ann")
        assert made.resume("b").verdict == "success"
        assert time.monotonic() - begun < 5
        assert told == []
        goes_on.set()
    assert told[0] == request.id
    assert set(told) == {"a.1"}


def test_a_store_of_the_first_schema_is_brought_forward(path):
    """An older file opens: what people were told of is not told again, and they are reminded of what is open."""
    connection = sqlite3.connect(path)
    for statement in _FIRST:
        connection.execute(statement)
    connection.execute(f"pragma application_id={STORE.application}")
    connection.execute("pragma user_version=1")
    connection.commit()
    now = time.time()
    connection.execute(
        "insert into runs (id, flow, shape, build, status, tags, created, updated, fence, dead_from) "
        "values ('r', 'desk', 's', 'b', 'waiting', '[]', ?, ?, 1, 1)",
        (now, now),
    )
    asked = json.dumps({"asked": now - 90})
    rows = [
        ("open", "open", now + 10, asked),  # of 100 seconds half is over: it is time
        ("early", "open", now + 10_000, asked),
        ("for ever", "open", None, asked),
        ("decided", "approved", now + 10, asked),
        ("odd", "open", now + 10, '{"asked": "x"}'),
        ("torn", "open", now + 10, '{"asked"'),
    ]
    for request, status, due, body in rows:
        connection.execute(
            "insert into requests (id, rid, status, role, due, digest, body) values (?, 1, ?, 'lead', ?, 'd', ?)",
            (request, status, due, body),
        )
    connection.commit()
    connection.close()
    with SqliteStore(path) as store:
        assert [item for item, _ in store.to_tell("desk", now)] == ["open"]
        assert [item for item, _ in store.to_tell("desk", now + 9_000)] == ["early"]
        assert store.request("for ever").status == "open"
