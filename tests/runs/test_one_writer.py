"""One writer: what user code, clocks, namespaces and forks do to leases never lets two processes drive one run."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import cache

import pytest

from guideway.errors import RunBusy
from guideway.runs.store import Draft, SqliteStore, holder
from guideway.runs.store.holder import Holder, this_process
from tests.runs.processes import Process
from tests.runs.test_store_leases import HOLDS, LINUX, begin, held_by
from tests.runs.test_store_opening import _fork_quietly
from tests.torture.world import World

pytestmark = LINUX


@pytest.fixture
def path(tmp_path):
    """Where a store may be."""
    return tmp_path / "runs.db"


def taken(store, run="r1"):
    """The lease of a run, waited for until whoever holds it has lost it; and how often it was busy."""
    end, busy = time.monotonic() + 20, 0
    while True:
        try:
            return store.acquire(run), busy
        except RunBusy:
            busy += 1
            assert time.monotonic() < end, "it stays busy"
            time.sleep(0.02)


# user code

WORKS = """
import asyncio, ctypes, threading
from functools import partial
from pathlib import Path
from pydantic import BaseModel
from guideway import START, Context, End, Flow, on, tool
from guideway.runs import app as of_apps
from tests.runs.test_store_opening import _fork_quietly
from tests.torture.world import World

of_apps.SqliteStore = partial(SqliteStore, ttl=float(words[0]))

class Job(BaseModel):
    receipt: str | None = None

def hold():
    if words[1] == "lock":  # in C, with the interpreter's lock, until somebody writes a line
        ctypes.PyDLL(None).read(0, ctypes.create_string_buffer(3), 3)
    else:
        hear()

@tool(effect="once", stakes="low", timeout=60.0, writes="receipt")
async def charge(context: Context) -> str:
    found = context.deps.does("charge", context.key, "1")
    tell("holds")
    hold()
    return found

flow = Flow("holds", state=Job, edges=[on(START, charge), on(charge, End("done"))])
with flow.compile(store=path, deps=World(Path(path).parent)) as app:
    try:
        tell(app.start({}, run_id="r1").status)
    except LeaseLost as error:
        tell("lost:", error)
"""


def test_a_tool_that_blocks_the_loop_keeps_its_lease(path):
    """A call that lets nothing else run on the loop for longer than a lease lasts: the heartbeat goes on."""
    with Process(WORKS, path, 0.3, "loop") as other, SqliteStore(path) as store:
        assert other.hear() == "holds"
        end = time.monotonic() + 0.9
        while time.monotonic() < end:
            with pytest.raises(RunBusy, match=rf"is driven by .* pid {other.pid}"):
                store.acquire("r1")
            time.sleep(0.02)
        other.tell()
        assert other.hear() == "ended"


def test_a_tool_that_holds_the_interpreters_lock_loses_its_lease_and_commits_nothing(path):
    """Nothing in Python beats while C code holds the lock: another takes the run over, and the first is refused."""
    with Process(WORKS, path, 0.3, "lock") as other, SqliteStore(path) as store:
        assert other.hear() == "holds"
        lease, _ = taken(store)
        assert not lease.surely_dead(lease.fence - 1), "it lives, and its call may be under way"
        before = store.events("r1")
        other.tell("go")
        assert other.hear().startswith("lost: this process no longer holds run 'r1'")
        assert [event.kind for event in store.events("r1")] == [event.kind for event in before] == ["started", "intent"]
        assert len(World(path.parent).done()) == 1


def test_a_heartbeat_that_could_not_be_started_is_started_by_the_next_lease(path, monkeypatch):
    """A process that may not have one more thread loses that lease in time, and not all later ones too."""

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    with SqliteStore(path, ttl=0.3) as store:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                begin(store)
        lease = begin(store, "r2")
        first, end = lease.deadline, time.monotonic() + 5
        while lease.deadline == first and time.monotonic() < end:
            time.sleep(0.01)
        assert lease.deadline > first


# clocks


def test_a_wall_clock_that_goes_back_keeps_nobody_from_a_run(path, monkeypatch):
    """On one boot a lease is over by the monotonic clock, though the wall clock was set back by hours meanwhile."""
    with Process(HOLDS, path, 0.3) as other, SqliteStore(path) as store:
        assert other.hear() == "held"
        other.signal(signal.SIGSTOP)
        monkeypatch.setattr(time, "time", lambda now=time.time: now() - 6 * 3600)
        lease, _ = taken(store)
        assert lease.fence == 2
        other.signal(signal.SIGCONT)
        other.tell("append")
        assert other.hear().startswith("lost:")


@pytest.mark.parametrize("hours", [-6, 6])
def test_a_wall_clock_that_jumps_costs_its_holder_nothing(path, monkeypatch, hours):
    """The holder's own clock jumps while it works: it dispatches and commits on, and nobody takes the run."""
    with SqliteStore(path, ttl=0.6) as store:
        lease = begin(store)
        monkeypatch.setattr(time, "time", lambda now=time.time: now() + hours * 3600)
        end = time.monotonic() + 0.9
        while time.monotonic() < end:
            lease.check()
            time.sleep(0.05)
        store.append(lease, [Draft("step", {})])
        with SqliteStore(path) as other, pytest.raises(RunBusy, match="this process"):
            other.acquire("r1")


def test_the_clock_of_a_store_that_jumps_decides_nothing_about_leases(path):
    """``clock=`` gives the times of events; a lease does not look at it."""
    times = iter([1e9, 5e9, 0.0, 7e9, 1.0, 2e9])
    with SqliteStore(path, clock=lambda: next(times)) as store:
        lease = begin(store)
        store.append(lease, [Draft("step", {})])
        store.append(lease, [Draft("step", {})])
        lease.check()
        assert [event.at for event in store.events("r1")] == [1e9, 5e9, 0.0]
        with pytest.raises(RunBusy, match="this process"):
            store.acquire("r1")


def test_a_holder_of_another_boot_is_waited_for(path):
    """After the machine started anew its old monotonic times mean nothing: the lease is over by the wall clock."""
    me = this_process()
    before = replace(me, boot="the boot before", started=1)
    with SqliteStore(path) as store:
        store.release(begin(store))
        held_by(path, before, until=time.time() + 30, ticks=0)
        with pytest.raises(RunBusy, match=r"for (30|29) s more"):
            store.acquire("r1")
        held_by(path, before, until=time.time() - 1, ticks=1e12)
        assert store.acquire("r1").fence == 2


# namespaces


@cache
def unshares(*options: str) -> str | None:
    """Why a process cannot be put into namespaces of its own here; None where it can."""
    if shutil.which("unshare") is None:
        return "there is no unshare here"
    tried = subprocess.run(["unshare", *options, "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"the kernel refuses it: {tried.stderr.strip()}"


def contained(code, path, *words, options):
    """A process in namespaces of its own; the test is skipped where the kernel refuses."""
    why = unshares(*options)
    if why is not None:
        pytest.skip(why)
    return Process(code, path, *words, within=("unshare", *options))


CONTAINER = ("--pid", "--fork", "--mount-proc", "--uts", "--kill-child")
ASKS = """
from guideway.runs.store.holder import Holder, this_process

store = SqliteStore(path)
tell(this_process().text())
while (order := hear()) != "end":
    try:
        tell("fence", store.acquire("r1").fence) if order == "take" else tell(Holder.read(order).provably_dead())
    except RunBusy as error:
        tell("busy:", error)
"""


def holder_of(path):
    """Who holds r1, by its row."""
    connection = sqlite3.connect(path)
    (text,) = connection.execute("select holder from runs where id = 'r1'").fetchone()
    connection.close()
    return Holder.read(text)


def time_passes(path):
    """Let the lease of r1 be over, as if its time had passed."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("update runs set until = ?, ticks = ?", (time.time() - 0.01, time.monotonic() - 0.01))
    connection.close()


def answer(process, order):
    """What a process answers to an order."""
    process.tell(order)
    return process.hear()


def test_two_containers_on_one_volume_do_not_take_each_other_for_dead(path):
    """Both are process 1 of their own: one that lives keeps its run, and one that was killed loses it in time only."""
    with contained(HOLDS, path, 15, options=CONTAINER) as first, contained(ASKS, path, options=CONTAINER) as second:
        assert first.hear() == "held"
        held, asks = holder_of(path), Holder.read(second.hear())
        assert (held.pid, asks.pid) == (1, 1)
        assert held.boot == asks.boot
        assert len({held.space, asks.space, this_process().space}) == 3
        assert answer(second, "take").startswith(f"busy: run 'r1' is driven by {held.describe()}, for 1")
        first.signal(signal.SIGKILL)
        assert first.end() == -signal.SIGKILL
        assert answer(second, "take").startswith(f"busy: run 'r1' is driven by {held.describe()}, for 1")
        time_passes(path)
        assert answer(second, "take") == "fence 2"
        second.tell("end")


@pytest.mark.parametrize("options", [("--time", "--boottime", "100000", "--monotonic", "100000"), ("--uts",)])
def test_a_living_process_is_not_dead_to_one_whose_clock_or_name_differs(path, options):
    """A process beside us, whose clock of the boot is another, tells our start by its clock: that proves nothing."""
    with SqliteStore(path) as store, contained(ASKS, path, options=(*options, "--fork", "--kill-child")) as other:
        lease = begin(store)
        asks = Holder.read(other.hear())
        assert asks.space == this_process().space
        assert answer(other, this_process().text()) == "False"
        assert answer(other, "take").startswith(f"busy: run 'r1' is driven by {this_process().describe()}")
        lease.check()
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        assert answer(other, replace(this_process(), pid=gone.pid).text()) == "True", "an id that is gone is gone"
        other.tell("end")


def test_a_process_whose_proc_is_of_another_namespace_proves_nothing(path):
    """Without a /proc of its own namespace a process cannot know its own start, nor that of others."""
    with contained(ASKS, path, options=("--pid", "--fork", "--kill-child")) as other:
        asks = Holder.read(other.hear())
        assert (asks.pid, asks.space, asks.started) == (1, None, None)
        assert answer(other, replace(asks, pid=77).text()) == "False"
        other.tell("end")


# forks

FORKS = """
from guideway.runs.store.holder import this_process

store = SqliteStore(path)
row, lease = store.create(run_id="r1", flow="f", shape="s", build="b", events=[Draft("started", {})], hold=True)
me = this_process()
with store._heartbeat._lock:  # as a beat may, at the moment of the fork
    child = os.fork()
if child == 0:
    signal.alarm(20)
    try:
        lease.check()
        tell("may dispatch")
    except LeaseLost as error:
        tell(error)
    try:
        store.release(lease)
        tell("let go")
    except StoreError as error:
        tell(error)
    store.close()
    tell(this_process().same_process(me))
    os._exit(0)
tell(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
lease.check()
store.append(lease, [Draft("step", {})])
tell(store.run("r1").tail)
"""


def test_a_child_that_inherits_a_lease_by_fork_does_nothing_under_it(path):
    """In the child the lease dispatches, commits and releases nothing, and nothing hangs; the parent's works on."""
    with Process(FORKS, path) as parent:
        assert "this process no longer holds run 'r1'" in parent.hear()
        assert parent.hear() == "let go"  # it lets nothing go: its store is closed
        assert [parent.hear() for _ in range(3)] == ["False", "0", "2"]


def test_what_was_known_of_a_process_id_is_not_believed_after_a_fork():
    """A child may get the id of an ancestor that is gone: it is looked up anew."""
    stale = replace(this_process(), started=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(holder, "_stat", lambda pid: ("S", 1, 1))
        holder._process.cache_clear()
        assert this_process() == stale
    code = os.fork() if sys.version_info < (3, 12) else _fork_quietly()
    if code == 0:
        holder._process(os.getppid())
        os._exit(0 if holder._process(os.getppid()).started != 1 else 1)
    try:
        assert os.waitstatus_to_exitcode(os.waitpid(code, 0)[1]) == 0
    finally:
        holder._process.cache_clear()
