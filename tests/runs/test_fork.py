"""Forks: a new run from a place of another; nothing once-only is done again, and no decision comes along."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from guideway import (
    GIVE_UP,
    NOT_DONE,
    START,
    Budget,
    Context,
    End,
    Failure,
    Flow,
    Messages,
    Refusal,
    act,
    all_of,
    approval,
    ask,
    at_most,
    compute,
    each,
    failed,
    fields,
    on,
    subflow,
    think,
    tool,
    when,
)
from guideway.errors import (
    ConfigError,
    DecisionRefused,
    RunExists,
    RunNotFound,
    RunNotReady,
    StateInvalid,
)
from guideway.runs.forking import places
from guideway.runs.views import Forked
from tests.house import examples
from tests.runs import test_promises_laws as laws
from tests.runs import test_wide_laws as wide_laws
from tests.runs import wide_flows
from tests.runs.desks import begun, desk, done, opened
from tests.runs.processes import Process
from tests.torture import errands
from tests.torture.scenarios import SCENARIOS

LAW = settings(max_examples=examples(25), suppress_health_check=list(HealthCheck))


def ended(app: Any, run: Any) -> Any:
    """A run driven to its end; every request gets a yes."""
    while run.status == "waiting":
        for request in run.waiting:
            if request.kind == "answer":
                app.answer(request, "yes", by="ann")
            else:
                app.approve(request, by="ann")
        run = app.resume(run.id)
    return run


class Talk(BaseModel):
    messages: Messages = []


# A shop that does what it can count


class Sale(BaseModel):
    amount: int = Field(default=30, ge=0)
    kind: str = "refund"
    number: int = 0
    paid: str | None = None
    mailed: str | None = None
    note: str | None = None
    log: Annotated[list[str], lambda old, new: [*old, *new]] = []


@compute(writes="log")
def read(kind: str) -> list[str]:
    """A look at the case."""
    return [f"read {kind}"]


@tool(effect="once", stakes="high", timeout=5.0, writes="paid")
def pay(amount: int, context: Context) -> str:
    """Pays."""
    return f"{context.deps.does('pay', context.key, amount)} #{len(context.deps.done())}"


@tool(effect="once", stakes="low", timeout=5.0, writes="mailed")
def mail(amount: int, context: Context) -> str:
    """Sends a mail."""
    return f"{context.deps.does('mail', context.key, amount)} #{len(context.deps.done())}"


@think(writes="note")
def sum_up(paid: str | None) -> str:
    """A word about it."""
    return f"Sum up {paid}."


@compute(writes="log")
def explain(refusal: Refusal | None, failure: Failure | None) -> list[str]:
    """Why not."""
    return [f"{refusal.kind if refusal else failure.category if failure else 'nothing'}"]


@compute(writes="log")
def begin(amount: int) -> list[str]:
    """The first word."""
    return [f"about {amount}:"]


def sale(*more: Any, **options: Any) -> Flow[Sale]:
    """A refund with an approval that small amounts need not, a mail, and a word."""
    t = fields(Sale)
    closed = End("closed")
    lead = approval("lead", denied=explain, unless=t.amount < 10)
    return Flow(
        "sale",
        state=Sale,
        edges=[
            on(START, read),
            on(read, when(t.kind == "refund") >> lead >> pay, when(t.kind == "mail") >> mail, explain),
            on(pay, mail),
            on(mail, sum_up),
            on(sum_up, closed),
            on(explain, closed),
            *more,
        ],
        budget=options.pop("budget", Budget(steps=20, calls=20)),
        **options,
    )


def sold(app: Any, given: dict[str, Any] | None = None, run_id: str = "r") -> Any:
    """A sale that was paid, mailed and closed."""
    return ended(app, app.start(given or {}, run_id=run_id, by="web", tags=["shop"]))


# what a fork is


def test_a_fork_is_a_new_run_that_names_its_parent(tmp_path):
    """It has an id, tags and a starter of its own, lists like any run, and its chain is whole; the parent stays."""
    with opened(tmp_path, sale()) as app:
        parent = sold(app)
        fork = ended(app, app.fork("r", at=1, by="bob", new_id="f"))
        assert (fork.id, fork.forked, fork.parent, fork.by, fork.tags) == ("f", Forked("r", 1), "r", "bob", ("shop",))
        assert fork.forked == ("r", 1)
        assert (parent.forked, parent.parent) == (None, None)
        assert [run.id for run in app.runs(tags=["shop"])] == ["f", "r"]
        assert app.get("f") == fork
        assert app.store.verify("f") is None
        assert app.get("r").events == parent.events


def test_steps_before_the_place_are_not_executed_again(tmp_path):
    """The fork's first step is the one behind the place, numbered from 1, and its state holds what came before."""
    with opened(tmp_path, sale()) as app:
        parent = sold(app)
        assert [step.node for step in parent.steps] == ["read", "pay", "mail", "sum_up"]
        fork = app.fork("r", at=2, by="bob")
        assert [(step.number, step.node) for step in fork.steps] == [(1, "mail"), (2, "sum_up")]
        assert fork.state == parent.state
        assert done(tmp_path) == ["pay\t30", "mail\t30"]


def test_a_fork_at_zero_begins_where_the_run_started(tmp_path):
    """Step 0 is the input, before any node ran; the input can be changed too."""
    with opened(tmp_path, sale()) as app:
        sold(app)
        fork = app.fork("r", at=0, by="bob", update={"kind": "mail"})
        assert [step.node for step in fork.steps] == ["read", "mail", "sum_up"]
        assert fork.state.log == ["read mail"]


def test_a_fork_after_the_last_step_ends_as_its_parent_did(tmp_path):
    """Where nothing was left to do nothing is done, and the fork ends."""
    with opened(tmp_path, sale()) as app:
        parent = sold(app)
        fork = app.fork("r", at=4, by="bob")
        assert (fork.status, fork.verdict, fork.end, fork.steps) == ("ended", "success", "closed", [])
        assert fork.state == parent.state


# no decision crosses


def test_a_gate_behind_the_place_asks_again(tmp_path):
    """The parent's approval lets the fork do nothing: its gate asks anew, under an id of the fork's own."""
    with opened(tmp_path, sale()) as app:
        sold(app)
        fork = app.fork("r", at=1, by="bob", new_id="f", update={"amount": 31})
        assert fork.status == "waiting"
        assert [(request.id, request.node, request.call.arguments) for request in fork.waiting] == [
            ("f.1", "pay", {"amount": 31})
        ]
        with pytest.raises(DecisionRefused, match="whoever started the run is barred"):
            app.approve(fork.waiting[0], by="bob")
        app.deny(fork.waiting[0], by="ann")
        assert app.resume("f").state.log == ["read refund", "denied"]
        assert done(tmp_path) == ["pay\t30", "mail\t30"]


def test_a_no_behind_the_place_does_not_cross_either(tmp_path):
    """What was denied in the parent is asked in the fork."""
    with opened(tmp_path, sale()) as app:
        run = app.start({}, run_id="r", by="web")
        app.deny(run.waiting[0], by="ann")
        assert app.resume("r").state.paid is None
        assert ended(app, app.fork("r", at=1, by="bob")).state.paid == "pay of 30 #1"


def test_an_exemption_is_looked_at_again_after_an_update(tmp_path):
    """A small amount was exempt; as a large one it is asked about, though the parent stood behind the gate."""
    with opened(tmp_path, sale()) as app:
        parent = app.start({"amount": 5}, run_id="r", by="web")
        assert parent.status == "ended"
        assert parent.events[1].body["to"] == {"node": "pay", "grant": "exempt:lead"}
        fork = app.fork("r", at=1, by="bob", update={"amount": 5000})
        assert (fork.status, done(tmp_path)) == ("waiting", ["pay\t5", "mail\t5"])
        assert app.fork("r", at=1, by="bob").state == parent.state


def test_a_waiting_run_is_forked_and_each_waits_for_its_own_decision(tmp_path):
    """The parent's request stays open; a yes to one is none to the other."""
    with opened(tmp_path, sale()) as app:
        run = app.start({}, run_id="r", by="web")
        fork = app.fork("r", at=1, by="bob", new_id="f")
        app.approve(run.waiting[0], by="ann")
        assert (app.get("f").status, [item.id for item in app.get("f").waiting]) == ("waiting", [fork.waiting[0].id])
        assert app.resume("f").status == "waiting"


# what is once-only


def test_a_once_only_call_with_the_same_arguments_is_inherited(tmp_path):
    """The result is the parent's, the tool is not called, no call is spent, and the journal says where it is from."""
    with opened(tmp_path, sale()) as app:
        parent = sold(app)
        fork = ended(app, app.fork("r", at=1, by="bob"))
        assert (fork.state.paid, fork.state.mailed) == (parent.state.paid, parent.state.mailed)
        assert done(tmp_path) == ["pay\t30", "mail\t30"]
        told = [event.body["inherited"] for event in fork.events if "inherited" in event.body]
        keys = [event.body["key"] for event in parent.events if event.kind == "intent" and "key" in event.body]
        assert [(one["run"], one["key"]) for one in told] == [("r", key) for key in keys]
        assert fork.spent.calls == 1  # the model's: models are asked again
        assert [call.get("inherited", {}).get("run") for call in fork.steps[0].calls] == ["r"]


def test_other_arguments_are_another_call(tmp_path):
    """An update that changes the arguments makes it a new call, with a key of its own."""
    with opened(tmp_path, sale()) as app:
        sold(app)
        ended(app, app.fork("r", at=1, by="bob", update={"amount": 40}))
        assert done(tmp_path) == ["pay\t30", "mail\t30", "pay\t40", "mail\t40"]


def test_models_are_asked_again(tmp_path):
    """A fork explores another course: no answer of a model behind the place comes along."""
    said = iter(["first", "second"])
    with opened(tmp_path, sale(), lambda prompt: next(said)) as app:
        assert (sold(app).state.note, app.fork("r", at=3, by="bob").state.note) == ("first", "second")


def test_a_business_key_holds_between_a_run_and_its_fork(tmp_path):
    """A once-only tool with a key gives the first result, by the key or by inheritance, in forks of any depth."""
    with desk(tmp_path) as app:
        begun(app)  # waits before it pays
        early = app.fork("r", at=2, by="bob", new_id="early")
        parent = ended(app, app.get("r"))
        assert ended(app, early).state.refund_id == parent.state.refund_id  # forked before: by the key
        assert ended(app, app.fork("r", at=2, by="bob")).state.refund_id == parent.state.refund_id  # by inheritance
        assert done(tmp_path) == ["pay_back\t17"]


class Rounds(BaseModel):
    n: int = 0
    sent: Annotated[list[str], lambda old, new: [*old, *new]] = []


@tool(effect="once", stakes="low", timeout=5.0, writes="sent")
def ping(context: Context) -> list[str]:
    """The same call each time."""
    context.deps.does("ping", context.key, "-")
    return [f"#{len(context.deps.done())}"]


@compute(writes="n")
def count(n: int) -> int:
    """One more."""
    return n + 1


def rounds() -> Flow[Rounds]:
    """Counts and pings until it is enough."""
    t = fields(Rounds)
    again = at_most(5, name="again")
    return Flow(
        "rounds",
        state=Rounds,
        edges=[
            on(START, count),
            on(count, ping),
            on(ping, when(t.n < 3, again) >> count, End("enough")),
        ],
        budget=Budget(steps=30),
    )


def test_each_inherited_call_is_used_once(tmp_path):
    """Two pings behind the place are two to inherit, in their order; a third one is sent."""
    with opened(tmp_path, rounds()) as app:
        assert app.start({}, run_id="r").state.sent == ["#1", "#2", "#3"]
        assert app.fork("r", at=3, by="bob").state.sent == ["#1", "#2", "#3"]
        assert len(done(tmp_path)) == 3
        assert app.fork("r", at=3, by="bob", update={"n": 1}).state.sent == ["#1", "#2", "#3", "#4"]
        assert len(done(tmp_path)) == 4


def test_the_same_call_in_two_items_has_each_items_own_result(tmp_path):
    """Decided in another order than in the parent: each item still gets what it got there, not what came first."""

    @tool(effect="once", stakes="low", timeout=5.0)
    def send(item: int, context: Context) -> str:
        """The same call for both."""
        context.deps.does("send", context.key, item)
        return f"#{len(context.deps.done())}"

    first = mark("first")
    items = each(approval("lead") >> send, name="items", item="item", over="items", into="found")
    flow = Flow(
        "items",
        state=Wide,
        edges=[on(START, first), on(first, items), on(items, End("done"))],
        budget=Budget(steps=9),
    )
    with opened(tmp_path, flow) as app:
        parent = ended(app, app.start({"items": [1, 1]}, run_id="r", by="web"))
        assert [item["value"] for item in parent.state.found] == ["#1", "#2"]
        fork = app.fork("r", at=1, by="bob", new_id="f")
        for request in reversed(fork.waiting):
            app.approve(request, by="ann")
            fork = app.resume("f")
        assert fork.state.found == parent.state.found
        assert len(done(tmp_path)) == 2


def test_limits_go_on_counting_in_a_fork(tmp_path):
    """An edge that was taken twice before the place was taken twice."""
    with opened(tmp_path, rounds()) as app:
        app.start({}, run_id="r")
        fork = app.fork("r", at=4, by="bob", update={"n": -10})  # one round was taken, and this is the second
        assert [step.node for step in fork.steps].count("ping") == 4  # the limit is 5
        assert fork.end == "enough"


def test_forks_of_forks_inherit_what_their_ancestors_did(tmp_path):
    """What a fork has not met yet passes to its own forks, and what it did itself too; all is done once."""
    with opened(tmp_path, rounds()) as app:
        app.start({}, run_id="r")
        app.fork("r", at=1, by="bob", new_id="f", update={"n": 0})
        assert app.get("f").state.sent == ["#1", "#2", "#3", "#4"]  # three of the parent's, and one of its own
        for at, sent in ((0, 4), (1, 4), (3, 4)):
            fork = app.fork("f", at=at, by="cy")
            assert (fork.forked, fork.state.sent) == (Forked("f", at), [f"#{n}" for n in range(1, sent + 1)])
        assert len(done(tmp_path)) == 4
        assert app.fork(fork.id, at=0, by="dee").state == fork.state
        assert len(done(tmp_path)) == 4


def test_a_call_that_is_proved_not_done_is_not_inherited(tmp_path):
    """A declined call may be made in a fork: nothing was done."""
    with desk(tmp_path, "loop") as app:
        run = app.start({}, run_id="r", by="web")
        assert run.state.tries == 2
        first = next(step.number for step in run.steps if step.node == "send")
        before = done(tmp_path)
        fork = app.fork("r", at=first - 1, by="bob")
        assert fork.state == run.state
        assert done(tmp_path) == before


# what nobody knows of


DIES = """
from pathlib import Path
from tests.runs.desks import desk, begun
from tests.runs.test_fork import ended
from tests.torture.world import World
scenario, dies_after, boundary = words
with desk(Path(path), scenario) as app:
    app._engine.deps = World(Path(path), dies_after or None)
    def hook(when, kinds):
        if f"{when} {kinds}" == boundary:
            os.kill(os.getpid(), signal.SIGKILL)
    app.store.hook = hook
    run = ended(app, begun(app, scenario))
    if run.status == "ended":
        app.fork("r", at=2, by="bob", new_id="f")
"""


def killed(folder: Path, scenario: str, dies_after: str = "", boundary: str = "") -> None:
    """A run that another process starts, and in whose middle it is killed."""
    with Process(DIES, folder, scenario, dies_after, boundary) as process:
        assert process.end() == -signal.SIGKILL


def test_a_call_whose_ending_nobody_knows_parks_the_fork(tmp_path):
    """The parent died in its call: the fork does not repeat it, and goes on when somebody settled it in the fork."""
    killed(tmp_path, "first_page", "pay_back")
    with desk(tmp_path) as app:
        fork = app.fork("r", at=2, by="bob", new_id="f")
        app.approve(fork.waiting[0], by="ann")
        fork = app.resume("f")
        assert (fork.status, fork.error.category) == ("parked", "unknown_effect")
        assert "was called by run 'r', which this one is a fork of" in fork.error.message
        assert app.resume("f").status == "parked"
        app.settle("f", None, "it was paid", by="auditor")
        assert app.resume("f").state.refund_id == "it was paid"
        assert done(tmp_path) == ["pay_back\t17"]


def test_what_the_parent_learns_later_is_known_in_the_fork(tmp_path):
    """A person settles the parent; the fork that is parked for the same call takes that result when it is resumed."""
    killed(tmp_path, "first_page", "pay_back")
    with desk(tmp_path) as app:
        fork = app.fork("r", at=2, by="bob", new_id="f")
        app.approve(fork.waiting[0], by="ann")
        assert app.resume("f").status == app.resume("r").status == "parked"
        app.settle("r", None, "it was paid", by="auditor")
        assert app.resume("f").state.refund_id == "it was paid"
        assert app.resume("r").state.refund_id == "it was paid"
        assert done(tmp_path) == ["pay_back\t17"]


def test_a_call_settled_as_not_done_is_made_by_the_fork(tmp_path):
    """A person says that nothing happened: then the fork's call is the first."""
    killed(tmp_path, "rules_exempt", boundary="after intent")
    with desk(tmp_path, "rules_exempt") as app:
        fork = app.fork("r", at=1, by="bob", new_id="f")
        assert (fork.status, done(tmp_path)) == ("parked", [])
        app.settle("f", None, NOT_DONE, by="auditor")
        assert app.resume("f").end == "paid"
        assert done(tmp_path) == ["pay\t7"]


def test_reconcile_is_asked_with_the_key_of_the_parents_call(tmp_path):
    """The world knows the call by the key that the parent sent: the fork asks for that, and repeats nothing."""
    killed(tmp_path, "reconciled", "pay_known")
    with desk(tmp_path, "reconciled") as app:
        fork = app.fork("r", at=1, by="bob")
        assert (fork.status, fork.state.paid) == ("ended", "pay_known of 7")
        assert app.resume("r").state == fork.state
        assert done(tmp_path) == ["pay_known\t7"]


def test_the_worlds_no_is_not_believed_while_the_parent_may_be_in_its_call(tmp_path, monkeypatch):
    """Until the call's time and a grace are over the fork parks; then it makes the call, under the same key."""
    killed(tmp_path, "reconciled", boundary="after intent")
    with desk(tmp_path, "reconciled") as app:
        fork = app.fork("r", at=1, by="bob", new_id="f")
        assert (fork.status, done(tmp_path)) == ("parked", [])
        assert "may still be running" in fork.error.message
        monkeypatch.setattr("guideway.runs.believing.GRACE", -100.0)
        assert app.resume("f").state.paid == "pay_known of 7"
        keys = [event.body["key"] for run in ("r", "f") for event in app.get(run).events if event.kind == "intent"]
        assert len(keys) == 3
        assert len(set(keys)) == 1


def test_a_wall_clock_that_jumps_makes_nobody_believe_that_nothing_was_done(tmp_path, monkeypatch):
    """A call's time and grace are not over because the wall clock was set forward by hours."""
    killed(tmp_path, "reconciled", boundary="after intent")
    with desk(tmp_path, "reconciled") as app:
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda real=time.time: real() + 6 * 3600)
            fork = app.fork("r", at=1, by="bob", new_id="f")
        assert (fork.status, done(tmp_path)) == ("parked", [])
        assert "may still be running" in fork.error.message


def test_a_dead_process_of_the_fork_proves_nothing_about_the_parents(tmp_path):
    """The fork's own driver was killed, which says nothing of who made the parent's call: its time must be over."""
    killed(tmp_path, "reconciled", boundary="after intent")
    with Process(KILLED, tmp_path, "reconciled", 8) as process:
        assert process.end() == -signal.SIGKILL
    with desk(tmp_path, "reconciled") as app:
        assert app.get("f").events[-1].body["inherited"]["run"] == "r"
        fork = app.resume("f")
        assert (fork.status, done(tmp_path)) == ("parked", [])
        assert "may still be running" in fork.error.message


def test_a_place_behind_an_unsettled_call_is_refused(tmp_path):
    """A step that was given up is tried again, and parks: whether it happened belongs to the place behind it."""
    killed(tmp_path, "rules_exempt", "pay")
    with desk(tmp_path, "rules_exempt") as app:
        assert app.resume("r").status == "parked"
        app.settle("r", None, GIVE_UP, by="auditor")
        assert app.resume("r").verdict == "failed"
        assert app.fork("r", at=2, by="bob").verdict == "failed"
        assert app.retry("r", by="ann").status == "parked"
        with pytest.raises(RunNotReady, match="nobody knows whether 'pay', which was called before that, happened"):
            app.fork("r", at=2, by="bob")
        assert app.fork("r", at=1, by="bob").status == "parked"
        app.settle("r", None, "it was paid", by="auditor")
        assert app.fork("r", at=1, by="bob").state.paid == "it was paid"
        assert done(tmp_path) == ["pay\t7"]


def test_a_step_that_went_on_over_an_unknown_effect_is_over_in_a_fork_too(tmp_path):
    """The flow lost the edge that named the unknown effect: the fork neither repeats the call nor waits for anybody."""

    @tool(effect="once", stakes="low", timeout=5.0, writes="paid")
    def lose(amount: int, context: Context) -> str:
        context.deps.does("lose", context.key, amount)
        raise ConnectionError("nobody answers")

    def flow(*edges: Any) -> Flow[Sale]:
        ways = [on(START, lose), on(lose, *edges, End("paid")), on(explain, End("explained"))]
        return Flow("loses", state=Sale, edges=ways, budget=Budget(steps=5), on_failure=explain)

    with opened(tmp_path, flow(failed("unknown_effect") >> End("stuck"))) as app:
        assert app.start({}, run_id="r").end == "stuck"
    with opened(tmp_path, flow()) as app:
        fork = app.fork("r", at=1, by="bob")
        assert (fork.end, fork.state.log) == ("explained", ["unknown_effect"])
        assert done(tmp_path) == ["lose\t30"]


def test_what_a_new_attempt_learns_is_inherited(tmp_path):
    """A call that ended unknown, and that a retry found out about: the fork has its result."""
    known = {"it": False}

    def ask_world(amount: int, context: Context) -> Any:
        if not known["it"]:
            raise ConnectionError("nobody answers")
        return context.deps.found(context.key)

    @tool(effect="once", stakes="low", timeout=5.0, writes="paid", reconcile=ask_world)
    def lose(amount: int, context: Context) -> str:
        context.deps.does("lose", context.key, amount)
        raise ConnectionError("nobody answers")

    edges = [
        on(START, read),
        on(read, lose),
        on(lose, failed("unknown_effect") >> End("stuck", verdict="failed"), End("paid")),
    ]
    with opened(tmp_path, Flow("loses", state=Sale, edges=edges, budget=Budget(steps=5))) as app:
        assert app.start({}, run_id="r").end == "stuck"
        known["it"] = True
        assert app.retry("r", by="ann").state.paid == "lose of 30"
        known["it"] = False
        fork = app.fork("r", at=1, by="bob")
        assert (fork.end, fork.state.paid, done(tmp_path)) == ("paid", "lose of 30", ["lose\t30"])


# every flow that is tortured


def peopled(app: Any, run: Any, scenario: Any) -> Any:
    """A run of a tortured flow, driven to its end with its people."""
    for _ in range(80):
        if run.status in ("ended", "cancelled"):
            return run
        for request in run.waiting:
            errands.decide(app, scenario, request)
        run = app.resume(run.id)
    raise AssertionError(run.status)


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_nothing_is_done_twice_wherever_a_run_is_forked(tmp_path, name):
    """Every tortured flow, at every place where it can be forked, with the same people: the world sees nothing new."""
    scenario = SCENARIOS[name]
    with opened(tmp_path, scenario.flow(), scenario.model) as app:
        parent = peopled(app, app.start(scenario.given, run_id="r", by="starter"), scenario)
        there = done(tmp_path)
        asked = Counter(event.body["gate"] for event in parent.events if event.kind == "asked")
        for at in sorted(places(parent.events)):
            fork = peopled(app, app.fork("r", at=at, by="bob"), scenario)
            assert (fork.end, fork.verdict) == (parent.end, parent.verdict)
            assert done(tmp_path) == there
            again = Counter(event.body["gate"] for event in fork.events if event.kind == "asked")
            assert again <= asked
            assert at > 0 or again == asked  # from the start on, every question is asked again
            assert app.store.verify(fork.id) is None


# crashes


def test_a_kill_before_the_commit_leaves_no_fork_and_one_after_it_a_fork_that_resumes(tmp_path):
    """A fork is made in one commit: there is none, or a whole one, which any process drives on."""
    killed(tmp_path, "rules_exempt", boundary="before started,forked")
    with desk(tmp_path, "rules_exempt") as app:
        with pytest.raises(RunNotFound, match="'f'"):
            app.get("f")
        parent = app.get("r")
    after = tmp_path / "after"
    after.mkdir()
    killed(after, "rules_exempt", boundary="after started,forked")
    with desk(after, "rules_exempt") as app:
        fork = app.get("f")
        assert (fork.status, fork.forked) == ("running", Forked("r", 2))
        assert app.work(until=lambda: True) == 1
        assert app.get("f").state == parent.state
        assert done(after) == ["pay\t7"]


KILLED = """
from pathlib import Path
from tests.runs.desks import desk
scenario, kill = words
with desk(Path(path), scenario) as app:
    passed = []
    def hook(when, kinds):
        passed.append(kinds)
        if len(passed) == int(kill):
            os.kill(os.getpid(), signal.SIGKILL)
    app.store.hook = hook
    app.fork("r", at=0, by="bob", new_id="f")
"""


@pytest.mark.parametrize("kill", [4, 6, 8, 10])
def test_a_fork_that_is_killed_goes_on_where_it_stood(tmp_path, kill):
    """Killed around its own commits, it resumes with what it inherited, and the world sees nothing new."""
    with desk(tmp_path, "rules_exempt") as app:
        parent = begun(app, "rules_exempt")
        assert [step.node for step in parent.steps] == ["look", "pay"]
    with Process(KILLED, tmp_path, "rules_exempt", kill) as process:
        assert process.end() == -signal.SIGKILL
    with desk(tmp_path, "rules_exempt") as app:
        fork = app.resume("f")
        assert (fork.status, fork.end, fork.state) == ("ended", "paid", parent.state)
        assert done(tmp_path) == ["pay\t7"]
        assert app.store.verify("f") is None


def test_a_foreign_caller_of_the_graph_drives_a_fork(tmp_path):
    """The fork's id is LangGraph's thread; a caller without App goes on from the fork's place, and passes no gate."""
    with opened(tmp_path, sale()) as app:
        sold(app)
        drive = app._engine.fork("r", 1, "bob", {"amount": 40}, "f")
        app.store.release(drive.lease)
        config = {"configurable": {"thread_id": "f"}}
        told = app.graph.invoke({"amount": 1}, config)
        assert told["amount"] == 40
        assert told["__interrupt__"]
        assert app.get("f").status == "waiting"
        app.approve(app.get("f").waiting[0], by="ann")
        app.graph.invoke(None, config)
        assert app.get("f").state.paid == "pay of 40 #3"


async def test_the_async_twin_forks_on_the_callers_loop(tmp_path):
    """afork is fork."""
    with opened(tmp_path, sale()) as app:
        await app.astart({"amount": 5}, run_id="r", by="web")
        assert (await app.afork("r", at=2, by="bob", new_id="f")).state == app.get("r").state


def test_a_fork_that_failed_is_tried_again_without_doing_anything_twice(tmp_path):
    """A retry of a fork goes back to its failed step, with what that step had inherited."""
    said: list[Any] = ["fine", ConnectionError("nobody answers"), "fine again"]
    with opened(tmp_path, sale(), said) as app:
        sold(app)
        fork = ended(app, app.fork("r", at=1, by="bob", new_id="f"))
        assert (fork.status, fork.verdict, len(fork.steps)) == ("ended", "failed", 3)
        assert app.retry("f", by="ann").state.note == "fine again"
        assert done(tmp_path) == ["pay\t30", "mail\t30"]


def test_a_step_that_inherited_and_then_failed_keeps_what_it_inherited(tmp_path):
    """Two calls in one step: the first is inherited, the second fails the step; the retry makes neither again."""
    failing = {"now": False}

    @tool(effect="once", stakes="low", timeout=5.0, not_done=LookupError)
    def give(amount: int, context: Context) -> str:
        """Gives."""
        if failing["now"] and amount == 2:
            raise ConnectionError("nobody answers")
        return str(context.deps.does("give", context.key, amount))

    @think(tools=[give])
    def propose(messages: Messages) -> list[Any]:
        return list(messages)

    do = act([give], name="do")
    flow = Flow(
        "gives",
        state=Talk,
        edges=[on(START, propose), on(propose, do), on(do, End("given"))],
        budget=Budget(steps=9, tokens=100_000),
    )
    calls = [{"name": "give", "args": {"amount": n}, "id": f"c{n}"} for n in (1, 2)]
    with opened(tmp_path, flow, lambda prompt: calls) as app:
        app.start({"messages": [{"role": "user", "content": "Give.", "id": "m"}]}, run_id="r", by="web")
        assert done(tmp_path) == ["give\t1", "give\t2"]
        # the fork is made before the second call was: only the first is there to inherit
        early = app.store.events("r")
        cut = [event for event in early if event.kind == "intent" and event.body.get("arguments") == {"amount": 2}]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app.store, "events", lambda run: [one for one in early if one.number < cut[0].number])
            drive = app._engine.fork("r", 1, "bob", None, "f")
        failing["now"] = True
        assert app._call(app._engine.drive(drive)).status == "parked"
        app.settle("f", None, GIVE_UP, by="auditor")
        assert app.resume("f").verdict == "failed"
        failing["now"] = False
        fork = app.retry("f", by="ann")
        assert (fork.status, fork.error.category) == ("parked", "unknown_effect")  # nobody knows of the second
        assert done(tmp_path) == ["give\t1", "give\t2"]
        app.settle("f", None, NOT_DONE, by="auditor")
        assert app.resume("f").end == "given"
        assert done(tmp_path) == ["give\t1", "give\t2", "give\t2"]


# update


@pytest.mark.parametrize(
    ("update", "match"),
    [
        ({"amont": 3}, "'amont' is no field"),
        ({"amount": -1}, "amount: Input should be greater than or equal to 0"),
        ({"log": "x"}, "Sale.log refuses what is merged in"),
        (["amount"], "takes a mapping of state fields, not a list"),
    ],
)
def test_an_update_is_validated_as_a_write(tmp_path, update, match):
    """What a step could not write an update cannot either; nothing is created then."""
    with opened(tmp_path, sale()) as app:
        sold(app)
        with pytest.raises(StateInvalid, match=match):
            app.fork("r", at=1, by="bob", update=update)
        assert [run.id for run in app.runs()] == ["r"]


def test_an_update_is_recorded_with_who_made_it_and_merges_where_fields_merge(tmp_path):
    """The journal has the update apart from the state that it was made to."""
    with opened(tmp_path, sale()) as app:
        sold(app)
        fork = app.fork("r", at=1, by="bob", update={"kind": "none", "log": ["bob was here"]})
        started, forked = fork.events[:2]
        assert (started.kind, started.body["state"]["kind"]) == ("started", "refund")
        assert (forked.kind, forked.body["by"]) == ("forked", "bob")
        assert forked.body["update"] == {"kind": "none", "log": ["bob was here"]}
        assert fork.state.log == ["read refund", "bob was here", "nothing"]
        assert "update" not in app.fork("r", at=4, by="bob", update={}).events[1].body


# budgets


def test_a_budget_counts_what_the_parent_had_spent_up_to_the_place(tmp_path):
    """Forking is no way around a budget: a fork has what was left there, and no more."""
    flow = sale(budget=Budget(steps=4), on_exhausted=End("used up", verdict="partial"))
    with opened(tmp_path, flow) as app:
        parent = sold(app, {"amount": 5})
        assert (parent.end, parent.spent.steps) == ("closed", 4)
        fork = app.fork("r", at=3, by="bob", new_id="f")
        assert (fork.end, fork.spent.steps) == ("closed", 4)
        again = app.fork("f", at=1, by="bob", update={"kind": "mail"})
        assert (again.spent.steps, len(again.steps)) == (4, 0)
        assert app.fork("r", at=1, by="bob", update={"kind": "mail"}).spent.steps == 3


def test_the_way_out_of_a_used_up_budget_goes_on_in_a_fork(tmp_path):
    """What was kept for that way is there for the rest of it, and the way is not taken a second time."""
    flow = sale(on(begin, explain), budget=Budget(steps=4, keep=Budget(steps=2)), on_exhausted=begin)
    with opened(tmp_path, flow) as app:
        parent = sold(app, {"amount": 5})
        assert [step.node for step in parent.steps] == ["read", "pay", "begin", "explain"]
        for at in (2, 3):
            fork = app.fork("r", at=at, by="bob")
            assert ([step.node for step in fork.steps], fork.state) == (["begin", "explain"][at - 2 :], parent.state)


def test_a_deadline_counts_from_the_start_of_the_fork(tmp_path):
    """Time goes by without a run doing anything: what is forked long afterwards is not over at once."""
    flow = sale(budget=Budget(steps=9, deadline="200ms"), on_exhausted=End("late", verdict="partial"))
    with opened(tmp_path, flow) as app:
        assert sold(app, {"amount": 5}).end == "closed"
        time.sleep(0.25)
        assert app.fork("r", at=1, by="bob").end == "closed"


# places


class Wide(BaseModel):
    items: list[int] = [1, 2]
    found: list[Any] = []
    marks: Annotated[list[str], lambda old, new: [*old, *new]] = []
    n: int = 0


def mark(name: str) -> Any:
    """A node that leaves its name."""

    @compute(name=name, writes="marks")
    def leave(n: int) -> list[str]:
        return [f"{name} {n}"]

    return leave


def wide() -> Flow[Wide]:
    """A region, an each and a subflow, one after the other."""

    @compute(name="double")
    def double(item: int) -> int:
        return 2 * item

    inner_node = mark("inside")
    inner = Flow(
        "inner", state=Wide, edges=[on(START, inner_node), on(inner_node, End("in done"))], budget=Budget(steps=9)
    )
    first, a, b, b2, join, last = (mark(name) for name in ("first", "a", "b", "b2", "join", "last"))
    items = each(double, name="items", item="item", over="items", into="found", at_once=1)
    sub = subflow(inner, name="sub", reads={"n": "n"}, writes={"marks": "marks"})
    return Flow(
        "wide",
        state=Wide,
        edges=[
            on(START, first),
            on(first, all_of(a, b)),
            on(a, join),
            on(b, b2),
            on(b2, join),
            on(join, items),
            on(items, sub),
            on(sub, last),
            on(last, End("done")),
        ],
        budget=Budget(steps=40),
    )


def test_a_run_is_forked_only_where_it_stood_at_one_place(tmp_path):
    """Before a region, behind its join, and behind what holds others; inside of these the nearest places are told."""
    with opened(tmp_path, wide()) as app:
        run = app.start({}, run_id="r")
        nodes = {step.number: (step.node, step.branch) for step in run.steps}
        joined = max(number for number, (_, branch) in nodes.items() if "b" in branch)
        own = [number for number, (_, branch) in nodes.items() if not branch]
        good = sorted({0, joined, *own})
        assert [nodes[number][0] for number in own] == ["first", "join", "items", "sub", "last"]
        for at in range(len(run.steps) + 1):
            if at in good:
                assert app.fork("r", at=at, by="bob").state == run.state
                continue
            low, high = max(one for one in good if one < at), min(one for one in good if one > at)
            with pytest.raises(RunNotReady, match=rf"The nearest places are at={low} or at={high}"):
                app.fork("r", at=at, by="bob")
        fork = app.fork("r", at=joined, by="bob", update={"n": 7})
        assert [step.node for step in fork.steps][:1] == ["join"]
        assert fork.state.marks == [*run.state.marks[:4], "join 7", "inside 7", "last 7"]


def test_a_question_that_nobody_answered_leads_the_same_way_in_a_fork(tmp_path):
    """The way of a step that expired is found again; the refusal that led there is what the next node reads."""
    handed = End("handed", verdict="escalated")
    asks = ask("customer", "Is that all?", writes="note", within="10ms", expired=explain)
    flow = Flow(
        "asks", state=Sale, edges=[on(START, asks), on(asks, End("said")), on(explain, handed)], budget=Budget(steps=5)
    )
    with opened(tmp_path, flow) as app:
        run = app.start({}, run_id="r", by="web")
        for _ in range(200):
            if run.status == "ended":
                break
            run = app.resume("r")
        assert run.state.log == ["expired"]
        assert app.fork("r", at=1, by="bob").state == run.state


def test_a_flow_that_lost_the_place_is_told(tmp_path):
    """A node that the flow does not have any more is no place to begin behind."""
    with opened(tmp_path, sale()) as app:
        sold(app)
    closed = End("closed")
    other = Flow(
        "sale", state=Sale, edges=[on(START, read), on(read, explain), on(explain, closed)], budget=Budget(steps=9)
    )
    with opened(tmp_path, other) as app:
        with pytest.raises(RunNotReady, match="does not have the node 'pay' any more"):
            app.fork("r", at=2, by="bob")
        assert app.fork("r", at=1, by="bob").state.log == ["read refund", "nothing"]


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"at": 5}, RunNotReady, "it has 4 steps so far. The nearest places are at=4"),
        ({"at": -1}, ConfigError, "at=-1"),
        ({"at": True}, ConfigError, "at=True"),
        ({"at": "2"}, ConfigError, "at='2'"),
        ({"by": " "}, DecisionRefused, "must name who forks"),
        ({"by": None}, DecisionRefused, "must name who forks"),
        ({"new_id": "r"}, RunExists, "there is a run 'r' already"),
        ({"new_id": "a b"}, ConfigError, "without blanks"),
    ],
)
def test_wrong_arguments_create_nothing(tmp_path, given, error, match):
    """Each is refused by an error that says what was found."""
    with opened(tmp_path, sale()) as app:
        sold(app)
        with pytest.raises(error, match=match):
            app.fork("r", **{"at": 1, "by": "bob"} | given)
        with pytest.raises(RunNotFound, match="nobody"):
            app.fork("nobody", at=1, by="bob")
        assert [run.id for run in app.runs()] == ["r"]


def test_a_run_of_another_flow_is_not_forked(tmp_path):
    """Each App forks the runs of its own flow."""
    with opened(tmp_path, rounds()) as app:
        app.start({}, run_id="r")
    with opened(tmp_path, sale()) as app, pytest.raises(RunNotFound, match="of flow 'rounds'"):
        app.fork("r", at=1, by="bob")


# laws


def said_of(request: Any) -> bool:
    """What people say: by the gate and the call alone, so that a run and its forks hear the same."""
    return sum(map(ord, f"{request.gate} {sorted(request.call.arguments.items())}")) % 4 != 0


def through(app: Any, run: Any) -> Any:
    """A run of a drawn flow, driven to its end."""
    for _ in range(60):
        if run.status == "ended":
            return run
        for request in run.waiting:
            (app.approve if said_of(request) else app.deny)(request, by="ann")
        run = app.resume(run.id)
    raise AssertionError(run.status)


def counted(ledger: list[Any]) -> Any:
    """Nodes of the drawn flows that act on the world, once only, and write down that they did."""

    def node(place: int, step: int, fails_at: int | None) -> Any:
        @tool(
            name=f"n{place}", effect="once", stakes="low", timeout=5.0, not_done=LookupError
        )  # proved: nothing was done
        async def move(x: int, y: float, failure: Failure | None, refusal: Refusal | None) -> laws.Moved:
            if fails_at is not None and x % 4 == fails_at:
                raise LookupError(f"{x} is no good")
            ledger.append((f"n{place}", x, y))
            return laws.Moved(x=x + step, y=y / 2 + x, trail=[f"n{place} at {x}, #{len(ledger)}"])

        return move

    return node


@LAW
@example(laws.CIRCLE, None)
@example([(0, None, [("shared", 0, -1)], 1), (0, None, [], 2), (1, None, [("x", 0, 3)], 3), (0, None, [], 4)], 1)
@given(laws.ROWS, st.none() | st.integers(0, 4))
def test_a_fork_comes_to_what_its_parent_came_to_and_does_nothing_twice(rows, x):
    """At every step: without an update the same end and state, and nothing is done; with one, only what is new."""
    ledger: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(laws, "node", counted(ledger))
        flow = laws.made(rows)
    with laws.compiled(flow) as app:
        parent = through(app, app.start({}, run_id="r", by="web"))
        whole = Counter(ledger)
        for at in range(len(parent.steps) + 1):
            fork = through(app, app.fork("r", at=at, by="bob"))
            assert (fork.state, fork.end, fork.verdict) == (parent.state, parent.end, parent.verdict)
            assert fork.spent.steps == parent.spent.steps
            assert Counter(ledger) == whole
        if x is None:
            return
        for at in range(len(parent.steps) + 1):
            before, there = Counter(ledger), calls_of(parent.steps[at:])
            fork = through(app, app.fork("r", at=at, by="bob", update={"x": x}))
            assert Counter(ledger) - before == calls_of(fork.steps) - there


def calls_of(steps: list[Any]) -> Counter[Any]:
    """The calls that steps came to a result with."""
    found = [call for step in steps if step.outcome == "ok" for call in step.calls]
    begun = {call["slot"]: call for call in found if call["event"] == "intent"}
    assert set(begun) <= {"tool.0"}
    told: Counter[Any] = Counter()
    for step in steps:
        if step.outcome == "ok":
            arguments = next(call["arguments"] for call in step.calls if "arguments" in call)
            told[step.node, arguments["x"], arguments["y"]] += 1
    return told


@settings(LAW, max_examples=examples(15))
@example(wide_laws.ALL)
@given(wide_flows.blocks(2))
def test_a_fork_of_a_wide_run_comes_to_what_its_parent_came_to(block):
    """With branches, items and flows inside: forked at every place, each result is the very one that the parent got."""
    ledger: list[str] = []

    def marker(name: str, *, fails: bool = False) -> Any:
        @tool(name=name, effect="once", stakes="low", timeout=5.0, not_done=LookupError, writes="trail")
        async def act_once(x: int, refusal: Refusal | None, failure: Failure | None) -> list[str]:
            if fails:
                raise LookupError(f"{name} is not there")
            ledger.append(name)
            return [f"{name}({x}) #{len(ledger)}"]

        return act_once

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wide_flows, "marker", marker)
        flow = wide_flows.wide(block)

    def over(app: Any, run: Any) -> Any:
        for _ in range(200):
            if run.status == "ended":
                return run
            wide_laws.decide(app, run, 9)
            run = app.resume(run.id)
        raise AssertionError(run.status)

    with wide_laws.compiled(flow) as app:
        parent = over(app, app.start({}, run_id="r", by="web"))
        there = len(ledger)
        forked = 0
        for at in range(len(parent.steps) + 1):
            try:
                run = app.fork("r", at=at, by="bob")
            except RunNotReady:
                assert parent.steps[at - 1].branch
                continue
            forked += 1
            fork = over(app, run)
            assert (fork.state, fork.end) == (parent.state, parent.end)
            assert len(ledger) == there
        assert forked >= 2


@settings(LAW, max_examples=examples(15))
@example(laws.CIRCLE, 2)
@given(laws.ROWS, st.integers(0, 30))
def test_a_fold_of_a_fork_is_what_was_live(rows, at):
    """For every prefix of a fork's journal, the standing folded from the store is the standing that drove it then."""
    flow = laws.made(rows)
    app = laws.compiled(flow)
    with app:
        parent = through(app, app.start({}, run_id="parent", by="web"))

        drive = app._engine.fork("parent", min(at, len(parent.steps)), "bob", None, "r")

        def live() -> Any:
            through(app, app._call(app._engine.drive(drive)))
            return app, app.get("r").events  # read from the store too

        assert laws.folds_as_lived(pytest.MonkeyPatch(), live) >= 3
