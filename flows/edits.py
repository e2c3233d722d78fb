"""What people changed of a call before it runs: its arguments, never its tool."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from ..nodes.calls import Call
from ..nodes.node import Node
from ..nodes.sealing import typed

if TYPE_CHECKING:
    from .flow import Flow
    from .position import No


class Edit(NamedTuple):
    """What one person changed.

    Args:
        by: who.
        request: the request that they decided so.
        before: the changed arguments as they were, JSON-able, by parameter.
        after: as they are to run.
        note: why.
    """

    by: str
    request: str
    before: dict[str, Any]
    after: dict[str, Any]
    note: str | None = None


class Edits(NamedTuple):
    """All that was changed of a call, and the gate where the last change was made: it is asked anew.

    Args:
        made: the changes, in order.
        gate: which gate of the edge, or of the call.
        turns: the noes that led from that gate to the one that asked.
    """

    made: tuple[Edit, ...]
    gate: int = 0
    turns: tuple[No, ...] = ()

    @property
    def arguments(self) -> dict[str, Any]:
        """The changed arguments as they are to run."""
        return {name: value for edit in self.made for name, value in edit.after.items()}

    @property
    def people(self) -> tuple[str, ...]:
        """Who changed something: none of them may say yes to it."""
        return tuple(dict.fromkeys(edit.by for edit in self.made))

    def to_json(self) -> dict[str, Any]:
        """JSON-able data that ``edits_from`` reads back."""
        return {"made": [edit._asdict() for edit in self.made], "gate": self.gate, "turns": list(self.turns)}


def edits_from(data: dict[str, Any] | None) -> Edits | None:
    """The edits that ``to_json`` wrote; None stays None.

    Args:
        data: the journalled edits.
    """
    if data is None:
        return None
    return Edits(tuple(Edit(**edit) for edit in data["made"]), data["gate"], tuple(data["turns"]))


def further(edits: Edits | None, edit: Edit, gate: int, turns: tuple[No, ...]) -> Edits:
    """The edits with one more.

    Args:
        edits: those before.
        edit: the one that was made.
        gate: at which gate.
        turns: the noes that led from that gate to the one that asked.
    """
    return Edits((*(edits.made if edits is not None else ()), edit), gate, turns)


def edited(call: Call, edits: Edits | None) -> Call:
    """A call with its edited arguments.

    Args:
        call: the call, whole.
        edits: what was changed of it.
    """
    return call if edits is None else replace(call, arguments={**call.arguments, **edits.arguments})


def seen_by_guards(
    flow: Flow[Any], node: Node[..., Any], state: Any, edits: Edits | None, but: tuple[str, ...] = ()
) -> Any:
    """The state as the guards before an edited call see it: a field that was read for it holds what will run.

    A rule over a field must hold for the call that runs, and not only for the one that was proposed.

    Args:
        flow: the flow.
        node: what is called.
        state: the state.
        edits: what was changed.
        but: parameters that are not read from the state.
    """
    if edits is None:
        return state
    after = edits.arguments
    values: dict[str, Any] = {}
    for param in node.fields():
        field = flow.type.fields.get(param.field or param.name)
        if field is not None and param.name in after and param.name not in but:
            value = _fitted(node.adapter(param.name), after[param.name])
            values[field.name] = _fitted(field.adapter, value)
    return state.model_copy(update=values)


def _fitted(adapter: TypeAdapter[Any], value: Any) -> Any:
    """A value as its type has it; as it is where it does not fit: then the call does not run either."""
    try:
        return typed(adapter, value)
    except ValidationError:
        return value
