"""How ``act`` runs: every proposed call is checked, permitted, executed, and answered by one tool message."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..guards.secrecy import masked
from .calls import KEY_UNKNOWN, Allowed, Call, CallFailed, Pending, Refused, Suspended
from .execution import Job
from .outcome import ErrorRecord, Outcome
from .plan import identified, told
from .problems import reducer
from .sealing import jsonable, traits
from .toolcalls import as_json, call_tool, given, misfit

if TYPE_CHECKING:
    from .act import Act
    from .tool import Tool


@dataclass(slots=True)
class _Proposed:
    """One call that a model proposed, and what became of it."""

    place: int
    id: str
    name: str
    tool: Tool[..., Any] | None = None
    typed: dict[str, Any] | None = None
    call: Call | None = None
    content: str | None = None
    good: bool = False
    refused: Refused | None = None
    pending: bool = False
    result: Any = None
    ran: bool = False
    note: str = ""


def proposed(messages: list[Any]) -> list[dict[str, Any]]:
    """The calls that the last model message proposes and no tool message has answered yet.

    Args:
        messages: the messages field.
    """
    for cut in range(len(messages) - 1, -1, -1):
        message = messages[cut]
        if getattr(message, "type", None) != "ai":
            continue
        answered = {item.tool_call_id for item in messages[cut + 1 :] if getattr(item, "type", None) == "tool"}
        calls: list[dict[str, Any]] = [
            *({"name": item["name"], "args": item["args"], "id": item["id"]} for item in message.tool_calls),
            *(
                {"name": item["name"], "text": item["args"], "id": item["id"], "error": item.get("error")}
                for item in message.invalid_tool_calls
            ),
        ]
        return [call for call in calls if call["id"] is None or call["id"] not in answered]
    return []


def arguments_of(messages: list[Any]) -> list[dict[str, Any]]:
    """The proposed calls, JSON-able, as an approver sees them.

    Args:
        messages: the messages field.
    """
    return [
        {"name": call["name"], "arguments": call.get("args", call.get("text")), "id": call["id"]}
        for call in proposed(messages)
    ]


async def run_act(node: Act, job: Job) -> Outcome:
    """Executes the proposed calls: first all permissions, then what may run, in order.

    Args:
        node: the node.
        job: what it is given, and the port.

    Raises:
        Suspended: a call still waits for its decision; what has run is on record.
        CallFailed: an effect is unknown, the budget is used up, or the state does not fit a tool.
    """
    field = job.messages()
    calls = [_checked(node, job, place, raw) for place, raw in enumerate(proposed(job.values.get(field) or []))]
    for item in calls:
        await _permit(node, job, item)
    for item in calls:
        if item.call is not None and item.refused is None and not item.pending:
            await _run(job, item)
    stopped = next((item.refused for item in calls if item.refused is not None and item.refused.way is not None), None)
    if stopped is None and any(item.pending for item in calls):
        raise Suspended(f"{node.name}: {sum(item.pending for item in calls)} of {len(calls)} calls wait for a decision")
    update = _update(job, field, calls, stopped)
    return job.ok(update) if stopped is None else job.refused(stopped.refusal, stopped.way, update)


def _checked(node: Act, job: Job, place: int, raw: dict[str, Any]) -> _Proposed:
    """A proposed call with its validated arguments; one that cannot run has its observation already."""
    item = _Proposed(place, raw["id"] or f"call_{place}", raw["name"] or "")
    tools = {tool.name: tool for tool in node.tools}
    tool = tools.get(item.name)
    if tool is None:
        item.content = f"Error: there is no tool {item.name!r}; there are: {', '.join(tools)}"
    elif "text" in raw:
        item.content = f"Error: the arguments are not JSON: {raw['error'] or raw['text']}"
    else:
        try:
            filled = tool.arguments_model.model_validate(raw["args"])
        except ValidationError as error:
            item.content = f"Error: the arguments do not fit: {told(error)}"
        else:
            typed = {param.name: getattr(filled, f"a{number}") for number, param in enumerate(tool.offered())}
            typed = given(tool, typed | _hidden(job, tool))
            wrong = misfit(tool, typed)
            if wrong is not None:
                item.content = f"Error: the arguments do not fit: {wrong}"
            else:
                item.tool, item.typed = tool, typed
                item.call = Call(tool.name, as_json(tool, typed), item.id, tool.source)
    if item.content is not None:
        job.log.append(
            {
                "slot": f"call.{place}",
                "kind": "tool",
                "tool": item.name,
                "id": item.id,
                "arguments": raw.get("args", raw.get("text")),
                "error": {"category": "invalid_call", "type": "InvalidCall", "message": item.content},
            }
        )
    return item


def _hidden(job: Job, tool: Tool[..., Any]) -> dict[str, Any]:
    hidden = {item.name for item in tool.fields() if item.hidden}
    if not hidden:
        return {}
    return tool.plan(job.model).read(job.values, only=hidden)


async def _permit(node: Act, job: Job, item: _Proposed) -> None:
    gates = node.gates.get(item.name, ())
    if item.call is None or item.tool is None or not gates:
        return
    answer = await job.calls.permit(f"permit.{item.place}", item.tool, item.call, gates)
    if isinstance(answer, Allowed):
        _edit(item, answer.call)
        item.note = f"\n\n[{answer.note}]" if answer.note else ""
    elif isinstance(answer, Refused):
        item.refused = answer
        item.content = _no(answer)
    elif isinstance(answer, Pending):  # pyright: ignore[reportUnnecessaryIsInstance]  # a port may be anyone's
        item.pending = True


def _edit(item: _Proposed, allowed: Call) -> None:
    """Takes the arguments that an approver edited; those untouched stay as they were validated."""
    tool, typed, call = _ready(item)
    before, after = call.arguments, allowed.arguments
    if before.keys() != after.keys():
        raise CallFailed(
            ErrorRecord(
                "invalid_call", "InvalidEdit", f"edits may change the arguments of {item.name!r}, not add or drop any"
            )
        )
    plan = tool.plan(None)
    for name, value in after.items():
        if value != before[name]:
            typed[name] = plan.validated(name, value)
    item.typed = given(tool, typed)
    wrong = misfit(tool, item.typed)
    if wrong is not None:
        raise CallFailed(ErrorRecord("invalid_input", "InvalidEdit", f"the edited call of {item.name!r}: {wrong}"))
    item.call = replace(allowed, tool=call.tool, id=call.id, source=call.source)


def _no(answer: Refused) -> str:
    refusal = answer.refusal
    if refusal.kind == "expired":
        return f"Refused by {refusal.gate}: nobody decided in time"
    return f"Refused by {refusal.gate}: {refusal.note}" if refusal.note else f"Refused by {refusal.gate}"


async def _run(job: Job, item: _Proposed) -> None:
    tool, typed, call = _ready(item)
    try:
        item.result = await call_tool(job, tool, typed, call, f"call.{item.place}")
    except CallFailed as error:
        if error.record.category in ("unknown_effect", "exhausted") or error.record.type == KEY_UNKNOWN:
            raise  # a model would only propose it again
        item.content = f"Error: {error.record.message}{item.note}"
    else:
        item.ran = True
        item.content = f"{_content(tool, item.result)}{item.note}"


def _ready(item: _Proposed) -> tuple[Tool[..., Any], dict[str, Any], Call]:
    """The parts of a call that may run."""
    assert item.tool is not None
    assert item.typed is not None
    assert item.call is not None
    return item.tool, item.typed, item.call


def _content(tool: Tool[..., Any], result: Any) -> str:
    """A result as a model is told it: text as it is, else JSON."""
    if tool.foreign is not None and tool.foreign.told is not None:
        result = tool.foreign.told(result)
    if traits(tool.result_adapter).secret:
        plain = masked(jsonable(tool.result_adapter, result))
    else:
        plain = tool.result_adapter.dump_python(result, mode="json", by_alias=True, warnings=False)
    return plain if isinstance(plain, str) else json.dumps(plain)


def _update(job: Job, field: str, calls: list[_Proposed], stopped: Refused | None) -> dict[str, Any]:
    """One tool message for each call, and what the tools' ``writes=`` name."""
    from langchain_core.messages import ToolMessage

    answers = [
        ToolMessage(
            content=item.content if item.content is not None else _unrun(stopped),
            tool_call_id=item.id,
            name=item.name,
            id=job.calls.key(f"message.{item.place}"),
            status="success" if item.ran else "error",
        )
        for item in calls
    ]
    # a provider wants the answers right after the calls: what tools add to the conversation stands after them
    update: dict[str, Any] = {field: answers} if answers else {}
    for item in calls:
        if item.ran and item.tool is not None and item.tool.writes is not None:
            _merge(job, update, item.tool.writes, item)
    return update


def _unrun(stopped: Refused | None) -> str:
    gate = "" if stopped is None else f": {stopped.refusal.gate} refused another call of this message"
    return f"Not run{gate}"


def _merge(job: Job, update: dict[str, Any], field: str, item: _Proposed) -> None:
    """Writes a field that a call before may have written: through its reducer, else the last one stays."""
    value = item.result
    if field == job.messages():
        update[field] = [*update.get(field, []), *identified(value, job.ids(f"call.{item.place}"))]
        return
    info = None if job.model is None else job.model.model_fields.get(field)
    merge = None if info is None else reducer(info)
    update[field] = merge(update[field], value) if merge is not None and field in update else value
