"""What guards say: an edge's match, a gate before a person is asked, the gates of a call that a model proposes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from ..guards.endings import Ended
from ..guards.evaluation import OpaqueFailed, holds, observed
from ..guards.gates import Approval, Gate, Policy, Way
from ..guards.limits import Limit
from ..guards.printing import text
from ..guards.secrecy import masked
from ..guards.target import Target
from ..nodes.calls import Call
from ..nodes.node import Node
from ..nodes.outcome import ErrorRecord, Failure, Refusal
from ..nodes.sealing import cleaned
from .edits import Edits, edited, seen_by_guards
from .ends import End
from .position import AtEnd, AtGate, No
from .rows import Route

if TYPE_CHECKING:
    from .flow import Flow


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate says without a person: ``asks`` one, a refusal, or neither (it lets pass)."""

    log: dict[str, Any]
    asks: bool = False
    refusal: Refusal | None = None


def decide(
    gate: Gate,
    state: Any,
    call: Call | None,
    tools: Mapping[str, str],
    memo: dict[Any, Any] | None = None,
    *,
    edited: bool = False,
) -> Verdict:
    """What a gate says before anyone is asked: a policy's answer, an approval's exemption, or that it must ask.

    Args:
        gate: the gate.
        state: the state.
        call: the call that it decides about, whole.
        tools: stakes by tool name.
        memo: holds the values of opaque conditions of this decision.
        edited: people changed the call: nothing exempts it.

    Raises:
        OpaqueFailed: the policy's function, or the exemption's, raised.
    """
    if isinstance(gate, Policy):
        return _policy(gate, state, call)
    if isinstance(gate, Approval) and gate.unless is not None and not edited:
        exempt = holds(gate.unless, state, tools, memo)
        log = {"guard": gate.name, "unless": text(gate.unless), "read": observed(gate.unless, state)}
        if exempt is True:
            return Verdict(log | {"value": True, "exempt": True})
        return Verdict(log | {"value": None}, asks=True)
    return Verdict({"guard": gate.name, "value": None}, asks=True)


def _policy(gate: Policy, state: Any, call: Call | None) -> Verdict:
    arguments: dict[str, Any] = {name: getattr(state, name) for name in gate.reads}
    if gate.takes_call:
        arguments["call"] = None if call is None else replace(call, arguments=masked(call.arguments))
    try:
        reason = gate.fn(**arguments)
    except Exception as cause:
        raise OpaqueFailed(gate.name, cause) from cause
    if reason is None:
        return Verdict({"guard": gate.name, "value": True})
    note = cleaned(str(reason))
    return Verdict(
        {"guard": gate.name, "value": False, "no": "violated", "note": note},
        refusal=Refusal(kind="violated", gate=gate.name, note=note),
    )


def gate_at(flow: Flow[Any], at: AtGate) -> Approval:
    """The gate that asks at a place: the edge's gate, or the one that its ways led to.

    Args:
        flow: the flow.
        at: the place.

    Raises:
        KeyError: the flow has no such edge or gate (it changed since).
    """
    gates = flow.routes[at.route].gates
    gate = turned(gates[at.index], at.turns) if at.index < len(gates) else None
    if not isinstance(gate, Approval):
        raise KeyError(at.route)
    return gate


def turned(gate: Way | None, turns: Turns) -> Way | None:
    """The gate that noes led to; None where they lead to none.

    Args:
        gate: the gate that was asked first.
        turns: the noes, in order.
    """
    for turn in turns:
        gate = gate.ways().get(turn) if isinstance(gate, Gate) else None
    return gate


def call_of(node: Node[..., Any], state: Any, edits: Edits | None = None) -> Call:
    """The call that a node will make, whole, as an approver sees it and as the digest names it.

    Args:
        node: the node.
        state: the state that it would read.
        edits: what people changed of it.
    """
    return edited(Call(tool=node.name, arguments=node.arguments(state), id=None, source=node.source), edits)


def asked_about(flow: Flow[Any], target: Target, state: Any, edits: Edits | None) -> tuple[Any, Call | None]:
    """What the gates of an edge decide about: the state as they see it, and the call, None where there is none.

    Args:
        flow: the flow.
        target: the edge's.
        state: the state.
        edits: what people changed of the call.
    """
    if not isinstance(target, Node):
        return state, None
    node = cast("Node[..., Any]", target)
    return seen_by_guards(flow, node, state, edits), call_of(node, state, edits)


def asked_first(gates: tuple[Gate, ...], index: int, edits: Edits | None) -> tuple[Gate, Turns]:
    """The gate that is asked first at a place, and the noes that led to it: where a call was edited, it is the same.

    Args:
        gates: the gates of the edge, or of the call.
        index: the place.
        edits: what people changed of the call.
    """
    if edits is not None and edits.gate == index and edits.turns:
        gate = turned(gates[index], edits.turns)
        if isinstance(gate, Approval):
            return gate, edits.turns
    return gates[index], ()


def against(flow: Flow[Any], route: Route, state: Any) -> str | None:
    """The condition of an edge that does not hold for an edited call, as text; None where all do.

    Limits count how often edges are taken, which no argument changes.

    Args:
        flow: the flow.
        route: the edge.
        state: the state as the guards of the edited call see it.

    Raises:
        OpaqueFailed: a condition raised.
    """
    for item in route.checks:
        if not isinstance(item, Limit) and item.holds(state, flow.tools) is not True:
            return item.text
    return None


Turns = tuple[No, ...]


@dataclass(frozen=True, slots=True)
class Passed:
    """Every gate of a call let it pass; the log of what each said, and the request that granted it last."""

    log: tuple[dict[str, Any], ...]
    grant: str | None

    @property
    def approvals(self) -> tuple[str, ...]:
        """The requests that people said yes to, in the order given."""
        return tuple(entry["request"] for entry in self.log if "request" in entry and entry["value"])


@dataclass(frozen=True, slots=True)
class Asks:
    """A gate of a call asks a person: the gate, its index and the noes that led to it."""

    gate: Approval
    index: int
    turns: Turns


@dataclass(frozen=True, slots=True)
class Stopped:
    """A gate of a call said no; without a way the model is told."""

    refusal: Refusal
    way: Way | None
    log: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision that was made: the request, and the refusal where it is a no."""

    request: str
    refusal: Refusal | None


def permit(
    gates: tuple[Gate, ...],
    state: Any,
    call: Call,
    tools: Mapping[str, str],
    answered: Callable[[int, Turns], Answer | None],
    edits: Edits | None = None,
) -> Passed | Asks | Stopped:
    """Walks the gates of one proposed call, as an edge's gates are walked: in order, a no is final.

    Args:
        gates: the gates, in the order asked.
        state: the state.
        call: the call, whole.
        tools: stakes by tool name.
        answered: the decision at a gate (index, noes that led to it), or None while there is none.
        edits: what people changed of the call.

    Raises:
        OpaqueFailed: a policy's function, or an exemption's, raised.
    """
    log: list[dict[str, Any]] = []
    grant: str | None = None
    gate: Gate
    turns: Turns
    for index in range(len(gates)):
        gate, turns = asked_first(gates, index, edits)
        while True:
            verdict = decide(gate, state, call, tools, edited=edits is not None)
            refusal = verdict.refusal
            if verdict.asks:
                assert isinstance(gate, Approval)
                answer = answered(index, turns)
                if answer is None:
                    return Asks(gate, index, turns)
                refusal = answer.refusal
                log.append({"guard": gate.name, "value": refusal is None, "request": answer.request})
                grant = answer.request if refusal is None else grant
            else:
                log.append(verdict.log)
                grant = f"exempt:{gate.name}" if grant is None and isinstance(gate, Approval) else grant
            if refusal is None:
                break
            way = gate.ways().get(refusal.kind)
            if not isinstance(way, Gate):
                return Stopped(refusal, way, tuple(log))
            gate, turns = way, (*turns, refusal.kind)
    return Passed(tuple(log), grant)


def is_for(route: Route, error: ErrorRecord | None, ended: tuple[str | None, str | None]) -> bool:
    """Whether an edge is for this outcome.

    Args:
        route: the edge.
        error: the error of a failed outcome.
        ended: the end and the verdict of a subflow.
    """
    match = route.match
    if isinstance(match, Ended):
        return match.matches(*ended)
    if error is None:
        return match is None
    return match is not None and match.matches(error.category, error.classes)


def judged(end: End, state: Any, tools: Mapping[str, str], memo: dict[Any, Any]) -> tuple[AtEnd, ErrorRecord | None]:
    """An end with the verdict that a run has there, and why it is failed where it is not met.

    Args:
        end: the end.
        state: the state.
        tools: stakes by tool name.
        memo: holds the values of opaque conditions of this decision.
    """
    if end.succeeds_if is None:
        return AtEnd(end.name, end.verdict), None
    try:
        good = holds(end.succeeds_if, state, tools, memo)
    except OpaqueFailed as cause:
        good, note = None, f" ({cause.name} raised: {cause.cause})"
    else:
        note = ""
    if good is True:
        return AtEnd(end.name, "success"), None
    found = observed(end.succeeds_if, state)
    told = f"end {end.name!r} succeeds if {text(end.succeeds_if)}, found {found}{note}"
    return AtEnd(end.name, "failed"), ErrorRecord("bug", "EndNotMet", told)


def bug(cause: OpaqueFailed) -> ErrorRecord:
    """The error of a condition that raised.

    Args:
        cause: what it raised.
    """
    return ErrorRecord(
        "bug", type(cause.cause).__name__, cleaned(f"the condition {cause.name!r} raised: {cause.cause}")
    )


def failure_of(source: str, error: ErrorRecord | None) -> Failure | None:
    """What the next node may read of a failure; None where there is none.

    Args:
        source: the node that failed.
        error: its error.
    """
    if error is None:
        return None
    return Failure(category=error.category, message=error.message, node=source, type=error.type)


def told_of(entry: dict[str, Any]) -> str:
    """An edge that was tried, in words: the guards that did not let the run pass.

    Args:
        entry: as logged.
    """
    shown = [
        f"{guard['guard']} is {_WORDS[guard['value']]} {guard.get('read') or ''}".rstrip()
        for guard in entry["guards"]
        if guard.get("value") is not True
    ]
    return f"{entry['edge']} ({', '.join(shown)})"


_WORDS = {True: "true", False: "false", None: "unknown"}
