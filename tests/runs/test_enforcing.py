"""Properties that are watched while a run goes: what would violate one does not happen."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from guideway import (
    START,
    Anyone,
    App,
    End,
    Flow,
    Migration,
    Property,
    all_of,
    always,
    approval,
    at_most,
    at_most_once,
    compute,
    ended,
    enforced,
    failed,
    fields,
    never,
    on,
    policy,
    subflow,
    when,
)
from guideway.flows.history import History
from guideway.flows.watching import Lookout


class S(BaseModel):
    """A state."""

    total: float = 1.0
    way: str = "pay"
    receipt: str | None = None
    note: str | None = None


DONE: list[str] = []
"""What the nodes did, in order."""


@compute(writes="total")
def look(total: float) -> float:
    """A step before."""
    DONE.append("look")
    return total


@compute(writes="receipt")
def pay(total: float) -> str:
    """What must not happen."""
    DONE.append("pay")
    return f"{total:g}"


@compute(writes="note")
def tell(total: float) -> str:
    """A step behind."""
    DONE.append("tell")
    return "told"


t = fields(S)
done = End("done")
handed_over = End("handed over", verdict="escalated")
caught = End("caught", verdict="partial")
lead = approval("lead", denied=handed_over)


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    """No node has done anything."""
    DONE.clear()


def app(*properties: Property, rows: list[Any], **more: Any) -> App[S]:
    """An app of a flow with properties, in memory."""
    return Flow("desk", state=S, edges=rows, properties=properties, **more).compile(roles=Anyone())


FROM_LOOK = on(look, when(t.way == "lead") >> lead >> pay, when(t.way == "tell") >> tell, when(t.way == "done") >> done,
               pay)  # fmt: skip
FROM_PAY = on(pay, failed("forbidden") >> caught, when(t.note == "again", at_most(3)) >> pay, tell)
ROWS = [on(START, look), FROM_LOOK, FROM_PAY,
        on(tell, when(at_most(1), t.way == "tell") >> pay, done)]  # fmt: skip


def ran(run: Any) -> list[tuple[str, str]]:
    """The steps of a run, each with how it ended."""
    return [(step.node, step.outcome) for step in run.steps]


def test_a_node_that_would_violate_a_property_does_not_start():
    """The effect does not happen; its step fails as forbidden, names the property, and edges can match that."""
    desk = app(enforced(never(pay).unless(lead)), rows=ROWS)
    run = desk.start({}, by="web")
    assert DONE == ["look"]
    assert (run.verdict, run.end) == ("partial", "caught")
    step = run.steps[-1]
    assert (step.node, step.outcome, step.error.category) == ("pay", "failed", "forbidden")
    assert step.error.message == "'pay' did not start: it would violate never(pay).unless(lead)"


def test_what_a_property_allows_goes_on():
    """With the approval that it asks for, the node runs."""
    desk = app(enforced(never(pay).unless(lead)), rows=ROWS)
    run = desk.start({"way": "lead"}, by="web")
    desk.approve(run.waiting[0], by="ann")
    assert desk.resume(run.id).end == "done"
    assert DONE == ["look", "pay", "tell"]


def test_each_start_needs_an_approval_of_its_own():
    """An approval is used up by a start: the next needs another."""
    desk = app(enforced(never(pay).unless(lead)), rows=ROWS)
    run = desk.start({"way": "lead", "note": "again"}, by="web")
    desk.approve(run.waiting[0], by="ann")
    assert desk.resume(run.id).end == "caught"
    assert DONE == ["look", "pay"]


FORMS: dict[str, tuple[Property, dict[str, Any], list[str], str | None]] = {
    "after": (never(pay).after(tell), {"way": "tell"}, ["look", "tell"], "caught"),
    "before": (always(tell).before(pay), {}, ["look"], "caught"),
    "before, kept": (always(tell).before(pay), {"way": "tell"}, ["look", "tell", "pay", "tell"], "done"),
    "once": (at_most_once(pay), {"note": "again"}, ["look", "pay"], "caught"),
    "once, kept": (at_most_once(pay), {}, ["look", "pay", "tell"], "done"),
    "unless a condition": (never(pay).unless(t.total > 5), {}, ["look"], "caught"),
    "unless a condition, kept": (never(pay).unless(t.total > 5), {"total": 6}, ["look", "pay", "tell"], "done"),
    "after a condition": (never(pay).after(t.total > 5), {"total": 6}, ["look"], "caught"),
    "after a condition, kept": (never(pay).after(t.total > 5), {}, ["look", "pay", "tell"], "done"),
    "before, a condition": (always(t.total > 5).before(pay), {}, ["look"], "caught"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_watched_before_the_action(form):
    """Each form lets happen what it allows, and nothing else."""
    item, given, did, end = FORMS[form]
    desk = app(enforced(item), rows=ROWS)
    assert desk.start(given, by="web").end == end
    assert did == DONE


ENDS: dict[str, tuple[Property, dict[str, Any], str]] = {
    "leads to": (always(look).leads_to(pay), {"way": "done"}, "failed"),
    "leads to, kept": (always(look).leads_to(pay), {}, "success"),
    "leads to this end": (always(look).leads_to((pay, done)), {"way": "done"}, "success"),
    "leads to a verdict": (always(look).leads_to(ended("escalated")), {}, "failed"),
    "leads to a condition": (always(pay).leads_to(t.note == "told"), {}, "success"),
    "from a condition": (always(t.total > 5).leads_to(pay), {"way": "done", "total": 6}, "failed"),
    "from a condition, kept": (always(t.total > 5).leads_to(pay), {"way": "done"}, "success"),
    "never an end": (never(done).unless(pay), {"way": "done"}, "failed"),
    "never a verdict": (never(ended("success")).after(tell), {"way": "tell"}, "failed"),
    "before an end": (always(pay).before(done), {"way": "done"}, "failed"),
}


@pytest.mark.parametrize("form", ENDS)
def test_an_end_that_would_violate_a_property_is_failed(form):
    """The run ends there with the verdict failed, and the error names the property."""
    item, given, verdict = ENDS[form]
    run = app(enforced(item), rows=ROWS).start(given, by="web")
    assert (run.end, run.verdict) == ("done", verdict)
    if verdict == "failed":
        assert run.error.category == "forbidden"
        assert run.error.message.endswith(f"it would violate {item}")


def test_without_an_edge_the_flow_s_own_way_is_taken():
    """Where no edge matches it, a forbidden step goes on_failure, and without that the run ends failed."""
    rows = [on(START, look), on(look, pay), on(pay, tell), on(tell, done)]
    item = enforced(always(tell).before(pay))
    assert app(item, rows=rows, on_failure=handed_over).start({}, by="web").end == "handed over"
    run = app(item, rows=rows).start({}, by="web")
    assert (run.end, run.verdict, run.error.category) == (None, "failed", "forbidden")
    assert DONE == ["look", "look"]


def few(total: float) -> str | None:
    """A rule."""
    return "too dear" if total > 5 else None


@compute(writes="total")
def more(total: float) -> float:
    """A step that makes a rule say no."""
    return total + 10


def test_a_gate_is_what_it_says_last():
    """A no behind a yes leaves nothing to use; a yes that nobody used counts for a later start."""
    rule = policy(few, violated=pay)
    item = enforced(never(pay).unless(rule))
    rest = [on(tell, pay), on(pay, failed("forbidden") >> caught, done)]
    assert app(item, rows=[on(START, rule >> tell), *rest]).start({}, by="web").end == "done"
    assert app(item, rows=[on(START, rule >> more), on(more, rule >> tell), *rest]).start({}, by="web").end == "caught"
    assert DONE == ["tell", "pay"]


@compute
def pay2(total: float) -> None:
    """Another that does it."""
    DONE.append("pay2")


@compute
def joined(total: float) -> None:
    """Where branches join."""


def test_branches_are_watched_in_the_order_of_the_journal():
    """Of two branches that would both do it, the first that comes there does, and the second is forbidden."""
    rows = [on(START, all_of(look, tell)), on(look, pay), on(tell, pay2), on(pay, joined), on(pay2, joined),
            on(joined, done)]  # fmt: skip
    run = app(enforced(at_most_once((pay, pay2))), rows=rows, on_failure=handed_over).start({}, by="web")
    assert run.end == "handed over"
    assert [name for name in DONE if name.startswith("pay")] in (["pay"], ["pay2"])


def test_a_flow_inside_is_watched_by_itself():
    """A subflow's properties are about its own run, each time anew."""
    inner = Flow("inner", state=S, edges=[on(START, pay), on(pay, done)], properties=[enforced(at_most_once(pay))])
    one, two = subflow(inner, name="one"), subflow(inner, name="two")
    desk = app(rows=[on(START, one), on(one, two), on(two, done)])
    assert desk.start({}, by="web").end == "done"
    assert DONE == ["pay", "pay"]


def raising(way: str) -> bool:
    """A condition that raises."""
    raise LookupError(way)


def test_a_condition_that_raises_lets_nothing_happen():
    """What nobody can tell is not known to be true, and keeps from happening all that it could."""
    for item in (never(pay).unless(raising), never(pay).after(raising), always(raising).before(pay)):
        assert app(enforced(item), rows=ROWS).start({}, by="web").end == "caught"
    assert "pay" not in DONE


def raising_not(way: str) -> bool:
    """A condition that the checks do not call."""
    return way == "pay"


def test_what_is_not_proved_is_watched_without_a_mark():
    """An undecided property is enforced; one that is proved is not watched."""
    rows = [on(START, look), on(look, when(raising_not) >> pay, done), on(pay, when(t.note == "no") >> tell, done),
            on(tell, done)]  # fmt: skip
    items = never(pay).unless(tell), always(look).before(pay)
    desk = Flow("desk", state=S, edges=rows, properties=items)
    assert [str(item.item) for item in desk.watched] == ["never(pay).unless(tell)"]
    run = desk.compile().start({})
    assert (run.verdict, run.error.category) == ("failed", "forbidden")
    assert DONE == ["look"]


# what outlives a process, a failure, a version


def watched_flow(
    pays: Any = pay, *, items: tuple[Property, ...] = (), migrations: tuple[Migration, ...] = ()
) -> Flow[S]:
    """Looks, pays, asks the lead, and pays again where nobody forbids it."""
    paid = on(pays, failed("forbidden") >> caught, when(at_most(1)) >> lead >> tell, done)
    rows = [on(START, look), on(look, pays), paid, on(tell, pays)]
    return Flow("desk", state=S, edges=rows, properties=items or [enforced(at_most_once(pays))], migrations=migrations)


def waiting(path: Any, flow: Flow[S]) -> str:
    """A run that waits at the lead, its node done once; gives its id."""
    with flow.compile(store=path, roles=Anyone()) as desk:
        run = desk.start({}, by="web")
        assert (run.status, DONE) == ("waiting", ["look", "pay"])
        return str(run.id)


def goes_on(path: Any, flow: Flow[S], run: str) -> Any:
    """Another process approves, and goes on."""
    with flow.compile(store=path, roles=Anyone()) as desk:
        desk.approve(desk.get(run).waiting[0], by="ann")
        return desk.resume(run)


def test_what_happened_before_a_crash_counts_behind_it(tmp_path):
    """Where another process goes on, it knows from the journal what has happened."""
    flow = watched_flow()
    run = goes_on(tmp_path / "runs.db", flow, waiting(tmp_path / "runs.db", flow))
    assert (run.end, DONE) == ("caught", ["look", "pay", "tell"])


def test_a_property_that_is_added_later_knows_what_happened_before(tmp_path):
    """A run of a version without the property is watched from what its journal says."""
    before = watched_flow(items=(always(look).before(pay),))
    assert before.watched == ()
    run = goes_on(tmp_path / "runs.db", watched_flow(), waiting(tmp_path / "runs.db", before))
    assert (run.end, DONE) == ("caught", ["look", "pay", "tell"])


def test_a_migration_takes_along_what_happened_under_other_names(tmp_path):
    """What a node did counts where it has another name."""
    run = waiting(tmp_path / "runs.db", watched_flow())
    renamed = watched_flow(pay.named("give back"), migrations=(Migration(nodes={"pay": "give back"}),))
    assert (goes_on(tmp_path / "runs.db", renamed, run).end, DONE) == ("caught", ["look", "pay", "tell"])


def test_a_fork_has_what_happened_before_it(tmp_path):
    """A fork behind a step counts it; what happened behind the place does not."""
    with watched_flow().compile(store=tmp_path / "runs.db", roles=Anyone()) as desk:
        run = desk.start({}, by="web")
        ends = []
        for at in (0, 1, 2):
            fork = desk.fork(run.id, at=at, by="ann")
            desk.approve(fork.waiting[0], by="bob")
            ends.append(desk.resume(fork.id).end)
        assert ends == ["caught", "caught", "caught"]
        assert DONE == ["look", "pay", "look", "pay", "tell", "pay", "tell", "tell"]
        again = desk.fork(fork.id, at=0, by="ann")
        desk.approve(again.waiting[0], by="bob")
        assert desk.resume(again.id).end == "caught"


def test_no_decision_crosses_into_a_fork(tmp_path):
    """What a person said yes to before the place lets nothing happen in the fork; a policy's yes does."""
    rule = policy(few, violated=caught)
    ends = []
    for gate in (lead, rule):
        rows = [on(START, gate >> look), on(look, tell), on(tell, pay), on(pay, failed("forbidden") >> caught, done)]
        flow = Flow("desk", state=S, edges=rows, properties=[enforced(never(pay).unless(gate))])
        with flow.compile(store=tmp_path / f"{gate.name}.db", roles=Anyone()) as desk:
            run = desk.start({}, by="web")
            for request in run.waiting:
                desk.approve(request, by="ann")
            assert desk.resume(run.id).end == "done"
            ends.append(desk.fork(run.id, at=1, by="ann").end)
    assert ends == ["caught", "done"]


def test_a_retry_does_not_pass_what_was_forbidden(tmp_path):
    """A run that failed by a property fails by it again, and does nothing; a failed step is tried again as the same."""
    rows = [on(START, look), on(look, pay), on(pay, tell), on(tell, done)]
    desk = app(enforced(always(tell).before(pay)), rows=rows)
    run = desk.start({}, by="web")
    assert (run.verdict, run.error.category) == ("failed", "forbidden")
    run = desk.retry(run.id, by="ann")
    assert (run.verdict, run.error.category) == ("failed", "forbidden")
    assert DONE == ["look"]


def test_a_step_that_failed_is_tried_again_as_the_same_step(tmp_path):
    """A retry of a step is no second start of it."""
    rows = [on(START, look), on(look, flaky), on(flaky, done)]
    desk = app(enforced(at_most_once(flaky)), rows=rows)
    run = desk.start({}, by="web")
    assert (run.verdict, run.error.category) == ("failed", "bug")
    assert desk.retry(run.id, by="ann").end == "done"


@compute
def flaky(total: float) -> None:
    """Fails the first time."""
    DONE.append("flaky")
    if DONE.count("flaky") == 1:
        raise LookupError("not yet")


MUTANTS: dict[str, tuple[Any, str, Any, Any]] = {
    "nothing is forbidden": (
        Lookout, "against", lambda *_: None, test_a_node_that_would_violate_a_property_does_not_start,
    ),
    "nothing is remembered": (History, "add", lambda *_: None, test_what_happened_before_a_crash_counts_behind_it),
    "nothing is renamed": (
        History, "renamed", lambda self, _: self, test_a_migration_takes_along_what_happened_under_other_names,
    ),
    "decisions cross": (
        History, "to_json", lambda self, _=None: [[*mark[:3], list(mark.holds), 1] for mark in self.marks()],
        test_no_decision_crosses_into_a_fork,
    ),
}  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_protection_that_is_taken_out_is_missed(monkeypatch, tmp_path, mutant):
    """Without it, the test that stands for it fails."""
    place, name, instead, test = MUTANTS[mutant]
    monkeypatch.setattr(place, name, instead)
    with pytest.raises((AssertionError, IndexError), match="(?s).*"):
        test(*([tmp_path] if test.__code__.co_argcount else []))
