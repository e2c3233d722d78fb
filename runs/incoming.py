"""What came in where a run stands, from its branches or as data: a fork begins with what its parent had come to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple, cast

from ..errors import StateInvalid
from ..flows.flow import Flow
from ..flows.position import AtFork, AtJoin, AtLeft, Begun, Done, Incoming, Joined
from ..flows.semantics import GIVEN_UP
from ..guards.gates import Way
from ..nodes.ask import Ask
from ..nodes.outcome import ErrorRecord, Failure, Outcome, Refusal
from .branches import Branch
from .codec import read_error, read_position, write_position


class Rest(NamedTuple):
    """What the branches of a fork came to.

    Args:
        incoming: what comes in where they forked.
        state: the state with all that they wrote.
        left: the paths of those that left the region, the first first.
        refused: whether what they wrote does not fit together, and is not written.
    """

    incoming: Incoming
    state: Any
    left: tuple[str, ...] = ()
    refused: bool = False


def rest_of(branch: Branch, at: AtFork) -> Rest:
    """What the branches of a fork came to, now that they are at rest.

    Args:
        branch: where they forked.
        at: the fork.
    """
    children = list(branch.children.values())
    left = sorted((child for child in children if isinstance(child.at, AtLeft)), key=lambda child: child.left)
    paths = tuple([child.path for child in left])
    incoming: Incoming
    if left:
        incoming = cast(AtLeft, left[0].at)
    else:
        came = [child.at for child in children if isinstance(child.at, AtJoin)]
        refusal = next((one.refusal for one in came if one.refusal is not None), None)
        failure = next((one.failure for one in came if one.failure is not None), None)
        incoming = Joined(came[0].exit, refusal, failure)
    try:
        state = branch.frame.kind.merged(branch.state, [delta for child in children for delta in child.deltas])
    except StateInvalid as refused:
        error = ErrorRecord("invalid_output", "StateInvalid", f"the branches of {at.fork} do not join: {refused}")
        told = Failure(category=error.category, message=error.message, node=at.fork, type=error.type)
        return Rest(AtLeft("failure", at.fork, error, None, told), branch.state, paths, refused=True)
    return Rest(incoming, state, paths)


# as data


def written(incoming: Incoming) -> dict[str, Any]:
    """What branches came to, as data that ``read_incoming`` reads back.

    Args:
        incoming: as ``rest_of`` gave it.
    """
    if isinstance(incoming, Joined):
        return {"at": write_position(AtJoin(incoming.exit, incoming.refusal, incoming.failure))}
    assert isinstance(incoming, AtLeft)
    return {"at": write_position(incoming)}


def written_of_step(body: dict[str, Any]) -> dict[str, Any]:
    """How a step ended, as data that ``read_incoming`` reads back.

    Args:
        body: the step's event, or that of a step that was given up.
    """
    kind = "failed" if body["kind"] == "gave_up" else body["kind"]
    data = {name: body.get(name) for name in ("node", "error", "refusal", "end", "verdict")} | {"kind": kind}
    return {name: value for name, value in data.items() if value is not None}


def read_incoming(flow: Flow[Any], data: dict[str, Any] | None) -> Incoming:
    """What came in, from what was written of it.

    Args:
        flow: the flow.
        data: None where a run began by itself.
    """
    if data is None:
        return Begun()
    if "at" in data:
        at = read_position(data["at"])
        if isinstance(at, AtJoin):
            return Joined(at.exit, at.refusal, at.failure)
        assert isinstance(at, AtLeft)
        return at
    refusal = None if "refusal" not in data else Refusal.model_validate(data["refusal"])
    outcome = Outcome(
        data["kind"],
        error=read_error(data.get("error")),
        refusal=refusal,
        way=None if refusal is None else _way(flow, data["node"], refusal),
        end=data.get("end"),
        verdict=data.get("verdict"),
    )
    return Done(data["node"], outcome)


def _way(flow: Flow[Any], name: str, refusal: Refusal) -> Way | None:
    """Where a no inside of a step leads: an answer that nobody gave in time, or a gate of a call."""
    node = flow.nodes[name]
    if isinstance(node, Ask):
        return node.expired
    gate = flow.gates.get(refusal.gate)
    return None if gate is None else gate.ways().get(refusal.kind)


def given_up(incoming: Incoming) -> Incoming:
    """The same, where a step's effect is unknown for good: it is over, so that nothing of it can be settled.

    Args:
        incoming: what came in.
    """
    if not isinstance(incoming, Done) or incoming.outcome.error is None:
        return incoming
    outcome = incoming.outcome
    return Done(incoming.node, replace(outcome, error=replace(incoming.outcome.error, type=GIVEN_UP)))


def missing(flow: Flow[Any], data: dict[str, Any] | None) -> str | None:
    """What a flow does not have any more of the place where something came in, in words; None where all is there.

    Args:
        flow: the flow as it is now.
        data: as written.
    """
    if data is None:
        return None
    if "at" not in data:
        return None if data["node"] in flow.nodes else f"the node {data['node']!r}"
    at = read_position(data["at"])
    if isinstance(at, AtJoin):
        return None if at.exit in (flow.nodes | flow.forks | flow.ends) else f"{at.exit!r}, where its branches joined"
    gone = isinstance(at, AtLeft) and at.route is not None and at.route not in flow.routes
    return f"the edge {at.route!r}" if gone and isinstance(at, AtLeft) else None
