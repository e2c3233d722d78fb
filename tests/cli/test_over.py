"""What the commands say and do about runs that are over, whose process died, or that are forks."""

from __future__ import annotations

import signal

import pytest

from .test_process import started

DYING = """
import os, signal
from pydantic import BaseModel
from guideway import START, Anyone, End, Flow, on, tool
class State(BaseModel):
    text: str | None = None
def die(effect):
    @tool(name="pay", effect=effect, stakes="low", timeout=5.0, writes="text")
    def pay() -> str:
        os.kill(os.getpid(), signal.SIGKILL)
    return pay
done = End("done")
def made(name, effect):
    pay = die(effect)
    return Flow(name, state=State, edges=[on(START, pay), on(pay, done)])
paying, looking = made("paying", "once"), made("looking", "idempotent")
def payer(store):
    return paying.compile(store=store)
def looker(store):
    return looking.compile(store=store)
"""


@pytest.fixture
def died(here):
    """Starts a run r of an App of `dying` in a process that dies in the middle of its call."""

    def start(app: str) -> str:
        (here / "dying.py").write_text(DYING)
        process = started(here, "run", f"dying.py:{app}", "{}", "--run-id", "r")
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        return f"dying.py:{app}"

    return start


@pytest.mark.parametrize("named", [True, False])
def test_a_run_that_died_in_a_once_call_is_not_cancelled(died, guideway, named):
    """The refusal says so and what to do, with the App at hand and without."""
    app = died("payer")
    said = guideway("cancel", *([app] if named else []), "r")
    assert said.status == 1
    assert "died in the middle of 'pay'" in said.err
    assert "Resume it" in said.err


def test_a_run_that_died_in_a_call_that_may_be_repeated_is_cancelled_with_its_flow(died, guideway):
    """Only the flow knows that the call is harmless: without it the safe side is taken."""
    app = died("looker")
    assert guideway("cancel", "r").status == 1
    assert guideway("cancel", "desks:app", "r", "--store", "guideway.db").status == 1
    assert guideway("cancel", app, "r").status == 0
    assert guideway("show", "r", "--json").data["status"] == "cancelled"
