"""Compiles a flow to a LangGraph graph: the only place that knows how the two meet.

Every task of the graph does the same: it goes on from where the run's journal says that the run stands, and
sends LangGraph to the place where the run then stands. LangGraph never says where a run is. A driver starts
each drive from an empty checkpoint, at ``start``, whose task goes on from the journal's position; so a
checkpoint that is ahead, behind or forged has no effect.

Under a driver one task runs a whole stretch of steps. A foreign caller of the graph has no driver: each task
takes the run's lease for one step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import get_runtime
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from ...flows.decisions import gate_at
from ...flows.position import AtEnd, AtGate, Parked
from ...guards.gates import Approval
from ..driver import Drive
from ..lifecycle import OVER
from ..standing import Standing
from .bound import BoundSaver

if TYPE_CHECKING:
    from ..engine import Engine

ENTRY = "start"
"""The graph's entry: its task begins a run, or goes on from the journal's position."""


class Task(Runnable[Any, Any]):
    """One LangGraph node: a node of the flow, a gate, or the entry.

    Args:
        engine: the flow with its store.
        name: the node's name in LangGraph.
    """

    def __init__(self, engine: Engine[Any], name: str) -> None:
        self.engine = engine
        self.name = self.place = name

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # LangChain's signature
        """Runs the task for a sync caller of the graph."""
        drive = get_runtime().context
        return self._finish(self.engine.portal.call(self._core(drive, input, config)), drive)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Runs the task for an async caller of the graph."""
        drive = get_runtime().context
        return self._finish(await self._core(drive, input, config), drive)

    async def _core(self, context: Any, given: Any, config: RunnableConfig | None) -> Drive[Any]:
        found: Any = context
        if isinstance(context, Drive):
            await found.go_on(stretch=True)
            return found  # type: ignore[no-any-return]  # LangGraph's context has lost the state's type
        thread = str((config or {}).get("configurable", {}).get("thread_id", ""))
        return await self.engine.one_step(thread, given if self.place == ENTRY else None, self.place)

    def _finish(self, drove: Drive[Any], drive: Any) -> Any:
        """To where the run stands now: at a waiting gate LangGraph interrupts, whatever a resume value says.

        A foreign caller is shown the state; under a driver nobody reads LangGraph's channels.
        """
        standing = drove.standing
        place = None if drove.status in ("parked", *OVER) else place_of(self.engine, standing)
        fields = () if isinstance(drive, Drive) else self.engine.flow.state.model_fields
        update = {name: getattr(standing.state, name) for name in fields}
        if place == self.place and waiting(standing):
            payload = asked(standing)
            while True:  # the first call gives back a foreign resume value, the second asks again
                interrupt(payload)
        return Command(update=update, goto=END if place is None else place)


def waiting(standing: Standing[Any]) -> bool:
    """Whether the run waits for a person where it stands.

    Args:
        standing: where it stands.
    """
    return any(item.status == "open" for item in standing.requests.values())


def asked(standing: Standing[Any]) -> list[dict[str, Any]]:
    """The open requests, as LangGraph's interrupts show them.

    Args:
        standing: where the run stands.
    """
    return [
        {"request": item.id, "role": item.body["role"], "node": item.body["node"], "question": item.body["question"]}
        for item in standing.requests.values()
        if item.status == "open"
    ]


def place_of(engine: Engine[Any], standing: Standing[Any]) -> str | None:
    """The LangGraph node for a run's position; None where it has ended or is parked.

    Args:
        engine: the flow.
        standing: where the run stands.
    """
    at = standing.at
    if isinstance(at, AtEnd | Parked):
        return None
    if isinstance(at, AtGate):
        return gate_name(gate_at(engine.flow, at).name)
    return ENTRY if at.node == "START" else node_name(at.node)


def node_name(name: str) -> str:
    """A node's name in LangGraph, which reserves some characters."""
    plain = name.replace("|", "/").replace(":", ".")
    return f"{plain} (node)" if plain in (ENTRY, START, END) else plain


def gate_name(name: str) -> str:
    """A gate's name in LangGraph."""
    return node_name(f"gate {name}")


def build_graph(engine: Engine[Any], saver: BoundSaver) -> Any:
    """The compiled graph of a flow.

    Args:
        engine: the flow with its store.
        saver: bound to the store's journal.
    """
    flow = engine.flow
    fields = {name: _channel(info.annotation) for name, info in flow.state.model_fields.items()}
    schema = TypedDict(flow.state.__name__, fields, total=False)  # type: ignore[misc]  # made from the model at run time
    context: Any = Drive
    graph: Any = StateGraph(schema, context_schema=context)  # its own types are too wide to be told here
    gates = [gate for gate in flow.gates.values() if isinstance(gate, Approval)]
    ways = destinations(engine)
    for name in (ENTRY, *(node_name(node) for node in flow.nodes), *(gate_name(gate.name) for gate in gates)):
        graph.add_node(name, Task(engine, name), destinations=ways.get(name, (END,)))
    graph.add_edge(START, ENTRY)
    return graph.compile(checkpointer=saver, name=flow.name)


def destinations(engine: Engine[Any]) -> dict[str, tuple[str, ...]]:
    """Where each LangGraph node may lead, for LangGraph's own drawing and for its readers.

    Args:
        engine: the flow.
    """
    flow = engine.flow
    ways: dict[str, list[str]] = {}

    def lead(source: str, target: str) -> None:
        known = ways.setdefault(source, [])
        if target not in known:
            known.append(target)

    for route in flow.routes.values():
        if route.source in ("on_failure", "on_exhausted", "way"):
            continue
        at = ENTRY if route.source == "START" else node_name(route.source)
        for gate in route.gates:
            if isinstance(gate, Approval):
                lead(at, gate_name(gate.name))
                at = gate_name(gate.name)
        lead(at, END if route.target.name in flow.ends else node_name(route.target.name))
    return {name: tuple(targets) for name, targets in ways.items()}


def _channel(annotation: Any) -> Any:
    """A channel's type for LangGraph: reducers stay with guideway, whose journal holds the deltas."""
    return Any if annotation is None else annotation
