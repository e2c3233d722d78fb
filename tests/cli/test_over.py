"""What the commands say and do about runs that are over, whose process died, or that are forks."""

from __future__ import annotations

import json
import signal
import time

import pytest

from guideway.cli.options import user
from guideway.viz.formats import FORMATS

from . import desks, wides
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


def test_a_run_whose_process_died_says_so(died, guideway):
    """show, log and runs do not call it driven; a run that nobody drove is not dead."""
    app = died("looker")
    for command in ("show", "log"):
        assert "running, and its process died: resume it" in guideway(command, "r").out
    assert "running, its process died" in guideway("runs").out
    assert guideway("show", "r", "--json").data["dead"] is True
    assert guideway("cancel", app, "r").status == 0
    assert [row["dead"] for row in guideway("runs", "--json").data] == [False]
    assert "died" not in guideway("show", "r").out + guideway("runs").out


def test_nothing_waits_in_a_cancelled_run(guideway, here):
    """show, log and the App's view count nothing as waiting, and what was over stays counted."""
    given = json.dumps({"rows": list(range(30))})
    assert guideway("run", "wides:pays", given, "--run-id", "r", "--by", "web").status == 3
    guideway("deny", "wides:pays", "r.1i0.1", "--yes")
    guideway("resume", "wides:pays", "r")
    assert "29 wait for people" in guideway("log", "r").out
    assert guideway("cancel", "r").status == 0
    for out in (guideway("show", "r").out, guideway("log", "r").out):
        assert "1 of 30 items over, 1 of them failed, 29 not over" in out
        assert "for people" not in out
    assert "stood at" in guideway("show", "r").out
    data = guideway("show", "r", "--json").data
    assert {place["is"] for place in data["places"]} == {"cancelled"}
    with wides.pays(str(here / "guideway.db")) as app:
        (progress,) = app.get("r").progress
    assert (progress.failed, progress.waiting, progress.left) == (1, 0, 29)
    assert [data["progress"][0][name] for name in ("failed", "waiting")] == [1, 0]


def test_nothing_is_parked_in_a_cancelled_run(guideway, here):
    """What was changed under a run and parked it is not to be settled once the run is cancelled."""
    guideway("run", "desks:wonderer", "{}", "--run-id", "r")
    guideway("resume", "desks:wonderer_without", "r")
    assert [one["reason"] for one in guideway("show", "r", "--json").data["parked"]] == ["flow_changed"]
    guideway("cancel", "r")
    data = guideway("show", "r", "--json").data
    assert (data["status"], data["parked"]) == ("cancelled", [])
    assert "--step" not in guideway("show", "r").out
    with desks.wonderer_without(str(here / "guideway.db")) as app:
        assert app.get("r").parked == ()


def test_the_help_of_draw_offers_what_there_is(guideway):
    """Every format, and none that does not exist."""
    said = " ".join(guideway("draw", "--help").out.split())
    names = list(FORMATS)
    assert f"{', '.join(names[:-1])} or {names[-1]}." in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["x.bmp"], "there is no format 'bmp'"), (["nowhere/x.svg"], "there is no folder 'nowhere'")],
)
def test_a_drawing_that_cannot_be_is_blamed_on_no_place(guideway, arguments, message):
    """Whoever typed the command is the caller: it is wrong usage, as of check, and no line of a script is named."""
    said = guideway("draw", "desks:asking", *arguments)
    assert said.status == 2
    assert said.err.startswith(message) or said.err.startswith("cannot write 'nowhere/x.svg': " + message)
    assert json.loads(guideway("draw", "desks:asking", *arguments, "--json").err)["error"]["where"] is None


def test_a_fork_says_what_it_inherited_and_where_it_comes_from(guideway, here):
    """log has a line for a once-only call whose result was taken over; show names the run and the step."""
    with wides.ships(str(here / "guideway.db")) as app:
        app.start({"rows": [1]}, run_id="r", by="web")
        app.fork("r", at=0, by="web", new_id="f")
    assert "ship: the result of run r" in guideway("log", "f").out
    assert "inherited" not in guideway("log", "r").out
    shown = " ".join(guideway("show", "f").out.split())
    assert "forked from run r, after its step 0" in shown
    assert guideway("show", "f", "--json").data["forked"] == {"run": "r", "at": 0}
    assert guideway("show", "r", "--json").data["forked"] is None


def test_a_branch_that_is_not_parked_cannot_be_settled(guideway):
    """The refusal names it, and those that are parked; of several left and of one."""
    guideway("run", "wides:ships", '{"rows": [3, 4, 13, 23]}', "--run-id", "r", "--by", "web")
    for left in ("'1i2', '1i3'", "'1i3'"):
        path = "1i0" if "1i2" in left else "1i2"
        assert guideway("settle", "wides:ships", "r", "--step", path, "--not-done").status == 0
        again = guideway("settle", "wides:ships", "r", "--step", path, "--not-done")
        assert again.status == 1
        assert f"not parked in branch '{path}', or that was settled already" in again.err
        assert f"what must be settled is {left}" in again.err


def test_the_log_says_which_item_failed(guideway):
    """An item's flow that ended, and an item of many that failed, with the item itself."""
    given = json.dumps({"rows": list(range(100, 130))})
    guideway("run", "wides:many", given, "--run-id", "r", "--by", "web")
    assert "item       107" in guideway("log", "r").out
    guideway("run", "desks:crowder", '{"guests": ["Ann"]}', "--run-id", "c")
    guideway("answer", "desks:crowder", "c.1i0.1", '{"mood": "fine"}')
    guideway("resume", "desks:crowder", "c")
    lines = [line.split() for line in guideway("log", "c").out.splitlines()]
    (place,) = [number for number, line in enumerate(lines) if "ended" in line and "(1i0)" in line]
    assert lines[place + 1] == ["item", '"Ann"']


def test_a_call_that_overran_its_timeout_is_told_and_its_end_too(guideway, here):
    """While it runs, show, inbox and log say where; once it ended its result is there, and nothing is parked."""
    with desks.dawdles("guideway.db") as app:
        assert app.start({"text": "held"}, run_id="r").status == "parked"
        _while_it_runs(guideway, here)
    assert guideway("inbox", "--json").data == []
    assert guideway("resume", "desks:dawdles", "r").status == 0
    log = guideway("log", "r").out
    assert "ended late" in log
    assert "held, at last" in log


def test_run_waits_for_a_call_that_overran_its_timeout(guideway):
    """With the process the call would end too, so the command says that it waits for it and records it."""
    said = guideway("run", "desks:dawdles", '{"text": "well"}', "--run-id", "r")
    assert "it is waited for, 10 s at most" in said.out
    assert "it is over, and what came of it is recorded" in said.out
    assert guideway("inbox", "--json").data == []
    assert guideway("resume", "desks:dawdles", "r").status == 0


def _while_it_runs(guideway, here):
    for command in (("show", "r"), ("inbox",)):
        assert f"still runs in {user()}@" in guideway(*command).out
    assert "overran its timeout, and still runs in" in guideway("log", "r").out
    (item,) = guideway("inbox", "--json").data
    assert (item["kind"], item["run"], item["step"], item["node"]) == ("parked", "r", "1", "dawdle")
    assert item["running"].startswith(f"{user()}@")
    assert guideway("settle", "desks:dawdles", "r", "--not-done").status == 1
    (here / "over").touch()
    for _ in range(1000):
        if guideway("show", "r", "--json").data["status"] == "ready":
            break
        time.sleep(0.01)


def test_what_is_parked_is_in_the_inbox(guideway):
    """The inbox lists what must be settled after what is asked, with the way to settle it; a role is asked nothing."""
    assert guideway("run", "desks:sender", '{"text": "x"}', "--run-id", "p").status == 3
    out = guideway("inbox").out
    assert "is parked, and must be settled: unknown_effect" in out
    assert "guideway settle APP p --step 1 --result JSON | --not-done | --give-up" in out
    assert [item["run"] for item in guideway("inbox", "--json").data] == ["p"]
    assert guideway("inbox", "--role", "lead", "--json").data == []
    assert guideway("settle", "desks:sender", "p", "--give-up", "--note", "who knows").status == 0
    assert guideway("inbox", "--json").data == []


def test_a_yes_is_taken_back_on_the_command_line(guideway, waiting):
    """revoke asks, says what became of it, and the run goes the way of a no; after the dispatch it is refused."""
    assert guideway("approve", "desks:app", waiting, "--yes").status == 0
    assert guideway("revoke", "desks:app", waiting, given="n\n").status == 1
    said = guideway("revoke", "desks:app", waiting, "--note", "the wrong one", given="y\n")
    assert said.status == 0
    assert f"{waiting}: {user()} took the yes back" in said.out
    assert guideway("resume", "desks:app", "r").status == 0
    assert f"taken back by {user()}" in guideway("log", "r").out
    again = guideway("revoke", "desks:app", waiting, "--yes", "--json")
    assert again.status == 1
    assert "there is no yes to take back" in again.err
