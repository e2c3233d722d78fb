"""What is believed of a call that was begun and has no result: what the world, its caller, or a parent run says.

Nothing is guessed. A result is believed of whoever tells it; that nothing was done only where the call cannot act
any more: its process is dead, or its time and a grace are over and nobody said that it goes on, or it has ended.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ..errors import GuidewayError
from ..nodes.calls import KEY_UNKNOWN, NOT_DONE, PENDING, Call, CallFailed, RecordedFailure, Stop, UnknownEffect
from ..nodes.carried import carried
from ..nodes.outcome import ErrorRecord
from ..nodes.tool import Tool
from .branches import Recorded
from .codec import read_error
from .inheriting import became_of, same_call
from .overruns import goes_on_here, may_go_on, overrun_of
from .permits import Permits
from .store.holder import since
from .store.records import Draft, Effect, EffectTaken, Event, TailMoved

GRACE = 5.0
"""Seconds after an intent's timeout before a reconcile that says "not done" is believed of a caller that may live."""

NOBODY = -1
"""The fence of a call that another run made: this run's leases prove nothing about its caller."""

Reconcile = Callable[[], Awaitable[Any]]
"""Asks the world: the JSON-able result, or NOT_DONE."""


class Believing(Permits):
    """The part of a step's calls that finds out what became of those that were begun before."""

    async def reconciled(self, slot: str, tool: Tool[..., Any], before: Recorded, reconcile: Reconcile | None) -> Any:
        """What became of an intent that another execution left open: its result, NOT_DONE, or UnknownEffect.

        Args:
            slot: the call's.
            tool: the tool.
            before: the open intent.
            reconcile: asks the world; None where nobody can be asked.

        Raises:
            UnknownEffect: nothing proves how it ended.
            CallFailed: it failed, as its caller told late.
        """
        intent = before.intent or {}
        inherited = intent.get("inherited")
        if inherited is not None:  # the run that made the call may know more by now
            known = became_of(self.drive.engine.store.events(inherited["run"]), inherited["event"])
            if known is not PENDING:
                value = "not done" if known is NOT_DONE else known
                self._commit("result", {"slot": f"{slot}.reconciled" if known is NOT_DONE else slot, "value": value})
                return known
        if reconcile is None:
            by = "" if inherited is None else f" by run {inherited['run']!r}, which this one is a fork of,"
            raise UnknownEffect(
                f"tool {tool.name!r} was called{by} and its result was not recorded: see whether it happened and "
                f"settle it{self._still(before)}"
            )
        found = carried(await reconcile())
        business = intent.get("business")
        if found is NOT_DONE:
            doubt = self._doubt(tool, before)
            if doubt is not None:
                raise UnknownEffect(doubt)
            effects = [Effect(business, "not_done")] if business else []
            body: dict[str, Any] = {"slot": f"{slot}.reconciled", "value": "not done"}
            change = {"effects": effects} | self.not_dispatched(slot)
            return NOT_DONE if self._settle(before, body, change) else self.told(before)
        effects = [Effect(business, "done", found)] if business else []
        body = {"slot": slot, "value": found, "reconciled": True}
        return found if self._settle(before, body, {"effects": effects}) else self.told(before)

    def _settle(self, before: Recorded, body: dict[str, Any], change: dict[str, Any]) -> bool:
        """Records what the world said of a call; False where its own result was recorded while the world was asked."""
        while before.result is None:
            try:
                self.drive.commit(self.branch, [Draft("result", body)], power=True, again=False, **change)
            except TailMoved as moved:
                self._fold(moved)
            except GuidewayError as error:
                raise Stop() from error
            else:
                return True
        return False

    def told(self, recorded: Recorded) -> Any:
        """The result of a call, as it is on record.

        Args:
            recorded: the call, with a result.

        Raises:
            RecordedFailure: it failed.
        """
        assert recorded.result is not None
        error = read_error(recorded.result.get("error"))
        if error is not None:
            raise RecordedFailure(error)
        return recorded.result["value"]

    def _doubt(self, tool: Tool[..., Any], before: Recorded) -> str | None:
        """Why it is not believed that a call did nothing, in words; None where it is."""
        intent = before.intent or {}
        lease, store = self.drive.lease, self.drive.engine.store
        inherited = intent.get("inherited")
        run, number = (lease.run, before.number) if inherited is None else (inherited["run"], inherited["event"])
        if goes_on_here(store, run, number):
            return f"tool {tool.name!r} overran its timeout, and is still running in this process. {_WAY}"
        running, over = (before.running, before.over) if inherited is None else overrun_of(store.events(run), number)
        if over or lease.surely_dead(intent["fence"]):
            return None
        if running is not None:
            where = may_go_on(running)
            return None if where is None else (
                f"tool {tool.name!r} overran its timeout, and is still running in {where}, as far as is known. {_WAY}"
            )  # fmt: skip
        if since(intent.get("ticks"), before.intent_at) < float(intent.get("timeout") or 0.0) + GRACE:
            return f"tool {tool.name!r} was called by a process that may still be running: resume after its timeout"
        return None

    def _still(self, before: Recorded) -> str:
        where = may_go_on(before.running)
        return "" if where is None else f". It overran its timeout, and is still running in {where}. {_WAY}"

    async def inherited(self, slot: str, tool: Tool[..., Any], call: Call, reconcile: Reconcile | None) -> Any:
        """What the run that this one is a fork of did with this call; NOT_DONE where nothing of that is left.

        A call whose ending nobody knows becomes this run's own open intent, so that it is settled like any other.

        Args:
            slot: the call's.
            tool: the tool.
            call: the call, whole.
            reconcile: asks the world; None where nobody can be asked.
        """
        standing = self.drive.standing
        while standing.inherits and (entry := same_call(standing.inherits, call, self.branch.path)) is not None:
            origin = {name: entry[name] for name in ("run", "event", "key")}
            about = {"slot": slot, "kind": "tool", "tool": call.tool, "arguments": call.arguments, "inherited": origin}
            if "value" in entry:
                self._commit("result", about | {"key": entry["key"], "value": entry["value"]})
                return entry["value"]
            its = {name: entry.get(name) for name in ("key", "timeout", "sent", "ticks")}
            self._commit("intent", about | its | {"business": None, "fence": NOBODY})
            found = await self.reconciled(slot, tool, self.branch.calls[slot], reconcile)
            if found is not NOT_DONE:
                return found
        return NOT_DONE

    # business keys

    def used_before(self, slot: str, taken: EffectTaken) -> Any:
        """A business key that was used: the second use gets the first result, and the journal says so.

        Args:
            slot: the call's.
            taken: who used it.

        Raises:
            CallFailed: its first use has no result; the error names the run, and says what to do.
        """
        row = taken.row
        if row.status == "done":
            value = self.drive.engine.keys.taken_over(self.drive.engine.store, row, self.drive.standing.vault)
            self._commit("result", {"slot": slot, "value": value, "reused": {"key": row.key, "run": row.run}})
            return value
        store = self.drive.engine.store
        whose = f"the key {row.key!r} is in use by run {row.run!r}"
        try:
            status = store.run(row.rid).status
            under_way = store.held(row.run) == "held" and not given_up_on(store.events(row.rid), row.number)
        except GuidewayError:
            status, under_way = "gone", False
        if under_way:
            record = ErrorRecord("unavailable", "KeyInUse", f"{whose}, whose call is under way")
            raise CallFailed(record)
        told = (
            f"{whose}, and nobody knows whether its call happened. It was not called again. {_TO_DO.get(status, _LOOK)}"
        )
        raise CallFailed(ErrorRecord("unavailable", KEY_UNKNOWN, told.format(run=row.run)), final=True)

    def business_key(self, tool: Tool[..., Any], call: Call) -> str | None:
        """The business key of a call in the store; None where its tool has none.

        Args:
            tool: the tool.
            call: the call, whole.

        Raises:
            CallFailed: the arguments have no value for it.
        """
        if tool.key is None:
            return None
        try:
            value = tool.business_key(call.arguments)
        except (KeyError, TypeError):
            value = None
        if not value:
            raise CallFailed(
                ErrorRecord(
                    "invalid_input", "NoKey", f"the key {tool.key!r} of tool {tool.name!r} is empty in its arguments"
                )
            )
        return f"{tool.name}:{value}"


def given_up_on(events: Iterable[Event], number: int) -> bool:
    """Whether a call is not waited for any more by a run's journal: its step parked, or is over.

    Args:
        events: the run's.
        number: the intent's event.
    """
    branch = None
    for event in events:
        if event.number == number:
            branch = event.body.get("branch", "")
        elif event.kind in ("parked", "step", "settled") and event.body.get("branch", "") == branch:
            return True
    return False


_WAY = "Wait until it ends, which is recorded, or end that process and resume"
_RESUME = "Resume run {run!r}: it asks the world, or parks, and is settled then"
_TO_DO = {
    "ready": _RESUME,
    "running": _RESUME,
    "waiting": _RESUME,
    "parked": "Settle run {run!r}, then retry this one",
    "ended": "It was given up there: retry run {run!r}, which parks at that call, and settle it",
}
_LOOK = "Look at run {run!r}"
"""What is to be done about a business key in doubt, by the status of the run that has it."""
