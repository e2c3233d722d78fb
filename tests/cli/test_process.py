"""The command line as a process: what it loads, how it stops, and the demo from its first line to its last."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from .conftest import DESKS, REFUND

SLEEPER = """
import time
from pydantic import BaseModel
from guideway import START, End, Flow, compute, on
class State(BaseModel):
    text: str = ""
@compute(writes="text")
def first(text: str) -> str:
    return "first"
@compute(writes="text")
async def second(text: str) -> str:
    import asyncio
    open("asleep", "w").close()
    await asyncio.sleep(60)
    return "second"
done = End("done")
flow = Flow("sleeper", state=State, edges=[on(START, first), on(first, second), on(second, done)])
def app(store):
    return flow.compile(store=store)
"""
HEAVY = {"langgraph", "langchain", "langchain_core"}


def started(here, *arguments: str) -> subprocess.Popen[str]:
    """A process of the command line."""
    command = [sys.executable, "-m", "guideway.cli", *arguments]
    return subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ran(here, *arguments: str) -> tuple[int, str, str]:
    """How a process of the command line ended, and what it printed."""
    process = started(here, *arguments)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["runs"],
        ["show", "r"],
        ["log", "r"],
        ["inbox"],
        ["verify", "r"],
        ["check", "guideway.cli.demo.refund_desk:refund_desk"],
        ["draw", "guideway.cli.demo.refund_desk:refund_desk", "x.dot"],
    ],
    ids=" ".join,
)
def test_looking_loads_no_engine(here, guideway, waiting, arguments):
    """Help, lists, logs, checks and drawings load neither LangGraph nor langchain."""
    code = (
        "import sys\nfrom guideway.cli.program import run\n"
        f"status = run({arguments!r})\nprint(status, sorted({{n.split('.')[0] for n in sys.modules}}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True, check=True)
    status, _, modules = done.stderr.splitlines()[-1].partition(" ")
    assert status == "0"
    assert not HEAVY & set(modules.strip("[]").replace("'", "").split(", "))


def test_exit_statuses_are_the_processes_own(here):
    """0, 1, 2 and 3 reach the shell, and a mistake leaves no traceback."""
    target = f"{DESKS}:app"
    assert ran(here, "run", target, REFUND, "--by", "web", "--run-id", "r")[0] == 3
    assert ran(here, "runs")[0] == 0
    assert ran(here, "show", "nope")[0] == 1
    status, out, err = ran(here, "show")
    assert (status, out) == (2, "")
    assert "Traceback" not in err


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_is_let_go_at_once(here, sent, status):
    """Ctrl-C exits 130 and a termination 143, quietly; the lease is released, so another process goes on at once."""
    (here / "sleeper.py").write_text(SLEEPER)
    process = started(here, "run", "sleeper:app", "{}", "--run-id", "s")
    until = time.monotonic() + 30
    while not (here / "asleep").exists() and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(sent)
    begun = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err.strip()) == (status, "interrupted; go on: guideway resume sleeper:app s")
    assert time.monotonic() - begun < 5
    shown = json.loads(ran(here, "show", "s", "--json")[1])
    assert (shown["holder"], shown["steps"]) == (None, 1)


def test_a_reader_that_leaves_is_no_error(here):
    """A closed pipe ends the command without a word."""
    ran(here, "run", f"{DESKS}:app", REFUND, "--by", "web", "--run-id", "r")
    process = started(here, "log", "r")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.wait(timeout=30)
    process.stderr.close()


def test_a_reader_that_leaves_does_not_stop_a_run(here):
    """A run goes on to where it waits when nobody reads its progress any more."""
    process = started(here, "run", f"{DESKS}:app", REFUND, "--by", "web", "--run-id", "r")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.wait(timeout=30)
    process.stderr.close()
    assert json.loads(ran(here, "show", "r", "--json")[1])["status"] == "waiting"


@pytest.mark.slow
def test_the_demo_keeps_its_promises_twice_in_one_folder(here):
    """demo draws, waits, is approved, is killed by signal 9 at the worst moment, and pays exactly once; again too."""
    for _ in range(2):
        status, out, err = ran(here, "demo")
        assert (status, err) == (0, "")
        assert "died by signal 9 (SIGKILL); the ledger has 1 payment" in out
        assert "reconciled pay_back had happened" in out
        assert "   NO" not in out
        ledger = (here / "guideway-demo" / "ledger.jsonl").read_text().splitlines()
        assert len(ledger) == 1
    for name in ("refund-desk.svg", "refund-desk.png", "runs.db"):
        assert (here / "guideway-demo" / name).stat().st_size > 1000


@pytest.mark.slow
def test_the_demo_for_machines(here):
    """demo --json is one object on the output."""
    status, out, _ = ran(here, "demo", "--json", "--folder", "shown")
    found = json.loads(out)
    assert (status, found["kept"], found["died_by_signal"], len(found["payments"])) == (0, True, 9, 1)
    assert all(os.path.exists(here / path) for path in [*found["pictures"], found["store"]])


def test_the_demo_cannot_use_a_file_as_its_folder(guideway, here):
    """A folder that is none is told, and the file stays."""
    (here / "guideway-demo").write_text("mine")
    said = guideway("demo")
    assert said.status == 2
    assert "cannot be the demo's folder" in said.err
    assert (here / "guideway-demo").read_text() == "mine"
