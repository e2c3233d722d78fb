"""What a new version of a flow must never do to a run: take a yes for another one, act twice, lose work, get stuck."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import BaseModel, SecretStr

from guideway import (
    NOT_DONE,
    START,
    Anyone,
    Context,
    End,
    Flow,
    Migration,
    RunNotReady,
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
)
from tests.cli.test_places import agree
from tests.runs.versions import NO, PAID, Order, desk, look, pays


class Died(BaseException):
    """Stands for the end of the process."""


class Wide(Order):
    """A field more, with a default."""

    more: str = ""


class Bag(BaseModel):
    """A list to go over, beside an order."""

    text: str = ""
    amount: float = 0.0
    trail: list[str] = []
    sums: list[float] = []
    found: list[Any] = []
    receipt: str | None = None


@pytest.fixture
def path(tmp_path) -> str:
    """A store's file; nothing was paid."""
    PAID.clear()
    return str(tmp_path / "runs.db")


def compiled(flow: Flow[Any], path: str) -> Any:
    """An app of a version."""
    return flow.compile(store=path, roles=Anyone(), deps=path)


def dies(app: Any, kind: str, *, start: bool = False) -> None:
    """Drives a run, and the process ends before a commit of a kind."""

    def stop(when: str, kinds: str) -> None:
        if when == "before" and kind in kinds:
            raise Died

    app.store.hook = stop
    with pytest.raises(Died, match="^$"):
        begun(app) if start else app.resume("r")
    app.store.hook = None


def begun(app: Any, **given: Any) -> Any:
    """A run that asks, or pays at once where it is exempt."""
    return app.start({"text": "a", "amount": 50.0} | given, run_id="r", by="web")


def approved(flow: Flow[Any], path: str, kind: str) -> None:
    """A run whose call was approved, and whose process died before a commit of a kind."""
    with compiled(flow, path) as app:
        app.approve(begun(app).waiting[0], by="ann")
        dies(app, kind)


def escalates(role: str, **options: Any) -> tuple[Any, ...]:
    """A gate whose no asks another one."""
    return (approval("lead", denied=approval(role, name="boss", denied=NO, **options)),)


@pytest.mark.parametrize(
    "gates",
    [escalates("boss", quorum=2), escalates("chief"), (approval("lead", denied=NO),)],
    ids=["quorum", "role", "gone"],
)
def test_a_yes_of_the_gate_that_a_no_led_to_counts_under_its_own_rules(path, gates):
    """The gate behind a no asks otherwise today, or is gone: the call does not run, and the no is not asked away."""
    with compiled(desk(gates=escalates("boss")), path) as app:
        app.deny(begun(app).waiting[0], by="ann")
        app.approve(app.resume("r").waiting[0], by="bo")
        dies(app, "intent")
    with compiled(desk(gates=gates), path) as app:
        run = app.resume("r")
        assert (run.status, run.error.type, PAID) == ("parked", "FlowChanged", [])
        assert "a no on the way to 'pay'" in run.error.message


@pytest.mark.parametrize("decided", [False, True])
def test_a_no_is_not_forgotten_where_what_it_led_to_is_gone(path, decided):
    """A lead said no and the run waits at boss: a version without boss does not ask the lead a second time."""
    with compiled(desk(gates=escalates("boss")), path) as app:
        app.deny(begun(app).waiting[0], by="ann")
        waiting = app.resume("r").waiting[0]
        if decided:
            app.approve(waiting, by="bo")
    with compiled(desk(gates=(approval("lead", denied=NO),)), path) as app:
        run = app.resume("r")
        assert (run.status, run.error.type, PAID) == ("parked", "FlowChanged", [])


def test_a_yes_that_was_used_on_an_edge_that_is_another_one_parks(path):
    """A gate was put before the one that said yes and was used already: nobody comes past the new one."""
    approved(desk(), path, "intent")
    lead, boss = (approval(role, denied=NO) for role in ("lead", "boss"))
    with compiled(desk(gates=(boss, lead)), path) as app:
        run = app.resume("r")
        assert (run.status, run.error.type, PAID) == ("parked", "FlowChanged", [])
        assert "was let to 'pay' on the edge 'look: lead >> pay'" in run.error.message
    named = Migration(edges={"look: lead >> pay": "look: boss >> lead >> pay"})
    with compiled(desk(gates=(boss, lead), migrations=[named]), path) as app:
        assert [one.role for one in app.resume("r").waiting] == ["boss"]
        agree(app, "r")
    assert PAID == []


def test_a_second_migration_looks_at_the_yes_of_the_first_version(path):
    """The edge has another name since the first migration: a gate that changes then is asked anew all the same."""
    approved(desk(), path, "intent")
    peek = look.named("peek")
    with compiled(desk(first=peek, migrations=[Migration(nodes={"look": "peek"})]), path) as app:
        dies(app, "intent")
    with compiled(desk(first=peek, gates=(approval("lead", denied=NO, quorum=2),)), path) as app:
        run = app.resume("r")
        assert ([one.quorum for one in run.waiting], PAID) == ([2], [])
        agree(app, "r")


def test_a_retry_under_another_gate_asks_it(path, tmp_path):
    """A run that failed behind a yes is tried again by a version whose gate needs two: both are asked."""
    down = tmp_path / "down"
    down.touch()

    def body(amount: float, context: Context) -> str:
        if down.exists():
            raise ValueError("no such account")
        PAID.append({"amount": amount})
        return "paid"

    pay = tool(body, name="pay", effect="idempotent", stakes="high", timeout=5.0, writes="receipt")
    with compiled(desk(pay=pay), path) as app:
        app.approve(begun(app).waiting[0], by="ann")
        assert app.resume("r").verdict == "failed"
    down.unlink()
    with compiled(desk(pay=pay, gates=(approval("lead", denied=NO, quorum=2),)), path) as app:
        run = app.retry("r", by="ann")
        assert ([one.quorum for one in run.waiting], PAID) == ([2], [])
        agree(app, "r")


def test_an_exemption_does_not_hold_for_a_migrated_amount(path):
    """A migration makes another amount of it: the exemption is asked about that one."""
    t: Any = fields(Order)
    gates = (approval("lead", denied=NO, unless=t.amount < 100.0),)
    with compiled(desk(gates=gates), path) as app:
        dies(app, "intent", start=True)
        shape = app.flow.shape
    in_cents = Migration(shape, state=lambda stored: stored | {"amount": stored["amount"] * 100})
    with compiled(desk(state=Wide, gates=gates, migrations=[in_cents]), path) as app:
        run = app.resume("r")
        assert (run.status, run.waiting[0].call.arguments, PAID) == ("waiting", {"amount": 5000.0}, [])
        agree(app, "r")


def test_a_named_exemption_with_another_body_is_looked_at_anew(path):
    """The rule that exempts has the same name and says otherwise today."""

    def gate(most: float) -> tuple[Any, ...]:
        def small(amount: float) -> bool:
            return amount < most

        return (approval("lead", denied=NO, unless=small),)

    with compiled(desk(gates=gate(100.0)), path) as app:
        dies(app, "intent", start=True)
    with compiled(desk(gates=gate(10.0), state=Wide), path) as app:
        assert (app.resume("r").status, PAID) == ("waiting", [])
        agree(app, "r")


@pytest.mark.parametrize("first", [True, False], ids=["resumed first", "settled first"])
@pytest.mark.parametrize("changed", ["body", "quorum", "exemption", "edge"])
def test_a_call_that_was_not_done_is_asked_anew(path, changed, first):
    """Parked with a call of which nobody knew, taken up by another version, settled as not done: today's is asked."""
    t: Any = fields(Order)
    gate = approval("lead", denied=NO, unless=t.amount < 100.0 if changed == "exemption" else None)
    with compiled(desk(gates=(gate,)), path) as app:
        run = begun(app) if changed != "exemption" else None
        if run is not None:
            app.approve(run.waiting[0], by="ann")
        dies(app, "result", start=run is None)
        assert app.resume("r").status == "parked"
    now = {
        "body": {"pay": pays(tariff="new")},
        "quorum": {"gates": (approval("lead", denied=NO, quorum=2),)},
        "exemption": {},
        "edge": {
            "first": look.named("peek"),
            "pay": pays(tariff="new"),
            "migrations": [Migration(nodes={"look": "peek"})],
        },
    }[changed]
    with compiled(desk(**now), path) as app:
        if first:
            assert app.resume("r").status == "parked"
        app.settle("r", None, NOT_DONE, by="ann")
        run = app.resume("r")
        assert (run.status, len(PAID)) == ("waiting", 1)
        for name in ("ann", "bo")[: run.waiting[0].quorum]:
            app.approve(run.waiting[0], by=name)
        assert (app.resume("r").verdict, len(PAID)) == ("success", 2)
        agree(app, "r")


def test_a_call_that_may_be_made_again_without_a_person_parks(path):
    """Its gate asks otherwise today, and the call may be made again by itself: the run parks, and nothing is done."""

    def never(amount: float) -> Any:
        return NOT_DONE

    pay = pays(reconcile=never)
    approved(desk(pay=pay), path, "result")
    with compiled(desk(pay=pay, gates=(approval("lead", denied=NO, quorum=2),)), path) as app:
        run = app.resume("r")
        assert (run.status, run.error.type, len(PAID)) == ("parked", "FlowChanged", 1)
        assert "'pay' was called under an approval that" in run.error.message
        agree(app, "r")


@pytest.mark.parametrize("changed", ["quorum", "body"])
def test_an_item_whose_call_was_not_done_is_asked_anew(path, changed):
    """The same for an item with gates of its own."""

    def flow(quorum: int, pay: Any) -> Flow[Any]:
        works = each(approval("lead", quorum=quorum) >> pay, name="works", item="amount", over="sums", into="found")
        return Flow("items", state=Bag, edges=[on(START, works), on(works, End("over"))])

    with compiled(flow(1, pays()), path) as app:
        app.approve(begun(app, sums=[5.0, 6.0]).waiting[0], by="ann")
        dies(app, "result")
        app.resume("r")
    now = flow(2, pays()) if changed == "quorum" else flow(1, pays(tariff="new"))
    with compiled(now, path) as app:
        parked = app.resume("r").parked
        app.settle("r", parked[0].branch, NOT_DONE, by="ann")
        assert (len(app.resume("r").waiting), len(PAID)) == (2, 1)
        agree(app, "r")


@pytest.mark.parametrize("kind", ["subflow", "each"])
def test_a_gate_before_steps_that_are_under_way_is_not_asked_again(path, kind):
    """The gate before a flow inside changed while the run is in there: it goes on, and each call is paid for once."""

    def flow(role: str) -> Flow[Any]:
        if kind == "subflow":
            node: Any = subflow(desk(), name="inner", reads={"amount": "amount"}, writes={"receipt": "receipt"})
        else:
            node = each(desk(), name="inner", item="text", over="trail", into="found", reads={"amount": "amount"})
        gate = approval(role, name="gate", denied=NO)
        return Flow("outer", state=Bag, edges=[on(START, gate >> node), on(node, End("over"))])

    with compiled(flow("clerk"), path) as app:
        app.approve(begun(app, trail=["a", "b"]).waiting[0], by="ann")
        count = len(app.resume("r").waiting)
    with compiled(flow("chief"), path) as app:
        run = app.resume("r")
        assert [one.role for one in run.waiting] == ["lead"] * count
        for request in run.waiting:
            app.approve(request, by="ann")
        assert (app.resume("r").verdict, len(PAID)) == ("success", count)
        agree(app, "r")


class Told(Order):
    """A list is a text now."""

    trail: str = ""  # type: ignore[assignment]  # it is what the test is about


class Secret(Order):
    """It holds a secret."""

    token: SecretStr | None = None


class Open(Order):
    """What was a secret is a text now."""

    token: str | None = None


def told(text: str) -> str:
    """Looks at the order, and gives a text."""
    return text


def test_a_list_that_is_a_text_now_parks_the_run(path):
    """Another type is told whatever it was: the run parks, also in a flow inside, and goes on under its own version."""

    def flow(inner: Flow[Any]) -> Flow[Any]:
        node = subflow(inner, name="inner", reads={"amount": "amount"}, writes={"receipt": "receipt"})
        return Flow("outer", state=Bag, edges=[on(START, node), on(node, End("over"))])

    with compiled(flow(desk()), path) as app:
        begun(app)
    with compiled(flow(desk(state=Told, first=compute(told, writes="trail", name="look"))), path) as app:
        run = app.resume("r")
        assert (run.status, run.error.type) == ("parked", "FlowChanged")
        assert "stored data does not fit Told.trail: found ['looked at ']" in run.error.message
    with compiled(flow(desk()), path) as app:
        run = app.resume("r")
        app.approve(run.waiting[0], by="ann")
        assert app.resume("r").verdict == "success"
        agree(app, "r")


def test_a_secret_that_is_a_text_now_parks_the_run(path):
    """A sealed value is not taken for a text, and nothing of it is told."""
    key = Fernet.generate_key()
    with desk(state=Secret).compile(store=path, roles=Anyone(), key=key) as app:
        begun(app, token="tulip")
    with desk(state=Open).compile(store=path, roles=Anyone(), key=key) as app:
        run = app.resume("r")
        assert (run.status, run.error.type) == ("parked", "FlowChanged")
        assert "stored data does not fit Open.token" in run.error.message
        assert "tulip" not in str(run.events)
    with desk(state=Secret).compile(store=path, roles=Anyone(), key=key) as app:
        assert app.resume("r").state.token.get_secret_value() == "tulip"


@compute
def join() -> None:
    """Joins."""


@pytest.mark.parametrize("under", ["of today", "of then"])
def test_a_retry_of_what_parked_for_another_version_does_nothing_twice(path, under):
    """A run in branches did not fit: a retry goes on where it stands, and does not fan out, ask or pay again."""

    def flow(name: str) -> Flow[Any]:
        pays_inside = subflow(desk(), name=name, reads={"amount": "amount"}, writes={"receipt": "receipt"})
        other = ask("clerk", "And?", name="question", writes="text")
        heads = on(START, all_of(pays_inside, other))
        return Flow("outer", state=Bag, edges=[heads, on(pays_inside, join), on(other, join), on(join, End("over"))])

    with compiled(flow("inner"), path) as app:
        app.approve(next(one for one in begun(app).waiting if one.kind == "approval"), by="ann")
        dies(app, "result")
    with compiled(flow("other"), path) as app:
        assert app.resume("r").error.type == "FlowChanged"
        if under == "of today":
            assert app.retry("r", by="bo").error.type == "FlowChanged"
    with compiled(flow("inner"), path) as app:
        run = app.retry("r", by="bo") if under == "of then" else app.resume("r")
        assert ([one.branch for one in run.parked], [one.kind for one in run.waiting]) == (["1b0.1s"], ["answer"])
        app.settle("r", "1b0.1s", "paid it", by="ann")
        app.answer(run.waiting[0], "so", by="ann")
        assert (app.resume("r").verdict, len(PAID)) == ("success", 1)
        agree(app, "r")


def test_a_retry_of_what_parked_at_a_gate_repeats_no_step(path):
    """What is done before the gate stays done."""
    with compiled(desk(), path) as app:
        request = begun(app).waiting[0].id
    with compiled(desk(pay=pays("refund")), path) as app:
        assert app.resume("r").status == "parked"
        run = app.retry("r", by="bo")
        assert (run.status, len(run.steps)) == ("parked", 1)
    with compiled(desk(), path) as app:
        assert [one.id for one in app.resume("r").waiting] == [request]
        agree(app, "r")


def test_no_result_is_settled_where_nothing_was_called(path):
    """Who says what came of a call that was not made is told so: the run would call all the same, a second time."""
    approved(desk(), path, "intent")
    with compiled(desk(pay=pays("refund")), path) as app:
        assert app.resume("r").parked[0].reason == "flow_changed"
        with pytest.raises(RunNotReady, match="there is nothing to settle"):
            app.settle("r", None, "paid by hand", by="ann")
    with compiled(desk(), path) as app:
        assert (app.resume("r").state.receipt, len(PAID)) == ("paid 50.0", 1)
        agree(app, "r")


def test_what_was_said_before_the_gate_that_asks_counts_under_its_own_rules(path):
    """Waiting at the last gate: the yes behind a no before it was of another role, so the edge is asked anew."""

    def gates(role: str) -> tuple[Any, ...]:
        return (*escalates(role), approval("finance", denied=NO))

    with compiled(desk(gates=gates("boss")), path) as app:
        app.deny(begun(app).waiting[0], by="ann")
        app.approve(app.resume("r").waiting[0], by="bo")
        app.approve(app.resume("r").waiting[0], by="cy")
    with compiled(desk(gates=gates("chief")), path) as app:
        assert ([one.role for one in app.resume("r").waiting], PAID) == (["lead"], [])
        agree(app, "r")


def test_a_rule_before_the_gate_that_asks_is_asked_about_what_was_migrated(path):
    """Waiting behind a rule: a migration makes an amount of it that the rule refuses, and the tool reads none."""

    def small(amount: float) -> str | None:
        return None if amount < 100 else "too much"

    def send(text: str) -> str:
        PAID.append({"text": text})
        return "sent"

    pay = tool(send, name="pay", effect="once", stakes="high", timeout=5.0, writes="receipt")
    gates = (policy(small, violated=End("refused", verdict="escalated")), approval("lead", denied=NO))
    with compiled(desk(gates=gates, pay=pay), path) as app:
        app.approve(begun(app).waiting[0], by="ann")
        shape = app.flow.shape
    in_cents = Migration(shape, state=lambda stored: stored | {"amount": stored["amount"] * 100})
    with compiled(desk(state=Wide, gates=gates, pay=pay, migrations=[in_cents]), path) as app:
        assert (app.resume("r").end, PAID) == ("refused", [])
        agree(app, "r")
