"""A yes can be taken back until what it lets pass is dispatched, and then nothing runs; never after it."""

from __future__ import annotations

import threading
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from guideway import (
    START,
    Budget,
    Context,
    End,
    Flow,
    Messages,
    Refusal,
    Retry,
    act,
    all_of,
    approval,
    compute,
    each,
    failed,
    on,
    proposes,
    subflow,
    think,
    tool,
    when,
)
from guideway.errors import DecisionRefused, RequestNotFound, RunNotReady
from tests.runs.desks import done, opened
from tests.runs.processes import Process
from tests.runs.test_promises_overruns import until
from tests.torture.flows import Away, Declined

ROLES = {"lead": {"ann", "bea", "eve"}, "cfo": {"cat"}}


class Claim(BaseModel):
    amount: int = 5
    paid: str | None = None
    why: str | None = None
    items: list[int] = [1, 2]
    into: list[Any] = []
    note: str | None = None


@compute(writes="why")
def excuse(refusal: Refusal | None) -> str:
    """Who said no, and why."""
    return "nobody" if refusal is None else f"{refusal.kind} by {refusal.who}: {refusal.note}"


@tool(effect="once", stakes="high", timeout=20.0, writes="paid", not_done=Declined)
def pay(amount: int, context: Context) -> str:
    """Pays."""
    return str(context.deps.does("pay", context.key, amount))


def desk_of(node: Any, gate: Any = None, **ways: Any) -> Flow[Claim]:
    """A lead says yes to a node; a no is explained."""
    lead = approval("lead", denied=excuse) if gate is None else gate
    said, ran, taken = End("said no"), End("ran"), End("taken back", verdict="partial")
    edges = [on(START, lead >> node), on(node, failed("invalid_call") >> taken, ran), on(excuse, said)]
    return Flow("desk", state=Claim, edges=edges, budget=Budget(steps=20), **ways)


def refused(reason: str, match: str, do: Any, *args: Any, **options: Any) -> None:
    """A revocation is refused for a reason."""
    with pytest.raises(DecisionRefused, match=match) as caught:
        do(*args, **options)
    assert caught.value.data["reason"] == reason


def taken_by_crash(app: Any) -> None:
    """Resumes a run whose driver is lost after the commit that takes the decision."""

    class Lost(BaseException):
        pass

    def lose(when: str, kinds: str) -> None:
        if when == "after" and kinds.startswith("gate"):
            raise Lost("its process is gone")

    app.store.hook = lose
    with pytest.raises(Lost, match="its process is gone"):
        app.resume("r")
    app.store.hook = None


# a decision that the run has not used


@pytest.mark.parametrize("by", ["ann", "bea"])
def test_a_yes_that_was_not_used_becomes_a_no(tmp_path, by):
    """Whoever said it, or another holder of the role: the run goes the gate's way, which can read who and why."""
    with opened(tmp_path, desk_of(pay), roles=ROLES) as app:
        request = app.start({}, run_id="r", by="web").waiting[0]
        app.approve(request, by="ann")
        app.revoke(request, by=by, note="the wrong one")
        assert app.store.request(request.id).status == "denied"
        run = app.resume("r")
        assert (run.end, run.state.why) == ("said no", f"denied by {by}: the wrong one")
        decisions = [(event.body["status"], event.body["by"]) for event in run.events if event.kind == "decided"]
        assert decisions == [("approved", "ann"), ("denied", by)]
        assert done(tmp_path) == []


def test_only_who_may_decide_takes_it_back(tmp_path):
    """A stranger, the starter, and nobody take nothing back; who said yes may, though they lost the role since."""
    with opened(tmp_path, desk_of(pay), roles=ROLES) as app:
        request = app.start({}, run_id="r", by="eve").waiting[0]
        refused("open", "has not said yes to it: deny it", app.revoke, request, by="ann")
        app.approve(request, by="ann")
        refused("role", "does not hold the role", app.revoke, request, by="cat")
        refused("starter", "may not decide it", app.revoke, request, by="eve")
        refused("name", "must name who", app.revoke, request, by=" ")
        with pytest.raises(RequestNotFound, match="no request"):
            app.revoke("r.9", by="ann")
    with opened(tmp_path, desk_of(pay), roles={"lead": {"bea"}}) as app:
        app.revoke(request, by="Ann")
        refused("denied", "is a no", app.revoke, request, by="bea")
        assert app.resume("r").end == "said no"


def test_a_quorum_loses_one_yes_and_is_asked_on(tmp_path):
    """Before the quorum is there a yes that is taken back counts no more; nobody said no, so it stays open."""
    flow = desk_of(pay, approval("lead", quorum=2, denied=excuse))
    with opened(tmp_path, flow, roles=ROLES) as app:
        request = app.start({}, run_id="r", by="web").waiting[0]
        app.approve(request, by="ann")
        refused("open", "deny it", app.revoke, request, by="bea")
        app.revoke(request, by="ann")
        app.approve(request, by="bea")
        assert app.resume("r").status == "waiting"
        app.approve(request, by="ann")
        assert app.store.request(request.id).status == "approved"
        app.revoke(request, by="bea", note="no")
        assert app.resume("r").end == "said no"
        assert done(tmp_path) == []


def test_a_yes_that_is_taken_back_while_it_is_used_is_not_used(tmp_path):
    """The run was about to take the decision: it looks again, and goes the way of the no."""
    with opened(tmp_path, desk_of(pay), roles=ROLES) as app, opened(tmp_path, desk_of(pay), roles=ROLES) as other:
        request = app.start({}, run_id="r", by="web").waiting[0]
        app.approve(request, by="ann")
        append = app.store.append

        def late(lease: Any, drafts: Any, **change: Any) -> Any:
            if drafts and drafts[0].kind == "gate" and other.store.request(request.id).status == "approved":
                other.revoke(request, by="ann")
            return append(lease, drafts, **change)

        app.store.append = late
        run = app.resume("r")
        assert run.end == "said no"
        gate = next(event.body for event in run.events if event.kind == "gate" and "decision" in event.body)
        assert gate["decision"]["status"] == "denied"
        assert done(tmp_path) == []


# a decision that the run has used


@tool(effect="none", stakes="high", writes="paid")
def read_secret(amount: int, context: Context) -> str:
    """Reads."""
    return str(context.deps.does("read", context.key, amount))


@tool(effect="idempotent", stakes="high", writes="paid")
def put(amount: int, context: Context) -> str:
    """Puts."""
    return str(context.deps.does("put", context.key, amount))


@tool(effect="once", stakes="low", timeout=20.0, writes="paid")
def pay_little(amount: int, context: Context) -> str:
    """Pays, of low stakes."""
    return str(context.deps.does("pay", context.key, amount))


@compute(writes="paid")
def reckon(amount: int) -> str:
    """No call at all."""
    return "reckoned"


@think(writes="paid")
def consider(amount: int) -> str:
    """A model's."""
    return f"consider {amount}"


def inner(node: Any, name: str = "inner") -> Flow[Claim]:
    """A flow of one node."""
    return Flow(name, state=Claim, edges=[on(START, node), on(node, End(f"{name} done"))], budget=Budget(steps=5))


NODES: dict[str, Any] = {
    "once": pay, "none": read_secret, "idempotent": put, "low": pay_little, "compute": reckon, "think": consider,
    "subflow": subflow(inner(pay_little), name="inside", reads={"amount": "amount"}, writes={"paid": "paid"}),
    "each": each(pay_little, over="items", into="into", item="amount", name="all"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NODES)
def test_a_used_yes_that_is_taken_back_dispatches_nothing(tmp_path, kind):
    """The run stands at the node, its driver gone: resumed, the step fails and says who, when and why."""
    with opened(tmp_path, desk_of(NODES[kind]), roles=ROLES) as app:
        request = app.start({}, run_id="r", by="web").waiting[0]
        app.approve(request, by="ann")
        taken_by_crash(app)
        app.revoke(request, by="bea", note="stop")
        assert app.store.request(request.id).status == "revoked"
        refused("revoked", "taken back already", app.revoke, request, by="ann")
        run = app.resume("r")
        assert run.end == "taken back"
        error = run.steps[-1].error
        assert (error.category, error.type) == ("invalid_call", "Revoked")
        assert "bea took back the approval of" in error.message
        assert error.message.endswith("Z: stop; it was not run")
        assert done(tmp_path) == []
        assert run.spent.calls == 0


@pytest.mark.parametrize("kind", NODES)
def test_what_was_dispatched_is_not_taken_back(tmp_path, kind):
    """After it ran, a revocation is refused with the reason, and changes nothing."""
    with opened(tmp_path, desk_of(NODES[kind]), roles=ROLES) as app:
        request = app.start({}, run_id="r", by="web").waiting[0]
        app.approve(request, by="ann")
        assert app.resume("r").end == "ran"
        before = app.get("r").events
        refused("dispatched", "dispatched already. Cancel the run", app.revoke, request, by="ann")
        assert app.get("r").events == before


def test_every_approval_on_the_way_counts(tmp_path):
    """Two gates said yes: whichever is taken back, the call is not dispatched; an exemption behind takes none away."""
    flow = desk_of(pay, approval("lead", denied=excuse) >> approval("cfo", denied=excuse))
    for number, (role, by) in enumerate([("lead", "ann"), ("cfo", "cat")]):
        folder = tmp_path / str(number)
        folder.mkdir()
        with opened(folder, flow, roles=ROLES) as app:
            first = app.start({}, run_id="r", by="web").waiting[0]
            app.approve(first, by="ann")
            second = app.resume("r").waiting[0]
            app.approve(second, by="cat")
            taken_by_crash(app)
            app.revoke(first if role == "lead" else second, by=by)
            assert app.resume("r").end == "taken back"
            assert done(folder) == []


def test_a_yes_before_another_gate_is_taken_back_while_that_one_asks(tmp_path):
    """The first gate's yes is used, the second one asks: taken back now, nothing runs though the second says yes."""
    flow = desk_of(pay, approval("lead", denied=excuse) >> approval("cfo", denied=excuse))
    with opened(tmp_path, flow, roles=ROLES) as app:
        first = app.start({}, run_id="r", by="web").waiting[0]
        app.approve(first, by="ann")
        second = app.resume("r").waiting[0]
        app.revoke(first, by="ann")
        app.approve(second, by="cat")
        assert app.resume("r").end == "taken back"
        assert done(tmp_path) == []


def test_an_exemption_behind_an_approval_takes_nothing_from_it(tmp_path):
    """A gate that exempts the call, after one at which a person said yes: the call has its approval, and runs."""
    from guideway import fields

    t = fields(Claim)
    flow = desk_of(pay, approval("lead", denied=excuse) >> approval("cfo", denied=excuse, unless=t.amount < 50))
    with opened(tmp_path, flow, roles=ROLES) as app:
        app.approve(app.start({}, run_id="r", by="web").waiting[0], by="ann")
        assert app.resume("r").end == "ran"
        assert done(tmp_path) == ["pay\t5"]


def test_between_two_attempts_it_is_taken_back(tmp_path):
    """The first attempt surely did nothing, and the next one waits its pause: it is not made."""
    tried, goes_on = threading.Event(), threading.Event()

    @tool(effect="idempotent", stakes="high", writes="paid", retry=Retry(attempts=2, pause=0.001))
    def flaky(amount: int, context: Context) -> str:
        tried.set()
        if context.attempt == 1:
            goes_on.wait(10)
            raise Away("nobody answers")
        return str(context.deps.does("put", context.key, amount))

    with opened(tmp_path, desk_of(flaky), roles=ROLES) as app, opened(tmp_path, desk_of(flaky), roles=ROLES) as other:
        request = app.start({}, run_id="r", by="web").waiting[0]
        app.approve(request, by="ann")
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(app.resume("r")))
        pause = app._engine.store.append

        def revoked(lease: Any, drafts: Any, **change: Any) -> Any:
            events = pause(lease, drafts, **change)
            if drafts and drafts[0].kind == "result":
                other.revoke(request, by="ann", note="stop")
            return events

        app._engine.store.append = revoked
        thread.start()
        assert tried.wait(10)
        refused("dispatched", "dispatched already", other.revoke, request, by="ann")
        goes_on.set()
        thread.join()
        assert found[0].end == "taken back"
        assert found[0].steps[-1].error.type == "Revoked"
        assert done(tmp_path) == []


def test_a_retry_of_the_run_does_not_pass_it(tmp_path):
    """The call was declined and the run is over: the yes is taken back, and a retry makes no call."""
    world = {"open": False}

    @tool(effect="once", stakes="high", timeout=20.0, writes="paid", not_done=Declined)
    def shut(amount: int, context: Context) -> str:
        if not world["open"]:
            raise Declined("closed")
        return str(context.deps.does("pay", context.key, amount))

    with opened(tmp_path, desk_of(shut), roles=ROLES) as app:
        request = app.start({}, run_id="r", by="web").waiting[0]
        app.approve(request, by="ann")
        assert app.resume("r").verdict == "failed"
        world["open"] = True
        app.revoke(request, by="ann")
        for _ in range(2):
            run = app.retry("r", by="bob") if app.get("r").verdict == "failed" else app.get("r")
            assert run.steps[-1].error.type == "Revoked"
        assert done(tmp_path) == []


def test_a_settled_call_asks_the_approval_again_before_it_is_repeated(tmp_path):
    """Unknown, it cannot be taken back; settled as not done it can, and is not called again."""

    @tool(effect="once", stakes="high", timeout=20.0, writes="paid")
    def lost(amount: int, context: Context) -> str:
        context.deps.does("pay", context.key, amount)
        raise RuntimeError("the answer got lost")

    from guideway import NOT_DONE

    with opened(tmp_path, desk_of(lost), roles=ROLES) as app:
        request = app.start({}, run_id="r", by="web").waiting[0]
        app.approve(request, by="ann")
        assert app.resume("r").status == "parked"
        refused("dispatched", "settle it", app.revoke, request, by="ann")
        app.settle("r", None, NOT_DONE, by="ann")
        app.revoke(request, by="ann")
        assert app.resume("r").end == "taken back"
        assert done(tmp_path) == ["pay\t5"]


def test_a_late_proof_that_nothing_was_done_lets_it_be_taken_back(tmp_path):
    """Its call overran its timeout and was declined in the end: taken back then, a retry makes no call."""
    goes_on = threading.Event()
    calls: list[int] = []

    @tool(effect="once", stakes="high", timeout=0.1, writes="paid", not_done=Declined)
    def slow(amount: int, context: Context) -> str:
        calls.append(amount)
        goes_on.wait(30)
        raise Declined("closed")

    with opened(tmp_path, desk_of(slow), roles=ROLES) as app:
        request = app.start({}, run_id="r", by="web").waiting[0]
        app.approve(request, by="ann")
        assert app.resume("r").status == "parked"
        refused("dispatched", "dispatched already", app.revoke, request, by="ann")
        goes_on.set()
        until(lambda: app.get("r").status == "ready")
        app.revoke(request, by="ann")
        assert app.resume("r").error.category == "declined"
        assert app.retry("r", by="bob").steps[-1].error.type == "Revoked"
        assert calls == [5]


# proposed calls


class Talk(BaseModel):
    messages: Messages = []


@tool(effect="once", stakes="high", timeout=20.0)
def wire(amount: int, context: Context) -> str:
    """Sends money."""
    return str(context.deps.does("wire", context.key, amount))


@think(tools=[wire])
def wants(messages: Messages) -> list[Any]:
    """The conversation so far."""
    return list(messages)


def greedy(prompt: Any) -> Any:
    """A model that wants two payments, once."""
    if any(message.type == "ai" for message in prompt.request.messages):
        return "done"
    return [{"name": "wire", "args": {"amount": n}, "id": f"c{n}"} for n in (1, 2)]


def talk() -> Flow[Talk]:
    """Each proposed payment asks a lead."""
    do = act([wire], name="do", gates={wire: approval("lead", denied=End("no"))})
    return Flow(
        "talk", state=Talk, budget=Budget(steps=9, tokens=100_000),
        edges=[on(START, wants), on(wants, when(proposes()) >> do, End("over")), on(do, wants)],
    )  # fmt: skip


def test_one_of_two_proposed_calls_is_taken_back(tmp_path):
    """The first runs, the second was taken back before its turn: the model is told who took it back."""
    with opened(tmp_path, talk(), greedy, roles=ROLES) as app:
        first, second = app.start({"messages": "pay"}, run_id="r", by="web").waiting
        app.approve(first, by="ann")
        app.approve(second, by="ann")

        def between(run: str, event: Any) -> None:
            if event.kind == "result" and event.body.get("slot") == "call.0.0":
                refused("dispatched", "already", app.revoke, first, by="ann")
                app.revoke(second, by="ann", note="one is enough")

        app._engine.listeners.append(between)
        run = app.resume("r")
        assert run.end == "over"
        told = [message.content for message in run.state.messages if message.type == "tool"]
        assert told[0] == "wire of 1"
        assert "ann took back the approval of 'do'" in told[1]
        assert done(tmp_path) == ["wire\t1"]


def test_a_proposed_call_in_a_crash_is_taken_back(tmp_path):
    """Its decision is used and its driver died: resumed, it is told to the model and not run."""
    with opened(tmp_path, talk(), greedy, roles=ROLES) as app:
        first, second = app.start({"messages": "pay"}, run_id="r", by="web").waiting
        for request in (first, second):
            app.approve(request, by="ann")
        taken_by_crash(app)
        app.revoke(first, by="bea")
        run = app.resume("r")
        assert (run.end, done(tmp_path)) == ("over", ["wire\t2"])


def test_an_item_is_taken_back(tmp_path):
    """Of two items one is taken back after the run used its decision: that one fails, the other runs."""
    lead = approval("lead")
    gated = each(lead >> pay, over="items", into="into", item="amount", name="all", tolerate=1.0)
    flow = Flow(
        "items", state=Claim, budget=Budget(steps=20),
        edges=[on(START, gated), on(gated, End("over"))],
    )  # fmt: skip
    with opened(tmp_path, flow, roles=ROLES) as app:
        first, second = app.start({}, run_id="r", by="web").waiting
        app.approve(first, by="ann")
        app.approve(second, by="ann")

        seen: list[Any] = []

        def used(run: str, event: Any) -> None:
            if event.kind == "gate" and event.body.get("request") == second.id and not seen:
                seen.append(event)
                app.revoke(second, by="ann")

        app._engine.listeners.append(used)
        run = app.resume("r")
        assert done(tmp_path) == ["pay\t1"]
        assert "took back" in run.state.into[1]["failure"]["message"]


def test_in_a_parallel_branch_it_is_taken_back_while_another_works(tmp_path):
    """A branch waits in front of its call while its sibling works: taken back meanwhile, it does not dispatch."""

    @tool(effect="none", writes="note", timeout=20.0)
    def ponder(amount: int) -> str:
        return "pondered"

    over = End("over")
    lead = approval("lead", denied=excuse)
    flow = Flow(
        "two", state=Claim, budget=Budget(steps=20), on_failure=End("failed", verdict="failed"),
        edges=[on(START, all_of(ponder, lead >> pay)), on(ponder, over), on(pay, over), on(excuse, over)],
    )  # fmt: skip
    with opened(tmp_path, flow, roles=ROLES) as app:
        request = app.start({}, run_id="r", by="web").waiting[0]
        app.approve(request, by="ann")
        taken_by_crash(app)
        app.revoke(request, by="ann")
        run = app.resume("r")
        assert (run.status, run.error.type, done(tmp_path)) == ("ended", "Revoked", [])


def test_through_the_graph_it_is_taken_back(tmp_path):
    """A foreign caller of the graph takes one step a task: between the gate and the node a yes is taken back."""
    with opened(tmp_path, desk_of(pay), roles=ROLES) as app:
        config = {"configurable": {"thread_id": "r"}}
        app.graph.invoke({"amount": 5}, config)
        request = app.get("r").waiting[0]
        app.approve(request, by="ann")

        def used(run: str, event: Any) -> None:
            if event.kind == "gate" and event.body.get("request") == request.id:
                app.revoke(request, by="ann")

        app._engine.listeners.append(used)
        app.graph.invoke(None, config)
        assert app.get("r").end == "taken back"
        assert done(tmp_path) == []


def test_a_run_that_is_past_it_or_cancelled_has_nothing_to_take_back(tmp_path):
    """A yes that led to an end, and one whose run was cancelled."""
    flow = Flow("end", state=Claim, edges=[on(START, approval("lead", denied=End("no")) >> End("yes"))])
    with opened(tmp_path, flow, roles=ROLES) as app:
        request = app.start({}, run_id="r", by="web").waiting[0]
        app.approve(request, by="ann")
        app.resume("r")
        refused("over", "past it", app.revoke, request, by="ann")
        other = app.start({}, run_id="s", by="web").waiting[0]
        app.approve(other, by="ann")
        app.cancel("s", by="ann")
        with pytest.raises(RunNotReady, match="cancelled"):
            app.revoke(other, by="ann")


# two processes

RACER = """
    import tests.runs.test_promises_revocation as those
    from guideway.testing.models import ScriptedModel
    from tests.torture.world import World
    from pathlib import Path
    app = those.desk_of(those.pay).compile(store=path, deps=World(Path(path).parent), roles=those.ROLES)
    tell("ready")
    while (run := hear()):
        try:
            app.revoke(f"{run}.1", by="ann")
            tell("revoked")
        except DecisionRefused as error:
            tell(error.data["reason"])
"""

ROUNDS = 25


def race(folder: Any, rounds: int) -> dict[str, int]:
    """Resumes and revocations from two processes at once; how often each won."""
    won = {"revoked": 0, "dispatched": 0}
    with (
        opened(folder, desk_of(pay), roles=ROLES) as app,
        Process(RACER, folder / "runs.db") as racer,
    ):
        assert racer.hear() == "ready"
        for number in range(rounds):
            run = f"r{number}"
            request = app.start({"amount": number}, run_id=run, by="web").waiting[0]
            app.approve(request, by="ann")
            before = len(done(folder))
            racer.tell(run)
            ended = app.resume(run)
            said: Literal["revoked", "dispatched"] | Any = racer.hear()
            ran = len(done(folder)) - before
            won[said] += 1
            assert (said, ran) in (("revoked", 0), ("dispatched", 1)), (said, ran, ended.end)
            assert (ended.end == "ran") == bool(ran)
    return won


def test_a_revocation_and_a_dispatch_race_and_one_of_them_wins(tmp_path):
    """From two processes, many times: either the call ran and nothing was taken back, or the other way round."""
    assert sum(race(tmp_path, ROUNDS).values()) == ROUNDS


@pytest.mark.torture
def test_a_thousand_revocations_race(tmp_path):
    """The same, a thousand times; both must have won some."""
    won = race(tmp_path, 1000)
    assert min(won.values()) > 0
