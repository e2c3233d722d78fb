"""How people settle what a parked run could not know: an effect's result, that it was not done, or that it is over."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from ..errors import DecisionRefused, RunNotFound, RunNotReady
from ..flows.each import Each
from ..flows.flow import Flow
from ..flows.position import AtEnd, Done, Finish, Leave, Parked
from ..flows.semantics import GIVEN_UP, next_move
from ..guards.budgets import Spent
from ..guards.secrecy import MASK
from ..nodes.calls import NOT_DONE
from ..nodes.outcome import ErrorRecord, Failure, Outcome
from ..nodes.plan import told
from ..nodes.sealing import jsonable, traits, using
from ..nodes.tool import Tool
from .branches import Branch
from .codec import write_error, write_move
from .keys import Keys
from .lifecycle import advance, not_ready
from .overruns import alive_here
from .permits import approvals_of
from .placing import place_of_branch
from .readiness import still
from .roles import normal
from .standing import Standing, versions_of
from .store import Change, Draft, Effect, Event, RequestRow, RunRow, SqliteStore


class GiveUp:
    """The type of ``GIVE_UP``."""

    def __repr__(self) -> str:
        return "GIVE_UP"


GIVE_UP: Final = GiveUp()
"""What ``app.settle`` takes where nobody will find out: the step fails, and the run goes the flow's way.

Nothing is proved by it, so the failure stays an ``unknown_effect`` (its type is ``GivenUp``): of the row's edges only
one that names ``failed("unknown_effect")`` matches it, else ``on_failure`` is taken. A retry parks at the same call.
"""


class Settling:
    """Settlements of the runs of one flow."""

    flow: Flow[Any]
    store: SqliteStore
    keys: Keys | None

    def mine(self, row: RunRow) -> None:
        """Refuses a run of another flow.

        Args:
            row: the run.

        Raises:
            RunNotFound: it is of another flow.
        """
        if row.flow != self.flow.name:
            raise RunNotFound(f"run {row.id!r} is of flow {row.flow!r}, not of {self.flow.name!r}", run=row.id)

    def settle(
        self, run_id: str, step: int | str | None, result: Any, *, by: str, note: str | None, proof: str
    ) -> None:
        """Settles what a parked run could not know: the effect's result, NOT_DONE, or GIVE_UP.

        Args:
            run_id: the run's id.
            step: the number of the step that is under way, as ``show`` prints it, or its branch; None where only
                one is parked.
            result: what the effect returned, NOT_DONE or GIVE_UP.
            by: who settles.
            note: how it is known.
            proof: how the name was proved.

        Raises:
            RunNotReady: the run is not parked, or not there.
            DecisionRefused: nobody is named, or the result is nothing that the tool returns.
        """
        if not normal(by):
            raise DecisionRefused("by= must name who settles", run=run_id, reason="name")

        def build(row: RunRow, events: list[Event], _: list[RequestRow]) -> Change:
            self.mine(row)
            status = advance(row.status, "settle", run_id)
            standing = Standing(self.flow, run_id, self.keys, versions_of(self.store)).apply_all(events)
            branch = _parked(standing, row, step)
            with using(standing.vault):
                change = self._settled(standing, branch, result, {"by": by, "note": note, "proof": proof}, status)
            if branch.path:
                for draft in change.drafts:
                    draft.body["branch"] = branch.path
            return replace(change, status=_then(standing, change)) if change.status == "ready" else change

        self.store.append_outside(run_id, build)

    def _settled(
        self, standing: Standing[Any], branch: Branch, result: Any, who: dict[str, Any], status: str
    ) -> Change:
        slot = next((name for name, call in branch.calls.items() if call.result is None), None)
        business = None if slot is None else (branch.calls[slot].intent or {}).get("business")
        if slot is None and result is not NOT_DONE and not isinstance(result, GiveUp):
            raise DecisionRefused(
                f"run {standing.run!r} is parked before anything was called whose result could be told: when it goes "
                "on, it calls. NOT_DONE lets it go on, GIVE_UP does not",
                run=standing.run,
                reason="value",
            )
        if result is NOT_DONE:
            effects = [Effect(business, "not_done")] if business else []
            if slot is not None:
                _must_be_over(standing, branch, slot)
            return Change(
                (Draft("settled", {"kind": "not_done", "slot": slot} | who),),
                status=status,
                effects=effects,
                request_status=dict.fromkeys(approvals_of(branch, slot), "undispatched"),
            )
        if isinstance(result, GiveUp):
            return _given_up(standing, branch, who, status)
        value = _as_result(standing, branch, slot, result)
        effects = [Effect(business, "done", value)] if business else []
        return Change(
            (Draft("settled", {"kind": "done", "slot": slot, "value": value} | who),), status=status, effects=effects
        )


def _must_be_over(standing: Standing[Any], branch: Branch, slot: str) -> None:
    """Refuses that nothing was done by a call that is known to go on: it may yet act."""
    where = alive_here(branch.calls[slot].running)
    if where is not None:
        raise RunNotReady(
            f"run {standing.run!r}: the call overran its timeout and is still running in {where}, so it may yet act. "
            "Wait until it ends, which is recorded, or end that process; its result, or GIVE_UP, can be settled now",
            run=standing.run,
            status="parked",
        )


def _then(standing: Standing[Any], change: Change) -> str:
    """The run's status once it is settled: other branches may be parked yet, or wait for people."""
    for draft in change.drafts:
        standing.apply(Event(standing.tail + 1, draft.kind, standing.updated, draft.body, b""))
    return still(standing) or "ready"


def _parked(standing: Standing[Any], row: RunRow, step: int | str | None) -> Branch:
    """The branch that is settled."""
    found = standing.parked
    if row.status == "parked" and all(isinstance(one.at, Parked) and one.at.reason == "flow_changed" for one in found):
        raise RunNotReady(
            f"run {standing.run!r} is parked because its flow changed: there is nothing to settle. Resume it under its "
            "own version, or under one whose migrations= say what became of it",
            run=standing.run,
            status=row.status,
        )
    if not found:
        raise not_ready(row.status, "settle", standing.run)
    if isinstance(step, str):
        named = next((branch for branch in found if branch.path == step), None)
        if named is not None:
            return named
    elif len(found) == 1 and step in (None, standing.steps + 1):
        return found[0]
    if isinstance(step, str) and step:
        raise RunNotReady(
            f"run {standing.run!r} is not parked in branch {step!r}, or that was settled already: what must be "
            f"settled is {', '.join(repr(branch.path) for branch in found)}",
            run=standing.run,
            status=row.status,
        )
    if len(found) == 1:
        raise RunNotReady(
            f"run {standing.run!r} is parked at step {standing.steps + 1}, not at step {step}",
            run=standing.run,
            status=row.status,
        )
    places = ", ".join(repr(branch.path) for branch in found)
    raise RunNotReady(
        f"run {standing.run!r} is parked in {len(found)} branches: settle one after the other, each by its branch "
        f"instead of the step: {places}",
        run=standing.run,
        status=row.status,
    )


def _as_result(standing: Standing[Any], branch: Branch, slot: str | None, result: Any) -> Any:
    """What is settled, as the tool would have returned it, JSON-able."""
    intent = branch.calls[slot or ""].intent or {}
    node = branch.node
    tools = {getattr(item, "name", ""): item for item in getattr(node, "tools", (node,))}
    tool = tools.get(intent.get("tool", ""))
    if not isinstance(tool, Tool):
        return result
    try:
        return jsonable(tool.result_adapter, tool.result_adapter.validate_python(result))
    except (ValidationError, PydanticSerializationError) as error:
        secret = traits(tool.result_adapter).secret
        why = told(error, tool.result_adapter) if isinstance(error, ValidationError) else str(error)
        raise DecisionRefused(
            f"run {standing.run!r}: {MASK if secret else repr(result)} is nothing that {tool.name!r} returns: {why}",
            run=standing.run,
            reason="value",
        ) from (None if secret else error)


def _given_up(standing: Standing[Any], branch: Branch, who: dict[str, Any], status: str) -> Change:
    """The step fails, its effect unknown for good, and the semantics says where the run goes."""
    assert isinstance(branch.at, Parked)
    node = branch.at.at.node
    told = f"given up by {who['by']}" + (f": {who['note']}" if who["note"] else "")
    record = ErrorRecord("unknown_effect", GIVEN_UP, told)
    unused = {item.id: "withdrawn" for item in branch.requests.values() if not item.consumed}
    body: dict[str, Any] = {"kind": "gave_up", "node": node, "spent": {"steps": 1}, "error": write_error(record)} | who
    if branch.of_item:
        body["entry"] = _failed_entry(branch, record)
        return Change((Draft("settled", body),), status=status, request_status=unused)
    place = place_of_branch(standing, branch, branch.state, time.time(), Spent(steps=1))
    move = next_move(branch.frame.flow, place, Done(node, Outcome("failed", error=record)))
    write_move(body, move, out=branch.frame.out)
    if isinstance(move, Leave) and branch.heads_frame:  # a budget around is used up: the flow inside ends by it
        end, error = AtEnd(None, "failed"), write_error(move.at.error)
    elif isinstance(move, Finish):
        end, error = move.at, write_error(move.error or record)
    else:
        return Change((Draft("settled", body),), status=status, request_status=unused)
    ended = Draft("ended", {"end": end.end, "verdict": end.verdict, "error": error})
    if branch.parent is not None:
        return Change((Draft("settled", body), ended), status=status, request_status=unused)
    return Change(
        (Draft("settled", body), ended),
        status="ended",
        verdict=end.verdict,
        end=end.end,
        error=error,
        request_status=unused,
    )


def _failed_entry(branch: Branch, record: ErrorRecord) -> dict[str, Any]:
    each = None if branch.parent is None else branch.parent.node
    works = each.works if isinstance(each, Each) else ""
    failure = Failure(category=record.category, message=record.message, node=works, type=record.type)
    return {"index": branch.index, "failure": failure.model_dump()}
