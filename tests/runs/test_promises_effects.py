"""What happened is not done again, and what nobody knows is not guessed."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

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
    Retry,
    act,
    approval,
    at_most,
    compute,
    exists,
    failed,
    fields,
    on,
    policy,
    proposes,
    think,
    tool,
    when,
)
from guideway.errors import DecisionRefused, LeaseLost, RunBusy, RunNotReady, StateInvalid
from tests.runs.desks import begun, desk, done, opened
from tests.torture.flows import Claim, Declined, explain, look, pay


class Job(BaseModel):
    item: str = "a"
    first: str | None = None
    second: str | None = None
    why: str | None = None
    fails: int = 0


@tool(effect="once", stakes="low", timeout=0.2, writes="first", not_done=Declined)
def charge(item: str, context: Context) -> str:
    """Charges; item says how the world behaves."""
    if item == "declined" and not (context.deps.folder / "open").exists():
        raise Declined("closed")
    found = str(context.deps.does("charge", context.key, item))
    if item == "raises":
        raise RuntimeError("the answer got lost")
    if item == "hangs":
        time.sleep(0.5)
    return found


@tool(effect="once", stakes="low", timeout=5.0, writes="second")
def notify(first: str | None, context: Context) -> str:
    """Tells somebody."""
    if (context.deps.folder / "down").exists():
        raise ConnectionError("the line is down")
    return str(context.deps.does("notify", context.key, first))


@compute(writes="why")
def excuse(failure: Failure | None) -> str:
    """Why it failed."""
    return failure.category if failure else "no failure"


def two_effects(**ways: Any) -> Flow[Job]:
    """Charges, then notifies."""
    return Flow(
        "two-effects",
        state=Job,
        edges=[on(START, charge), on(charge, notify), on(notify, End("done"))],
        budget=Budget(steps=10),
        **ways,
    )


def keys(folder: Path) -> list[str]:
    """The idempotency keys of what was done, in order."""
    return [line.split("\t")[1] for line in (folder / "ledger").read_text().splitlines()]


UNKNOWN = pytest.mark.parametrize("item", ["raises", "hangs"])


@UNKNOWN
def test_an_ending_that_proves_nothing_parks_the_run(tmp_path, item):
    """An exception that is not declared, or a timeout, parks the run; resuming it calls nothing again."""
    with opened(tmp_path, two_effects()) as app:
        run = app.start({"item": item}, run_id="r")
        assert (run.status, run.error.category) == ("parked", "unknown_effect")
        for _ in range(3):
            assert app.resume("r").status == "parked"
        with pytest.raises(RunNotReady, match="settle it first"):
            app.retry("r", by="ann")
        assert app.work(until=lambda: True) == 0
        assert done(tmp_path) == [f"charge\t{item}"]


@UNKNOWN
def test_a_settled_result_goes_on(tmp_path, item):
    """Settled with what it returned, the run uses that and calls only what comes after."""
    with opened(tmp_path, two_effects()) as app:
        app.start({"item": item}, run_id="r")
        app.settle("r", 1, "receipt 5", by="ann", note="in the books")
        run = app.resume("r")
        assert (run.status, run.state.first, run.spent.steps) == ("ended", "receipt 5", 2)
        assert done(tmp_path) == [f"charge\t{item}", "notify\treceipt 5"]
        settled = next(event.body for event in run.events if event.kind == "settled")
        assert (settled["by"], settled["note"]) == ("ann", "in the books")


def test_settled_as_not_done_is_called_again_with_the_same_key(tmp_path):
    """NOT_DONE calls again, under the key of the first call."""
    with opened(tmp_path, two_effects()) as app:
        app.start({"item": "raises"}, run_id="r")
        app.settle("r", None, NOT_DONE, by="ann")
        assert app.resume("r").status == "parked"
        assert done(tmp_path) == ["charge\traises"] * 2
        assert len(set(keys(tmp_path))) == 1
        assert app.get("r").spent.calls == 2


def test_given_up_goes_the_flows_way(tmp_path):
    """GIVE_UP fails the step, its effect unknown for good: the flow's way for failures is taken."""
    handed = End("handed over", verdict="escalated")
    with opened(tmp_path, two_effects(on_failure=handed)) as app:
        app.start({"item": "raises"}, run_id="r")
        app.settle("r", None, GIVE_UP, by="ann", note="nobody knows")
        run = app.resume("r")
        assert (run.status, run.end, run.error.category) == ("ended", "handed over", "unknown_effect")
        assert [(step.node, step.outcome, step.edge) for step in run.steps] == [
            ("charge", "failed", "on_failure: handed over")
        ]
        assert run.spent.steps == 1
        assert done(tmp_path) == ["charge\traises"]


def test_what_follows_a_given_up_call_has_a_key_of_its_own(tmp_path):
    """After GIVE_UP another once-only call is another call: a world of keys must not take it for the first."""
    flow = Flow(
        "other way", state=Job, on_failure=notify, budget=Budget(steps=5),
        edges=[on(START, charge), on(charge, End("charged")), on(notify, End("told"))],
    )  # fmt: skip
    with opened(tmp_path, flow) as app:
        app.start({"item": "raises"}, run_id="r")
        app.settle("r", None, GIVE_UP, by="ann")
        assert app.resume("r").end == "told"
        assert done(tmp_path) == ["charge\traises", "notify\tNone"]
        assert len(set(keys(tmp_path))) == 2


@pytest.mark.parametrize(
    ("edge", "end"), [(failed("declined"), None), (failed(), None), (failed("unknown_effect"), "taken")]
)
def test_an_edge_for_what_was_surely_not_done_is_not_taken_for_what_was_given_up(tmp_path, edge, end):
    """Declined says that nothing happened, and nobody knows that: only an edge that names unknown effects is taken."""
    ways = [edge >> End("taken", verdict="partial"), End("charged")]
    flow = Flow("edges", state=Job, edges=[on(START, charge), on(charge, *ways)], budget=Budget(steps=5))
    with opened(tmp_path, flow) as app:
        run = app.start({"item": "raises"}, run_id="r")
        if run.status == "parked":
            app.settle("r", None, GIVE_UP, by="ann")
            run = app.resume("r")
        assert (run.status, run.end) == ("ended", end)
        assert run.error is None or run.error.category == "unknown_effect"


def test_a_retry_after_giving_up_does_not_pass_the_unknown(tmp_path):
    """Given up is not known: a retry of that node parks again instead of calling, and repeats nothing before it."""
    with opened(tmp_path, two_effects()) as app:
        app.start({"item": "raises"}, run_id="r")
        app.settle("r", None, GIVE_UP, by="ann")
        assert app.resume("r").verdict == "failed"
        run = app.retry("r", by="ann")
        assert (run.status, run.error.category) == ("parked", "unknown_effect")
        assert done(tmp_path) == ["charge\traises"]


@pytest.mark.parametrize(("step", "who", "error"), [(2, "ann", RunNotReady), (1, " ", DecisionRefused)])
def test_a_settlement_names_its_step_and_its_author(tmp_path, step, who, error):
    """A settlement of another step, or by nobody, is refused, and changes nothing."""
    with opened(tmp_path, two_effects()) as app:
        before = app.start({"item": "raises"}, run_id="r").events
        with pytest.raises(error, match="parked at step 1|name who"):
            app.settle("r", step, "x", by=who)
        assert app.get("r").events == before


def test_a_settlement_must_be_what_the_tool_returns(tmp_path):
    """A value that the tool could not have returned is refused at once, not found out when the run goes on."""
    with opened(tmp_path, two_effects()) as app:
        app.start({"item": "raises"}, run_id="r")
        with pytest.raises(DecisionRefused, match="is nothing that 'charge' returns"):
            app.settle("r", None, {"receipt": 5}, by="ann")
        assert app.get("r").status == "parked"


def test_an_unknown_effect_that_an_edge_names_is_not_passed_by_a_retry(tmp_path):
    """Where an edge takes the unknown effect to an end, a retry takes that edge again and calls nothing."""
    flow = Flow(
        "named", state=Job, edges=[on(START, charge), on(charge, failed("unknown_effect") >> excuse, End("charged")),
                                   on(excuse, End("no", verdict="failed"))], budget=Budget(steps=9),
    )  # fmt: skip
    direct = Flow(
        "direct", state=Job, budget=Budget(steps=9),
        edges=[on(START, charge),
               on(charge, failed("unknown_effect") >> End("no", verdict="escalated"), End("charged"))],
    )  # fmt: skip
    with opened(tmp_path, flow) as app:
        run = app.start({"item": "raises"}, run_id="r")
        assert (run.end, run.state.why) == ("no", "unknown_effect")
    with opened(tmp_path, direct) as app:
        assert app.start({"item": "raises"}, run_id="s").end == "no"
        assert app.retry("s", by="ann").end == "no"
        assert done(tmp_path) == ["charge\traises"] * 2  # one a run


# retries


def test_a_retry_repeats_no_effect_that_happened(tmp_path):
    """The second effect failed and is tried again; the first, which succeeded, is not."""
    (tmp_path / "down").touch()
    with opened(tmp_path, two_effects()) as app:
        run = app.start({}, run_id="r")
        assert run.status == "parked"  # the line went down in the middle: nobody knows
        app.settle("r", None, GIVE_UP, by="ann")
        assert app.resume("r").verdict == "failed"
        (tmp_path / "down").unlink()
        assert app.retry("r", by="ann").status == "parked"
        app.settle("r", None, NOT_DONE, by="ann", note="the line was down")
        assert app.resume("r").verdict == "success"
        assert done(tmp_path) == ["charge\ta", "notify\tcharge of a"]


def test_a_declined_call_is_retried_and_what_was_done_before_is_not(tmp_path):
    """A call that was declined is called anew by a retry, under the same key."""
    with opened(tmp_path, two_effects()) as app:
        run = app.start({"item": "declined"}, run_id="r")
        assert (run.verdict, run.error.category) == ("failed", "declined")
        (tmp_path / "open").touch()
        assert app.retry("r", by="ann").verdict == "success"
        assert done(tmp_path) == ["charge\tdeclined", "notify\tcharge of declined"]
        with pytest.raises(RunNotReady, match="nothing to retry"):
            app.retry("r", by="ann")


def test_a_retry_of_an_end_that_was_not_met_does_not_pay_again(tmp_path):
    """The run paid, and its end was not met: a retry of the last step uses the payment that happened."""
    t = fields(Job)
    flow = Flow(
        "unmet", state=Job, edges=[on(START, charge), on(charge, End("done", succeeds_if=exists(t.why)))],
        budget=Budget(steps=5),
    )  # fmt: skip
    with opened(tmp_path, flow) as app:
        assert app.start({}, run_id="r").verdict == "failed"
        run = app.retry("r", by="ann")
        assert (run.verdict, run.state.first) == ("failed", "charge of a")
        assert done(tmp_path) == ["charge\ta"]


def test_a_retry_asks_the_model_again(tmp_path):
    """Answers that did not fit are not used again by a retry: it is a new attempt."""

    class Verdict(BaseModel):
        fails: int

    @think(output=Verdict, repairs=1)
    def judge(item: str) -> str:
        return f"judge {item}"

    answers = ["nonsense", "nonsense", Verdict(fails=3)]
    flow = Flow("judged", state=Job, edges=[on(START, judge), on(judge, End("done"))])
    with opened(tmp_path, flow, answers) as app:
        run = app.start({}, run_id="r")
        assert (run.error.category, run.spent.calls) == ("invalid_output", 2)
        run = app.retry("r", by="ann")
        assert (run.verdict, run.state.fails, run.spent.calls) == ("success", 3, 3)


def test_a_no_is_not_retried(tmp_path):
    """A run that ended because a person said no did not fail: a retry is refused instead of asking again."""
    lead = approval("lead", denied=End("no", verdict="escalated"))
    flow = Flow("no", state=Claim, edges=[on(START, look), on(look, lead >> pay), on(pay, End("paid"))])
    with opened(tmp_path, flow) as app:
        app.deny(app.start({"amount": 5}, run_id="r", by="web").waiting[0], by="ann")
        assert app.resume("r").end == "no"
        with pytest.raises(RunNotReady, match="did not fail: there is nothing to retry"):
            app.retry("r", by="ann")
        assert done(tmp_path) == []


def test_a_retry_of_an_approved_call_runs_the_approved_call(tmp_path):
    """A high-stakes call that was declined by the world is retried under its approval, and under nothing else."""

    @tool(effect="once", stakes="high", timeout=5.0, writes="paid", not_done=Declined)
    def pay_slowly(amount: int, context: Context) -> str:
        if not (context.deps.folder / "open").exists():
            raise Declined("closed")
        return str(context.deps.does("pay", context.key, amount))

    lead = approval("lead", denied=explain)
    flow = Flow(
        "slow", state=Claim, edges=[on(START, lead >> pay_slowly), on(pay_slowly, End("paid")), on(explain, End("no"))]
    )
    with opened(tmp_path, flow) as app:
        app.approve(app.start({"amount": 5}, run_id="r", by="web").waiting[0], by="ann")
        assert app.resume("r").verdict == "failed"
        (tmp_path / "open").touch()
        assert app.retry("r", by="bob").verdict == "success"
        assert done(tmp_path) == ["pay\t5"]


# business keys


def test_a_business_key_is_used_once_in_a_store(tmp_path):
    """The second run with the same order gets the first refund, and its journal says so."""
    with desk(tmp_path) as app:
        for run_id in ("r", "s"):
            app.approve(begun(app, run_id=run_id).waiting[0], by="ann")
            run = app.resume(run_id)
            assert (run.verdict, run.state.refund_id) == ("success", "pay_back of 17")
        assert done(tmp_path) == ["pay_back\t17"]
        (reused,) = [event.body["reused"] for event in run.events if "reused" in event.body]
        assert reused == {"key": "pay_back:17", "run": "r"}


def test_a_business_key_in_doubt_is_not_used_by_another_run(tmp_path):
    """While nobody knows what became of the first use, a second run does not call: it fails as unavailable."""

    @tool(effect="once", stakes="low", timeout=5.0, key="item", writes="first")
    def charge_keyed(item: str, context: Context) -> str:
        context.deps.does("charge", context.key, item)
        raise RuntimeError("the answer got lost")

    flow = Flow("keyed", state=Job, edges=[on(START, charge_keyed), on(charge_keyed, End("done"))])
    with opened(tmp_path, flow) as app:
        assert app.start({"item": "k"}, run_id="r").status == "parked"
        assert app.start({"item": "k"}, run_id="s").error.category == "unavailable"
        app.settle("r", None, "receipt", by="ann")
        assert app.resume("r").verdict == "success"
        assert app.retry("s", by="ann").state.first == "receipt"
        assert done(tmp_path) == ["charge\tk"]


# people while it works


def test_a_cancel_in_the_middle_of_a_call_waits_for_the_call(tmp_path):
    """A once-only call that is under way is not cancelled over; nor is its run driven by anybody else."""
    begins, goes_on = threading.Event(), threading.Event()

    @tool(effect="once", stakes="low", timeout=20.0, writes="first")
    def slow(item: str, context: Context) -> str:
        begins.set()
        goes_on.wait(10)
        return str(context.deps.does("charge", context.key, item))

    flow = Flow("slow", state=Job, edges=[on(START, slow), on(slow, End("done"))])
    with opened(tmp_path, flow) as app, opened(tmp_path, flow) as other:
        thread = threading.Thread(target=app.start, args=({},), kwargs={"run_id": "r"})
        thread.start()
        assert begins.wait(10)
        with pytest.raises(RunBusy, match="in the middle of 'slow'"):
            other.cancel("r", by="bob")
        with pytest.raises(RunBusy, match="pid"):
            other.resume("r")
        goes_on.set()
        thread.join()
        assert app.get("r").verdict == "success"
        assert done(tmp_path) == ["charge\ta"]


def test_a_cancel_between_calls_stops_the_driver(tmp_path):
    """A run that is cancelled while a step computes does nothing after that step."""
    begins, goes_on = threading.Event(), threading.Event()

    @tool(effect="none", writes="why")
    def ponder(item: str) -> str:
        begins.set()
        goes_on.wait(10)
        return item

    flow = Flow("stopped", state=Job, edges=[on(START, ponder), on(ponder, charge), on(charge, End("done"))])
    with opened(tmp_path, flow) as app, opened(tmp_path, flow) as other:
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(app.start({}, run_id="r")))
        thread.start()
        assert begins.wait(10)
        assert other.cancel("r", by="bob").status == "cancelled"
        goes_on.set()
        thread.join()
        assert found[0].status == "cancelled"
        assert [event.kind for event in other.get("r").events][-1] == "cancelled"
        assert done(tmp_path) == []


@pytest.mark.parametrize("bad", ["asked", "intent", "result", "step"])
def test_a_listener_that_raises_stops_nothing(tmp_path, caplog, bad):
    """An error in ``notify=`` or in a listener is logged; the run goes on and pays once."""
    with desk(tmp_path) as app:

        def listen(run: str, event: Any) -> None:
            if event.kind == bad:
                raise ValueError("a listener's own mistake")

        app._engine.listeners.append(listen)
        with caplog.at_level(logging.ERROR, "guideway"):
            app.approve(begun(app).waiting[0], by="ann")
            assert app.resume("r").verdict == "success"
        assert any("a listener failed" in record.message for record in caplog.records)
        assert done(tmp_path) == ["pay_back\t17"]


# high stakes


class Talk(BaseModel):
    messages: Messages = []
    amount: int = 0


@tool(effect="none", stakes="high")
def read_secret(name: str, context: Context) -> str:
    """A secret."""
    return str(context.deps.does("read_secret", context.key, name))


@think(tools=[read_secret])
def wants(messages: Messages) -> list[Any]:
    """The conversation so far."""
    return list(messages)


def nosy(prompt: Any) -> Any:
    """A model that wants a secret, once."""
    asked = any(message.type == "ai" for message in prompt.request.messages)
    return "I see." if asked else [{"name": "read_secret", "args": {"name": "pin"}, "id": "c1"}]


def harmless(call: Any) -> str | None:
    """A rule that lets everything pass."""
    return None


@pytest.mark.parametrize("gates", [{}, {read_secret: policy(harmless)}], ids=["no gate", "a rule"])
@pytest.mark.parametrize("exempt", [True, False])
def test_no_high_stakes_call_runs_without_a_decision_about_it(tmp_path, monkeypatch, gates, exempt):
    """Were the checks asleep: a high-stakes call of an agent, even one that only reads, needs its own decision."""
    monkeypatch.setattr("guideway.runs.app.refuse_errors", lambda flow: None)
    t = fields(Talk)
    do = act([read_secret], name="do", gates=gates)
    way = [approval("lead", denied=End("no"), unless=t.amount < 5)] if exempt else []
    edge = when(proposes(), at_most(2))
    for gate in way:
        edge = edge >> gate
    flow = Flow("nosy", state=Talk, edges=[on(START, wants), on(wants, edge >> do, End("done")), on(do, wants)])
    with opened(tmp_path, flow, nosy) as app:
        run = app.start({"messages": "hello"}, run_id="r", by="web")
        assert run.verdict == "success"
        told = next(message.content for message in run.state.messages if message.type == "tool")
        assert "no approval that names exactly this call" in told
        assert done(tmp_path) == []


# several processes of one life


def test_reconcile_waits_for_a_caller_that_may_live(tmp_path, monkeypatch):
    """A call that timed out may still run in its thread: NOT_DONE is believed only after its time and a grace."""
    monkeypatch.setattr("guideway.runs.believing.GRACE", 0.3)

    def asks(item: str, context: Context) -> Any:
        found = context.deps.found(context.key)
        return NOT_DONE if found is None else found

    @tool(effect="once", stakes="low", timeout=0.1, writes="first", reconcile=asks, retry=Retry(attempts=2))
    def late(item: str, context: Context) -> str:
        if not context.deps.mark.exists():
            context.deps.mark.touch()
            time.sleep(0.25)
        return str(context.deps.does("charge", context.key, item))

    flow = Flow("late", state=Job, edges=[on(START, late), on(late, End("done"))])
    with opened(tmp_path, flow) as app:
        run = app.start({}, run_id="r")
        assert (run.status, run.error.category) == ("parked", "unknown_effect")
        assert app.resume("r").status == "parked"
        time.sleep(0.4)
        run = app.resume("r")
        assert (run.verdict, run.state.first) == ("success", "charge of a")
        assert done(tmp_path) == ["charge\ta"]


def test_a_writer_that_lost_its_lease_commits_nothing(tmp_path):
    """A driver that slept in a call while another took its run over gets LeaseLost and writes nothing."""
    begins, goes_on = threading.Event(), threading.Event()

    @tool(effect="once", stakes="low", timeout=20.0, writes="first")
    def sleepy(item: str, context: Context) -> str:
        found = str(context.deps.does("charge", context.key, item))
        begins.set()
        goes_on.wait(10)
        return found

    flow = Flow("sleepy", state=Job, edges=[on(START, sleepy), on(sleepy, notify), on(notify, End("done"))])
    with opened(tmp_path, flow) as app, opened(tmp_path, flow) as other:
        found: list[BaseException] = []

        def sleeper() -> None:
            try:
                app.start({}, run_id="r")
            except LeaseLost as lost:
                found.append(lost)

        thread = threading.Thread(target=sleeper)
        thread.start()
        assert begins.wait(10)
        other.store._db._connection.execute("update runs set until = 0, ticks = 0, ttl = 0.001, holder = null")
        assert other.resume("r").status == "parked"
        before = other.get("r").events
        goes_on.set()
        thread.join()
        assert other.get("r").events == before
        assert [type(error) for error in found] == [LeaseLost]
        assert done(tmp_path) == ["charge\ta"]
        other.settle("r", None, "charge of a", by="ann")
        assert other.resume("r").verdict == "success"
        assert done(tmp_path) == ["charge\ta", "notify\tcharge of a"]


HALF = "cut emoji \ud83d"


@pytest.mark.parametrize("where", ["model", "tool", "compute", "error"])
def test_text_that_cannot_be_written_does_not_strand_a_run(tmp_path, where):
    """Half a surrogate pair, from a model, a tool, a node or an error: the run ends, and can be read."""

    @tool(effect="once", stakes="low", timeout=5.0, writes="first")
    def says(item: str) -> str:
        return HALF

    @compute(writes="first")
    def computes(item: str) -> str:
        if item == "error":
            raise LookupError(HALF)
        return HALF

    @think(writes="first")
    def asks(item: str) -> str:
        return item

    node: Any = {"model": asks, "tool": says}.get(where, computes)
    flow = Flow("half", state=Job, edges=[on(START, node), on(node, End("done"))])
    with opened(tmp_path, flow, lambda prompt: HALF) as app:
        run = app.start({"item": where}, run_id="r")
        assert run.status == "ended"
        if where in ("compute", "error"):
            assert run.error.category == {"compute": "invalid_output", "error": "bug"}[where]
        else:
            assert run.state.first == "cut emoji \ufffd"
        assert app.get("r") == run
        with pytest.raises(StateInvalid, match="JSON"):
            app.start({"item": HALF}, run_id="s")
