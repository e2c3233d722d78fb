"""Stopping a worker, and cancelling what a dead one left: effects are finished or settled, never forgotten."""

from __future__ import annotations

import asyncio
import os
import runpy
import signal
import subprocess
import sys
import threading
import time

import pytest

from guideway import START, Budget, Context, End, Flow, on, tool
from guideway.errors import RunNotReady
from guideway.runs.stopping import let_go
from guideway.runs.store import Draft, SqliteStore
from tests.runs.desks import done, opened
from tests.runs.processes import Process
from tests.runs.test_working import LINUX, Job, left, once, until

MODULE = """
import asyncio, time
from pathlib import Path
from pydantic import BaseModel
from guideway import START, Budget, End, Flow, Context, compute, on, tool
class State(BaseModel):
    item: str = ""
    first: str = ""
    second: str = ""
def wrote(name):
    with open("world", "a") as world:
        print(name, file=world)
@tool(effect="once", stakes="low", timeout=30.0, writes="first")
def pay() -> str:
    wrote("begun")
    while not Path("goes on").exists():
        time.sleep(0.01)
    wrote("paid")
    return "paid"
@tool(effect="once", stakes="low", timeout=30.0, writes="second")
def send() -> str:
    wrote("sent")
    return "sent"
@compute(writes="second")
async def idle() -> str:
    wrote("begun")
    await asyncio.sleep(60)
    return "never"
done = End("done")
flow = Flow("desk", state=State, edges=[on(START, pay), on(pay, send), on(send, done)], budget=Budget(steps=5))
idles = Flow("desk", state=State, edges=[on(START, idle), on(idle, done)], budget=Budget(steps=5))
@tool(effect="once", stakes="low", timeout=0.2, writes="first")
def late() -> str:
    return pay.fn()
lates = Flow("desk", state=State, edges=[on(START, late), on(late, done)], budget=Budget(steps=5))
def app(store):
    return flow.compile(store=store)
def overrunning(store):
    return lates.compile(store=store)
def idling(store):
    return idles.compile(store=store)
"""


def world(folder):
    """What was done, in order."""
    return (folder / "world").read_text().split() if (folder / "world").exists() else []


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """Starts `guideway work` on a run that is due, and waits until it is in the midst of it."""
    (tmp_path / "desk.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)  # the world of a run that goes on in here
    processes = []

    def start(target, verb="work"):
        if verb == "work":
            with runpy.run_path(str(tmp_path / "desk.py"))[target](tmp_path / "guideway.db") as app:
                left(app, "r")
        more = ["--pause", "0.05"] if verb == "work" else ["{}", "--run-id", "r"]
        command = [sys.executable, "-m", "guideway.cli", verb, f"desk:{target}", *more]
        environment = {key: value for key, value in os.environ.items() if key != "GUIDEWAY_STORE"}
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        processes.append(process)
        until = time.monotonic() + 30
        while world(tmp_path) != ["begun"]:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.01)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_worker_finishes_its_call_and_lets_the_run_go(tmp_path, worker, sent):
    """A signal begins no further call: the one under way is finished and recorded, the run let go; it exits 0."""
    process = worker("app")
    process.send_signal(sent)
    time.sleep(0.3)
    assert process.poll() is None
    (tmp_path / "goes on").touch()
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert "stopping when the calls under way are over" in out
    assert world(tmp_path) == ["begun", "paid"]
    with SqliteStore(tmp_path / "guideway.db") as store:
        row = store.run("r")
        assert (row.status, row.holder) == ("running", None)
        assert [event.kind for event in store.events("r")][-1] != "intent"
        assert store.drivable("desk") == ["r"]


def test_a_stopped_worker_does_not_wait_for_what_waits(tmp_path, worker):
    """A step that idles, in no call, is given up: it runs again where the run goes on."""
    process = worker("idling")
    begun = time.monotonic()
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert time.monotonic() - begun < 10
    with SqliteStore(tmp_path / "guideway.db") as store:
        assert store.drivable("desk") == ["r"]


def test_a_worker_that_is_told_twice_stops_at_once(tmp_path, worker):
    """The second signal does not wait for the call under way; its effect is unknown then, as after a crash."""
    process = worker("app")
    process.terminate()
    time.sleep(0.3)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert world(tmp_path) == ["begun"]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_told_to_stop_finishes_its_call(tmp_path, worker, sent):
    """`guideway run` records the once-only call under way before it ends: the run goes on, and nothing is unknown."""
    process = worker("app", "run")
    process.send_signal(sent)
    time.sleep(0.3)
    assert process.poll() is None
    (tmp_path / "goes on").touch()
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (
        {signal.SIGTERM: 143, signal.SIGINT: 130}[sent],
        "interrupted; go on: guideway resume desk:app r\n",
    )
    assert world(tmp_path) == ["begun", "paid"]
    with runpy.run_path(str(tmp_path / "desk.py"))["app"](tmp_path / "guideway.db") as app:
        assert app.store.run("r").holder is None
        assert app.resume("r").verdict == "success"


def test_a_run_that_is_told_twice_stops_at_once(tmp_path, worker):
    """The second signal does not wait for the call under way; its effect is unknown then."""
    process = worker("app", "run")
    process.terminate()
    time.sleep(0.3)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert world(tmp_path) == ["begun"]
    with runpy.run_path(str(tmp_path / "desk.py"))["app"](tmp_path / "guideway.db") as app:
        assert app.resume("r").status == "parked"


@pytest.mark.parametrize("verb", ["run", "work"])
def test_what_overran_its_timeout_is_waited_for_at_the_end(tmp_path, worker, verb):
    """A thread that goes on is not cut off by the end of its process: what came of it is recorded, and then used."""
    process = worker("overrunning", verb)
    if verb == "work":
        process.terminate()
    time.sleep(1.0)
    assert process.poll() is None
    (tmp_path / "goes on").touch()
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (3 if verb == "run" else 0, "")
    assert "a call overran its timeout and still runs: it is waited for, 10 s at most" in out
    assert "it is over, and what came of it is recorded" in out
    with runpy.run_path(str(tmp_path / "desk.py"))["overrunning"](tmp_path / "guideway.db") as app:
        assert app.resume("r").verdict == "success"
    assert world(tmp_path) == ["begun", "paid"]


def test_the_wait_at_the_end_is_bounded(tmp_path):
    """A call that does not end is given up after the grace, and its run is not let go: its lease says who has it."""
    with SqliteStore(tmp_path / "runs.db") as store:
        _, lease = store.create(run_id="r", flow="f", shape="s", build="b", events=[Draft("started", {})], hold=True)
        assert lease is not None
        store.append(lease, [Draft("intent", {"slot": "call.1", "kind": "tool", "tool": "pay"})])
        let_go(store, lambda: False, grace=0.1)
        assert store.held("r") == "held"
        store.append(lease, [Draft("result", {"slot": "call.1"})])
        let_go(store, lambda: False, grace=5.0)
        assert store.held("r") == "free"


def test_a_cancelled_worker_lets_its_runs_go_between_two_calls(tmp_path):
    """A task that works and is cancelled finishes the effects under way, begins none, and then is cancelled."""
    begun, goes_on, log = threading.Event(), threading.Event(), []

    @tool(effect="once", stakes="low", timeout=20.0, writes="receipt")
    def slow(item: str) -> str:
        log.append(f"begun {item}")
        begun.set()
        goes_on.wait(10)
        log.append(f"over {item}")
        return item

    @tool(effect="once", stakes="low", timeout=20.0)
    def after(item: str) -> None:
        log.append(f"after {item}")

    flow = Flow("slow", state=Job, edges=[on(START, slow), on(slow, after), on(after, End("done"))])

    async def main(app):
        task = asyncio.create_task(app.awork(pause=0.01))
        await until(begun.is_set)
        task.cancel()
        await asyncio.sleep(0.2)
        assert not task.done()
        goes_on.set()
        with pytest.raises(asyncio.CancelledError, match="^$"):
            await task
        assert app.store.run("a").holder is None

    with opened(tmp_path, flow) as app:
        left(app, "a")
        asyncio.run(main(app))
        assert log == ["begun a", "over a"]
        assert app.work(until=once) == 1
        assert app.get("a").verdict == "success"
    assert log == ["begun a", "over a", "after a"]


# cancelling what a dead process left


DIES = """
from pathlib import Path
from guideway import Anyone
from tests.runs.test_stopping import {flow}
from tests.torture.world import World
app = {flow}.compile(store=path, deps=World(Path(path).parent, dies_after="charge"), roles=Anyone())
app.start({{}}, run_id="r", by="web")
"""


@tool(effect="once", stakes="low", timeout=5.0, writes="receipt")
def blind(item: str, context: Context) -> str:
    """Charges, and nobody can ask whether it did."""
    return str(context.deps.does("charge", context.key, item))


@tool(effect="idempotent", timeout=5.0, writes="receipt")
def again(item: str, context: Context) -> str:
    """Charges, and may be repeated."""
    return str(context.deps.does("charge", context.key, item))


BLIND = Flow("blind", state=Job, edges=[on(START, blind), on(blind, End("done"))], budget=Budget(steps=3))
AGAIN = Flow("again", state=Job, edges=[on(START, again), on(again, End("done"))], budget=Budget(steps=3))


@LINUX
def test_a_run_whose_driver_died_inside_of_an_effect_is_settled_before_it_is_cancelled(tmp_path):
    """A cancel says at once that nobody knows of the effect, and the way that it names leads to the end."""
    with Process(DIES.format(flow="BLIND"), tmp_path / "runs.db") as process:
        assert process.end() == -signal.SIGKILL
    with opened(tmp_path, BLIND) as app:
        with pytest.raises(RunNotReady, match=r"drove it died in the middle of 'blind'.* Resume it: it asks .* parks"):
            app.cancel("r", by="bob")
        assert app.resume("r").status == "parked"
        with pytest.raises(RunNotReady, match="settle it, then cancel"):
            app.cancel("r", by="bob")
        app.settle("r", None, "charge of a", by="bob")
        assert app.cancel("r", by="bob").status == "cancelled"
    assert done(tmp_path) == ["charge\ta"]


@LINUX
def test_an_idempotent_call_that_died_does_not_keep_a_run_from_being_cancelled(tmp_path):
    """What may be repeated leaves nothing to settle: the run of a dead driver is cancelled at once."""
    with Process(DIES.format(flow="AGAIN"), tmp_path / "runs.db") as process:
        assert process.end() == -signal.SIGKILL
    with opened(tmp_path, AGAIN) as app:
        assert app.cancel("r", by="bob").status == "cancelled"


def test_a_driver_that_let_go_inside_of_an_effect(tmp_path):
    """A lease that was let go inside of a call leaves an effect that nobody knows of, too."""
    with opened(tmp_path, BLIND) as app:
        drive = app._engine.begin({}, "r", "web", ())
        intent = {"slot": "call.1", "kind": "tool", "tool": "blind", "arguments": {}, "fence": 1}
        app.store.append(drive.lease, [Draft("intent", intent)], release=True)
        with pytest.raises(RunNotReady, match="drove it stopped in the middle of 'blind'"):
            app.cancel("r", by="bob")
