"""Whether a run that is taken up again fits the flow as it is now, and what of it may go on."""

from __future__ import annotations

from typing import Any

from ..flows.migrations import Names
from ..flows.position import AtEnd, AtNode, Parked
from ..nodes.node import Node
from ..nodes.sealing import using
from .adapting import Adapted, adapted
from .branches import Branch
from .codec import write_position
from .driver import Drive
from .lifecycle import OVER
from .moving import Edges, Misfit
from .renewing import renewed
from .store import Draft


def fit(drive: Drive[Any]) -> None:
    """Lets a run of another version go on where it fits, or where a migration makes it fit; else it parks, with why.

    Args:
        drive: the run under its lease.
    """
    standing, flow = drive.standing, drive.flow
    if drive.status in OVER or isinstance(standing.at, AtEnd):
        return
    same = (standing.shape, standing.build) == (flow.shape, flow.build)
    try:
        with using(standing.vault):
            found = _asked_anew(drive) if same else _adapted(drive)
    except Misfit as misfit:
        _park(drive, f"{misfit}. {_WAY_OUT} (the run is of shape {standing.shape!r}, the flow of {flow.shape!r})")
        return
    branches: list[str] = []
    if drive.status == "parked":
        parked = standing.parked
        branches = [one.path for one in parked if may_go_on(one, one.node if same else found.nodes[one.path])]
        if parked and not branches and same:
            return
    elif same and not found.places and not found.renewed:
        return
    change: dict[str, Any] = {"shape": flow.shape, "build": flow.build}
    body = {**change, "branches": branches, **found.to_json()}
    asked = standing.requests
    unused = {name: "withdrawn" for name in found.renewed if not asked[name].consumed}
    if same:  # it was migrated before: a call that was approved then is known to have done nothing only now
        body["places"] = [place | {"again": False} for place in body.get("places", ())]
    elif found.migrates:
        body["from"] = standing.shape
    kind = "migrated" if found.migrates and not same else "resumed"
    if unused:
        change["request_status"] = unused
    drive.commit(standing.root, [Draft(kind, body)], **change)


_WAY_OUT = "Resume it under its own version, or declare what became of it: Flow(..., migrations=[Migration(...)])"


def _adapted(drive: Drive[Any]) -> Adapted:
    standing, store = drive.standing, drive.engine.store
    manifest = store.manifest(standing.shape, standing.build)
    if manifest is None:
        raise Misfit("nobody kept what its flow was")
    return adapted(standing, manifest, drive.flow, store.events(drive.lease.rid))


def _asked_anew(drive: Drive[Any]) -> Adapted:
    """What is asked anew of a run that is of this version by now, and was of another one when people were asked."""
    standing, found = drive.standing, Adapted()
    granted = [
        branch
        for branch in standing.open_branches()
        if isinstance(branch.at, AtNode) and (branch.at.grant or any(one.consumed for one in branch.requests.values()))
    ]
    if not granted:
        return found
    events = drive.engine.store.events(drive.lease.rid)
    if not any(event.kind in ("resumed", "migrated") and "shape" in event.body for event in events):
        return found
    for branch in granted:
        flow = branch.frame.flow
        edges = Edges(flow.manifest(), flow, Names(()))
        at, asks = renewed(branch, branch.at, branch.node, edges, branch.state, events)
        found.renewed += asks
        if at != branch.at:
            found.places[branch.path] = write_position(at)
    return found


def _park(drive: Drive[Any], reason: str) -> None:
    drive.misfit = True
    if drive.status == "parked":
        return
    error: dict[str, Any] = {"category": "bug", "type": "FlowChanged", "message": reason, "classes": []}
    body: dict[str, Any] = {"reason": "flow_changed", "error": error, "shape": drive.flow.shape}
    drive.commit(drive.standing.root, [Draft("parked", body)], status="parked", error=error)


def may_go_on(branch: Branch, node: Node[..., Any] | None) -> bool:
    """Whether a branch that is parked may go on: its place is there again, or its tool or a fork's parent can be asked.

    Args:
        branch: the branch.
        node: the node where it stands, as the flow is now.
    """
    if not isinstance(branch.at, Parked) or branch.at.reason != "unknown_effect":
        return True
    tools = {tool.name: tool for tool in getattr(node, "tools", (node,)) if tool is not None}
    unknown = [call.intent for call in branch.calls.values() if call.result is None and call.intent is not None]
    return any(
        "inherited" in intent or getattr(tools.get(intent.get("tool", "")), "reconcile", None) for intent in unknown
    )
