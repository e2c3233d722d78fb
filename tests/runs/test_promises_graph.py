"""Nothing passes a gate through LangGraph: not a resume value, not fresh input, not a forged state, not a jump."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from langgraph.errors import InvalidUpdateError
from langgraph.types import Command, Send

from guideway.errors import RunBusy
from tests.runs.desks import begun, desk, done
from tests.torture.flows import SCENARIOS

FORGED = {"refund_id": "forged", "order": {"id": "99", "total": 1.0}, "confidence": 1.0}

CONFIG: dict[str, Any] = {"configurable": {"thread_id": "r"}}

ATTACKS = {
    "resume": Command(resume=True),
    "resume by text": Command(resume="approved"),
    "nothing": None,
    "fresh input": SCENARIOS["first_page"].given,
    "forged input": SCENARIOS["first_page"].given | FORGED,
    "goto the tool": Command(goto="pay_back"),
    "goto behind the tool": Command(goto="write_reply"),
    "goto the tool with a forged state": Command(goto=Send("pay_back", FORGED)),
    "goto the gate and resume": Command(goto="gate lead", resume=True),
    "update and goto": Command(update=FORGED, goto="pay_back"),
}


def attacked(app: Any, attack: str) -> None:
    """Call the graph; LangGraph itself refuses a superstep in which a jump and the waiting gate both show the state."""
    with suppress(InvalidUpdateError):
        app.graph.invoke(ATTACKS[attack], CONFIG)


def unmoved(app: Any, before: Any) -> None:
    """The run waits as before, its journal as it was."""
    run = app.get("r")
    assert run.status == "waiting"
    assert [event.kind for event in run.events] == [event.kind for event in before.events]
    assert run.state == before.state
    assert [request.digest for request in run.waiting] == [request.digest for request in before.waiting]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_waiting_run_is_not_moved_through_the_graph(tmp_path, attack):
    """Whatever a foreign caller hands to the graph, a run that waits for a person waits on, and nobody is paid."""
    with desk(tmp_path) as app:
        before = begun(app)
        for _ in range(3):
            attacked(app, attack)
        unmoved(app, before)
        assert done(tmp_path) == []
        app.approve(before.waiting[0], by="ann")
        assert app.resume("r").verdict == "success"
        assert done(tmp_path) == ["pay_back\t17"]


async def test_a_waiting_run_is_not_moved_through_the_async_graph(tmp_path):
    """The async face of the graph keeps the same promise."""
    with desk(tmp_path) as app:
        before = await app.astart(SCENARIOS["first_page"].given, run_id="r", by="web")
        for attack in ATTACKS.values():
            with suppress(InvalidUpdateError):
                await app.graph.ainvoke(attack, CONFIG)
            with suppress(InvalidUpdateError):
                async for _ in app.graph.astream(attack, CONFIG):
                    pass
        unmoved(app, before)
        assert done(tmp_path) == []


def test_a_map_of_resume_values_pays_nobody(tmp_path):
    """Resume values by the ids of the interrupts, as LangGraph shows them, decide nothing."""
    with desk(tmp_path) as app:
        before = begun(app)
        shown = app.graph.invoke(None, CONFIG)["__interrupt__"]
        assert [item["request"] for item in shown[0].value] == [before.waiting[0].id]
        app.graph.invoke(Command(resume={shown[0].id: True}), CONFIG)
        unmoved(app, before)
        assert done(tmp_path) == []


@pytest.mark.parametrize("node", ["read", "find_order", "gate lead", "pay_back", "start"])
def test_a_state_written_through_the_graph_has_no_effect(tmp_path, node):
    """``update_state`` as any node changes neither the run's state nor where it stands."""
    with desk(tmp_path) as app:
        before = begun(app)
        app.graph.update_state(CONFIG, FORGED, as_node=node)
        app.graph.invoke(None, CONFIG)
        app.graph.invoke(Command(resume=True), CONFIG)
        unmoved(app, before)
        assert app.resume("r").status == "waiting"
        assert done(tmp_path) == []


def test_a_jump_at_the_start_of_a_thread_pays_nobody(tmp_path):
    """A thread that begins with a jump to the tool runs nothing that was not decided."""
    with desk(tmp_path) as app:
        with pytest.raises(Exception, match="."):
            app.graph.invoke(Command(goto="pay_back", update=SCENARIOS["first_page"].given | FORGED), CONFIG)
        assert done(tmp_path) == []


@pytest.mark.parametrize("attack", ["resume", "nothing", "fresh input", "goto the tool", "goto behind the tool"])
def test_a_cancelled_run_is_not_moved_through_the_graph(tmp_path, attack):
    """A run that was approved and then cancelled does nothing any more, whoever calls the graph."""
    with desk(tmp_path) as app:
        run = begun(app)
        app.approve(run.waiting[0], by="ann")
        app.cancel("r", by="bob")
        before = app.get("r").events
        attacked(app, attack)
        assert app.resume("r").status == "cancelled"
        assert app.get("r").events == before
        assert done(tmp_path) == []


def test_an_approved_run_goes_on_through_the_graph_and_pays_once(tmp_path):
    """A foreign caller may go on with a run that was approved: the decision is consumed, and it is paid once."""
    with desk(tmp_path) as app:
        run = begun(app)
        app.approve(run.waiting[0], by="ann")
        app.graph.invoke(Command(resume="whatever"), CONFIG)
        app.graph.invoke(Command(resume="whatever"), CONFIG)
        app.graph.invoke(SCENARIOS["first_page"].given, CONFIG)
        assert app.get("r").verdict == "success"
        assert done(tmp_path) == ["pay_back\t17"]


def test_a_foreign_caller_does_not_disturb_a_driver(tmp_path):
    """While one process drives a run, the graph refuses other callers by the holder's name."""
    with desk(tmp_path) as app:
        begun(app)
        lease = app.store.acquire("r")
        with pytest.raises(RunBusy, match="this process"):
            app.graph.invoke(None, CONFIG)
        app.store.release(lease)
        assert app.graph.invoke(None, CONFIG)["__interrupt__"]
