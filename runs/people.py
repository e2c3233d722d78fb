"""What people decide about runs: approvals, denials, answers, settlements, cancels and retries.

Deny by default: whatever is not proved right never passes, and each refusal says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import DecisionRefused, RequestNotFound, RunBusy, RunNotReady, StateInvalid
from ..flows.edits import Edit
from ..flows.flow import Flow
from ..flows.inside import node_within
from ..flows.position import Parked
from ..guards.gates import STARTER
from ..nodes.ask import Ask
from ..nodes.sealing import Vault, using
from .agreeing import agreed
from .asking import approvers
from .branches import Branch
from .codec import read_error, write_position
from .editing import change_of, must_pass
from .keys import Keys
from .lifecycle import advance
from .retrying import places_to_retry
from .revoking import Revoking, refused
from .roles import Anyone, Roles, holds_role, normal
from .settling import Settling
from .standing import Standing, versions_of
from .store import Change, Draft, Event, RequestRow, RunRow, SqliteStore
from .underway import open_tools, tools_of
from .views import Request


class People(Settling, Revoking):
    """Decisions about the runs of one flow.

    Args:
        flow: the flow.
        store: where its runs live.
        roles: who holds which role.
        keys: under which secrets are kept; a cancel needs none.
    """

    def __init__(self, flow: Flow[Any], store: SqliteStore, roles: Roles | None, keys: Keys | None = None) -> None:
        self.flow = flow
        self.store = store
        self.roles = roles
        self.keys = keys

    # requests

    def approve(self, request: Request | str, *, by: str, note: str | None, proof: str) -> RequestRow:
        """Says yes to the request that was seen.

        Args:
            request: the request, or its id.
            by: who decides.
            note: why.
            proof: how the name was proved.

        Raises:
            DecisionRefused: it does not count; ``data["reason"]`` says why.
            RequestNotFound: no such request.
            ConfigError: none of the keys is that of the run: it could not go on with the decision.
        """
        return self._decide(request, "approval", "approved", by, note, proof)

    def edit(self, request: Request | str, edits: object, *, by: str, note: str | None, proof: str) -> RequestRow:
        """Changes arguments of the call that is asked about: another person is asked whether it may run so.

        Args:
            request: the request, or its id.
            edits: the new values, by argument.
            by: who decides.
            note: why.
            proof: how the name was proved.

        Raises:
            DecisionRefused: it does not count; ``data["reason"]`` is ``edits`` where these cannot be.
            RequestNotFound: no such request.
        """
        row = self.asks(request, "approval")
        run = self.store.run(row.run)
        self.of_this_flow(run, row)
        if (run.shape, run.build) != (self.flow.shape, self.flow.build):
            told = "the run is of another version of its flow: resume it, and look at what it asks then"
            raise refused(row, "edits", told)
        with using(self._vault(row.run)):
            before, after = change_of(self.flow, row, edits)
            if row.status == "open":
                edit = Edit(str(by), row.id, before, after, note)
                must_pass(self.flow, row, self.store.events(row.run), edit, self.keys, versions_of(self.store))
        return self._decide(request, "approval", "edited", by, note, proof, edits=after, before=before)

    def deny(self, request: Request | str, *, by: str, note: str | None, proof: str) -> RequestRow:
        """Says no; see ``approve``."""
        return self._decide(request, "approval", "denied", by, note, proof)

    def answer(self, request: Request | str, value: Any, *, by: str, proof: str) -> RequestRow:
        """Answers an ``ask``; the value is validated against its form before it is recorded.

        Args:
            request: the request, or its id.
            value: a str, or data that fits the form.
            by: who answers.
            proof: how the name was proved.

        Raises:
            DecisionRefused: it does not count, or the value does not fit.
            RequestNotFound: no such request.
        """
        row = self._seen(request)
        node = node_within(self.flow, row.body.get("within", ()), row.body["node"])
        if row.body["kind"] != "answer" or not isinstance(node, Ask):
            raise refused(row, "kind", "it asks for an approval: approve or deny it")
        try:
            with using(self._vault(row.run)):
                checked = node.accept(value)
        except StateInvalid as error:
            raise refused(row, "value", str(error)) from error.__cause__
        return self._decide(request, "answer", "answered", by, None, proof, value=checked)

    def _vault(self, run: str) -> Vault | None:
        return None if self.keys is None else self.keys.of_run(self.store, run)

    def _seen(self, request: Request | str) -> RequestRow:
        if not isinstance(request, Request | str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise RequestNotFound(f"{request!r} is no request: decide about one of run.waiting, or give a request's id")
        return agreed(self.store.request(request if isinstance(request, str) else request.id), self.store.path)

    def asks(self, request: Request | str, kind: str) -> RequestRow:
        """The request, which asks for an approval, or for an answer.

        Args:
            request: the request, or its id.
            kind: ``approval`` or ``answer``.

        Raises:
            DecisionRefused: it asks for something else.
        """
        row = self._seen(request)
        if row.body["kind"] != kind:
            raise refused(
                row, "kind", "it asks for an answer: answer it" if kind == "approval" else "it is an approval"
            )
        return row

    def of_this_flow(self, run: RunRow, row: RequestRow) -> None:
        """Refuses a request of another flow.

        Args:
            run: the run that asks.
            row: the request.

        Raises:
            DecisionRefused: it is of another flow.
        """
        if run.flow != self.flow.name:  # roles are an App's own: a lead here is nobody there
            raise refused(row, "flow", f"it is of flow {run.flow!r}: decide it with that flow, not {self.flow.name!r}")

    def _decide(
        self, request: Request | str, kind: str, status: str, by: str, note: str | None, proof: str, **extra: Any
    ) -> RequestRow:
        row = self.asks(request, kind)
        if not isinstance(by, str) or not normal(by):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise refused(row, "name", "by= must name who decides")
        digest = row.digest if isinstance(request, str) else request.digest
        body = {"request": row.id, "status": status, "by": by, "note": note, "proof": proof, "digest": digest} | extra

        def guard(run: RunRow, now: RequestRow, journal: Callable[[], list[Event]]) -> str | None:
            return self._guard(run, now, journal, status, by)

        decided, _ = self.store.decide(row.id, Draft("decided", body), status=status, digest=digest, guard=guard)
        return decided

    def _guard(
        self, run: RunRow, row: RequestRow, journal: Callable[[], list[Event]], status: str, by: str
    ) -> str | None:
        """Runs inside the decision's transaction, on the journal as it is."""
        self.of_this_flow(run, row)
        self.may_decide(run, row, by)
        if self.keys is not None and status != "denied":  # a no needs no key: nothing that is sealed runs by it
            self.keys.must_open(self.store, row.run)
        if status == "approved" and row.body["quorum"] > 1:  # the first of several leaves it open; else it decides
            decided = (event.body for event in journal() if event.kind == "decided")
            before = [body for body in decided if body["request"] == row.id]
            people = {normal(name) for name in approvers(before)}
            if normal(by) in people:
                raise refused(
                    row, "twice", f"{by!r} said yes already; the quorum of {row.body['quorum']} counts people"
                )
            return "open" if len(people) + 1 < row.body["quorum"] else None
        return None

    def may_decide(self, run: RunRow, row: RequestRow, by: str) -> None:
        """Refuses who may not decide a request.

        Args:
            run: the run that asks.
            row: the request.
            by: who would decide.

        Raises:
            DecisionRefused: they do not hold the role, or are barred.
        """
        if not holds_role(self.roles, row.role, by):
            known: Any = self.roles
            lacks = isinstance(known, Mapping) and row.role not in known
            more = ": roles= has no such role, so nobody does" if lacks else ""
            raise refused(row, "role", f"{by!r} does not hold the role {row.role!r}{more}")
        if any(normal(by) == normal(edit["by"]) for edit in row.body.get("edited", ())):
            raise refused(row, "editor", f"{by!r} changed what is asked about: another person must say yes to it")
        barred = row.body["not_by"]
        starter = normal(run.by or "")
        if any(normal(by) == (starter if item == STARTER else normal(item)) for item in barred):
            raise refused(
                row,
                "starter",
                f"{by!r} may not decide it: whoever started the run is barred. Somebody else must, or the run must be "
                "started by who it is for: by= (guideway run --by NAME)"
                if normal(by) == starter
                else f"{by!r} is barred from deciding it",
            )

    def proved(self, proof: str | None) -> str:
        """How a name is proved, for the record: what the caller says of it, and whether roles were checked at all.

        Args:
            proof: how the caller knows the name; None where it was only named.
        """
        told = proof or "named by the caller"
        return f"{told}; roles=Anyone()" if isinstance(self.roles, Anyone) else told

    # cancel and retry

    def cancel(self, run_id: str, *, by: str, note: str | None) -> None:
        """Ends a run; never in the middle of a call whose effect would be unknown.

        Args:
            run_id: the run's id.
            by: who cancels.
            note: why.

        Raises:
            RunNotReady: it is over already, or an effect of unknown result must be settled first.
            RunBusy: a call with an effect is under way.
        """
        if not normal(by):
            raise DecisionRefused("by= must name who cancels", run=run_id, reason="name")

        def guard(row: RunRow, events: list[Event]) -> None:
            calls = open_tools(events)
            if row.status == "parked" and calls:
                raise RunNotReady(
                    f"run {run_id!r} is parked because nobody knows whether {calls[0].body['tool']!r} happened: "
                    "settle it, then cancel",
                    run=run_id,
                    status=row.status,
                )
            if row.status == "running" and calls:
                self._not_in_the_middle(row, [call.body["tool"] for call in calls])

        self.store.cancel(run_id, Draft("cancelled", {"by": by, "note": note}), guard=guard)

    def _not_in_the_middle(self, row: RunRow, names: list[str]) -> None:
        """Refuses to cancel where a call was begun: it is under way, or nobody knows what became of it."""
        state = self.store.held(row.id)
        if state == "held":
            raise RunBusy(
                f"run {row.id!r} is in the middle of {names[0]!r}: cancel it when the call is over",
                run=row.id,
                holder=row.holder,
            )
        tools = tools_of(self.flow)
        harmless = {tool.name for tool in tools} - {tool.name for tool in tools if tool.effect == "once"}
        once = [name for name in names if name not in harmless]
        if once:  # what is idempotent is repeated where a run goes on, and here nothing goes on
            found = {"dead": "died", "over": "was not heard of any more", "free": "stopped"}[state]
            raise RunNotReady(
                f"run {row.id!r}: the process that drove it {found} in the middle of {once[0]!r}, and nobody knows "
                "whether that happened. Resume it: it asks reconcile=, or parks. Settle it where it parks, then cancel",
                run=row.id,
                status=row.status,
            )

    def retry(self, run_id: str, *, by: str, note: str | None) -> None:
        """Gives an ended or parked run a new attempt of the node where it failed.

        Args:
            run_id: the run's id.
            by: who wants it.
            note: why.

        Raises:
            RunNotReady: it did not fail, or an effect of unknown result must be settled first.
        """
        if not normal(by):
            raise DecisionRefused("by= must name who retries", run=run_id, reason="name")

        def build(row: RunRow, events: list[Event], _: list[RequestRow]) -> Change:
            self.mine(row)
            status = advance(row.status, "retry", run_id)
            standing = Standing(self.flow, run_id, self.keys, versions_of(self.store)).apply_all(events)
            places = self._where_it_failed(standing, events, row)
            body = {"retry": True, "places": places, "by": by, "note": note}
            return Change((Draft("resumed", body),), status=status)

        self.store.append_outside(run_id, build)

    def _where_it_failed(self, standing: Standing[Any], events: list[Event], row: RunRow) -> list[dict[str, Any]]:
        """The places, with the refusal, failure and grant that the run had there; and whether it was tried there."""
        parked = standing.parked
        for branch in parked:
            error = read_error(branch.error)
            if error is not None and error.category == "unknown_effect":
                raise RunNotReady(
                    f"run {standing.run!r} is parked at {_node(branch)!r} because nobody knows whether "
                    "its effect happened: settle it first",
                    run=standing.run,
                    status=row.status,
                )
        if parked:
            return [
                {"branch": branch.path, "to": write_position(branch.at.at), "again": False}
                for branch in parked
                if isinstance(branch.at, Parked)
            ]
        if row.status == "parked":  # nothing failed: it did not fit another version, and goes on where it stands
            return []
        tried = [event for event in events if event.kind in ("step", "join") or event.body.get("kind") == "gave_up"]
        failed = bool(tried) and bool(tried[-1].body.get("error") or tried[-1].body.get("left"))
        if row.verdict != "failed" and not failed and row.error is None:
            raise RunNotReady(
                f"run {standing.run!r} ended with {row.verdict} and its last step did not fail: there is nothing to "
                "retry",
                run=standing.run,
                status=row.status,
            )
        since = next((event.number for event in reversed(events) if event.kind == "migrated"), 0)
        if tried and tried[-1].number < since:
            raise RunNotReady(
                f"run {standing.run!r} cannot be retried: what failed was a step of another version of its flow, "
                "before the run was migrated. Start a new run",
                run=standing.run,
                status=row.status,
            )
        return places_to_retry(events)


def _node(branch: Branch) -> str:
    assert isinstance(branch.at, Parked)
    return branch.at.at.node
