"""What gates say: before a person is asked, at a place on an edge, and for a call that a model proposes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..guards.evaluation import OpaqueFailed, holds, observed
from ..guards.gates import Approval, Gate, Policy, Way
from ..guards.printing import text
from ..nodes.calls import Call
from ..nodes.node import Node
from ..nodes.outcome import Refusal
from .position import AtGate, No

if TYPE_CHECKING:
    from .flow import Flow


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate says without a person: ``asks`` one, a refusal, or neither (it lets pass)."""

    log: dict[str, Any]
    asks: bool = False
    refusal: Refusal | None = None


def decide(
    gate: Gate, state: Any, call: Call | None, tools: Mapping[str, str], memo: dict[Any, Any] | None = None
) -> Verdict:
    """What a gate says before anyone is asked: a policy's answer, an approval's exemption, or that it must ask.

    Args:
        gate: the gate.
        state: the state.
        call: the call that it decides about, whole.
        tools: stakes by tool name.
        memo: holds the values of opaque conditions of this decision.

    Raises:
        OpaqueFailed: the policy's function, or the exemption's, raised.
    """
    if isinstance(gate, Policy):
        return _policy(gate, state, call)
    if isinstance(gate, Approval) and gate.unless is not None:
        exempt = holds(gate.unless, state, tools, memo)
        log = {"guard": gate.name, "unless": text(gate.unless), "read": observed(gate.unless, state)}
        if exempt is True:
            return Verdict(log | {"value": True, "exempt": True})
        return Verdict(log | {"value": None}, asks=True)
    return Verdict({"guard": gate.name, "value": None}, asks=True)


def _policy(gate: Policy, state: Any, call: Call | None) -> Verdict:
    arguments: dict[str, Any] = {name: getattr(state, name) for name in gate.reads}
    if gate.takes_call:
        arguments["call"] = call
    try:
        reason = gate.fn(**arguments)
    except Exception as cause:
        raise OpaqueFailed(gate.name, cause) from cause
    if reason is None:
        return Verdict({"guard": gate.name, "value": True})
    note = str(reason)
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
    gate: Way | None = gates[at.index] if at.index < len(gates) else None
    for turn in at.turns:
        gate = gate.ways().get(turn) if isinstance(gate, Gate) else None
    if not isinstance(gate, Approval):
        raise KeyError(at.route)
    return gate


def call_of(node: Node[..., Any], state: Any) -> Call:
    """The call that a node will make, whole, as an approver sees it and as the digest names it.

    Args:
        node: the node.
        state: the state that it would read.
    """
    return Call(tool=node.name, arguments=node.arguments(state), id=None, source=node.source)


Turns = tuple[No, ...]


@dataclass(frozen=True, slots=True)
class Passed:
    """Every gate of a call let it pass; the log of what each said, and the request that granted it last."""

    log: tuple[dict[str, Any], ...]
    grant: str | None


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
) -> Passed | Asks | Stopped:
    """Walks the gates of one proposed call, as an edge's gates are walked: in order, a no is final.

    Args:
        gates: the gates, in the order asked.
        state: the state.
        call: the call, whole.
        tools: stakes by tool name.
        answered: the decision at a gate (index, noes that led to it), or None while there is none.

    Raises:
        OpaqueFailed: a policy's function, or an exemption's, raised.
    """
    log: list[dict[str, Any]] = []
    grant: str | None = None
    for index, first in enumerate(gates):
        gate: Gate = first
        turns: Turns = ()
        while True:
            verdict = decide(gate, state, call, tools)
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
                grant = f"exempt:{gate.name}" if isinstance(gate, Approval) else grant
            if refusal is None:
                break
            way = gate.ways().get(refusal.kind)
            if not isinstance(way, Gate):
                return Stopped(refusal, way, tuple(log))
            gate, turns = way, (*turns, refusal.kind)
    return Passed(tuple(log), grant)
