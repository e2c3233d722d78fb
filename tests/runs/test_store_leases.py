"""Leases: one writer a run, taken over at once from a dead process and in time from a silent one."""

from __future__ import annotations

import gc
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from guideway.errors import LeaseLost, RunBusy
from guideway.runs.store import Draft, SqliteStore, heartbeat, holder
from guideway.runs.store.heartbeat import Heartbeat
from guideway.runs.store.holder import Holder, this_process
from tests.runs.processes import Process

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the death of a process is proved by /proc")

HOLDS = """
store = SqliteStore(path, ttl=float(words[0]))
row, lease = store.create(run_id="r1", flow="desk", shape="s", build="b", events=[Draft("started", {})], hold=True)
tell("held")
while (order := hear()) != "end":
    try:
        if order == "append":
            store.append(lease, [Draft("step", {})])
        elif order == "check":
            lease.check()
        elif order == "renew":
            store.renew(lease)
        tell("done")
    except LeaseLost as error:
        tell("lost:", error)
"""


@pytest.fixture
def path(tmp_path):
    """Where a store may be."""
    return tmp_path / "runs.db"


def begin(store, run="r1"):
    """A run with one event, held by this process."""
    return store.create(run_id=run, flow="desk", shape="s", build="b", events=[Draft("started", {})], hold=True)[1]


def held_by(path, other, until=1e12, ticks=1e12, ttl=15.0):
    """Write a holder into the row of r1, as a process elsewhere would."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "update runs set holder = ?, until = ?, ticks = ?, ttl = ? where id = 'r1'",
            (other.text(), until, ticks, ttl),
        )
    connection.close()


def eventually(true):
    """Whether something becomes true within five seconds."""
    end = time.monotonic() + 5
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_run_has_one_driver(path, kind):
    """While a run is held it is busy, also for the same process; once released it is taken with a higher fence."""
    with SqliteStore(path if kind == "file" else None) as store:
        lease = begin(store)
        me = this_process().describe()
        with pytest.raises(
            RunBusy, match=rf"run 'r1' is driven by {me}, this process, .* Wait for it, or stop"
        ) as caught:
            store.acquire("r1")
        assert caught.value.data["holder"] == me == store.run("r1").holder
        store.release(lease)
        assert store.run("r1").holder is None
        again = store.acquire("r1")
        assert (again.fence, again.tail, again.link) == (2, 1, lease.link)
        assert store.run("r1").status == "running"


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_stale_lease_commits_nothing(path, kind):
    """A driver whose lease another has writes no event, no status and no request, and its lease refuses dispatch."""
    with SqliteStore(path if kind == "file" else None) as store:
        old = begin(store)
        store.release(old)
        new = store.acquire("r1")
        for change in ({}, {"status": "ended"}, {"power": True}):
            with pytest.raises(LeaseLost, match=r"this process no longer holds run 'r1': .* took it over"):
                store.append(old, [Draft("step", {})], **change)
        with pytest.raises(LeaseLost, match=r"Nothing was dispatched. Resume the run"):
            old.check()
        assert store.run("r1").tail == 1
        store.append(new, [Draft("step", {})])
        new.check()


def test_two_processes_exclude_each_other(path):
    """A run that another living process drives is busy, and the message names that process."""
    with Process(HOLDS, path, 15) as other:
        assert other.hear() == "held"
        with SqliteStore(path) as store, pytest.raises(RunBusy, match=rf"driven by .* pid {other.pid}, for 1\d s more"):
            store.acquire("r1")
        other.tell("end")
        assert other.end() == 0


@LINUX
def test_a_killed_process_is_taken_over_at_once(path):
    """After a kill -9 of its holder a run is free without waiting, though its lease has 15 s to go: zombie or gone."""
    with Process(HOLDS, path, 15, within=("env",)) as other, SqliteStore(path) as store:
        assert other.hear() == "held"
        with pytest.raises(RunBusy, match="is driven by"):
            store.acquire("r1")
        other.signal(signal.SIGKILL)
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet buried: a zombie
        lease = store.acquire("r1")
        assert lease.fence == 2
        store.append(lease, [Draft("resumed", {})])
        store.release(lease)
        held_by(path, replace(this_process(), pid=other.pid, started=1))
        assert other.end() == -signal.SIGKILL
        assert store.acquire("r1").fence == 3


@LINUX
def test_a_stopped_process_is_taken_over_when_its_lease_has_run_out(path):
    """A stopped holder keeps the run for its lease's time only; when it wakes it commits and dispatches nothing."""
    with Process(HOLDS, path, 0.6) as other, SqliteStore(path) as store:
        assert other.hear() == "held"
        other.signal(signal.SIGSTOP)
        with pytest.raises(RunBusy, match="is driven by"):
            store.acquire("r1")
        end = time.monotonic() + 5
        while True:
            try:
                lease = store.acquire("r1")
                break
            except RunBusy:
                assert time.monotonic() < end
                time.sleep(0.05)
        store.append(lease, [Draft("step", {})])
        other.signal(signal.SIGCONT)
        for order in ("check", "append", "renew"):
            other.tell(order)
            assert other.hear().startswith("lost: this process no longer holds run 'r1'")
        assert store.run("r1").tail == 2


def test_the_heartbeat_outlasts_user_code(path):
    """A lease is renewed while the process works for longer than the lease lasts, whatever its main thread does."""
    with SqliteStore(path, ttl=0.6) as store:
        lease = begin(store)
        end = time.monotonic() + 1.3
        while time.monotonic() < end:
            sum(range(1000))
        lease.check()
        with pytest.raises(RunBusy, match="this process"):
            store.acquire("r1")


def test_a_lease_that_nobody_renews_refuses_dispatch(path):
    """Without a heartbeat the deadline passes before others may take the run, and then nothing is dispatched."""
    with SqliteStore(path, ttl=0.2) as store:
        lease = begin(store)
        assert store._heartbeat is not None
        store._heartbeat.stop()
        lease.check()
        time.sleep(0.19)
        with pytest.raises(LeaseLost, match="its lease ran out"):
            lease.check()
        store.renew(lease)
        lease.check()


def test_the_heartbeat_hears_of_a_takeover(path):
    """When somebody else has the run, the next beat makes the old lease refuse, before any commit."""
    with SqliteStore(path, ttl=0.3) as store:
        lease = begin(store)
        connection = sqlite3.connect(path)
        with connection:
            connection.execute("update runs set fence = fence + 1")
        connection.close()
        assert eventually(lambda: lease.deadline < 0)
        with pytest.raises(LeaseLost, match="was taken over"):
            lease.check()


def test_a_beat_does_not_revive_what_was_let_go(path, monkeypatch):
    """A lease that is released while a beat renews it stays released."""
    with SqliteStore(path, ttl=0.3) as store:
        lease, other = begin(store), begin(store, "r2")
        beaten = []

        def let_go_meanwhile(cursor, one, ttl, renew=heartbeat.renew):
            deadline = renew(cursor, one, ttl)
            if one is lease:
                store._drop(lease)
                beaten.append(True)
            return deadline

        monkeypatch.setattr(heartbeat, "renew", let_go_meanwhile)
        first = other.deadline
        assert eventually(lambda: other.deadline > first)
        assert beaten
        with pytest.raises(LeaseLost, match="its lease ran out"):
            lease.check()


def heartbeats():
    """The threads that beat now."""
    return [thread for thread in threading.enumerate() if thread.name == "guideway-heartbeat"]


def test_the_heartbeat_lives_only_as_long_as_it_is_needed(path):
    """One thread a store, begun by the first lease; it ends when nothing is held, and close waits for it."""
    with SqliteStore(path, ttl=0.15) as store:
        assert not heartbeats()
        leases = [begin(store, f"r{number}") for number in range(3)]
        assert len(heartbeats()) == 1
        for lease in leases:
            store.release(lease)
        assert eventually(lambda: not heartbeats())
        again = store.acquire("r1")
        again.check()
        assert len(heartbeats()) == 1
    assert not heartbeats()


def test_a_beat_that_fails_is_made_up_for(path, monkeypatch):
    """A store that cannot be written for a moment costs no lease: the next beat comes sooner, on a new connection."""
    failed = []

    def fail_once(self, held, beat=Heartbeat._beat):
        if not failed:
            failed.append(True)
            raise sqlite3.OperationalError("disk I/O error")
        beat(self, held)

    monkeypatch.setattr(Heartbeat, "_beat", fail_once)
    with SqliteStore(path, ttl=0.9) as store:
        lease = begin(store)
        first = lease.deadline
        assert eventually(lambda: lease.deadline > first)
        lease.check()


def test_a_run_is_let_go_with_its_last_event(path):
    """append(release=True) commits the event and frees the run at once, and dispatches nothing more."""
    with SqliteStore(path) as store:
        lease = begin(store)
        store.append(lease, [Draft("ended", {})], status="ended", release=True)
        assert (store.run("r1").holder, store.run("r1").status) == (None, "ended")
        with pytest.raises(LeaseLost, match="its lease ran out"):
            lease.check()


def test_close_lets_go_what_is_held(path):
    """Closing a store releases its leases; closing it again does nothing, and it is of no use any more."""
    store = SqliteStore(path)
    lease = begin(store)
    store.close()
    store.close()
    with pytest.raises(LeaseLost, match="its lease ran out"):
        lease.check()
    with SqliteStore(path) as again:
        assert again.run("r1").holder is None


@LINUX
@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_lease_that_was_dropped_is_free(path, kind):
    """A lease that nobody in this process has any more commits nothing, so the run can be taken at once."""
    with SqliteStore(path if kind == "file" else None) as store:
        begin(store)
        gc.collect()
        assert store.acquire("r1").fence == 2


@LINUX
def test_only_a_proved_death_counts(path):
    """Another boot, namespace or user's hidden process, or one that lives, proves nothing: its lease must run out."""
    me = this_process()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead = replace(me, pid=gone.pid, started=1)
    assert dead.provably_dead()
    assert replace(me, started=1).provably_dead(), "the id was used again"
    assert not replace(me, started=1, times="time:[1]").provably_dead(), "its start was told by another clock"
    assert replace(dead, times="time:[1]").provably_dead(), "an id that is gone is gone by any clock"
    assert not me.provably_dead()
    for unknown in ({"boot": "another"}, {"boot": None}, {"space": "pid:[1]"}, {"space": None}, {"started": None}):
        assert not replace(dead, **unknown).provably_dead()
    with SqliteStore(path) as store:
        store.release(begin(store))
        held_by(path, replace(dead, space="pid:[1]", user="ann", host="box"))
        with pytest.raises(RunBusy, match=rf"driven by ann@box pid {gone.pid}, for"):
            store.acquire("r1")
        held_by(path, dead)
        assert store.acquire("r1").fence == 2


@LINUX
def test_a_lease_knows_which_holders_are_dead(path):
    """Proofs add up from takeover to takeover; one that let go, or was only silent, may still be in a call."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead = replace(this_process(), pid=gone.pid, started=1)
    with SqliteStore(path) as store:
        first = begin(store)
        assert not first.surely_dead(1)
        store.release(first)
        assert not store.acquire("r1").surely_dead(1), "it let go, and its threads may work on"
        held_by(path, dead)
        third = store.acquire("r1")
        held_by(path, dead)
        fourth = store.acquire("r1")
        assert (third.surely_dead(2), third.surely_dead(1), third.surely_dead(3)) == (True, False, False)
        assert [fourth.surely_dead(fence) for fence in range(1, 6)] == [False, True, True, False, False]
        held_by(path, replace(dead, boot="another"), until=0)
        fifth = store.acquire("r1")
        assert not any(fifth.surely_dead(fence) for fence in range(6)), "one of them was only silent"


@LINUX
def test_a_process_that_cannot_be_seen_is_not_dead(monkeypatch):
    """A process of which /proc shows nothing to us may live."""
    parent = replace(this_process(), pid=os.getppid(), started=1)
    monkeypatch.setattr(holder, "_stat", lambda pid: None)
    assert not parent.provably_dead()
    monkeypatch.setattr(holder, "_stat", lambda pid: ("Z", 3, 1))
    assert not parent.provably_dead(), "its main thread has ended, and others go on"
    monkeypatch.setattr(holder, "_stat", lambda pid: ("Z", 1, 1))
    assert parent.provably_dead()


def test_another_hosts_lease_runs_out_by_its_wall_clock(path):
    """A holder whose clock is not ours keeps the run until the time that it wrote down."""
    far = Holder(boot="b", space="s", times="t", pid=1, started=1, user="ann", host="box")
    with SqliteStore(path) as store:
        store.release(begin(store))
        held_by(path, far, until=time.time() + 10, ticks=0)
        with pytest.raises(RunBusy, match="driven by ann@box pid 1, for 10 s more"):
            store.acquire("r1")
        held_by(path, far, until=time.time() - 1, ticks=1e12)
        assert store.acquire("r1").fence == 2


def test_a_clock_that_runs_ahead_does_not_keep_a_run_for_ever(path):
    """A lease that nobody renewed while we watched for its whole time is over, whatever its wall clock says."""
    far = Holder(boot="b", space="s", times="t", pid=1, started=1, user="ann", host="box")
    with SqliteStore(path) as store:
        store.release(begin(store))
        held_by(path, far, until=time.time() + 1e6, ticks=0, ttl=0.2)
        with pytest.raises(RunBusy, match="driven by ann@box"):
            store.acquire("r1")
        time.sleep(0.15)
        held_by(path, far, until=time.time() + 1e6, ticks=0, ttl=0.2)  # renewed: the watch begins anew
        time.sleep(0.1)
        with pytest.raises(RunBusy, match="driven by ann@box"):
            store.acquire("r1")
        time.sleep(0.25)
        assert store.acquire("r1").fence == 2


@LINUX
def test_a_wall_clock_that_jumps_frees_nothing_on_this_host(path, monkeypatch):
    """On one boot leases are measured by the monotonic clock: an hour's jump of the wall clock changes nothing."""
    with Process(HOLDS, path, 15) as other, SqliteStore(path) as store:
        assert other.hear() == "held"
        monkeypatch.setattr(time, "time", lambda now=time.time: now() + 3600)
        with pytest.raises(RunBusy, match=r"for 1\d s more"):
            store.acquire("r1")


def test_a_holder_is_read_from_its_text():
    """What a newer version adds about a holder is passed over; what is no holder is refused."""
    me = this_process()
    assert Holder.read(json.dumps({**json.loads(me.text()), "new": 1})) == me
    assert me.same_clock(me) == (me.boot is not None)
    with pytest.raises(TypeError, match="missing 7 required"):
        Holder.read("{}")
