"""Positions, errors and spending as the journal writes them, and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..flows.edits import Edits, edits_from
from ..flows.position import Ask, AtEnd, AtFork, AtGate, AtHead, AtJoin, AtLeft, AtNode, Fork, Move, Parked, Position
from ..guards.budgets import AMOUNTS, NOTHING, Spent
from ..nodes.outcome import ErrorRecord, Failure, Refusal
from ..nodes.sealing import cleaned

_BARE = (None, None, None, None, None, (), None)


def write_position(at: Position) -> dict[str, Any]:
    """A position as JSON-able data.

    Args:
        at: where a run stands.
    """
    if isinstance(at, AtNode):
        if at[1:] == _BARE:  # nearly every position
            return {"node": at.node}
        data: dict[str, Any] = {
            "node": at.node,
            "grant": at.grant,
            "digest": at.digest,
            "edits": _changed(at.edits),
            "also": list(at.also) or None,
            "forbidden": at.forbidden,
        } | _why(at)
    elif isinstance(at, AtGate):
        data = {"gate": at.route, "index": at.index, "turns": list(at.turns) or None, "edits": _changed(at.edits)}
        data |= {"also": list(at.also) or None} | _why(at)
    elif isinstance(at, AtEnd):
        return {"end": at.end, "verdict": at.verdict}
    elif isinstance(at, Parked):
        return {"parked": at.reason, "at": write_position(at.at)}
    else:
        data = _beside(at)
    return {name: value for name, value in data.items() if value is not None}


def _beside(at: AtHead | AtFork | AtJoin | AtLeft) -> dict[str, Any]:
    """The positions of branches and of what waits for them."""
    if isinstance(at, AtHead):
        return {"head": at.route, "edits": _changed(at.edits)} | _why(at)
    if isinstance(at, AtFork):
        return {"fork": at.fork}
    if isinstance(at, AtJoin):
        return {"join": at.exit} | _why(at)
    failure = None if at.failure is None else at.failure.model_dump()
    return {"left": at.how, "source": at.source, "route": at.route, "error": write_error(at.error), "failure": failure}


def write_move(body: dict[str, Any], move: Move, *, out: bool) -> None:
    """A move with its reasons, as part of the event that it follows from.

    Args:
        body: the event's, added to.
        move: the move.
        out: whether the run is on the budget's way out already.
    """
    body["to"] = write_position(move.at)
    why = move.why
    if why.edge is not None and not isinstance(move, Ask):
        body["edge"] = why.edge
    tried: Tried = why.tried
    if "edge" in body and tried and tried[-1]["edge"] == body["edge"]:  # it is not written twice
        guards = tried[-1]["guards"]
        tried = (*tried[:-1], {"guards": guards}) if guards else tried[:-1]
    if tried:
        body["tried"] = tried
    if why.counted:
        body["counted"] = why.counted
    if why.seen:
        body["seen"] = why.seen
    if move.out and not out:
        body["out"] = True
    if isinstance(move, Fork):
        body["heads"] = list(move.heads)


Tried = tuple[dict[str, Any], ...]
"""The edges that were tried, in their order, each with its guards as logged."""


def read_tried(body: dict[str, Any]) -> Tried:
    """The edges that were tried, of an event's body; the last is the one that was taken, where one was.

    Args:
        body: as journalled.
    """
    tried: Tried = tuple(body.get("tried", ()))
    edge = body.get("edge")
    if edge is None or (tried and tried[-1].get("edge") == edge):
        return tried
    if tried and "edge" not in tried[-1]:
        return (*tried[:-1], {"edge": edge, **tried[-1]})
    return (*tried, {"edge": edge, "guards": []})


def read_position(data: dict[str, Any]) -> Position:
    """A position from what ``write_position`` wrote.

    Args:
        data: the journalled position.

    Raises:
        KeyError: it is not one.
    """
    if len(data) == 1 and "node" in data:  # nearly every position
        return AtNode(data["node"])
    if "end" in data:
        return AtEnd(data["end"], data["verdict"])
    if "parked" in data:
        at = read_position(data["at"])
        assert isinstance(at, AtNode)
        return Parked(at, data["parked"])
    if "head" in data:
        return AtHead(data["head"], *_read_why(data), edits_from(data.get("edits")))
    if "fork" in data:
        return AtFork(data["fork"])
    why = _read_why(data)
    if "join" in data:
        return AtJoin(data["join"], *why)
    if "left" in data:
        error = read_error(data["error"])
        assert error is not None
        return AtLeft(data["left"], data["source"], error, data.get("route"), why[1])
    edits, also = edits_from(data.get("edits")), tuple(data.get("also", ()))
    if "gate" in data:
        return AtGate(data["gate"], data["index"], tuple(data.get("turns", ())), *why, edits, also)
    return AtNode(data["node"], *why, data.get("grant"), data.get("digest"), edits, also, data.get("forbidden"))


def _changed(edits: Edits | None) -> dict[str, Any] | None:
    return None if edits is None else edits.to_json()


def _read_why(data: dict[str, Any]) -> tuple[Refusal | None, Failure | None]:
    refusal, failure = data.get("refusal"), data.get("failure")
    return (
        None if refusal is None else Refusal.model_validate(refusal),
        None if failure is None else Failure.model_validate(failure),
    )


def _why(at: AtNode | AtGate | AtHead | AtJoin) -> dict[str, Any]:
    return {
        "refusal": None if at.refusal is None else at.refusal.model_dump(exclude_none=True),
        "failure": None if at.failure is None else at.failure.model_dump(),
    }


def write_error(error: ErrorRecord | None) -> dict[str, Any] | None:
    """An error record as JSON-able data; None stays None.

    Args:
        error: the record.
    """
    return None if error is None else asdict(error) | {"message": cleaned(error.message)}


def read_error(data: dict[str, Any] | None) -> ErrorRecord | None:
    """An error record from what ``write_error`` wrote.

    Args:
        data: the journalled record, or None.
    """
    if data is None:
        return None
    return ErrorRecord(data["category"], data["type"], data["message"], tuple(data["classes"]), data.get("where"))


def write_spent(spent: Spent) -> dict[str, float]:
    """What was spent, without the zeros.

    Args:
        spent: the amounts.
    """
    return {name: value for name in AMOUNTS if (value := getattr(spent, name))}


def add_spent(spent: Spent, data: dict[str, float] | None) -> Spent:
    """What was spent so far with what an event says on top.

    Args:
        spent: so far.
        data: the journalled amounts.
    """
    if not data:
        return spent
    if len(data) == 2 and "steps" in data and "seconds" in data:  # nearly every step
        steps, calls, tokens, usd, seconds = spent
        return Spent(steps + data["steps"], calls, tokens, usd, seconds + data["seconds"])  # type: ignore[arg-type]  # JSON keeps what is whole
    get = data.get
    return Spent(
        spent.steps + get("steps", 0),  # type: ignore[arg-type]  # JSON keeps what is whole
        spent.calls + get("calls", 0),  # type: ignore[arg-type]  # JSON keeps what is whole
        spent.tokens + get("tokens", 0),  # type: ignore[arg-type]  # JSON keeps what is whole
        spent.usd + get("usd", 0.0),
        spent.seconds + get("seconds", 0.0),
    )


def read_spent(data: dict[str, float] | None) -> Spent:
    """What was spent, from what ``write_spent`` wrote.

    Args:
        data: the journalled amounts.
    """
    return add_spent(NOTHING, data)
