"""Compiles a flow to a LangGraph graph: the only place that knows how the two meet.

Every task of the graph does the same: it goes on from where the run's journal says that the run stands, and
sends LangGraph to the place where the run then stands. LangGraph never says where a run is. A driver starts
each drive from an empty checkpoint, at ``start``, whose task goes on from the journal's position; so a
checkpoint that is ahead, behind or forged has no effect.

Under a driver one task runs a whole stretch of steps. A foreign caller of the graph has no driver: each task
takes the run's lease for one step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import get_runtime
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from ...flows.decisions import gate_at
from ...flows.position import AtGate, AtNode
from ...guards.gates import Approval
from ..branches import Branch
from ..driver import Drive
from ..lifecycle import OVER
from ..readiness import still, turns
from ..standing import Standing
from .bound import BoundSaver

if TYPE_CHECKING:
    from ..engine import Engine

ENTRY = "start"
"""The graph's entry: its task begins a run, or goes on from the journal's position."""


def _later(_: Any, new: Any) -> Any:
    return new


_CHANNEL = Annotated[Any, _later]
"""A channel for LangGraph: reducers stay with guideway, whose journal holds the deltas.

What a foreign caller is shown is the whole state, so where two gates were waited at, the later word stands. It is
typed Any, since LangGraph would make a channel with a reducer begin at its type's empty value.
"""


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
        places = () if drove.status in ("parked", *OVER) else places_of(standing)
        fields = () if isinstance(drive, Drive) else self.engine.flow.state.model_fields
        update = {name: getattr(standing.state, name) for name in fields}
        if self.place in places and waiting(standing):
            payload = [item for item in asked(standing) if item.pop("place") == self.place]
            while True:  # the first call gives back a foreign resume value, the second asks again
                interrupt(payload)
        return Command(update=update, goto=list(places) or END)


def waiting(standing: Standing[Any]) -> bool:
    """Whether the run waits for people and can do nothing by itself.

    Args:
        standing: where it stands.
    """
    return still(standing) == "waiting"


def asked(standing: Standing[Any]) -> list[dict[str, Any]]:
    """The open requests, as LangGraph's interrupts show them, each with the LangGraph node that it waits at.

    Args:
        standing: where the run stands.
    """
    return [
        {
            "request": item.id,
            "role": item.body["role"],
            "node": item.body["node"],
            "question": item.body["question"],
            "place": _place(branch),
        }
        for branch in standing.open_branches()
        for item in branch.requests.values()
        if item.status == "open"
    ]


def places_of(standing: Standing[Any]) -> tuple[str, ...]:
    """The LangGraph nodes where a run goes on: of what can go on first, else of all that wait; none at its end.

    Args:
        standing: where the run stands.
    """
    first = next(turns(standing, frozenset()), None)
    if first is not None:
        return (_place(first),)
    return tuple(dict.fromkeys(_place(branch) for branch in standing.open_branches() if branch.undecided))


def _place(branch: Branch) -> str:
    """The LangGraph node of a branch: inside of an each or a subflow that of the node around it."""
    if branch.within:
        return node_name(branch.within[0])
    at = branch.at
    if isinstance(at, AtGate):
        return gate_name(gate_at(branch.frame.flow, at).name)
    if isinstance(at, AtNode) and at.node != "START":
        return node_name(at.node)
    return ENTRY


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
    fields = dict.fromkeys(flow.state.model_fields, _CHANNEL)
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
        if route.source in ("on_failure", "on_exhausted", "way") or route.source in flow.forks:
            continue
        begin = ENTRY if route.source == "START" else node_name(route.source)
        for onward in flow.rows[route.target.name] if route.target.name in flow.forks else (None,):
            at = begin
            for step in (route, onward) if onward is not None else (route,):
                for gate in step.gates:
                    if isinstance(gate, Approval):
                        lead(at, gate_name(gate.name))
                        at = gate_name(gate.name)
            target = (route if onward is None else onward).target.name
            lead(at, END if target in flow.ends else node_name(target))
    return {name: tuple(targets) for name, targets in ways.items()}
