"""A person who changes a call's arguments lets nothing run by it: the edge is asked again, and another must say yes."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any, Literal

import pytest
from langgraph.errors import InvalidUpdateError
from langgraph.types import Command
from pydantic import BaseModel, SecretStr

from guideway import (
    GIVE_UP,
    NOT_DONE,
    START,
    Budget,
    Context,
    End,
    Flow,
    FromState,
    Item,
    Messages,
    Refusal,
    act,
    all_of,
    approval,
    ask,
    compute,
    each,
    fields,
    on,
    policy,
    subflow,
    tool,
    when,
)
from guideway.errors import DecisionRefused, GuidewayError, NodeError
from tests.runs.desks import begun, desk, done, opened
from tests.runs.processes import Process
from tests.runs.test_promises_decisions import refused, reseal
from tests.torture.edited import payroll
from tests.torture.flows import SCENARIOS, Claim, Declined, escalation, explain, pay

NO = End("no", verdict="escalated")
PAID = End("paid")


def claims(*guards: Any, target: Any = pay, **options: Any) -> Flow[Claim]:
    """One edge with gates into a tool."""
    first, *rest = guards
    path = first
    for guard in rest:
        path = path >> guard
    return Flow(
        "claims",
        state=Claim,
        edges=[on(START, path >> target), on(target, PAID), on(explain, NO)],
        budget=Budget(steps=10),
        **options,
    )


def waiting(app: Any, amount: int = 70, run_id: str = "r") -> Any:
    """A run of the claims that waits, started by "web"; its request."""
    return app.start({"amount": amount}, run_id=run_id, by="web").waiting[0]


def edited(app: Any, amount: int = 50, *, by: str = "ann", run_id: str = "r", **options: Any) -> Any:
    """The request that opens when the open one is edited."""
    app.approve(app.get(run_id).waiting[0], by=by, edits={"amount": amount}, **options)
    run = app.resume(run_id)
    assert run.waiting, "nobody was asked about the edited call"
    return run.waiting[0]


# what an edit comes to


def test_an_edit_asks_another_person_about_the_edited_call(tmp_path):
    """The edited request is over; a new one shows the call as it would run, what was changed, and by whom."""
    with opened(tmp_path, claims(approval("lead", denied=explain))) as app:
        first = waiting(app)
        app.approve(first, by="ann", note="too much", edits={"amount": 50})
        assert (app.get("r").status, app.store.request(first.id).status) == ("ready", "edited")
        assert done(tmp_path) == []
        run = app.resume("r")
        (second,) = run.waiting
        assert (run.status, app.store.request(first.id).status) == ("waiting", "consumed")
        assert second.id != first.id
        assert second.digest != first.digest
        assert (first.call.arguments, second.call.arguments) == ({"amount": 70}, {"amount": 50})
        assert second.not_by == ("starter", "ann")
        assert second.edited == (
            {"by": "ann", "request": first.id, "before": {"amount": 70}, "after": {"amount": 50}, "note": "too much"},
        )
        assert app.inbox() == [second]
        app.approve(second, by="bea")
        run = app.resume("r")
        assert (run.end, run.state.paid, run.state.amount) == ("paid", "pay of 50", 70)
        assert done(tmp_path) == ["pay\t50"]
        decided = [event.body for event in run.events if event.kind == "decided"]
        assert [(one["status"], one["by"], one["note"], one.get("edits")) for one in decided] == [
            ("edited", "ann", "too much", {"amount": 50}),
            ("approved", "bea", None, None),
        ]
        assert app.store.verify("r") is None


def test_a_decision_to_edit_is_power_safe(tmp_path, monkeypatch):
    """The edit's commit is asked to survive a power loss, as every decision is."""
    with opened(tmp_path, claims(approval("lead", denied=explain))) as app:
        first = waiting(app)
        asked: list[bool] = []
        writing = app.store._db.writing

        def heard(kinds: str, *, power: bool = False, **options: Any) -> Any:
            asked.append(power)
            return writing(kinds, power=power, **options)

        monkeypatch.setattr(app.store._db, "writing", heard)
        app.approve(first, by="ann", edits={"amount": 50})
        assert asked == [True]


def test_a_no_to_an_edited_call_is_final(tmp_path):
    """Who says no to the edited call sends the run the gate's way, and neither call runs."""
    with opened(tmp_path, claims(approval("lead", denied=explain))) as app:
        waiting(app)
        app.deny(edited(app), by="bea")
        run = app.resume("r")
        assert (run.end, run.state.told) == ("no", "denied by lead")
        assert done(tmp_path) == []


def test_an_edited_call_expires_like_any_other(tmp_path):
    """The new request has a time of its own, after which the run goes the way for expired."""
    lead = approval("lead", within=0.2, denied=explain, expired=NO)
    with opened(tmp_path, claims(lead)) as app:
        first = waiting(app)
        second = edited(app)
        assert second.expires > first.expires
        time.sleep(max(0.0, second.expires - time.time()) + 0.01)
        refused("expired", app.approve, second, by="bea")
        assert app.resume("r").end == "no"
        assert done(tmp_path) == []


def test_a_second_edit_needs_a_third_person(tmp_path):
    """Whoever changed something may not decide what became of it, whoever changed it last."""
    with opened(tmp_path, claims(approval("lead", denied=explain))) as app:
        waiting(app)
        edited(app, 50)
        refused("editor", app.approve, "r.2", by="ann", edits={"amount": 40})
        third = edited(app, 70, by="bea")
        assert third.call.arguments == {"amount": 70}
        assert [edit["by"] for edit in third.edited] == ["ann", "bea"]
        for name in ("ann", "bea"):
            refused("editor", app.approve, third, by=name)
        app.approve(third, by="cy")
        assert app.resume("r").end == "paid"
        assert done(tmp_path) == ["pay\t70"]


# who


def test_the_editor_may_not_decide(tmp_path):
    """However the name is written: neither yes, nor no, nor another edit."""
    with opened(tmp_path, claims(approval("lead", denied=explain, not_by=()))) as app:
        waiting(app)
        second = edited(app)
        for name in ("ann", " Ann ", "ANN", "\uff41\uff4e\uff4e", "an\u200bn", "a\u00adnn"):
            refused("editor", app.approve, second, by=name)
            refused("editor", app.deny, second, by=name)
            refused("editor", app.approve, second, by=name, edits={"amount": 1})
        assert app.get("r").waiting == [second]
        assert done(tmp_path) == []


def test_an_editor_named_as_the_word_for_the_starter_is_barred(tmp_path):
    """A person may be named like the word that bars the starter."""
    with opened(tmp_path, claims(approval("lead", denied=explain, not_by=()))) as app:
        waiting(app)
        second = edited(app, by="starter")
        refused("editor", app.approve, second, by="starter")
        app.approve(second, by="bea")
        assert app.resume("r").end == "paid"


def test_only_who_may_decide_may_edit(tmp_path):
    """The starter, who lacks the role, and nobody at all change nothing."""
    with opened(tmp_path, claims(approval("lead", denied=explain)), roles={"lead": {"ann", "web"}}) as app:
        first = waiting(app)
        for reason, name in (("starter", "web"), ("starter", "WEB"), ("role", "eve"), ("name", " "), ("name", None)):
            refused(reason, app.approve, first, by=name, edits={"amount": 50})
        refused("digest", app.approve, dataclasses.replace(first, digest="0" * 64), by="ann", edits={"amount": 50})
        assert [event.kind for event in app.get("r").events].count("decided") == 0


def test_an_edit_of_another_flows_request_is_refused(tmp_path):
    """Roles are an App's own: a lead here edits nothing there."""
    with opened(tmp_path, claims(approval("lead", denied=explain))) as app, desk(tmp_path, "rules_asked") as other:
        refused("flow", other.approve, waiting(app), by="ann", edits={"amount": 50})


def test_a_quorum_begins_anew(tmp_path):
    """A yes that was given before the edit counts for nothing; two others must say yes to what was edited."""
    with opened(tmp_path, claims(approval("lead", quorum=2, denied=explain))) as app:
        first = waiting(app)
        app.approve(first, by="bea")
        app.resume("r")
        second = edited(app)
        assert second.quorum == 2
        assert second.decisions == ()
        app.approve(second, by="cy")
        assert app.resume("r").status == "waiting"
        assert done(tmp_path) == []
        refused("editor", app.approve, second, by="ann")
        app.approve(second, by="bea")
        assert app.resume("r").end == "paid"
        assert done(tmp_path) == ["pay\t50"]


# stale views and races


def test_what_was_seen_before_an_edit_decides_nothing(tmp_path):
    """The request that was edited takes no other decision, and its digest opens no new one."""
    with opened(tmp_path, claims(approval("lead", denied=explain))) as app:
        first = waiting(app)
        app.approve(first, by="ann", edits={"amount": 50})
        for call in (app.approve, app.deny):
            refused("edited", call, first, by="bea")
        refused("edited", app.approve, first, by="bea", edits={"amount": 5})
        second = app.resume("r").waiting[0]
        refused("consumed", app.approve, first, by="bea")
        refused("digest", app.approve, dataclasses.replace(second, digest=first.digest), by="bea")
        assert app.get("r").waiting == [second]
        assert done(tmp_path) == []


PLAY = """
    from pathlib import Path
    from tests.runs.desks import desk
    folder, who, amount = words
    with desk(Path(folder), "rules_asked") as app:
        tell("ready")
        hear()
        try:
            app.approve("r.1", by=who, edits=None if amount == "-" else {"amount": int(amount)})
            tell("done")
        except GuidewayError as error:
            tell(type(error).__name__)
"""


@pytest.mark.parametrize("turn", range(3))
def test_an_edit_and_a_yes_at_one_moment_are_one_decision(tmp_path, turn):
    """Processes that edit and approve at once: one counts, and what runs is what that one said."""
    with desk(tmp_path, "rules_asked") as app:
        begun(app, "rules_asked")
        plays = [("ann", "60"), ("bea", "-"), ("cy", "65"), ("dee", "-")]
        plays = plays[turn:] + plays[:turn]
        processes = [Process(PLAY, tmp_path / "runs.db", tmp_path, *play) for play in plays]
        for process in processes:
            assert process.hear() == "ready"
        for process in processes:
            process.tell()
        answers = [process.hear() for process in processes]
        assert [process.end() for process in processes] == [0] * 4
        assert sorted(answers) == ["DecisionRefused"] * 3 + ["done"]
        who, amount = plays[answers.index("done")]
        run = app.resume("r")
        if amount == "-":
            assert done(tmp_path) == ["pay\t70"]
            return
        assert run.waiting[0].call.arguments == {"amount": int(amount)}
        refused("editor", app.approve, run.waiting[0], by=who)
        assert done(tmp_path) == []


def test_an_edit_that_comes_while_the_run_is_about_to_wait_is_not_slept_over(tmp_path):
    """A decision to edit between the look and the wait is taken, and not waited for."""
    with desk(tmp_path, "agent") as app:
        run = begun(app, "agent")
        app.approve(run.waiting[0], by="ann")
        first, second = app.resume("r").waiting[:2]
        app.deny(first, by="max")

        def before_waiting(when: str, kinds: str) -> None:
            if when == "after" and kinds.startswith(("gate", "result")):
                app.store.hook = None
                with desk(tmp_path, "agent") as other:
                    other.approve(second, by="ann", edits={"amount": 41})

        app.store.hook = before_waiting
        run = app.resume("r")
        assert [request.call.arguments["amount"] for request in run.waiting] == [41]


# all guards of the edge again


def within_reason(call: Any) -> str | None:
    """A rule about the call."""
    return None if call.arguments["amount"] <= 100 else "more than 100"


def reasonable(amount: int) -> str | None:
    """A rule about the field that the call's argument is read from."""
    return None if amount <= 100 else "claims more than 100"


@pytest.mark.parametrize("rule", [within_reason, reasonable])
@pytest.mark.parametrize("order", ["before", "after"])
def test_an_edit_that_a_policy_refuses_goes_its_way(tmp_path, rule, order):
    """Rules see the call as it would run, whether they look at it or at what it was read from."""
    gates = [policy(rule, violated=explain), approval("lead", denied=explain)]
    with opened(tmp_path, claims(*(gates if order == "before" else reversed(gates)))) as app:
        app.approve(waiting(app), by="ann", edits={"amount": 101})
        run = app.resume("r")
        if order == "after":
            assert run.status == "waiting"
            app.approve(run.waiting[0], by="bea")
            run = app.resume("r")
        assert (run.end, run.state.told) == ("no", f"violated by {rule.__name__}")
        assert done(tmp_path) == []


def test_all_gates_of_the_edge_are_asked_again(tmp_path):
    """An edit at the last gate is asked about from the first on; the editor decides at none of them."""
    flow = claims(approval("lead", denied=explain), approval("manager", denied=explain))
    with opened(tmp_path, flow) as app:
        waiting(app)
        app.approve("r.1", by="bea")
        assert app.resume("r").waiting[0].role == "manager"
        again = edited(app, by="max")
        assert (again.role, again.call.arguments) == ("lead", {"amount": 50})
        refused("editor", app.approve, again, by="max")
        app.approve(again, by="bea")
        last = app.resume("r").waiting[0]
        assert (last.role, last.call.arguments, last.not_by) == ("manager", {"amount": 50}, ("starter", "max"))
        refused("editor", app.approve, last, by="max")
        app.approve(last, by="mia")
        assert app.resume("r").end == "paid"
        assert done(tmp_path) == ["pay\t50"]


def test_nothing_exempts_an_edited_call(tmp_path):
    """A call that was edited down to what needs no approval needs one all the same."""
    with desk(tmp_path, "rules_asked") as app:
        begun(app, "rules_asked")
        second = edited(app, 5)
        assert (second.role, second.call.arguments) == ("lead", {"amount": 5})
        assert done(tmp_path) == []
        refused("editor", app.approve, second, by="ann")
        app.approve(second, by="bea")
        assert app.resume("r").end == "paid"
        assert done(tmp_path) == ["pay\t5"]


def test_a_later_gate_exempts_no_edited_call(tmp_path):
    """An exemption behind the gate where it was edited does not hold either."""
    t = fields(Claim)
    flow = claims(approval("lead", denied=explain), approval("manager", denied=explain, unless=t.amount < 100))
    with opened(tmp_path, flow) as app:
        waiting(app)
        app.approve(edited(app), by="bea")
        assert app.resume("r").waiting[0].role == "manager"


def test_an_edit_that_would_not_come_this_way_is_refused(tmp_path):
    """The conditions of the edge decided that the call comes here: with an edit they must hold again."""
    t = fields(Claim)
    lead = approval("lead", denied=explain)
    with opened(tmp_path, claims(when(t.amount < 100), lead)) as app:
        first = waiting(app)
        with pytest.raises(DecisionRefused, match="amount < 100 does not hold for it as it was edited") as caught:
            app.approve(first, by="ann", edits={"amount": 100})
        assert caught.value.data["reason"] == "edits"
        assert app.get("r").waiting == [first]
        app.approve(edited(app, 99), by="bea")
        assert app.resume("r").end == "paid"
        assert done(tmp_path) == ["pay\t99"]


def test_an_edit_that_a_changed_condition_refuses_goes_the_flows_way(tmp_path):
    """The flow's condition became stricter between the edit and the resume: the edited call does not run."""
    handed = End("handed over", verdict="escalated")
    lead = approval("lead", denied=explain)
    limit = 100

    def cheap(amount: int) -> bool:
        return amount < limit

    with opened(tmp_path, claims(when(cheap), lead, on_failure=handed)) as app:
        app.approve(waiting(app), by="ann", edits={"amount": 99})
        limit = 50
        run = app.resume("r")
        assert (run.end, run.status) == ("handed over", "ended")
        assert (run.error.category, run.error.type) == ("invalid_call", "EditRefused")
        assert done(tmp_path) == []


def test_an_escalated_gate_is_asked_anew_itself(tmp_path):
    """Who was asked because another did not decide edits: the same gate is asked again, and not the first."""
    with opened(tmp_path, escalation()) as app:
        first = begun(app, "escalation").waiting[0]
        time.sleep(max(0.0, first.expires - time.time()) + 0.01)
        assert app.resume("r").waiting[0].role == "manager"
        again = edited(app, 5, by="max")
        assert (again.role, again.call.arguments, again.not_by) == ("manager", {"amount": 5}, ("starter", "max"))
        app.approve(again, by="mia")
        assert app.resume("r").end == "paid"
        assert done(tmp_path) == ["pay\t5"]


@pytest.mark.parametrize("says", ["yes", "no"])
def test_who_decides_after_a_no_decides_about_the_edited_call(tmp_path, says):
    """A no to the edited call that leads to another gate asks that one about the edited call."""
    boss = approval("boss", denied=explain)
    with opened(tmp_path, claims(approval("lead", denied=boss))) as app:
        waiting(app)
        app.deny(edited(app), by="bea")
        third = app.resume("r").waiting[0]
        assert (third.role, third.call.arguments) == ("boss", {"amount": 50})
        refused("editor", app.approve, third, by="ann")
        (app.approve if says == "yes" else app.deny)(third, by="bob")
        assert app.resume("r").end == {"yes": "paid", "no": "no"}[says]
        assert done(tmp_path) == (["pay\t50"] if says == "yes" else [])


def test_a_policy_that_overrules_a_no_lets_no_edited_call_run(tmp_path):
    """Without a yes to exactly the edited call nothing runs, even where a rule would let it pass after a no."""
    overruled = policy(reasonable, violated=explain)
    with opened(tmp_path, claims(approval("lead", denied=overruled), target=jot)) as app:
        waiting(app)
        app.deny(edited(app), by="bea")
        run = app.resume("r")
        assert (run.verdict, run.error.type) == ("failed", "NotApproved")
        assert done(tmp_path) == []


# what may be edited


class Wish(BaseModel):
    count: int
    kind: Literal["a", "b"] = "a"


class Basket(BaseModel):
    amount: int = 1
    wish: Wish = Wish(count=1)
    ratio: float = 0.5
    anything: dict[str, Any] = {}
    account: str = "a-1"
    paid: str | None = None


@tool(effect="once", stakes="high", timeout=10.0, writes="paid")
def buy(
    amount: int,
    wish: Wish,
    ratio: float,
    anything: dict[str, Any],
    account: Annotated[str, FromState],
    context: Context,
    refusal: Refusal | None,
) -> str:
    """Buys."""
    return str(context.deps.does("buy", context.key, f"{amount} {wish.count}{wish.kind} {ratio} {account}"))


def basket() -> Flow[Basket]:
    """A tool with arguments of all kinds behind an approval."""
    return Flow(
        "basket",
        state=Basket,
        edges=[on(START, approval("lead", denied=NO) >> buy), on(buy, PAID)],
        budget=Budget(steps=5),
    )


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        ({"amont": 5}, "has no argument 'amont' to change; there are: amount, wish, ratio, anything"),
        ({"wish.count": 5}, "has no argument 'wish.count'"),
        ({1: 5}, "has no argument 1 to change"),
        ({"account": "mine"}, "'account' of 'buy' is taken from the state"),
        ({"context": {}}, "'context' of 'buy' is given by guideway"),
        ({"refusal": None}, "'refusal' of 'buy' is given by guideway"),
        ({"amount": "much"}, "'amount' does not fit 'buy': Input should be a valid integer"),
        ({"amount": None}, "'amount' does not fit 'buy'"),
        ({"amount": 2, "wish": {"count": 1, "kind": "c"}}, "'wish' does not fit 'buy': kind"),
        ({"wish": {"count": 1, "kind": "b"}, "amont": 2}, "has no argument 'amont'"),
        ({"ratio": float("nan")}, "'ratio' has no JSON form"),
        ({"ratio": float("inf")}, "'ratio' has no JSON form"),
        ({"anything": {"x": object()}}, "'anything' has no JSON form"),
        ({"anything": {"x": "\ud800"}}, "'anything' has no JSON form"),
        ({}, "nothing changed"),
        ({"amount": 1}, "nothing changed"),
        ({"amount": "1", "wish": {"count": 1}}, "nothing changed"),
        ([("amount", 5)], "edits= takes new values by argument"),
        ("amount=5", "edits= takes new values by argument"),
    ],
)
def test_an_edit_that_does_not_fit_is_refused(tmp_path, edits, told):
    """What cannot be changed, or to that, is refused with the way out, and nothing is recorded."""
    with opened(tmp_path, basket()) as app:
        first = app.start({}, run_id="r", by="web").waiting[0]
        before = app.get("r").events
        with pytest.raises(DecisionRefused, match="(?s).*") as caught:
            app.approve(first, by="ann", edits=edits)
        assert told in str(caught.value)
        assert caught.value.data["reason"] == "edits"
        assert app.get("r").events == before
        assert app.get("r").waiting == [first]


def test_an_edit_is_recorded_as_it_will_run(tmp_path):
    """Values are brought to the argument's type, models are taken as they are, and what did not change is left out."""
    with opened(tmp_path, basket()) as app:
        first = app.start({}, run_id="r", by="web").waiting[0]
        app.approve(first, by="ann", edits={"amount": "3", "wish": Wish(count=2, kind="b"), "ratio": 0.5})
        second = app.resume("r").waiting[0]
        assert second.edited[0]["after"] == {"amount": 3, "wish": {"count": 2, "kind": "b"}}
        app.approve(second, by="bea")
        assert app.resume("r").end == "paid"
        assert done(tmp_path) == ["buy\t3 2b 0.5 a-1"]


class Secretive(BaseModel):
    id: str
    token: SecretStr


@tool(effect="none")
def use(key: Secretive) -> str:
    """Uses a secret."""
    return key.id


def test_no_model_is_asked_for_a_secret():
    """What a model proposes stands in its message: a tool that would take a secret from there is refused."""
    with pytest.raises(NodeError, match="a model would fill the parameter 'key' of 'use', a secret"):
        acting(approval("lead"), tools=(use,))


def nothing_to_edit() -> list[tuple[Flow[Any], str]]:
    """Flows whose gate leads to something without arguments, and what is told of it."""
    lead = approval("lead", denied=NO)
    do = act([remember], name="do")
    return [
        (Flow("end", state=Talk, edges=[on(START, lead >> PAID)]), "leads to 'paid', which has no arguments"),
        (Flow("act", state=Talk, edges=[on(START, lead >> do), on(do, PAID)]), r"'do' \(act\) works on what"),
        (
            Flow("each", state=Talk, edges=[on(START, lead >> (n := noting())), on(n, PAID)]),
            r"'notes' \(each\) works on what",
        ),
        (
            Flow("fork", state=Talk, edges=[on(START, lead >> all_of(jot_a, jot_b)), on(jot_a, jot), on(jot_b, jot),
                                            on(jot, PAID)]),
            "has no arguments to change",
        ),
    ]  # fmt: skip


class Talk(BaseModel):
    messages: Messages = []
    account: str = "a-1"
    amount: int = 1
    amounts: list[int] = [1, 2]
    into: list[Item[str]] = []
    paid: str | None = None
    paid_b: str | None = None
    said: str | None = None


@tool(effect="once", stakes="high", timeout=10.0)
def refund(amount: int, account: Annotated[str, FromState], context: Context) -> str:
    """Pays."""
    return str(context.deps.does("refund", context.key, f"{amount} to {account}"))


@compute(writes="paid")
def jot(amount: int, context: Context) -> str:
    """Writes an amount down, where the world sees it."""
    return str(context.deps.does("jot", context.key, amount))


jot_a, jot_b = jot.named("jot_a"), compute(writes="paid_b", name="jot_b")(jot.fn)


def noting() -> Any:
    """Writes all amounts down."""
    return each(jot, name="notes", item="amount", over="amounts", into="into")


@pytest.mark.parametrize("which", range(4))
def test_a_gate_before_no_call_takes_no_edit(tmp_path, which):
    """An end, a fork, and what works on the state as a whole have no arguments that a person could change."""
    flow, told = nothing_to_edit()[which]
    with opened(tmp_path, flow) as app:
        request = app.start({}, run_id="r", by="web").waiting[0]
        with pytest.raises(DecisionRefused, match=told) as caught:
            app.approve(request, by="ann", edits={"amount": 5})
        assert caught.value.data["reason"] == "edits"
        app.approve(request, by="ann")
        assert app.get("r").status == "ready"


def test_an_answer_is_not_edited(tmp_path):
    """A request for an answer is answered."""
    question = ask("customer", "How much?", form=int, writes="amount")
    flow = Flow("asks", state=Talk, edges=[on(START, question), on(question, PAID)])
    with opened(tmp_path, flow) as app:
        request = app.start({}, run_id="r", by="web").waiting[0]
        refused("kind", app.approve, request, by="ann", edits={"amount": 5})


def test_a_step_of_a_computation_runs_as_edited(tmp_path):
    """Any node behind a gate is given the edited argument; the state stays as it is."""
    with opened(tmp_path, claims(approval("lead", denied=explain), target=jot)) as app:
        waiting(app)
        app.approve(edited(app, 5), by="bea")
        run = app.resume("r")
        assert (run.end, run.state.amount) == ("paid", 70)
        assert done(tmp_path) == ["jot\t5"]


# at dispatch, and after


def test_what_was_approved_as_edited_is_what_runs(tmp_path):
    """Edits that were forged behind the approval do not match its digest: nothing runs."""
    for number, target in enumerate((pay, jot)):
        folder = tmp_path / str(number)
        folder.mkdir()
        with opened(folder, claims(approval("lead", denied=explain), target=target)) as app:
            waiting(app)
            app.approve(edited(app), by="bea")
            app.store._db._connection.execute(
                """update events set body = replace(body, '"after":{"amount":50}', '"after":{"amount":5000}')"""
            )
            reseal(app.store, "r")
            run = app.resume("r")
            assert done(folder) == []
            assert (run.error.category, run.error.type) == ("invalid_call", "NotApproved")


def changed(body: str) -> Any:
    """``pay`` with another body; what it does is the same."""
    if body == "old":

        @tool(effect="once", stakes="high", timeout=10.0, writes="paid", name="pay_it")
        def pay_old(amount: int, context: Context) -> str:
            """Pays."""
            return str(context.deps.does("pay", context.key, amount))

        return pay_old

    @tool(effect="once", stakes="high", timeout=10.0, writes="paid", name="pay_it")
    def pay_new(amount: int, context: Context) -> str:
        """Pays, and thanks."""
        return str(context.deps.does("pay", context.key, amount)) + " thanks"

    return pay_new


@pytest.mark.parametrize("when_changed", ["before the yes", "after the yes"])
def test_an_edited_call_whose_tool_changed_does_not_run_by_the_old_yes(tmp_path, when_changed):
    """A yes to the edited call of the old body lets no new body run."""
    lead = approval("lead", denied=explain)
    with opened(tmp_path, claims(lead, target=changed("old"))) as app:
        waiting(app)
        second = edited(app)
        if when_changed == "after the yes":
            app.approve(second, by="bea")
    with opened(tmp_path, claims(lead, target=changed("new"))) as app:
        if when_changed == "before the yes":
            with suppress(DecisionRefused):  # it may be asked again instead
                app.approve(second, by="bea")
        app.resume("r")
        assert done(tmp_path) == []


class Away(ConnectionError):
    """Nobody answers."""


def failing(times: list[int]) -> Any:
    """A tool that declines while a list holds something."""

    @tool(effect="once", stakes="high", timeout=10.0, writes="paid", not_done=Declined)
    def pay_maybe(amount: int, context: Context) -> str:
        """Pays, or declines."""
        if times:
            times.pop()
            raise Declined("not today")
        return str(context.deps.does("pay", context.key, amount))

    return pay_maybe


def test_a_retry_runs_the_edited_call(tmp_path):
    """After a failure the approval still names the edited call, and a retry runs that and no other."""
    with opened(tmp_path, claims(approval("lead", denied=explain), target=failing([1]))) as app:
        waiting(app)
        app.approve(edited(app), by="bea")
        assert app.resume("r").error.category == "declined"
        assert app.retry("r", by="ops").end == "paid"
        assert done(tmp_path) == ["pay\t50"]


@tool(effect="once", stakes="high", timeout=10.0, writes="paid")
def pay_lost(amount: int, context: Context) -> str:
    """Pays, and the line is cut the first time."""
    first = not context.deps.ledger.exists()
    said = str(context.deps.does("pay", context.key, amount))
    if first:
        raise Away("the line was cut")
    return said


@pytest.mark.parametrize("settled", ["not done", "done"])
def test_a_settled_step_stays_bound_to_the_edited_call(tmp_path, settled):
    """An unknown effect of an edited call parks; not done, the edited call runs again; done, nothing does."""
    with opened(tmp_path, claims(approval("lead", denied=explain), target=pay_lost)) as app:
        waiting(app)
        app.approve(edited(app), by="bea")
        assert app.resume("r").status == "parked"
        app.settle("r", None, NOT_DONE if settled == "not done" else "settled", by="auditor")
        assert app.resume("r").end == "paid"
        assert done(tmp_path) == ["pay\t50"] * (2 if settled == "not done" else 1)


def test_a_business_key_is_that_of_the_edited_call(tmp_path):
    """An edit of the argument that the key is in uses the edited key: what was paid under it is not paid again."""
    with desk(tmp_path) as app:
        for run_id, order in (("r", "17"), ("s", "18"), ("t", "18")):
            begun(app, run_id=run_id)
            if order != "17":
                first = app.get(run_id).waiting[0]
                app.approve(first, by="ann", edits={"order": {"id": order, "total": 1.0}})
            app.approve(app.resume(run_id).waiting[0], by="bea")
            assert app.resume(run_id).verdict == "success"
        assert done(tmp_path) == ["pay_back\t17", "pay_back\t18"]


def test_an_edit_to_no_business_key_runs_nothing(tmp_path):
    """A key that an edit made empty is no key."""
    with desk(tmp_path) as app:
        first = begun(app).waiting[0]
        app.approve(first, by="ann", edits={"order": {"id": "", "total": 1.0}})
        app.approve(app.resume("r").waiting[0], by="bea")
        assert app.resume("r").error.type == "NoKey"
        assert done(tmp_path) == []


# calls that a model proposes


def told(run: Any) -> dict[str, str]:
    """What the model was told of each call."""
    return {message.tool_call_id: message.content for message in run.state.messages if message.type == "tool"}


def proposal(*calls: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A message of a model that proposes calls."""
    proposed = [
        {"name": name, "args": args, "id": f"c{n}", "type": "tool_call"} for n, (name, args) in enumerate(calls)
    ]
    return {"messages": [{"type": "ai", "content": "", "tool_calls": proposed, "id": "m1"}]}


def acting(*gates: Any, tools: Any = (refund,)) -> Flow[Talk]:
    """An act whose tools all have gates."""
    do = act(list(tools), name="do", gates={one: list(gates) for one in tools})
    return Flow("acting", state=Talk, edges=[on(START, do), on(do, PAID)], budget=Budget(steps=5))


def test_a_proposed_call_runs_as_edited_and_the_model_is_told(tmp_path):
    """One of two calls is edited: another person is asked about it alone, and the model learns what was changed."""
    with opened(tmp_path, acting(approval("lead"))) as app:
        run = app.start(proposal(("refund", {"amount": 30}), ("refund", {"amount": 40})), run_id="r", by="web")
        first, other = run.waiting
        app.approve(first, by="ann", note="20 will do", edits={"amount": 20})
        app.approve(other, by="ann")
        (second,) = app.resume("r").waiting
        assert done(tmp_path) == ["refund\t40 to a-1"]
        assert second.call == dataclasses.replace(first.call, arguments={"amount": 20, "account": "a-1"})
        assert second.edited[0]["before"] == {"amount": 30}
        refused("editor", app.approve, second, by="Ann")
        app.approve(second, by="bea")
        run = app.resume("r")
        assert (run.status, run.end) == ("ended", "paid")
        assert done(tmp_path) == ["refund\t40 to a-1", "refund\t20 to a-1"]
        assert told(run) == {
            "c0": "refund of 20 to a-1\n\n"
            "[A person changed the arguments of this call before it ran: amount=20 instead of 30]",
            "c1": "refund of 40 to a-1",
        }


def test_a_proposed_call_passes_all_its_gates_again(tmp_path):
    """A policy refuses the edited call; an earlier yes of another gate counts for nothing after an edit."""
    gates = (policy(within_reason), approval("lead"), approval("manager"))
    with opened(tmp_path, acting(*gates)) as app:
        run = app.start(proposal(("refund", {"amount": 30}), ("refund", {"amount": 40})), run_id="r", by="web")
        for request in run.waiting:
            app.approve(request, by="ann")
        first, second = app.resume("r").waiting
        assert (first.role, second.role) == ("manager", "manager")
        app.approve(first, by="max", edits={"amount": 101})
        app.approve(second, by="max", edits={"amount": 41})
        (again,) = app.resume("r").waiting
        assert (again.role, again.call.arguments["amount"]) == ("lead", 41)
        app.approve(again, by="ann")
        last = app.resume("r").waiting[0]
        assert last.role == "manager"
        refused("editor", app.approve, last, by="max")
        app.approve(last, by="mia")
        assert told(app.resume("r"))["c0"] == "Refused by within_reason: more than 100"
        assert done(tmp_path) == ["refund\t41 to a-1"]


def test_nothing_exempts_an_edited_call_of_a_model(tmp_path):
    """An exemption that would hold for every call does not hold for an edited one."""
    t = fields(Talk)
    lead, manager = approval("lead"), approval("manager", unless=t.amount < 100)
    with opened(tmp_path, acting(lead, manager)) as app:
        app.start(proposal(("refund", {"amount": 30})), run_id="r", by="web")
        app.approve(edited(app, 20), by="bea")
        assert app.resume("r").waiting[0].role == "manager"
        assert done(tmp_path) == []


def test_an_escalated_gate_of_a_call_is_asked_anew_itself(tmp_path):
    """Within act as on an edge: who was asked after a no edits, and the same gate is asked again."""
    with opened(tmp_path, acting(approval("lead", denied=approval("boss")))) as app:
        app.deny(app.start(proposal(("refund", {"amount": 30})), run_id="r", by="web").waiting[0], by="ann")
        assert app.resume("r").waiting[0].role == "boss"
        again = edited(app, 20, by="bob")
        assert (again.role, again.call.arguments["amount"]) == ("boss", 20)
        app.approve(again, by="bea")
        assert app.resume("r").end == "paid"
        assert done(tmp_path) == ["refund\t20 to a-1"]


@tool(effect="idempotent")
def remember(amount: int, context: Context) -> str:
    """Writes an amount down."""
    return str(context.deps.does("remember", context.key, amount))


def test_a_call_of_low_stakes_runs_as_it_was_edited_too(tmp_path):
    """An edit binds whatever the stakes are: forged behind the approval, the call does not run."""
    flow = acting(approval("lead"), tools=(remember,))
    for number, forged in enumerate((False, True)):
        folder = tmp_path / str(number)
        folder.mkdir()
        with opened(folder, flow) as app:
            app.start(proposal(("remember", {"amount": 30})), run_id="r", by="web")
            app.approve(edited(app, 20), by="bea")
            if forged:
                app.store._db._connection.execute(
                    """update events set body = replace(body, '"edits":{"amount":20}', '"edits":{"amount":2000}')"""
                )
                reseal(app.store, "r")
            app.resume("r")
            assert done(folder) == ([] if forged else ["remember\t20"])


def test_what_a_model_cannot_fill_nobody_edits(tmp_path):
    """An argument that is taken from the state stays what the state has."""
    with opened(tmp_path, acting(approval("lead"))) as app:
        request = app.start(proposal(("refund", {"amount": 30})), run_id="r", by="web").waiting[0]
        refused("edits", app.approve, request, by="ann", edits={"account": "mine"})
        refused("edits", app.approve, request, by="ann", edits={"tool": "delete"})
        refused("edits", app.approve, request, by="ann", edits={"amount": 30})


def test_a_retry_of_an_act_takes_no_result_for_an_edited_call(tmp_path):
    """The call happened before the step failed; asked anew and edited, it does not run again nor pass for the edit."""
    with opened(tmp_path, acting(approval("lead"), tools=(refund, lost))) as app:
        run = app.start(proposal(("refund", {"amount": 30}), ("lost", {"amount": 1})), run_id="r", by="web")
        for request in run.waiting:
            app.approve(request, by="ann")
        assert app.resume("r").status == "parked"
        app.settle("r", None, GIVE_UP, by="auditor")
        assert app.resume("r").verdict == "failed"
        first, second = app.retry("r", by="ops").waiting
        app.deny(second, by="ann")
        app.approve(first, by="ann", edits={"amount": 20})
        app.approve(app.resume("r").waiting[0], by="bea")
        run = app.resume("r")
        assert done(tmp_path) == ["refund\t30 to a-1"]
        assert "was called with other arguments before they were edited" in told(run)["c0"]


@tool(effect="once", stakes="low", timeout=10.0)
def lost(amount: int, context: Context) -> str:
    """Proves nothing."""
    raise Away("the line was cut")


# within branches, items and flows


def test_an_item_runs_as_edited(tmp_path):
    """One item of a list is edited and asked about anew; the others run as they were approved."""
    with opened(tmp_path, payroll()) as app:
        run = app.start({}, run_id="r", by="web")
        seen = 0
        while run.status == "waiting":
            for request in run.waiting:
                amount = request.call.arguments["amount"]
                if request.edited:
                    seen += 1
                    refused("editor", app.approve, request, by="ann")
                    app.approve(request, by="bea")
                else:
                    app.approve(request, by="ann", edits={"amount": 21} if amount == 20 else None)
            run = app.resume("r")
        assert (run.end, seen) == ("paid", 1)
        assert [item.value for item in run.state.paid] == ["pay_one of 10", "pay_one of 21", "pay_one of 30"]
        assert sorted(done(tmp_path)) == ["pay_one\t10", "pay_one\t21", "pay_one\t30"]


def per_item(account: str) -> str | None:
    """A rule over the state around the items."""
    return None if account == "a-1" else f"{account} is unknown"


@tool(effect="idempotent")
def send_to(amount: int, account: str, context: Context) -> str:
    """Sends an item somewhere that the state names."""
    return str(context.deps.does("send", context.key, f"{amount} to {account}"))


def test_a_rule_sees_what_an_edit_makes_of_an_item(tmp_path):
    """What an item's call reads from the state around it is edited: the rule over that field sees the edit."""
    sending = each(
        policy(per_item) >> approval("lead") >> send_to,
        name="all", item="amount", over="amounts", into="into", tolerate=1.0,
    )  # fmt: skip
    flow = Flow("sends", state=Talk, edges=[on(START, sending), on(sending, PAID)], budget=Budget(steps=9))
    with opened(tmp_path, flow) as app:
        run = app.start({"amounts": [7]}, run_id="r", by="web")
        app.approve(run.waiting[0], by="ann", edits={"account": "mine"})
        run = app.resume("r")
        assert run.end == "paid"
        assert run.state.into[0].failure.message == "violated by per_item: mine is unknown"
        assert done(tmp_path) == []


def test_an_edit_in_a_branch_and_in_a_flow_within(tmp_path):
    """Gates in a branch and in a subflow are asked anew where they are, and nowhere else."""
    inner = claims(approval("manager", denied=explain))
    inside = subflow(inner, name="inside", reads={"amount": "amount"}, writes={"paid_b": "paid"})
    flow = Flow(
        "outer",
        state=Talk,
        edges=[
            on(START, all_of(approval("lead", denied=NO_END) >> jot_a, inside)),
            on(jot_a, finish),
            on(inside, finish),
            on(finish, PAID),
        ],
        budget=Budget(steps=20),
    )
    with opened(tmp_path, flow) as app:
        run = app.start({"amount": 70}, run_id="r", by="web")
        assert {request.role for request in run.waiting} == {"lead", "manager"}
        for request in run.waiting:
            app.approve(request, by="ann", edits={"amount": 5 if request.role == "lead" else 6})
        run = app.resume("r")
        assert {(request.role, request.call.arguments["amount"]) for request in run.waiting} == {
            ("lead", 5),
            ("manager", 6),
        }
        for request in run.waiting:
            refused("editor", app.approve, request, by="ann")
            app.approve(request, by="bea")
        run = app.resume("r")
        assert (run.end, run.state.amount) == ("paid", 70)
        assert sorted(done(tmp_path)) == ["jot\t5", "pay\t6"]


@compute(writes="said")
def finish(amount: int) -> str:
    """Where the branches join."""
    return f"finished {amount}"


NO_END = finish


# through LangGraph's graph

CONFIG: dict[str, Any] = {"configurable": {"thread_id": "r"}}
INJECTED = [{"amount": 5000}, {"edits": {"amount": 5000}}, {"status": "edited", "edits": {"amount": 5000}}]


@pytest.mark.parametrize("stage", ["asked", "edited", "asked anew", "approved"])
def test_nobody_edits_through_the_graph(tmp_path, stage):
    """Whatever a foreign caller hands to the graph, no argument changes by it, and only what was approved runs."""
    with opened(tmp_path, claims(approval("lead", denied=explain))) as app:
        waiting(app)
        if stage != "asked":
            app.approve("r.1", by="ann", edits={"amount": 50})
        if stage in ("asked anew", "approved"):
            app.resume("r")
        if stage == "approved":
            app.approve("r.2", by="bea")
        for value in INJECTED:
            attacks: list[Callable[[], Any]] = [
                lambda value=value: app.graph.invoke(Command(resume=value), CONFIG),
                lambda value=value: app.graph.invoke(Command(update=value), CONFIG),
                lambda value=value: app.graph.update_state(CONFIG, value),
                lambda value=value: app.graph.invoke(value, CONFIG),
            ]
            for attack in attacks:
                with suppress(InvalidUpdateError, KeyError, GuidewayError):
                    attack()
        assert [line for line in done(tmp_path) if "5000" in line] == []
        run = app.resume("r")
        for name in ("cy", "dee"):
            for request in run.waiting:
                assert request.call.arguments["amount"] in (70, 50)
                app.approve(request, by=name)
            run = app.resume("r")
        assert run.end == "paid"
        assert done(tmp_path) == ["pay\t70" if stage == "asked" else "pay\t50"]


def test_the_scenarios_of_the_torture_end_as_their_people_decided(tmp_path):
    """The edited scenarios that are killed elsewhere do edit: otherwise their kills would prove nothing of edits."""
    from tests.torture.edited import EDITED

    assert set(EDITED) == {"edited_edge", "edited_escalated", "edited_agent", "edited_items"}
    assert not set(EDITED) & set(SCENARIOS)
