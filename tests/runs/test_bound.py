"""The saver of a flow's graph: it keeps where LangGraph stands, and neither the state nor what strangers do."""

from __future__ import annotations

import asyncio
import copy
import json
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, TypedDict

import pytest
from langchain_core.runnables import Runnable
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import get_runtime
from langgraph.types import Command, Send, interrupt

from guideway.errors import StoreError
from guideway.runs.langgraph.bound import STRANGERS, BoundSaver
from guideway.runs.langgraph.serde import StrictSerializer

GATES = ("lead", "boss")


class State(TypedDict, total=False):
    message: str
    reply: str


@dataclass
class Drive:
    """What a driver hands to its tasks: the gates where the journal says that the run waits."""

    gates: list[Any] = field(default_factory=list)
    during: Any = None  # called inside the entry's task, as what happens meanwhile


class Task(Runnable[Any, Any]):
    """The entry goes to the open gates; a gate asks, whoever calls and whatever a resume value says."""

    def __init__(self, name: str) -> None:
        self.name = name

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        drive = get_runtime().context
        if self.name in GATES:
            while True:
                interrupt({"gate": self.name, "branch": input.get("branch")})
        if drive is None:
            return Command(goto=END)
        if drive.during is not None:
            drive.during()
        return Command(update={"reply": "secret answer"}, goto=drive.gates or END)

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return self.invoke(input, config)


class Runs:
    """A graph with its saver, and what stands for the store: states by the journal, and persisted snapshots."""

    def __init__(self, states: dict[str, dict[str, Any]], blobs: dict[str, bytes]) -> None:
        self.blobs = blobs
        self.saver = BoundSaver(["message", "reply"], values=lambda thread: states.get(thread, {}), load=blobs.get)
        graph = StateGraph(State, context_schema=Drive)
        for name in ("start", *GATES):
            graph.add_node(name, Task(name), destinations=(*GATES, END))
        graph.add_edge(START, "start")
        self.graph = graph.compile(checkpointer=self.saver)

    def drive(
        self, thread: str, drive: Drive, *, face: str = "async", durability: Any = "sync", mark: bool = True
    ) -> None:
        config = self.saver.begin(thread)
        config = config if mark else at(thread)
        if face == "sync":
            self.graph.invoke({}, config, context=drive, durability=durability)
        else:
            asyncio.run(self.graph.ainvoke({}, config, context=drive, durability=durability))
        blob = self.saver.blob(thread)
        assert blob is not None
        self.blobs[thread] = blob
        self.saver.forget(thread)

    def view(self, thread: str = "t") -> tuple[tuple[str, ...], list[Any]]:
        state = self.graph.get_state(at(thread))
        return state.next, [waiting.value["gate"] for waiting in state.interrupts]


def at(thread: str = "t") -> dict[str, Any]:
    """A stranger's config of a thread."""
    return {"configurable": {"thread_id": thread}}


@pytest.fixture
def runs() -> Runs:
    """One process's graph over the store."""
    return Runs({"t": {"message": "from the journal", "reply": "from the journal"}}, {})


@pytest.mark.parametrize("mark", [True, False], ids=["marked", "unmarked"])
@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
@pytest.mark.parametrize("face", ["sync", "async"])
def test_another_process_sees_where_a_run_waits(face: str, durability: str, mark: bool, runs: Runs):
    """From the snapshot alone another process sees the waiting gates, their interrupts, and the journal's state."""
    runs.drive("t", Drive(["lead", "boss"]), face=face, durability=durability, mark=mark)
    other = Runs({"t": {"message": "newer", "reply": "newest"}}, runs.blobs)
    assert other.view() == (("boss", "lead"), ["boss", "lead"]) or other.view() == (("lead", "boss"), ["lead", "boss"])
    assert other.graph.get_state(at()).values == {"message": "newer", "reply": "newest"}


def test_the_state_is_not_in_a_snapshot(runs: Runs):
    """No value of the state is in a snapshot, in a checkpoint or in a write, and it does not grow with the run."""
    sizes = []
    for _ in range(5):
        runs.drive("t", Drive(["lead"]))
        sizes.append(len(runs.blobs["t"]))
        assert b"secret answer" not in runs.blobs["t"]
        assert b"journal" not in runs.blobs["t"]
    assert max(sizes) - min(sizes) < 10
    assert max(sizes) < 800


def test_the_writes_of_a_field_are_kept_without_their_values(runs: Runs):
    """That a task finished beside a waiting gate is kept; the value that it wrote is the journal's."""
    runs.saver.put(at(), {**_checkpoint(), "id": "1"}, {"step": 0}, {})
    runs.saver.put_writes(
        {"configurable": {"thread_id": "t", "checkpoint_id": "1"}}, [("reply", "secret answer")], "task"
    )
    assert all("secret answer" not in repr(spot.writes) for spot in runs.saver._strangers["t"].spots.values())
    found = runs.saver.get_tuple(at())
    assert found is not None
    assert found.pending_writes == [("task", "reply", "from the journal")]


def test_a_drive_begins_without_a_checkpoint(runs: Runs):
    """Whatever was persisted, a drive starts at the entry, so the journal alone decides where the run goes on."""
    runs.drive("t", Drive(["lead"]))
    runs.drive("t", Drive(["boss"]))
    assert runs.view() == (("boss",), ["boss"])
    runs.drive("t", Drive([]))
    assert runs.view() == ((), [])
    assert not runs.saver._driven
    assert not runs.saver._strangers


def test_begin_places_a_thread_again_within_a_drive(runs: Runs):
    """A driver that has to place LangGraph twice begins again: the second placing knows nothing of the first."""
    asyncio.run(runs.graph.ainvoke({}, runs.saver.begin("t"), context=Drive(["lead"]), durability="sync"))
    assert runs.saver.blob("t") is not None
    assert runs.saver.get_tuple(runs.saver.begin("t")) is None
    runs.drive("t", Drive(["boss"]))
    assert runs.view() == (("boss",), ["boss"])


@pytest.mark.parametrize(
    "call", [Command(resume=True), None, Command(goto="start"), Command(update={"reply": "forged"})]
)
@pytest.mark.parametrize("face", ["sync", "async"])
def test_a_stranger_moves_nothing_but_their_own_view(call: Any, face: str, runs: Runs):
    """A stranger's call on a waiting run asks again, and the snapshot that everyone else reads stays as it is."""
    runs.drive("t", Drive(["lead"]))
    before = dict(runs.blobs)
    other = Runs({}, runs.blobs)
    out = other.graph.invoke(call, at()) if face == "sync" else asyncio.run(other.graph.ainvoke(call, at()))
    assert [waiting.value["gate"] for waiting in out["__interrupt__"]] == ["lead"]
    assert runs.blobs == before
    assert runs.view() == (("lead",), ["lead"])
    assert runs.graph.get_state(at()).values["reply"] == "from the journal"


def test_a_strangers_view_ends_when_the_run_goes_on(runs: Runs):
    """What a stranger did to LangGraph's position is forgotten when any process persists another snapshot."""
    runs.drive("t", Drive(["lead"]))
    runs.graph.update_state(at(), {"reply": "forged"}, as_node="lead")
    assert runs.view() == ((), [])
    Runs({}, runs.blobs).drive("t", Drive(["boss"]))
    assert runs.view() == (("boss",), ["boss"])


def test_a_stranger_inside_a_drive_disturbs_nobody(runs: Runs):
    """A stranger who calls the graph while a run is driven sees the snapshot; the driver never sees the stranger."""
    runs.drive("t", Drive(["lead"]))
    seen: list[Any] = []

    def meanwhile() -> None:
        seen.append(runs.view())
        runs.graph.invoke({"message": "forged"}, at())
        runs.graph.update_state(at(), Command(goto="lead"), as_node="start")

    runs.drive("t", Drive(["boss"], meanwhile))
    assert seen == [(("lead",), ["lead"])]
    assert runs.view() == (("boss",), ["boss"])


def test_one_gate_open_in_two_branches(runs: Runs):
    """One gate that waits in two branches is two tasks with two interrupts, each with its branch."""
    runs.drive("t", Drive([Send("lead", {"branch": key}) for key in ("3.0", "3.1")]))
    waiting = Runs({}, runs.blobs).graph.get_state(at())
    assert waiting.next == ("lead", "lead")
    assert [asked.value["branch"] for asked in waiting.interrupts] == ["3.0", "3.1"]


def test_an_older_checkpoint_is_not_there(runs: Runs):
    """Only the latest checkpoint exists: the history is one entry long, and an older id finds nothing."""
    runs.drive("t", Drive(["lead"]))
    (only,) = runs.graph.get_state_history(at())
    assert only.next == ("lead",)
    assert list(runs.saver.list(at(), before=only.config)) == []
    assert list(runs.saver.list(at(), filter={"source": "input"})) == []
    assert list(runs.saver.list(None)) == []
    assert runs.saver.get_tuple({"configurable": {"thread_id": "t", "checkpoint_id": "0"}}) is None


def test_a_thread_that_was_never_driven_is_empty(runs: Runs):
    """A thread without a snapshot has no checkpoint, and none is made by looking."""
    assert runs.view("nobody") == ((), [])
    assert runs.saver.blob("nobody") is None
    runs.saver.begin("t")
    assert runs.saver.blob("t") is None


def test_strangers_do_not_fill_the_memory(runs: Runs):
    """However many threads strangers touch, only the last ones are remembered; a driven thread is never dropped."""
    runs.saver.begin("t")
    runs.saver.put(at("t"), _checkpoint(), {}, {})
    for number in range(STRANGERS + 10):
        runs.saver.put(at(f"s{number}"), _checkpoint(), {}, {})
    assert len(runs.saver._strangers) == STRANGERS
    assert runs.saver.get_tuple(at("s0")) is None
    assert runs.saver.get_tuple(at(f"s{STRANGERS}")) is not None
    assert runs.saver.blob("t") is not None
    runs.saver.delete_thread(f"s{STRANGERS}")
    assert runs.saver.get_tuple(at(f"s{STRANGERS}")) is None


def test_writes_that_come_before_their_checkpoint_are_kept(runs: Runs):
    """A write that comes before its checkpoint, where no order was asked for, is kept; older ones are dropped."""
    for number, task in (("1", "old"), ("3", "early")):
        runs.saver.put_writes(
            {"configurable": {"thread_id": "t", "checkpoint_id": number}}, [("__interrupt__", task)], task
        )
    for number in "23":
        runs.saver.put(at(), {**_checkpoint(), "id": number}, {}, {})
    found = runs.saver.get_tuple(at())
    assert found is not None
    assert found.pending_writes == [("early", "__interrupt__", "early")]
    assert list(runs.saver._strangers["t"].spots[""].writes) == ["3"]


def test_what_is_read_can_be_changed_by_its_reader(runs: Runs):
    """LangGraph changes the checkpoint that it reads; the next reader gets it as it was saved."""
    runs.drive("t", Drive(["lead"]))
    runs.graph.update_state(at(), {"reply": "x"}, as_node="start")
    first = runs.saver.get_tuple(at())
    assert first is not None
    before = copy.deepcopy(first)
    first.checkpoint["channel_versions"].clear()
    first.checkpoint["versions_seen"]["start"].clear()
    first.checkpoint["channel_values"].clear()
    assert runs.saver.get_tuple(at()) == before


def test_a_payload_that_is_no_data_is_refused(runs: Runs):
    """A gate whose payload cannot be kept as data is an error when the snapshot is made, with the run and the place."""
    with pytest.raises(StoreError, match=r"the snapshot of run t\[1\].*builtins.object is neither plain data"):
        runs.drive("t", Drive([Send("lead", {"branch": object()})]))


def test_a_snapshot_of_another_format_counts_as_none(runs: Runs):
    """A snapshot that another guideway wrote is no error: only a view depends on it, and the next drive makes one."""
    runs.drive("t", Drive(["lead"]))
    runs.blobs["t"] = StrictSerializer().encode([99, {"shape": "unknown"}], "x")
    assert runs.view() == ((), [])
    runs.drive("t", Drive(["lead"]))
    assert runs.view() == (("lead",), ["lead"])


def test_a_torn_snapshot_is_an_error_that_names_the_run(runs: Runs):
    """A snapshot that is not whole is an error for whoever looks, and nothing to the next drive."""
    runs.drive("t", Drive(["lead"]))
    runs.blobs["t"] = runs.blobs["t"][:-5]
    with pytest.raises(StoreError, match="the snapshot of run t cannot be read: it is not whole"):
        runs.view()
    runs.drive("t", Drive(["boss"]))
    assert runs.view() == (("boss",), ["boss"])


def test_the_mark_of_a_drive_stays_out_of_metadata(runs: Runs):
    """What tells a driver's calls from others is in no snapshot and in no config that LangGraph hands out."""
    runs.drive("t", Drive(["lead"]))
    assert b"__guideway" not in runs.blobs["t"]
    assert "__guideway" not in json.dumps([runs.graph.get_state(at()).config, runs.graph.get_state(at()).metadata])


def _checkpoint() -> Any:
    return {"v": 4, "ts": "", "id": "9", "channel_values": {}, "channel_versions": {}, "versions_seen": {}}


def test_langgraph_is_told_what_writes_take(runs: Runs):
    """Each call of a graph asks whether a task's path is taken: it is, by the sync and the async face."""
    for face in (runs.saver.put_writes, runs.saver.aput_writes):
        assert [*signature(face).parameters] == ["config", "writes", "task_id", "task_path"]
        assert signature(face) is signature(face)
