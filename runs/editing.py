"""Edits of a call that waits for a yes: what an approver may change, and what that comes to."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from ..errors import DecisionRefused
from ..flows.decisions import against, asked_about
from ..flows.edits import Edit, Edits, further
from ..flows.flow import Flow
from ..flows.inside import node_within
from ..flows.position import AtGate, No
from ..guards.evaluation import OpaqueFailed
from ..guards.secrecy import secrets_in
from ..nodes.act import Act
from ..nodes.ask import Ask
from ..nodes.compute import Compute
from ..nodes.node import Node
from ..nodes.plan import told
from ..nodes.sealing import jsonable, traits
from ..nodes.sealing import typed as as_typed
from ..nodes.shapes import is_mapping
from ..nodes.think import Think
from ..nodes.tool import Tool
from ..nodes.toolcalls import misfit
from .branches import Branch, Pending
from .codec import read_position
from .keys import Keys
from .standing import Standing, Versions
from .store.records import Event, RequestRow

_CALLS = (Tool, Compute, Think, Ask)


class Change(NamedTuple):
    """The arguments that an approver changes, JSON-able, as they were and as they are to run."""

    before: dict[str, Any]
    after: dict[str, Any]


def change_of(flow: Flow[Any], row: RequestRow, edits: object) -> Change:
    """What edits change of the call that a request is about.

    Args:
        flow: the run's flow.
        row: the request.
        edits: as the approver gave them, by parameter.

    Raises:
        DecisionRefused: they are none, change nothing, name what cannot be changed, or do not fit.
    """
    node = _called(flow, row)
    if not is_mapping(edits):
        raise _refused(row, f"edits= takes new values by argument, edits={{'amount': 50}}, not {edits!r}")
    call: dict[str, Any] = row.body["call"]["arguments"]
    values = {name: _value(row, node, call, name, value) for name, value in edits.items()}
    after = {name: value for name, value in values.items() if _text(value) != _text(call[name])}
    if not after:
        raise _refused(row, "nothing changed: the call has these arguments already. Approve it without edits=")
    _together(row, node, call | after)
    return Change({name: call[name] for name in after}, after)


def _called(flow: Flow[Any], row: RequestRow) -> Node[..., Any]:
    """The node or tool whose arguments the request shows."""
    body = row.body
    node = node_within(flow, body.get("within", ()), body["node"])
    if isinstance(node, Act) and "slot" in body:
        node = next((tool for tool in node.tools if tool.name == body["call"]["tool"]), None)
    if isinstance(node, _CALLS):
        return node
    if node is None:
        raise _refused(row, f"it leads to {body['node']!r}, which has no arguments to change. {_WAY}")
    raise _refused(row, f"{node.name!r} ({node.kind}) works on what the state holds, and has no arguments. {_WAY}")


_WAY = "Approve it as it is, or deny it with a note that says what to change"


def _value(row: RequestRow, node: Node[..., Any], call: dict[str, Any], name: Any, value: Any) -> Any:
    """A new value as it will be given to the node, JSON-able."""
    param = next((item for item in node.params if item.name == name), None)
    if param is not None and param.kind != "field":
        raise _refused(row, f"the argument {name!r} of {node.name!r} is given by guideway, and is nobody's to change")
    if param is not None and param.hidden:
        raise _refused(
            row, f"the argument {name!r} of {node.name!r} is taken from the state, and is nobody's to change"
        )
    if param is None or name not in call:
        there = [item.name for item in node.fields() if not item.hidden and item.name in call]
        raise _refused(
            row, f"{node.name!r} has no argument {name!r} to change; there are: {', '.join(there) or 'none'}"
        )
    adapter = node.adapter(name)
    try:
        wanted = adapter.validate_python(_plain(value))
        found = json.loads(_text(jsonable(adapter, wanted)))
        given_back = as_typed(adapter, found)
        same = given_back == wanted and _text(jsonable(adapter, given_back)) == _text(found)
    except ValidationError as error:
        raise _refused(row, f"the new value of {name!r} does not fit {node.name!r}: {told(error, adapter)}") from (
            None if traits(adapter).secret else error
        )
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        raise _refused(row, f"the new value of {name!r} has no JSON form: {error}") from error
    if not same:
        raise _refused(row, f"the new value of {name!r} is not given back by JSON as it is")
    return found


def _plain(value: Any) -> Any:
    """A value as JSON would carry it: what a process decides is what another one reads."""
    return value if secrets_in(value) else to_jsonable_python(value, by_alias=True)


def _together(row: RequestRow, node: Node[..., Any], arguments: dict[str, Any]) -> None:
    """What a tool from elsewhere says of its arguments as a whole."""
    if not isinstance(node, Tool) or node.foreign is None:
        return
    try:
        typed = {name: as_typed(node.adapter(name), value) for name, value in arguments.items()}
    except ValidationError:
        return  # what was proposed does not fit: the call fails as such, whatever is changed elsewhere
    wrong = misfit(node, typed)
    if wrong is not None:
        raise _refused(row, f"the edited call of {node.name!r} does not fit: {wrong}")


def _text(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()


# where the request stands


def must_pass(
    flow: Flow[Any], row: RequestRow, events: list[Event], edit: Edit, keys: Keys | None, versions: Versions
) -> None:
    """Refuses an edit with which the conditions of the edge do not hold: they decided that the call comes this way.

    Args:
        flow: the run's flow.
        row: the request.
        events: the run's journal.
        edit: what is changed.
        keys: the App's, under which secrets are kept.
        versions: gives the manifest of a version.

    Raises:
        DecisionRefused: a condition does not hold, or raised.
    """
    branch = Standing(flow, row.run, keys, versions).apply_all(events).asking(row.id)
    if branch is None or row.body.get("at") is None:
        return
    at = read_position(row.body["at"])
    assert isinstance(at, AtGate)
    inner = branch.frame.flow
    route = inner.routes.get(at.route)
    if route is None:
        raise _refused(row, f"the flow does not have the edge {at.route!r} any more. Resume the run")
    try:
        state, _ = asked_about(inner, route.target, branch.state, further(at.edits, edit, at.index, at.turns))
        wrong = against(inner, route, state)
    except OpaqueFailed as cause:
        raise _refused(row, f"the condition {cause.name!r} raised for the edited call: {cause.cause}") from cause
    if wrong is not None:
        raise _refused(row, f"the call would not come this way: {wrong} does not hold for it as it was edited. {_WAY}")


def edit_of(item: Pending) -> Edit:
    """What the decision about a request changed.

    Args:
        item: the request, edited.
    """
    decision = item.decisions[-1]
    return Edit(str(decision["by"]), item.id, decision["before"], decision["edits"], decision.get("note"))


def edits_of_slot(branch: Branch, slot: str) -> Edits | None:
    """All that people changed of a call of the step under way; None where they changed nothing.

    Args:
        branch: where the step is.
        slot: the call's permission.
    """
    edits: Edits | None = None
    for item in branch.requests.values():
        if item.status == "edited" and item.body.get("slot") == slot:
            turns: tuple[No, ...] = tuple(item.body["turns"])
            edits = further(edits, edit_of(item), item.body["index"], turns)
    return edits


def _refused(row: RequestRow, told: str) -> DecisionRefused:
    return DecisionRefused(
        f"request {row.id!r}: {told}. Nothing was recorded", run=row.run, request=row.id, reason="edits"
    )
