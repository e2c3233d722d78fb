"""What is foretold of runs under another version is what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from guideway import (
    START,
    Anyone,
    End,
    Flow,
    Migration,
    all_of,
    approval,
    ask,
    compute,
    fields,
    on,
    subflow,
    tool,
    when,
)
from guideway.errors import RunNotFound
from guideway.flows.diff import diff
from guideway.runs.foretelling import Fate, fates


class Case(BaseModel):
    """The state."""

    id: str = "17"
    dollars: float = 1.0
    receipt: str | None = None


class More(Case):
    """The state with a field more."""

    seen: bool = False


class Less(BaseModel):
    """The state with a field less."""

    id: str = "17"
    receipt: str | None = None


class Needs(Case):
    """The state with a field that no run has."""

    shop: str


t = fields(Case)
paid, no = End("paid"), End("no", verdict="escalated")


@tool(effect="once", stakes="high", timeout=10.0, writes="receipt")
def pay(id: str, dollars: float) -> str:
    return f"paid {dollars} for {id}"


@tool(effect="once", stakes="high", timeout=10.0, writes="receipt", name="pay")
def pay_otherwise(id: str, dollars: float) -> str:
    return f"{dollars} went out for {id}"


@tool(effect="once", stakes="high", timeout=10.0, writes="receipt", name="pay")
def pay_by_id(id: str) -> str:
    return f"paid for {id}"


refund = pay.named("refund")


def how_many(id: str) -> str:
    """A question."""
    return f"How many, {id}?"


@compute(writes="receipt")
def note(id: str) -> str:
    return id


def gated(what: Any = pay, *, state: Any = Case, guard: Any = None, migrations: Any = (), **gate: Any) -> Flow[Any]:
    """A flow that waits for a lead before it pays."""
    lead = approval("lead", **{"denied": no, **gate})
    edge = lead >> what if guard is None else when(guard) >> lead >> what
    rows = [on(START, note), on(note, edge) if guard is None else on(note, edge, no), on(what, paid)]
    return Flow("refunds", state=state, edges=rows, migrations=migrations)


def asking(question: Any = "How?", role: str = "lead") -> Flow[Any]:
    """A flow that waits for an answer."""
    node = ask(role, question, name="how", writes="receipt")
    return Flow("asks", state=Case, edges=[on(START, node), on(node, paid)])


def escalating(**of_manager: Any) -> Flow[Any]:
    """A flow whose lead's no leads to a manager."""
    manager = approval("manager", denied=no, **of_manager)
    lead = approval("lead", denied=manager)
    return Flow("escalates", state=Case, edges=[on(START, lead >> pay), on(pay, paid)])


def around(inner: Flow[Any]) -> Flow[Any]:
    """A flow around another."""
    node = subflow(inner, name="desk")
    return Flow("around", state=Case, edges=[on(START, node), on(node, paid)])


def place(found: tuple[Fate, ...], where: str) -> Fate:
    """What becomes of a run that waits for somebody; what is so wherever it stands where that is worse."""
    everywhere = [fate for fate in found if fate.where == "wherever it stands" and fate.outcome == "parks"]
    at = [fate for fate in found if fate.where.startswith(where)]
    return [*everywhere, *at][0]


def became(old: Flow[Any], new: Flow[Any], store: Any, *, say_no: bool = False, **given: Any) -> str:
    """What becomes of a run that waits under one version, and is resumed under another."""
    with old.compile(store=store, roles=Anyone()) as app:
        run = app.start(given, run_id="r", by="web")
        if say_no:
            app.deny(run.waiting[0], by="ann")
            run = app.resume("r")
        (before,) = run.waiting
    with new.compile(store=store, roles=Anyone()) as app:
        run = app.resume("r")
        if run.status == "parked":
            return "parks"
        return "goes on" if [item.id for item in run.waiting] == [before.id] else "asks anew"


GATED = gated()
RENAMED = Migration(GATED.shape, nodes={"pay": "refund"})
CHANGES = {
    "nothing": (GATED, gated()),
    "its quorum": (GATED, gated(quorum=2)),
    "what it shows": (GATED, gated(shows=[t.dollars])),
    "an exemption": (GATED, gated(unless=t.dollars < 0)),
    "the body of the tool": (GATED, gated(pay_otherwise)),
    "the arguments of the tool": (GATED, gated(pay_by_id)),
    "the name of the node": (GATED, gated(refund)),
    "a guard of the edge": (GATED, gated(guard=t.dollars > 0)),
    "a field more": (GATED, gated(state=More)),
    "a field less that holds something": (gated(pay_by_id), gated(pay_by_id, state=Less)),
    "a field that no run has": (GATED, gated(state=Needs)),
    "a migration of names": (GATED, gated(refund, migrations=[RENAMED])),
    "a question that is worked out": (asking(), asking(how_many)),
    "a question in other words": (asking(), asking("How many?")),
    "who is asked a question": (asking(), asking(role="manager")),
    "no question": (asking(), asking()),
    "a gate in a flow inside": (around(GATED), around(gated(quorum=2))),
    "nothing in a flow inside": (around(GATED), around(gated())),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_foretold_is_what_happens(change, tmp_path):
    """A run that waits parks, is asked anew or goes on as its manifest alone foretells."""
    old, new = CHANGES[change]
    where = "inside desk: waiting for lead" if "inside" in change else "waiting for lead"
    told = place(fates(old.manifest(), new.manifest(), new.migrations), where)
    foretold = {"migrates": "goes on"}.get(told.outcome, told.outcome)
    given = {"dollars": 2.0} if "dollars" in told.why else {}
    assert became(old, new, tmp_path / "runs.db", **given) == foretold


def test_a_field_less_that_holds_its_default_is_no_reason_to_park(tmp_path):
    """The reason says where it parks: a run that holds no more than the default goes on."""
    old, new = CHANGES["a field less that holds something"]
    assert fates(old.manifest(), new.manifest())[0].why == (
        "where it holds more than the default in the field dollars, which is gone"
    )
    assert became(old, new, tmp_path / "runs.db") == "goes on"


@pytest.mark.parametrize(("change", "outcome"), [({}, "goes on"), ({"quorum": 2}, "parks")])
def test_a_no_on_the_way_is_not_asked_away(change, outcome, tmp_path):
    """Behind a no, a gate that asks otherwise parks the run, as is foretold."""
    old, new = escalating(), escalating(**change)
    told = place(fates(old.manifest(), new.manifest()), "waiting for manager")
    assert told.outcome == outcome == became(old, new, tmp_path / "runs.db", say_no=True)
    assert ("a no on the way is not asked away" in told.why) is (outcome == "parks")


def test_the_gravest_comes_first_and_each_place_is_told():
    """Places in the order parks, asks anew, migrates, goes on; with the reason where there is one."""
    found = fates(GATED.manifest(), gated(refund).manifest())
    assert [fate.outcome for fate in found] == ["parks", "parks", "goes on"]
    assert {fate.why for fate in found if fate.outcome == "parks"} == {
        "the flow has no pay any more", "the edge 'note: lead >> pay', which the flow does not have any more",
    }  # fmt: skip


def test_branches_that_are_gone_or_join_elsewhere_park():
    """A run in the branches of a fork needs the same branches, with the same nodes between, and the same join."""
    first, second, third = note, note.named("second"), note.named("third")

    def forked(*heads: Any, join: Any = third) -> dict[str, Any]:
        class Notes(BaseModel):
            id: str = ""
            receipt: str | None = None

        rows = [on(START, all_of(*heads)), *(on(head, join) for head in heads), on(join, paid)]
        return Flow("forks", state=Notes, edges=rows).manifest()

    fourth = note.named("fourth")
    same, gone, elsewhere = forked(first, second), forked(first, fourth), forked(first, second, join=fourth)
    told = {name: place(fates(same, new), "in the branches") for name, new in
            (("same", same), ("gone", gone), ("elsewhere", elsewhere))}  # fmt: skip
    assert {name: fate.outcome for name, fate in told.items()} == {
        "same": "goes on",
        "gone": "parks",
        "elsewhere": "parks",
    }
    assert told["elsewhere"].why == "where a branch came to third: they join at fourth now"


def test_a_flow_of_another_name_takes_no_run(tmp_path):
    """By its name a run finds its flow: under another one it is refused, the diff says so, and it is a change."""
    old, new = gated(), Flow("refund desk", state=Case, edges=gated().source_rows)
    with old.compile(store=tmp_path / "named.db", roles=Anyone()) as app:
        app.start({}, run_id="r", by="web")
    with (
        new.compile(store=tmp_path / "named.db", roles=Anyone()) as app,
        pytest.raises(RunNotFound, match="is of flow 'refunds'"),
    ):
        app.resume("r")
    (fate,) = fates(old.manifest(), new.manifest())
    assert (fate.where, fate.outcome) == ("wherever it stands", "refused")
    found = diff(old, new)
    assert not found.same
    assert [change.text for change in found.changes] == [
        "its name is 'refund desk', was 'refunds': a run of the one is not resumed under the other"
    ]
