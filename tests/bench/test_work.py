"""guideway's own part of each row does its work, in tiny sizes: no line of the table measures a no-op."""

from __future__ import annotations

import sqlite3

import pytest

from bench import pace
from bench.lanes import Broken, Cold, Start, Task, Warm
from bench.pace import Marks
from bench.payload import kilobyte
from bench.peers import ours
from bench.stored import at_least, count, size


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Rounds are short, and what they opened is closed."""
    monkeypatch.setattr(pace, "WARM", 20)
    monkeypatch.setattr(pace, "REPEATED", 10)
    monkeypatch.setattr(ours, "crash_at", 0)
    ours.marks.times.clear()
    yield
    ours.open_apps.close()


@pytest.mark.parametrize(
    ("call", "options", "figures"),
    [
        ("steps", {"steps": 5, "durability": "process"}, {"step", "cpu"}),
        ("steps", {"steps": 5, "durability": "power"}, {"step", "cpu"}),
        ("concurrent", {"runs": 3, "steps": 2}, {"cpu", "wall"}),
        ("growth", {"steps": 80, "kind": "text"}, {"mb", "step", "first", "last", "flat"}),
        ("growth", {"steps": 80, "kind": "messages"}, {"mb", "step", "first", "last", "flat"}),
        ("gates", {"waits": 40}, {"mb", "wait", "cpu"}),
        ("checks", {"nodes": 20}, {"small", "large", "times", "solver", "proved", "asked"}),
    ],
)
def test_each_row_of_ours_works(tmp_path, call, options, figures):
    """A round of ours does the work that it is asked for, twice over, and gives figures above nothing."""
    a_round = getattr(ours, call)(tmp_path, **options)
    for found in (a_round(), a_round()):
        assert set(found) == figures
        assert all(value > 0 for value in found.values())


def test_a_dead_run_is_resumed_in_new_processes(tmp_path):
    """A run whose process died in a step is resumed in another process, in each round from the same store."""
    options = {"steps": 3, "kind": "text"}
    lane = Cold("guideway", Task("ours", "crash", options), Task("ours", "resume", options))
    a_round, close = lane.open(tmp_path)
    assert a_round()["resume"] > 0
    assert "pydantic" in (tmp_path / "modules.txt").read_text().split()
    assert count(tmp_path / "left" / "runs.db", ours.STEPS) == 3
    assert count(tmp_path / "now" / "runs.db", ours.STEPS) == 4
    close()


def test_the_history_is_read_whole(tmp_path):
    """Reading a run's history gives every step of it, with what each wrote."""
    with ours.growing("text").compile(store=tmp_path / "runs.db") as app:
        app.start({"last": 3}, run_id="first")
    assert ours.history(tmp_path, steps=3, kind="text")()["history"] > 0
    with pytest.raises(RuntimeError, match="3 steps in the history, where at least 4 must be"):
        ours.history(tmp_path, steps=4, kind="text")()


def test_a_worker_that_fails_tells_why(tmp_path):
    """What a contender's process printed before it failed is in the error."""
    with pytest.raises(Broken, match=r"(?s)nobody.steps ended with status 1:.*No module named 'bench.peers.nobody'"):
        Warm("nobody", Task("nobody", "steps")).open(tmp_path)


def test_a_process_is_timed_net_of_a_bare_one(tmp_path):
    """Starting is told as what it takes beyond a Python that does nothing; one that fails is refused."""
    a_round, _ = Start("sleep", "import time; time.sleep(0.5)").open(tmp_path)
    assert set(a_round()) == {"wall", "cpu"}
    with pytest.raises(Broken, match="ended with status 1"):
        Start("fails", "raise SystemExit(1)").open(tmp_path)


def test_what_is_not_installed_is_named():
    """A task of a package that is not there names it."""
    assert Task("ours", "steps").missing() is None
    assert Task("ours", "steps", needs="no_such_package").missing() == "no_such_package"


def test_bytes_are_counted_once_the_log_is_folded_in(tmp_path):
    """What a store takes counts its log, which is folded in first; too little is refused."""
    path = tmp_path / "some.db"
    connection = sqlite3.connect(path)
    connection.execute("pragma journal_mode=wal")
    connection.execute("create table kept (body text)")
    before = size(path)
    connection.executemany("insert into kept values (?)", [(kilobyte(number),) for number in range(100)])
    connection.commit()
    assert 100 * 1024 <= size(path) - before < 200 * 1024
    assert count(path, "select count(*) from kept") == 100
    connection.close()
    with pytest.raises(RuntimeError, match="2 rows, where at least 3 must be"):
        at_least(2, 3, "rows")


def test_steps_that_get_slower_are_not_flat():
    """The last tenth of the steps is told beside the first; a run with fewer steps than asked for is refused."""
    marks = Marks()
    marks.times = [float(number**2) for number in range(20)]
    assert marks.figures(20)["flat"] == pytest.approx((35 + 37) / (1 + 3))
    with pytest.raises(RuntimeError, match="20 steps began, where 21 must"):
        marks.figures(21)


def test_a_kilobyte_is_one_and_the_same_in_every_process():
    """A step's kilobyte is 1,024 characters, never the same as another's, and does not depend on the process."""
    assert len(kilobyte(1)) == 1024
    assert kilobyte(1) == kilobyte(1) != kilobyte(2)


def test_what_is_started_may_write_bytecode(tmp_path, monkeypatch):
    """A checkout is not compiled in every start, also where the measuring process may write no bytecode."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    a_round, _ = Start("writes", "import sys; raise SystemExit(sys.dont_write_bytecode)").open(tmp_path)
    assert set(a_round()) == {"wall", "cpu"}
