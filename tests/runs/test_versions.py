"""A run of another version of its flow: goes on where it fits, by a migration where one is declared, else it parks."""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, field_validator

from guideway import (
    START,
    Anyone,
    DecisionRefused,
    End,
    Flow,
    FlowError,
    Migration,
    RunNotReady,
    all_of,
    approval,
    ask,
    at_most,
    compute,
    each,
    fields,
    on,
    policy,
    subflow,
    when,
)
from tests.cli.test_places import agree
from tests.runs.versions import NO, PAID, Order, desk, look, pays


class Died(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def path(tmp_path) -> str:
    """A store's file; nothing was paid."""
    PAID.clear()
    return str(tmp_path / "runs.db")


def compiled(flow: Flow[Any], path: str) -> Any:
    """An app of a version."""
    return flow.compile(store=path, roles=Anyone())


def waits(flow: Flow[Any], path: str, **given: Any) -> Any:
    """A run of a version that waits at its gate, left there."""
    with compiled(flow, path) as app:
        run = app.start({"text": "a", "amount": 50.0} | given, run_id="r", by="web")
        assert run.status == "waiting"
        return run


def test_a_changed_body_before_the_wait_goes_on_and_is_recorded(path):
    """Another build of the same shape goes on; the run keeps which, and the open request is the one that was asked."""
    before = waits(desk(), path)

    @compute(writes="trail", name="look")
    def looks(text: str) -> list[str]:
        return [f"saw {text}"]

    with compiled(desk(first=looks), path) as app:
        run = app.resume("r")
        assert (run.status, run.waiting[0].id) == ("waiting", before.waiting[0].id)
        assert (run.build, run.shape) == (app.flow.build, before.shape)
        app.approve(run.waiting[0], by="ann")
        assert app.resume("r").verdict == "success"
        agree(app, "r")


def test_a_changed_tool_asks_again(path):
    """What a person saw is not what would run: the open request is withdrawn and asked anew, about today's body."""
    before = waits(desk(), path)
    with compiled(desk(pay=pays(tariff="new")), path) as app:
        run = app.resume("r")
        assert [one.id for one in run.waiting] != [before.waiting[0].id]
        assert app.store.request(before.waiting[0].id).status == "withdrawn"
        with pytest.raises(DecisionRefused, match="is withdrawn"):
            app.approve(before.waiting[0], by="ann")
        app.approve(run.waiting[0], by="ann")
        assert app.resume("r").state.receipt == "paid 50.0 by new"
        assert len(PAID) == 1
        agree(app, "r")


def test_a_yes_about_the_body_before_counts_no_more(path):
    """Approved, not yet resumed, and then the tool changed: nobody approved what would run, so it is asked."""
    waits(desk(), path)
    with compiled(desk(), path) as app:
        app.approve(app.inbox()[0], by="ann")
    with compiled(desk(pay=pays(tariff="new")), path) as app:
        run = app.resume("r")
        assert run.status == "waiting"
        assert PAID == []
        agree(app, "r")


def test_a_no_about_the_body_before_stays_a_no(path):
    """A no is final, whatever the tool is today."""
    waits(desk(), path)
    with compiled(desk(), path) as app:
        app.deny(app.inbox()[0], by="ann", note="never")
    with compiled(desk(pay=pays(tariff="new")), path) as app:
        assert (app.resume("r").end, PAID) == ("no", [])


@pytest.mark.parametrize(
    "changed",
    [
        {"role": "manager", "name": "lead"},
        {"role": "lead", "quorum": 2},
        {"role": "lead", "not_by": ("bob",)},
        {"role": "lead", "question": "Really?"},
        {"role": "lead", "shows": "text"},
    ],
    ids=["role", "quorum", "not_by", "question", "shows"],
)
def test_a_gate_that_asks_otherwise_asks_again(path, changed):
    """A yes that was given under other rules is none under these, on an edge that is otherwise the same."""
    old = waits(desk(), path).waiting[0].id
    with compiled(desk(), path) as app:
        app.approve(old, by="ann")
    t = fields(Order)
    options = changed | ({"shows": [t.text]} if "shows" in changed else {})
    gate = approval(options.pop("role"), denied=NO, **options)
    with compiled(desk(gates=(gate,)), path) as app:
        run = app.resume("r")
        assert (run.status, PAID) == ("waiting", [])
        assert run.waiting[0].id != old
        agree(app, "r")


def test_a_gate_that_was_put_before_another_parks_the_run(path):
    """Another gate on the edge is another edge: nobody may come past it because somebody approved the later one."""
    waits(desk(), path)
    with compiled(desk(), path) as app:
        app.approve(app.inbox()[0], by="ann")
    lead, boss = (approval(role, denied=NO) for role in ("lead", "boss"))
    with compiled(desk(gates=(boss, lead)), path) as app:
        run = app.resume("r")
        assert (run.status, run.error.type) == ("parked", "FlowChanged")
        assert "'look: lead >> pay', which the flow does not have any more" in run.error.message
        assert PAID == []
    with compiled(desk(), path) as app:  # its own version is there again: nothing was lost
        assert app.resume("r").state.receipt == "paid 50.0"


def test_an_edge_that_an_author_names_has_all_its_gates_asked(path):
    """A migration says which edge it is now: its gates are asked from the first on."""
    old = waits(desk(), path)
    lead, boss = (approval(role, denied=NO) for role in ("lead", "boss"))
    moved = Migration(old.shape, edges={"look: lead >> pay": "look: boss >> lead >> pay"})
    with compiled(desk(gates=(boss, lead), migrations=[moved]), path) as app:
        run = app.resume("r")
        assert [one.role for one in run.waiting] == ["boss"]
        app.approve(run.waiting[0], by="bo")
        run = app.resume("r")
        assert [one.role for one in run.waiting] == ["lead"]
        app.approve(run.waiting[0], by="ann")
        assert app.resume("r").verdict == "success"
        agree(app, "r")


def test_edges_in_another_order_are_the_same_edges(path):
    """An edge is known by what it is, not by its place in its row."""
    before = waits(desk(), path)
    t = fields(Order)
    with compiled(desk(extra=(when(t.amount > 1000.0) >> End("too much"),)), path) as app:
        run = app.resume("r")
        assert (run.shape != before.shape, run.waiting[0].id) == (True, before.waiting[0].id)
        app.approve(run.waiting[0], by="ann")
        assert app.resume("r").verdict == "success"


def test_a_node_that_was_renamed_parks_until_the_migration_says_so(path):
    """The work that waited is not lost in silence: it parks with the reason, and goes on once the new name is told."""
    old = waits(desk(), path)
    renamed = pays("refund")
    with compiled(desk(pay=renamed), path) as app:
        run = app.resume("r")
        assert run.status == "parked"
        assert "Flow(..., migrations=[Migration(...)])" in run.error.message
        assert old.shape in run.error.message
        with pytest.raises(RunNotReady, match="is parked"):
            app.settle("r", None, "paid", by="ann")
    with compiled(desk(pay=renamed, migrations=[Migration(old.shape, nodes={"pay": "refund"})]), path) as app:
        run = app.resume("r")
        assert (run.status, run.waiting[0].node) == ("waiting", "refund")
        app.approve(run.waiting[0], by="ann")
        run = app.resume("r")
        assert (run.verdict, run.state.receipt) == ("success", "paid 50.0")
        migrated = next(event for event in run.events if event.kind == "migrated")
        assert (migrated.body["from"], migrated.body["applied"]) == (old.shape, ["pay to refund"])
        agree(app, "r")


def test_a_limit_goes_on_counting(path):
    """A run that took an edge as often as it may does not get it again because the flow was deployed anew."""
    t: Any = fields(Order)
    question = ask("clerk", "And now?", name="question", writes="text")

    @compute(writes="round")
    def count(round: int) -> int:
        return round + 1

    def flow(limit: int, name: str = "count") -> Flow[Any]:
        node = count if name == "count" else count.named(name)
        return Flow(
            "rounds",
            state=Order,
            edges=[
                on(START, node),
                on(node, question),
                on(question, when(t.text != "stop", at_most(limit)) >> node, End("over")),
            ],
            migrations=[Migration(nodes={"count": name})],
        )

    with compiled(flow(2), path) as app:
        run = app.start({}, run_id="r", by="web")
        for _ in range(2):
            app.answer(run.waiting[0], "more", by="ann")
            run = app.resume("r")
        assert (run.state.round, run.status) == (3, "waiting")
    with compiled(flow(3, "counts"), path) as app:
        run = app.resume("r")
        for _ in range(2):
            app.answer(run.waiting[0], "more", by="ann")
            run = app.resume("r")
        assert (run.verdict, run.state.round) == ("success", 4)
        agree(app, "r")


# states


class Renamed(BaseModel):
    """A field has another name, and there is one more."""

    text: str = ""
    sum: float = 0.0
    trail: Annotated[list[str], operator.add] = []
    receipt: str | None = None
    round: int = 0
    currency: str = "EUR"


class Stricter(Order):
    """A constraint that the run may break."""

    amount: float = Field(0.0, le=40.0)


class Other(Order):
    """Another type."""

    round: str = ""  # type: ignore[assignment]  # it is what the test is about


class Smaller(BaseModel):
    """A field is gone."""

    text: str = ""
    amount: float = 0.0
    receipt: str | None = None
    round: int = 0


class Larger(Order):
    """A field without a default."""

    channel: str


class Wide(Order):
    """A field more, with a default."""

    channel: Literal["web", "phone"] = "web"


def test_a_new_field_with_a_default_fits(path):
    """A state that only grew goes on by itself, and the journal has the state as it is from then on."""
    waits(desk(), path)
    with compiled(desk(state=Wide), path) as app:
        run = app.resume("r")
        assert (run.status, run.state.channel, run.state.trail) == ("waiting", "web", ["looked at a"])
        app.approve(run.waiting[0], by="ann")
        run = app.resume("r")
        assert (run.verdict, run.state.receipt) == ("success", "paid 50.0")
        assert [event.kind for event in run.events].count("migrated") == 1
        agree(app, "r")


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (Stricter, "Stricter refuses what the run holds in amount"),
        (Other, "stored data does not fit Other.round"),
        (Smaller, "Smaller has no field 'trail' any more, and the run holds"),
        (Larger, "the stored state lacks channel of Larger"),
    ],
)
def test_a_state_that_does_not_fit_parks_the_run(path, state, told):
    """Nothing is coerced, dropped or made up: the run parks, can be looked at, and goes on under its own version."""
    waits(desk(), path)
    first = look
    if state is Smaller:

        @compute(writes="text", name="look")
        def first(text: str) -> str:
            return text

    with compiled(desk(state=state, first=first), path) as app:
        run = app.resume("r")
        assert (run.status, run.error.type) == ("parked", "FlowChanged")
        assert told in run.error.message
        assert app.get("r").state.amount == 50.0
        assert [one.id for one in app.runs(status="parked")] == ["r"]
        again = app.resume("r")
        assert (again.status, len(again.events)) == ("parked", len(run.events))
    with compiled(desk(), path) as app:
        app.approve(app.inbox()[0], by="ann")
        assert app.resume("r").state.receipt == "paid 50.0"


def test_a_migration_renames_fields_and_changes_the_state(path):
    """Fields are renamed, the function is called, and what comes of it is validated; the trail is still merged."""
    old = waits(desk(), path)
    seen: list[dict[str, Any]] = []

    def in_cents(stored: dict[str, Any]) -> dict[str, Any]:
        seen.append(dict(stored))
        return stored | {"sum": stored["sum"] * 100, "currency": "ct"}

    t = fields(Renamed)
    lead = approval("lead", denied=NO)
    pay, again = pays().bind(amount="sum"), look.named("once more")
    flow = Flow(
        "desk",
        state=Renamed,
        edges=[
            on(START, look),
            on(look, when(t.sum < 10.0, at_most(2)) >> look, lead >> pay),
            on(pay, again),
            on(again, End("paid")),
        ],
        migrations=[Migration(old.shape, fields={"amount": "sum"}, state=in_cents)],
    )
    with compiled(flow, path) as app:
        run = app.resume("r")
        assert seen[0]["sum"] == 50.0
        assert (run.state.sum, run.state.currency) == (5000.0, "ct")
        assert run.waiting[0].id != old.waiting[0].id  # another amount is another call
        assert run.waiting[0].call.arguments == {"amount": 5000.0}
        app.approve(run.waiting[0], by="ann")
        run = app.resume("r")
        assert (run.verdict, run.state.receipt) == ("success", "paid 5000.0")
        assert run.state.trail == ["looked at a", "looked at a"]
        assert len(seen) == 2  # the state, and that before the last step; the journal has what came of them
        agree(app, "r")
        with pytest.raises(RunNotReady, match="it was of another version there"):
            app.fork("r", at=1, by="ann")


def test_a_plain_function_is_a_migration_for_what_does_not_fit(path):
    """The latest functions are tried until the state fits; one that raises does not fit, and the reason names it."""
    waits(desk(), path)

    def first_to_second(stored: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in stored.items() if name != "trail"} | {"sum": stored["amount"]}

    def second_to_third(stored: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in stored.items() if name != "sum"} | {"amount": stored["sum"]}

    def never(stored: dict[str, Any]) -> dict[str, Any]:
        raise ValueError("I was never tried")

    @compute(writes="text", name="look")
    def first(text: str) -> str:
        return text

    with compiled(desk(state=Smaller, first=first, migrations=[never]), path) as app:
        assert "the migration 'never' raised ValueError: I was never tried" in app.resume("r").error.message
    with compiled(desk(state=Smaller, first=first, migrations=[first_to_second, second_to_third]), path) as app:
        run = app.resume("r")
        assert run.status == "waiting"
        app.approve(run.waiting[0], by="ann")
        assert app.resume("r").state.receipt == "paid 50.0"


def test_versions_go_one_into_the_next(path):
    """Two migrations that name their shapes are applied one after the other, each exactly where it belongs."""
    first = waits(desk(), path)
    second = desk(pay=pays("refund"))
    chain = [
        Migration(first.shape, nodes={"pay": "refund"}, to=second.shape),
        Migration(second.shape, nodes={"refund": "give back"}),
    ]
    third = desk(pay=pays("give back"), migrations=chain)
    with compiled(second, path) as app:
        app.start({"text": "b", "amount": 70.0}, run_id="s", by="web")
    with compiled(third, path) as app:
        for name in "rs":
            app.approve(app.resume(name).waiting[0], by="ann")
            assert app.resume(name).verdict == "success"
        assert [one["amount"] for one in PAID] == [50.0, 70.0]


def test_what_is_dropped_is_said(path):
    """A field that a run holds is dropped only where the migration says so."""
    old = waits(desk(), path)

    @compute(writes="text", name="look")
    def first(text: str) -> str:
        return text

    gone = Migration(old.shape, fields={"trail": None})
    with compiled(desk(state=Smaller, first=first, migrations=[gone]), path) as app:
        run = app.resume("r")
        assert run.status == "waiting"
        assert not hasattr(run.state, "trail")


class Checked(Order):
    """A validator that changes what it is given."""

    @field_validator("text")
    @classmethod
    def _upper(cls, value: str) -> str:
        return value.upper()


def test_a_validator_that_would_change_the_state_does_not_fit(path):
    """What a validator would make of a stored value is another value: that is for a migration to say."""
    waits(desk(), path)
    with compiled(desk(state=Checked), path) as app:
        assert "Checked.text would make 'A' of 'a'" in app.resume("r").error.message


# what is inside


def test_branches_are_found_again(path):
    """Runs in the branches of a fork go on where a node in there has another name, and join what they wrote before."""
    well = ask("clerk", "Well?", name="well", writes="text")

    def flow(right: str, migrations: Any = ()) -> Flow[Any]:
        left, other, meet = (look.named(name) for name in ("left", right, "meet"))
        rows = [on(START, all_of(left, other)), on(left, meet), on(other, well), on(well, meet), on(meet, End("over"))]
        return Flow("branches", state=Order, edges=rows, migrations=migrations)

    with compiled(flow("right"), path) as app:
        run = app.start({"text": "a"}, run_id="r", by="web")
        assert run.status == "waiting"
    with compiled(flow("other"), path) as app:
        assert "in the branches of" in app.resume("r").error.message
    with compiled(flow("other", [Migration(nodes={"right": "other"})]), path) as app:
        run = app.resume("r")
        app.answer(run.waiting[0], "b", by="ann")
        run = app.resume("r")
        assert (run.verdict, run.state.trail) == ("success", ["looked at a", "looked at a", "looked at b"])
        agree(app, "r")


def _outer(inner: Flow[Any]) -> Flow[Any]:
    sub = subflow(inner, name="sub")
    return Flow("outer", state=Order, edges=[on(START, sub), on(sub, End("over"))])


def test_a_flow_inside_has_its_own_migrations(path):
    """Where a run stands in a flow inside, that flow's own manifest of then and its own migrations count."""
    with compiled(_outer(desk()), path) as app:
        assert app.start({"text": "a", "amount": 50.0}, run_id="r", by="web").status == "waiting"
    with compiled(_outer(desk(pay=pays("refund"))), path) as app:
        run = app.resume("r")
        assert (run.status, run.error.type) == ("parked", "FlowChanged")
    fits = desk(state=Wide, pay=pays("refund"), migrations=[Migration(desk().shape, nodes={"pay": "refund"})])
    with compiled(_outer(fits), path) as app:
        run = app.resume("r")
        assert run.status == "waiting"
        app.approve(run.waiting[0], by="ann")
        run = app.resume("r")
        assert (run.verdict, run.state.receipt) == ("success", "paid 50.0")
        assert run.state.trail == ["looked at a"]
        agree(app, "r")


def test_a_state_inside_that_does_not_fit_parks(path):
    """The schema of an open flow inside changed: the run parks, and its journal is not called broken."""
    with compiled(_outer(desk()), path) as app:
        app.start({"text": "a", "amount": 50.0}, run_id="r", by="web")
    with compiled(_outer(desk(state=Stricter)), path) as app:
        run = app.resume("r")
        assert (run.status, run.error.type) == ("parked", "FlowChanged")
        assert "Stricter refuses" in run.error.message
        assert app.get("r").status == "parked"


def test_items_go_on_under_another_version(path):
    """Items that are over stay over, and those that wait go on where they are."""

    def flow(state: type[BaseModel], migrations: Any = ()) -> Flow[Any]:
        inner = desk(state=state, migrations=migrations)
        works = each(inner, name="works", item="text", over="trail", into="found", reads={"amount": "amount"})
        return Flow("items", state=Bag, edges=[on(START, works), on(works, End("over"))])

    with compiled(flow(Order), path) as app:
        run = app.start({"trail": ["a", "b"], "amount": 50.0}, run_id="r", by="web")
        assert len(run.waiting) == 2
        app.approve(run.waiting[0], by="ann")
        app.resume("r")
    with compiled(flow(Wide), path) as app:
        run = app.resume("r")
        assert len(run.waiting) == 1
        app.approve(run.waiting[0], by="ann")
        run = app.resume("r")
        assert run.verdict == "success"
        assert [entry["value"]["receipt"] for entry in run.state.found] == ["paid 50.0", "paid 50.0"]
        assert len(PAID) == 2
        agree(app, "r")


class Bag(BaseModel):
    """A list to go over."""

    trail: list[str] = []
    amount: float = 0.0
    found: list[Any] = []


# what was called


def test_a_call_under_way_with_other_arguments_parks(path):
    """A payment that may have happened is not taken for one of another amount."""
    with compiled(desk(), path) as app:
        run = app.start({"text": "a", "amount": 50.0}, run_id="r", by="web")
        app.approve(run.waiting[0], by="ann")

        def stop(when: str, kinds: str) -> None:
            if (when, kinds) == ("before", "result"):
                raise Died

        app.store.hook = stop
        with pytest.raises(Died, match="^$"):
            app.resume("r")
        app.store.hook = None
    doubled = Migration(state=lambda stored: stored | {"amount": stored["amount"] * 2, "channel": "web"})
    with compiled(desk(state=Larger, migrations=[doubled]), path) as app:
        run = app.resume("r")
        assert (run.status, run.error.type) == ("parked", "FlowChanged")
        assert "'pay' was called in the step under way with other arguments" in run.error.message
        assert len(PAID) == 1


def test_a_yes_that_was_used_and_a_tool_that_changed_before_it_ran_asks_again(path):
    """The process died between the decision and the call, and the tool changed: the gate is asked again."""
    with compiled(desk(), path) as app:
        run = app.start({"text": "a", "amount": 50.0}, run_id="r", by="web")
        app.approve(run.waiting[0], by="ann")

        def stop(when: str, kinds: str) -> None:
            if (when, kinds) == ("before", "intent"):
                raise Died

        app.store.hook = stop
        with pytest.raises(Died, match="^$"):
            app.resume("r")
        app.store.hook = None
    with compiled(desk(pay=pays(tariff="new")), path) as app:
        run = app.resume("r")
        assert (run.status, PAID) == ("waiting", [])
        app.approve(run.waiting[0], by="bea")
        assert app.resume("r").state.receipt == "paid 50.0 by new"
        agree(app, "r")


def test_a_rule_that_changed_before_the_gate_is_asked_again(path):
    """A yes behind a rule counts under that rule: under another one the edge is asked from its first guard on."""

    def small(amount: float) -> str | None:
        return None if amount < 100 else "too much"

    def smaller(amount: float) -> str | None:
        return None if amount < 20 else "too much by now"

    def flow(rule: Any) -> Flow[Any]:
        rules = policy(rule, name="small", violated=End("refused", verdict="escalated"))
        return desk(gates=(rules, approval("lead", denied=NO)))

    waits(flow(small), path)
    with compiled(flow(small), path) as app:
        app.approve(app.inbox()[0], by="ann")
    with compiled(flow(smaller), path) as app:
        run = app.resume("r")
        assert (run.end, PAID) == ("refused", [])
        agree(app, "r")


def test_edits_wait_until_the_run_was_resumed(path):
    """What an approver changes is checked against the flow that asked: first the run is resumed under today's."""
    old = waits(desk(), path)
    told = "resume it, and look at what it asks then"
    with compiled(desk(pay=pays(tariff="new")), path) as app, pytest.raises(DecisionRefused, match=told):
        app.approve(old.waiting[0], by="ann", edits={"amount": 1.0})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([5], "migrations= holds 5"),
        (Migration(), "migrations= takes a list"),
        ([Migration("a" * 16), Migration("a" * 16)], "two migrations are for the shape 'aaaa"),
    ],
)
def test_mistakes_in_migrations_are_told_where_they_are_written(given, told):
    """What is no migration is refused when the flow is built."""
    with pytest.raises(FlowError, match=told.replace("(", "\\(")):
        desk(migrations=given)


@pytest.mark.parametrize("wrong", [{"nodes": ["a"]}, {"shape": 3}, {"fields": {"a": 1}}, {"state": "no function"}])
def test_a_migration_says_what_it_takes(wrong):
    """Each part of the wrong kind is named."""
    with pytest.raises(FlowError, match=f"Migration\\({next(iter(wrong))}="):
        Migration(**wrong)


def test_a_worker_goes_on_with_what_another_version_parked(path):
    """A worker of the version that fits takes what a worker of another one had to park; that one does not try again."""
    old = waits(desk(), path)
    with compiled(desk(), path) as app:
        app.approve(old.waiting[0], by="ann")
    with compiled(desk(pay=pays("refund")), path) as app:
        app.work(until=lambda: True)
        before = app.get("r")
        assert before.status == "parked"
        app.work(until=lambda: True)
        assert len(app.get("r").events) == len(before.events)
    with compiled(desk(), path) as app:
        app.work(until=lambda: True)
        assert app.get("r").state.receipt == "paid 50.0"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"nodes": {"buy": "pays"}}, "the flow has no node 'pays'. Did you mean 'pay'"),
        ({"edges": {"x": "look: boss >> pay"}}, "the flow has no edge 'look: boss >> pay'"),
        ({"fields": {"dollars": "amounts"}}, "the flow has no field 'amounts'. Did you mean 'amount'"),
        ({"to": "a" * 16}, "leads to a version from which no migration goes on"),
    ],
)
def test_a_migration_leads_to_what_the_flow_has(wrong, told):
    """A misspelt new name is refused where the flow is built, and not found by a run that waits."""
    with pytest.raises(FlowError, match=told):
        desk(migrations=[Migration(**wrong)])


def test_a_migration_that_nobody_could_wait_for_is_refused():
    """An async function cannot be applied while a run is taken up."""

    async def later(stored: dict[str, Any]) -> dict[str, Any]:
        return stored

    with pytest.raises(FlowError, match="is async, and nothing could wait for it"):
        Migration(state=later)  # type: ignore[arg-type]  # it is what the test is about


def test_a_run_that_does_not_fit_has_nothing_to_settle_and_shows_what_it_holds(path):
    """What is told of it leads out: nothing says to settle it, and its state is what was stored."""
    old = waits(desk(), path)

    class Cents(Order):
        """The amount has another name."""

        amount: float = Field(0.5, le=1.0)

    with compiled(desk(state=Cents), path) as app:
        run = app.resume("r")
        assert (run.status, run.state.amount) == ("parked", 50.0)
        with pytest.raises(RunNotReady, match="its flow changed: there is nothing to settle"):
            app.settle("r", None, "paid", by="ann")
        assert old.id == "r"
