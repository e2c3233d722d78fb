"""``act``: executes the tool calls that a model proposed, each through its own gates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Never

from pydantic import BaseModel

from ..errors import FlowError, NodeError, caller
from ..guards.gates import Approval, Gate
from ..guards.messages import messages_field
from ..guards.secrecy import traits_of
from . import problems as found
from .execution import Job
from .node import Kind, Node
from .options import check_options, check_tool_name
from .outcome import Outcome
from .shapes import is_series
from .signature import Param
from .tool import Tool


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Act(Node[[], None]):
    """Executes the tool calls that a model proposed; see ``act``.

    Args:
        tools: the tools, in the order given.
        gates: the gates of each gated tool, by its name, in the order asked.
    """

    kind: ClassVar[Kind] = "act"

    tools: tuple[Tool[..., Any], ...] = ()
    gates: Mapping[str, tuple[Gate, ...]] = field(default_factory=dict[str, tuple[Gate, ...]])

    async def perform(self, job: Job) -> Outcome:
        """Executes the calls that the last model message proposes."""
        from .acting import run_act  # what runs a node is loaded when one runs, so that authoring is quick

        return await run_act(self, job)

    def hidden(self) -> tuple[tuple[Tool[..., Any], Param], ...]:
        """The tools' parameters that are taken from the state."""
        return tuple((tool, item) for tool in self.tools for item in tool.fields() if item.hidden)

    def reads(self, model: type[BaseModel]) -> tuple[str, ...]:
        """The messages field, and the fields that ``FromState`` parameters take."""
        return tuple(dict.fromkeys([*_messages(model), *(item.field or item.name for _, item in self.hidden())]))

    def written(self, model: type[BaseModel]) -> tuple[str, ...]:
        """The messages field, and what the tools' ``writes=`` name."""
        names = [tool.writes for tool in self.tools if tool.writes is not None]
        return tuple(dict.fromkeys([*_messages(model), *names]))

    def problems(self, model: type[BaseModel]) -> list[FlowError]:
        """A messages field that is missing, and tools that do not fit the state."""
        return list(self._problems(model))

    def _problems(self, model: type[BaseModel]) -> Iterator[FlowError]:
        yield from found.messages(self, model, "executes the calls of the last model message")
        for tool in self.tools:
            hidden = tuple(item for item in tool.fields() if item.hidden)
            yield from found.reading(tool, hidden, model)
            yield from found.writing(tool, model, step=False)

    def arguments(self, state: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
        """The calls that it would execute: name, arguments and id of each."""
        from .acting import arguments_of

        model = type(state) if isinstance(state, BaseModel) else None
        values: Mapping[str, Any] = state.__dict__ if isinstance(state, BaseModel) else state
        name = (messages_field(model) if model is not None else None) or "messages"
        return {"calls": arguments_of(values.get(name) or [])}

    def bind(self, **params: str) -> Act:
        """Binds ``FromState`` parameters of all its tools to other fields.

        Args:
            params: field by parameter.

        Raises:
            NodeError: no tool has such a parameter.
        """
        there = {item.name for _, item in self.hidden()}
        for name in params:
            if name not in there:
                raise NodeError(
                    f"{self.name}.bind({name}=...): no tool of it takes {name!r} from the state; "
                    f"there are: {', '.join(sorted(there)) or 'none'}",
                    where=caller(),
                )
        tools = tuple(
            tool.bind(
                **{
                    name: field
                    for name, field in params.items()
                    if any(item.name == name and item.hidden for item in tool.fields())
                }
            )
            for tool in self.tools
        )
        return replace(self, tools=tools, line=caller() or self.line)

    def _shape(self) -> dict[str, Any]:
        return super()._shape() | {
            "tools": [tool.spec()["shape"] for tool in self.tools],
            "gates": {name: [gate.name for gate in gates] for name, gates in self.gates.items()},
        }

    def _build(self) -> dict[str, Any]:
        return super()._build() | {"tools": {tool.name: tool.spec()["build"] for tool in self.tools}}


def _messages(model: type[BaseModel]) -> tuple[str, ...]:
    name = messages_field(model)
    return () if name is None else (name,)


def act(
    tools: Sequence[Tool[..., Any]],
    *,
    name: str = "act",
    gates: Mapping[Tool[..., Any], Gate | Sequence[Gate]] | None = None,
    **unknown: Never,
) -> Act:
    """A node that executes the tool calls which the last model message proposes, and appends their results.

    Every proposed call gets exactly one tool message. An unknown tool, or arguments that do not fit, become an
    observation for the model and never an execution. Each gated call gets its own decision; a no is told to the
    model, or goes the gate's way where it names one. Calls that need no gate go on.

    Args:
        tools: the tools that may run.
        name: the node's name.
        gates: per tool the gate, or the gates in the order asked.
        unknown: nothing else.

    Raises:
        NodeError: something that is no tool, two tools of one name, or gates for a tool that is not there.
    """
    where = caller()
    check_options({"name": name, **unknown}, ("name", "gates"), "act", where)
    title = f"act(name={name!r})"
    checked = require_tools(tools, title, where)
    if not checked:
        raise NodeError(f"{title} has no tools", where=where)
    ready: dict[str, tuple[Gate, ...]] = {}
    for tool, given in (gates or {}).items():
        if not isinstance(tool, Tool) or tool not in checked:
            what = getattr(tool, "name", repr(tool))
            names = ", ".join(item.name for item in checked)
            raise NodeError(f"{title} has gates for {what!r}, which is not among its tools: {names}", where=where)
        ready[tool.name] = _gates(given, tool.name, title, where)
    return Act(name=name, fn=None, tools=checked, gates=ready, line=where)


def _gates(given: Any, tool: str, title: str, where: str | None) -> tuple[Gate, ...]:
    found = (given,) if isinstance(given, Gate) else tuple(given) if is_series(given) else ()
    if not found:
        raise NodeError(f"{title}, gates[{tool}] takes a gate or a list of gates, not {given!r}", where=where)
    for gate in found:
        if not isinstance(gate, Gate):
            raise NodeError(
                f"{title}, gates[{tool}] holds {gate!r}, which is no gate; write approval('lead') or policy(fn)",
                where=where,
            )
        if isinstance(gate, Approval) and gate.within is not None and gate.expired is None:
            raise NodeError(
                f"{title}, gates[{tool}]: approval {gate.name!r} has within= and no way for expired: "
                "add expired=<a node, an end or another gate>",
                where=where,
            )
    return found


def check_offered(tool: Tool[..., Any], title: str, where: str | None) -> None:
    """Refuses a tool that wants a secret of a model: what a model says is read by many.

    Args:
        tool: the tool.
        title: what it was given to, for the message.
        where: the author's place.

    Raises:
        NodeError: a model would fill a parameter that may hold a secret.
    """
    for item in tool.offered():
        if traits_of(item.annotation).secret:
            raise NodeError(
                f"{title}: a model would fill the parameter {item.name!r} of {tool.name!r}, a secret, in a message "
                f"that is none. Take it from the state, {item.name}: Annotated[..., FromState], or from deps",
                where=where,
            )


def require_tools(tools: Any, title: str, where: str | None) -> tuple[Tool[..., Any], ...]:
    """Tools as a tuple, each a Tool, each of its own name.

    Args:
        tools: what was given.
        title: what it was given to, for the message.
        where: the author's place.

    Raises:
        NodeError: something is no tool, or two have one name.
    """
    checked: dict[str, Tool[..., Any]] = {}
    if not is_series(tools):
        raise NodeError(f"{title} takes a list of tools, not {tools!r}", where=where)
    for tool in tools:
        if not isinstance(tool, Tool):
            raise NodeError(
                f"{title} holds {tool!r}, which is no tool; decorate the function with @tool(effect=...)", where=where
            )
        check_tool_name(tool.name, title, where)
        if tool.name in checked:
            raise NodeError(
                f"{title} has two tools named {tool.name!r}; name one of them apart: {tool.name}.named('...')",
                where=where,
            )
        checked[tool.name] = tool
        check_offered(checked[tool.name], title, where)
    return tuple(checked.values())
