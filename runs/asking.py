"""Requests: what is asked, of whom, about which call; the digest that a decision names."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..flows.edits import Edits
from ..guards.evaluation import observed
from ..guards.gates import Approval
from ..nodes.ask import Ask
from ..nodes.calls import Call
from .roles import normal
from .store.records import Draft, RequestDraft


@dataclass(frozen=True, slots=True)
class Opening:
    """A request about to open: its event and its row, committed together."""

    draft: Draft
    row: RequestDraft


def digest_of_call(request: str, call: Call) -> str:
    """The digest that a decision names: the request, the tool, its body's hash, and the whole arguments.

    Args:
        request: the request's id.
        call: the call as it will run.
    """
    said = {"request": request, "tool": call.tool, "arguments": call.arguments, "source": call.source}
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def approval_request(
    *,
    request: str,
    run: str,
    gate: Approval,
    node: str,
    call: Call,
    state: Any,
    place: dict[str, Any],
    edits: Edits | None = None,
) -> Opening:
    """An approval to be asked for.

    Args:
        request: the request's id.
        run: the run's id.
        gate: the gate that asks.
        node: the node that the call belongs to.
        call: the call as it will run, shown whole.
        state: the state, for the fields that the gate shows.
        place: what tells the gate's place: ``at`` on an edge, ``slot`` with ``index`` and ``turns`` in a step.
        edits: what people changed of the call; none of them may decide about it.
    """
    shows: dict[str, Any] = {}
    for item in gate.shows:
        shows.update(observed(item, state))
    people = () if edits is None else edits.people
    body: dict[str, Any] = {
        "request": request,
        "kind": "approval",
        "gate": gate.name,
        "role": gate.role,
        "node": node,
        "question": gate.question or f"May {call.tool} run?",
        "shows": shows,
        "call": {"tool": call.tool, "arguments": call.arguments, "source": call.source, "id": call.id},
        "quorum": gate.quorum,
        "not_by": [*gate.not_by, *(name for name in people if name not in gate.not_by)],
    }
    if edits is not None:
        body["edited"] = edits.to_json()["made"]
    return _opening(request, run, gate.role, gate.within, digest_of_call(request, call), body | place)


def answer_request(*, request: str, run: str, ask: Ask, question: str, place: dict[str, Any]) -> Opening:
    """An answer to be asked for.

    Args:
        request: the request's id.
        run: the run's id.
        ask: the node that asks.
        question: what is asked.
        place: what tells its place: its ``slot`` within the step, and the nodes around.
    """
    body: dict[str, Any] = {
        "request": request,
        "kind": "answer",
        "gate": ask.name,
        "role": ask.role,
        "node": ask.name,
        "question": question,
        "shows": dict[str, Any](),
        "quorum": 1,
        "not_by": list(ask.not_by),
    } | place
    digest = digest_of_call(request, Call(ask.name, {"question": question}, source=ask.source))
    return _opening(request, run, ask.role, ask.within, digest, body)


def _opening(request: str, run: str, role: str, within: float | None, digest: str, body: dict[str, Any]) -> Opening:
    now = time.time()
    due = None if within is None else now + within
    whole = body | {"run": run, "digest": digest, "asked": now, "due": due}
    return Opening(Draft("asked", whole), RequestDraft(request, role, digest, whole, due))


def approvers(decisions: Iterable[dict[str, Any]]) -> set[str]:
    """Who said yes, and did not take it back: the quorum counts people, not decisions.

    Args:
        decisions: as journalled in ``decided``, in order.
    """
    found: dict[str, str] = {}
    for decision in decisions:
        if decision["status"] == "approved":
            found[normal(str(decision["by"]))] = str(decision["by"])
        elif decision["status"] == "revoked":
            found.pop(normal(str(decision["by"])), None)
    return set(found.values())
