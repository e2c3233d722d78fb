"""The saver for any LangGraph graph: LangGraph's own suite for savers, real graphs, and files that are not fit."""

from __future__ import annotations

import asyncio
import operator
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple, empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.report import CapabilityReport
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, Send, interrupt
from pydantic import BaseModel

from guideway.errors import ConfigError, StoreError, StoreForeign, StoreNotFound, StoreTooNew
from guideway.runs.langgraph import Saver

BASE = {"put": 17, "put_writes": 10, "get_tuple": 10, "list": 16, "delete_thread": 5}
"""How many tests LangGraph's suite has for each capability that every saver needs; 58 in all."""


class Sync(BaseCheckpointSaver[str]):
    """A saver whose async methods call the sync ones of another, each on a thread of its own."""

    def __init__(self, saver: Saver) -> None:
        super().__init__()
        self.saver = saver

    async def aget_tuple(self, config: Any) -> CheckpointTuple | None:
        return await asyncio.to_thread(self.saver.get_tuple, config)

    async def alist(self, config: Any, **options: Any) -> AsyncIterator[CheckpointTuple]:
        for found in await asyncio.to_thread(lambda: list(self.saver.list(config, **options))):
            yield found

    async def aput(self, *args: Any) -> Any:
        return await asyncio.to_thread(self.saver.put, *args)

    async def aput_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        await asyncio.to_thread(self.saver.put_writes, config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        await asyncio.to_thread(self.saver.delete_thread, thread_id)


class Order(BaseModel):
    id: str
    total: Decimal


@dataclass
class Note:
    text: str
    order: Order | None = None


class Desk(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    order: Order
    notes: Annotated[list[Note], operator.add]
    yes: bool


def at(thread: str = "t", **more: str) -> dict[str, Any]:
    """A LangGraph config of a thread."""
    return {"configurable": {"thread_id": thread, **more}}


def desk(saver: Saver) -> Any:
    """A graph that reads, asks a person, and fans out before it ends."""

    def read(state: Desk) -> Desk:
        return {"messages": [AIMessage("Order 17?", id="a")], "order": Order(id="17", total=Decimal("9.90"))}

    def ask(state: Desk) -> Desk:
        return {"yes": interrupt({"pay": state["order"].id})}

    def spread(state: Desk) -> Command[Any]:
        return Command(goto=[Send("note", {"n": 1, "order": state["order"]}), Send("note", {"n": 2, "order": None})])

    def note(part: dict[str, Any]) -> Desk:
        return {"notes": [Note(f"part {part['n']}", part["order"])]}

    graph = StateGraph(Desk)
    for name, node in {"read": read, "ask": ask, "note": note}.items():
        graph.add_node(name, node)
    graph.add_node("spread", spread, destinations=("note",))
    for source, target in [(START, "read"), ("read", "ask"), ("ask", "spread"), ("note", END)]:
        graph.add_edge(source, target)
    return graph.compile(checkpointer=saver)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a saver's file may be made."""
    return tmp_path / "checkpoints.db"


@pytest.fixture
def saver() -> Iterator[Saver]:
    """A saver in memory that knows the desk's state."""
    with Saver(types=[Desk]) as made:
        yield made


async def conformance(saver: Saver, *, sync: bool) -> CapabilityReport:
    """The report of LangGraph's suite."""

    @checkpointer_test(name="guideway")
    async def made() -> AsyncIterator[BaseCheckpointSaver[str]]:
        yield Sync(saver) if sync else saver

    return await validate(made)


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
@pytest.mark.parametrize("where", ["file", "memory"])
async def test_the_suite_of_langgraph_passes(where: str, sync: bool, path: Path):
    """All 58 base tests of LangGraph's conformance suite pass, counted, by either face, in a file or in memory."""
    with Saver(path if where == "file" else ":memory:") as saver:
        report = await conformance(saver, sync=sync)
    assert report.passed_all_base(), [result.failures for result in report.results.values()]
    assert {name: report.results[name].tests_passed for name in BASE} == BASE
    assert sum(result.tests_passed for result in report.results.values()) == 58
    assert not any(result.tests_failed for result in report.results.values())


def test_a_graph_goes_on_in_another_process_life(path: Path):
    """A graph that waits at an interrupt goes on from the file alone, its messages and models as they were."""
    with Saver(path, types=[Desk]) as first:
        desk(first).invoke({"messages": [HumanMessage("It broke.", id="h")]}, at())
    with Saver(path, types=[Desk]) as second:
        app = desk(second)
        waiting = app.get_state(at())
        assert waiting.next == ("ask",)
        assert waiting.interrupts[0].value == {"pay": "17"}
        end = app.invoke(Command(resume=True), at())
    assert end == {
        "messages": [HumanMessage("It broke.", id="h"), AIMessage("Order 17?", id="a")],
        "order": Order(id="17", total=Decimal("9.90")),
        "notes": [Note("part 1", Order(id="17", total=Decimal("9.90"))), Note("part 2")],
        "yes": True,
    }


async def test_async_callers_share_what_sync_callers_wrote(saver: Saver):
    """What one face of a graph saved, the other goes on from: both are one store."""
    app = desk(saver)
    await app.ainvoke({"messages": []}, at())
    end = await asyncio.to_thread(app.invoke, Command(resume=False), at())
    assert (await app.aget_state(at())).values == end
    history = [state.metadata["step"] async for state in app.aget_state_history(at())]
    assert history == sorted(history, reverse=True)


def test_time_travel_runs_on_from_an_older_checkpoint(saver: Saver):
    """A fork from an older checkpoint has its own values, and the branch that it left keeps its own."""
    app = desk(saver)
    app.invoke({"messages": []}, at())
    waiting = app.get_state(at()).config
    assert app.invoke(Command(resume="first"), at())["yes"] == "first"
    app.invoke(None, app.update_state(waiting, {"messages": [HumanMessage("again")]}, as_node="read"))
    assert app.invoke(Command(resume="second"), at())["yes"] == "second"
    answers = {state.values.get("yes") for state in app.get_state_history(at()) if not state.next}
    assert answers == {"first", "second"}


def test_a_killed_process_loses_no_checkpoint(path: Path):
    """A process killed with SIGKILL inside its third node has the work of the first two in the file."""
    program = f"""
        import os, signal, operator
        from typing import Annotated, TypedDict
        from langgraph.graph import START, StateGraph
        from guideway.runs.langgraph import Saver
        class State(TypedDict):
            log: Annotated[list[str], operator.add]
        def step(name):
            return lambda state: {{"log": [name]}} if name != "c" else os.kill(os.getpid(), signal.SIGKILL)
        graph = StateGraph(State).add_sequence([(n, step(n)) for n in "abc"]).add_edge(START, "a")
        graph.compile(checkpointer=Saver({str(path)!r})).invoke({{"log": []}}, {at()!r}, durability="sync")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    with Saver(path) as saver:
        found = saver.get_tuple(at())
    assert found is not None
    assert found.checkpoint["channel_values"]["log"] == ["a", "b"]


def test_threads_and_a_second_connection_write_at_once(path: Path):
    """Threads of one saver and another saver on the same file write at once, and no write is lost or refused."""

    def put(saver: Saver, thread: str) -> None:
        for step in range(30):
            checkpoint = {**empty_checkpoint(), "channel_values": {"n": step}, "channel_versions": {"n": step}}
            config = saver.put(at(thread), checkpoint, {"step": step}, {"n": step})
            saver.put_writes(config, [("n", step)], f"task {step}")

    with Saver(path) as one, Saver(path) as two:
        workers = [threading.Thread(target=put, args=(one if n % 2 else two, f"t{n}")) for n in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        counts = [[found.metadata["step"] for found in one.list(at(f"t{n}"))] for n in range(6)]
    assert counts == [list(range(29, -1, -1))] * 6


def test_pending_writes_come_in_the_order_of_their_tasks(saver: Saver):
    """Pending writes are read in the order in which LangGraph takes them up, by path, task and place, not by time."""
    config = saver.put(at(), empty_checkpoint(), {}, {})
    saver.put_writes(config, [("x", 3), ("y", 4)], "task-a", "path-2")
    saver.put_writes(config, [("x", 1), ("y", 2)], "task-b", "path-1")
    found = saver.get_tuple(config)
    assert found is not None
    assert found.pending_writes == [("task-b", "x", 1), ("task-b", "y", 2), ("task-a", "x", 3), ("task-a", "y", 4)]


def test_a_task_that_asks_again_has_its_last_question(saver: Saver):
    """A task's state (its interrupt) is what it said last; what it wrote to channels is stored once."""
    config = saver.put(at(), empty_checkpoint(), {}, {})
    for question in ("one?", "two?"):
        saver.put_writes(config, [("__interrupt__", question)], "task")
        saver.put_writes(config, [("x", question)], "other")
    found = saver.get_tuple(config)
    assert found is not None
    assert found.pending_writes == [("other", "x", "one?"), ("task", "__interrupt__", "two?")]


def test_a_failed_task_is_kept_as_text(saver: Saver):
    """An exception that a task raised is kept as its text, which is what a reader of the state is shown."""

    def fail(state: Desk) -> Desk:
        raise LookupError("no order 17")

    app = StateGraph(Desk).add_node("fail", fail).add_edge(START, "fail").compile(checkpointer=saver)
    with pytest.raises(LookupError, match="no order 17"):
        app.invoke({"messages": []}, at())
    assert app.get_state(at()).tasks[0].error == "LookupError('no order 17')"


def test_an_unchanged_channel_is_stored_once(path: Path):
    """A thousand steps beside a large value that they do not touch do not store it again: the file stays small."""
    with Saver(path) as saver:
        config = at()
        for step in range(1000):
            checkpoint = {
                **empty_checkpoint(),
                "channel_values": {"large": "x" * 100_000, "n": step},
                "channel_versions": {"large": 1, "n": step},
            }
            config = saver.put(config, checkpoint, {}, {"n": step} if step else {"large": 1, "n": 0})
    assert path.stat().st_size < 2_000_000


def test_values_that_a_caller_did_not_announce_are_stored_too(saver: Saver):
    """A checkpoint put without its channels' new versions, as a copy from elsewhere is, has all its values."""
    checkpoint = {**empty_checkpoint(), "channel_values": {"a": 1, "loose": 2}, "channel_versions": {"a": 7}}
    found = saver.get_tuple(saver.put(at(), checkpoint, {}, {}))
    assert found is not None
    assert found.checkpoint["channel_values"] == {"a": 1, "loose": 2}


def test_an_unknown_type_is_refused_before_it_is_written(path: Path):
    """A value of a class that the saver was not given stops the graph, with its place and the way out."""

    class Basket:
        pass

    with Saver(path) as saver:
        with pytest.raises(StoreError, match=r"to 'order' cannot be stored: .*Order is neither .* types=\[Order\]"):
            desk(saver).invoke({"messages": []}, at())
        with pytest.raises(
            StoreError, match=r"channel 'x'\.a\[1\] cannot be stored: .*Basket .* schema; write plain data"
        ):
            saver.put(at("u"), {**empty_checkpoint(), "channel_values": {"x": {"a": [0, Basket()]}},
                                "channel_versions": {"x": 1}}, {}, {"x": 1})  # fmt: skip
        assert saver.get_tuple(at("u")) is None


def test_a_file_is_not_read_without_the_types_it_was_written_with(path: Path):
    """What was stored of a class that this saver was not given is an error that names the row, never a guess."""
    with Saver(path, types=[Desk]) as saver:
        desk(saver).invoke({"messages": []}, at())
    with (
        Saver(path) as saver,
        pytest.raises(StoreError, match=r"checkpoint .* of thread 't': channel 'order' .*Order'"),
    ):
        saver.get_tuple(at())


def test_langgraphs_strict_mode_names_the_types_itself(path: Path):
    """with_allowlist, which LangGraph calls in its strict mode, gives a saver of the file that knows the schema."""
    with Saver(path) as saver:
        wider = saver.with_allowlist({(Order.__module__, "Order"), (Note.__module__, "Note"), ("no.such", "Name")})
        desk(wider).invoke({"messages": []}, at())
        assert wider.get_tuple(at()) is not None
        with pytest.raises(StoreError, match="no type of this graph's schema"):
            saver.get_tuple(at())


def test_types_that_are_no_data_are_refused_at_once(path: Path):
    """A class that cannot be data is refused when the saver is made, at the author's line."""
    with pytest.raises(ConfigError, match=r"test_saver\.py:\d+: ConfigError: threading\.Thread cannot be kept as data"):
        Saver(path, types=[threading.Thread])


def test_a_missing_folder_is_one_clear_error(tmp_path: Path):
    """A file in a folder that is not there is refused with the folder's name, and nothing is made."""
    with pytest.raises(StoreNotFound, match="the folder .*nowhere does not exist"):
        Saver(tmp_path / "nowhere" / "checkpoints.db")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["text", "sqlite", "langgraph"])
def test_a_foreign_file_is_left_as_it_is(content: str, path: Path):
    """A file of something else is refused and stays as it is, to the byte: text, a database, another saver's file."""
    if content == "text":
        path.write_text("Dear diary, " * 1000)
    else:
        with sqlite3.connect(path) as other:
            other.execute(
                "create table checkpoints (thread_id text)" if content == "langgraph" else "create table x (y)"
            )
        other.close()
    before = path.read_bytes()
    with pytest.raises(StoreForeign, match="is not a guideway store"):
        Saver(path)
    assert path.read_bytes() == before


def test_a_newer_file_is_refused(path: Path):
    """A file that a newer guideway wrote is refused with both versions."""
    Saver(path).close()
    with sqlite3.connect(path) as newer:
        newer.execute("pragma user_version = 99")
    newer.close()
    with pytest.raises(StoreTooNew, match="schema 99, and this guideway knows schemas up to 1"):
        Saver(path)


def test_a_closed_saver_says_so(path: Path):
    """After close every call is an error that says that the store was closed; a second close does nothing."""
    with Saver(path) as saver:
        pass
    saver.close()
    with pytest.raises(StoreError, match="was closed"):
        saver.get_tuple(at())


def test_a_config_without_a_thread_is_an_error(saver: Saver):
    """A config that names no thread is refused with what to pass."""
    with pytest.raises(StoreError, match=r'pass config=\{"configurable": \{"thread_id"'):
        saver.get_tuple({"configurable": {}})


def test_a_torn_value_is_an_error_that_names_its_row(path: Path):
    """A value that is not whole is an error with the thread, the checkpoint and the channel, never a partial state."""
    with Saver(path, types=[Desk]) as saver:
        desk(saver).invoke({"messages": [HumanMessage("x", id="h")]}, at())
    with sqlite3.connect(path) as torn:
        torn.execute("update channels set value = substr(value, 1, length(value) - 3) where name = 'messages'")
    torn.close()
    with (
        Saver(path, types=[Desk]) as saver,
        pytest.raises(StoreError, match=r"thread 't': channel 'messages' .*not whole"),
    ):
        saver.get_tuple(at())


def test_a_lost_value_is_an_error_that_names_its_channel(path: Path):
    """A value that is not in the file any more is an error, never a channel that looks as if nothing was written."""
    with Saver(path, types=[Desk]) as saver:
        desk(saver).invoke({"messages": []}, at())
    with sqlite3.connect(path) as torn:
        torn.execute("delete from channels where name = 'order'")
    torn.close()
    with Saver(path, types=[Desk]) as saver, pytest.raises(StoreError, match="the values of order are not in the file"):
        saver.get_tuple(at())


def test_power_safety_is_asked_for_by_name(path: Path):
    """durability='power' makes every commit wait for the disk; the default survives the process alone."""
    for durability, level in (("process", 1), ("power", 2)):
        with Saver(path, durability=durability) as saver, saver._database.reading() as cursor:
            assert cursor.execute("pragma synchronous").fetchone() == (level,)


def test_no_pickle_is_ever_loaded(path: Path):
    """A pickle in the file, as an attacker would put it there, is refused as data that is not whole, and not run."""
    with Saver(path) as saver:
        saver.put(at(), {**empty_checkpoint(), "channel_values": {"x": 1}, "channel_versions": {"x": 1}}, {}, {"x": 1})
    with sqlite3.connect(path) as evil:
        evil.execute("update channels set value = ?", (b"cos\nsystem\n(S'touch owned'\ntR.",))
    evil.close()
    with Saver(path) as saver, pytest.raises(StoreError, match="not whole"):
        saver.get_tuple(at())
    assert not os.path.exists("owned")
