"""Whether a run that is taken up again fits the flow as it is now, and what of it may go on."""

from __future__ import annotations

from typing import Any

from ..flows.each import Each
from ..flows.position import AtEnd, AtFork, AtGate, AtHead, AtNode, Parked
from ..flows.subflow import Subflow
from .branches import Branch
from .driver import Drive
from .incoming import missing
from .lifecycle import OVER
from .standing import Standing
from .store import Draft


def fit(drive: Drive[Any]) -> None:
    """Lets a run of another shape go on where its places still exist; else it parks with the reason.

    Args:
        drive: the run under its lease.
    """
    standing, flow = drive.standing, drive.flow
    if drive.status in OVER or isinstance(standing.at, AtEnd):
        return
    same = (standing.shape, standing.build) == (flow.shape, flow.build)
    reason = None if same else _misfit(standing)
    change: dict[str, Any] = {"shape": flow.shape, "build": flow.build}
    if reason is not None:
        drive.misfit = True
        if drive.status != "parked":
            error: dict[str, Any] = {"category": "bug", "type": "FlowChanged", "message": reason, "classes": []}
            body: dict[str, Any] = {"reason": "flow_changed", "error": error}
            drive.commit(standing.root, [Draft("parked", body)], status="parked", error=error)
    elif drive.status == "parked":
        branches = [branch.path for branch in standing.parked if may_go_on(branch)]
        if branches or not standing.parked:
            drive.commit(standing.root, [Draft("resumed", change | {"branches": branches})], **change)
    elif not same and drive.status != "waiting":
        drive.commit(standing.root, [Draft("resumed", change)], **change)


def may_go_on(branch: Branch) -> bool:
    """Whether a branch that is parked may go on: its place is there again, or its tool or a fork's parent can be asked.

    Args:
        branch: the branch.
    """
    if not isinstance(branch.at, Parked) or branch.at.reason != "unknown_effect":
        return True
    node = branch.node
    tools = {tool.name: tool for tool in getattr(node, "tools", (node,)) if tool is not None}
    unknown = [call.intent for call in branch.calls.values() if call.result is None and call.intent is not None]
    return any(
        "inherited" in intent or getattr(tools.get(intent.get("tool", "")), "reconcile", None) for intent in unknown
    )


def _misfit(standing: Standing[Any]) -> str | None:
    for branch in standing.open_branches():
        at = branch.at.at if isinstance(branch.at, Parked) else branch.at
        flow = branch.frame.flow
        gone = missing(flow, standing.begins) if at == AtNode("START") and branch is standing.root else None
        if gone is not None:
            return f"the run, a fork, begins behind {gone}, which the flow does not have any more"
        if isinstance(at, AtNode) and at.node != "START" and branch.node is None:
            return f"the run stands at node {at.node!r}, which the flow does not have any more"
        if isinstance(at, AtNode) and branch.children and not isinstance(branch.node, Each | Subflow):
            return f"the run is inside of {at.node!r}, which holds no other steps any more"
        if isinstance(at, AtGate | AtHead) and at.route not in flow.routes:
            return f"the run waits on the edge {at.route!r}, which the flow does not have any more"
        if isinstance(at, AtFork) and at.fork not in flow.forks:
            return f"the run is in the branches of {at.fork!r}, which the flow does not have any more"
    return None
