"""The calls of a step under way, on the journal: intents, results, reservations, permissions.

A call that was recorded is never sent again; one whose ending is not known is not guessed.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from ..errors import LeaseLost
from ..guards.budgets import Spent
from ..nodes.calls import (
    NOT_DONE,
    PENDING,
    Call,
    CallFailed,
    Exhausted,
    ModelAnswer,
    ModelRequest,
    RecordedFailure,
    Stop,
    UnknownEffect,
    stem,
)
from ..nodes.carried import carried
from ..nodes.context import Left
from ..nodes.outcome import ErrorRecord
from ..nodes.streaming import Heard, heard_by
from ..nodes.tool import Tool
from .asking import digest_of_call
from .branches import Frame, Recorded, item_digest, item_of
from .codec import read_error, write_error, write_spent
from .inheriting import became_of, same_call
from .permits import Permits, not_approved
from .store.records import Effect, EffectTaken

GRACE = 5.0
"""Seconds after an intent's timeout before a reconcile that says "not done" is believed of a caller that may live."""

NOBODY = -1
"""The fence of a call that another run made: this run's leases prove nothing about its caller."""


class Recording(Permits):
    """The calls of one step; one is made for every execution of a node.

    Args:
        drive: the run being driven.
        branch: where the step is.
        at: the node, with what let the run reach it.
    """

    # models

    async def model(
        self,
        slot: str,
        request: ModelRequest,
        send: Callable[[], Awaitable[ModelAnswer]],
        *,
        price: Callable[[int, int], float | None],
    ) -> ModelAnswer:
        """See ``Calls.model``: the bound is reserved before the call, and settled after it."""
        known = self._recorded(slot)
        if known is not None:
            return ModelAnswer.from_json(known)
        tokens = request.prompt_bound + request.answer_bound
        usd = price(request.prompt_bound, request.answer_bound)
        bound = Spent(calls=1, tokens=tokens, usd=usd or 0.0)
        await self._must_fit(bound, f"a call of model {request.slot!r}", usd is not None)
        await self._put("intent", {"slot": slot, "kind": "model", "model": request.slot, "spent": write_spent(bound)})
        self._dispatch()
        try:
            with heard_by(self._ear(slot)):
                answer = await send()
        except CallFailed as failure:
            kept = bound.tokens if failure.record.category == "timeout" else 0
            back = Spent(tokens=kept - bound.tokens, usd=0.0 if kept else -bound.usd)
            await self._put("result", {"slot": slot, "error": write_error(failure.record), "spent": write_spent(back)})
            raise
        used = answer.input_tokens + answer.output_tokens
        paid = answer.usd if answer.usd is not None else price(answer.input_tokens, answer.output_tokens)
        back = Spent(tokens=used - bound.tokens, usd=(paid or 0.0) - bound.usd)
        told = answer.to_json()
        value = carried(told)
        await self._put("result", {"slot": slot, "value": value, "spent": write_spent(back)})
        if used > bound.tokens and self._bounded("tokens"):
            await self._put("breach", {"slot": slot, "allowed": bound.tokens, "used": used})
            raise Exhausted(f"model {request.slot!r} used {used} tokens where {bound.tokens} were allowed")
        return answer if value == told else ModelAnswer.from_json(value)

    # tools

    async def tool(
        self,
        slot: str,
        tool: Tool[..., Any],
        call: Call,
        send: Callable[[str], Awaitable[Any]],
        *,
        reconcile: Callable[[], Awaitable[Any]] | None = None,
    ) -> Any:
        """See ``Calls.tool``: an intent before what touches the world, a result after it."""
        open_before = self.branch.calls.get(slot)
        self._must_be_the_same(slot, call, open_before)
        if open_before is not None and open_before.result is not None:
            return self._result(open_before.result)
        if open_before is not None and tool.effect == "once":
            settled = await self._reconciled(slot, tool, open_before, reconcile)
            if settled is not NOT_DONE:
                return settled
        self._must_be_granted(slot, tool, call)
        if tool.effect == "once":
            inherited = await self._inherited(slot, tool, call, reconcile)
            if inherited is not NOT_DONE:
                return inherited
        await self._must_fit(Spent(calls=1), f"tool {tool.name!r}", True)
        if tool.effect == "none":
            return await self._send_plain(slot, send)
        key = self.key(slot)
        business = self._business_key(tool, call)
        effects = [] if business is None else [Effect(business, "intent")]
        intent = {
            "slot": slot,
            "kind": "tool",
            "tool": call.tool,
            "arguments": call.arguments,
            "key": key,
            "timeout": tool.timeout,
            "business": business,
            "fence": self.drive.lease.fence,
            "spent": {"calls": 1},
        }
        try:
            await self._put("intent", intent, effects=effects)
        except EffectTaken as taken:
            return await self._used_before(slot, taken)
        self._dispatch()
        return await self._send(slot, key, send, business)

    async def _send_plain(self, slot: str, send: Callable[[str], Awaitable[Any]]) -> Any:
        """A tool without effect needs no intent; inside ``act`` its result is kept, since the step may wait."""
        self._dispatch()
        self._count(1)
        try:
            value = carried(await send(self.key(slot)))
        except CallFailed as failure:
            self._count(-1)  # the event tells it
            await self._put(
                "result", {"slot": slot, "error": write_error(failure.record), "spent": {"calls": 1}}, power=False
            )
            raise
        if slot.startswith("call."):
            self._count(-1)
            await self._put("result", {"slot": slot, "value": value, "spent": {"calls": 1}}, power=False)
        return value

    def _count(self, calls: int) -> None:
        """Calls that no event tells before the step's: whoever works beside counts them as spent."""
        self.spent = self.spent + Spent(calls=calls)
        self.drive.untold[self.branch.path] = self

    async def _send(self, slot: str, key: str, send: Callable[[str], Awaitable[Any]], business: str | None) -> Any:
        try:
            value = carried(await send(key))
        except CallFailed as failure:
            sure = failure.record.category != "unknown_effect"
            effects = [] if business is None else [Effect(business, "not_done" if sure else "unknown")]
            if sure:
                await self._put("result", {"slot": slot, "error": write_error(failure.record)}, effects=effects)
            raise
        effects = [] if business is None else [Effect(business, "done", value)]
        await self._put("result", {"slot": slot, "value": value}, effects=effects)
        return value

    async def _reconciled(
        self, slot: str, tool: Tool[..., Any], before: Recorded, reconcile: Callable[[], Awaitable[Any]] | None
    ) -> Any:
        """What became of an intent that another execution left open: its result, NOT_DONE, or UnknownEffect."""
        intent = before.intent or {}
        inherited = intent.get("inherited")
        if inherited is not None:  # the run that made the call may know more by now
            known = became_of(self.drive.engine.store.events(inherited["run"]), inherited["event"])
            if known is not PENDING:
                value = "not done" if known is NOT_DONE else known
                await self._put("result", {"slot": f"{slot}.reconciled" if known is NOT_DONE else slot, "value": value})
                return known
        if reconcile is None:
            by = "" if inherited is None else f" by run {inherited['run']!r}, which this one is a fork of,"
            raise UnknownEffect(
                f"tool {tool.name!r} was called{by} and its result was not recorded: see whether it happened and "
                "settle it"
            )
        found = carried(await reconcile())
        business = intent.get("business")
        if found is NOT_DONE:
            over = before.intent_at + float(intent.get("timeout") or 0.0) + GRACE
            if not self.drive.lease.surely_dead(intent["fence"]) and time.time() < over:
                raise UnknownEffect(
                    f"tool {tool.name!r} was called by a process that may still be running: resume after its timeout"
                )
            effects = [] if business is None else [Effect(business, "not_done")]
            await self._put("result", {"slot": f"{slot}.reconciled", "value": "not done"}, effects=effects)
            return NOT_DONE
        effects = [] if business is None else [Effect(business, "done", found)]
        await self._put("result", {"slot": slot, "value": found, "reconciled": True}, effects=effects)
        return found

    async def _inherited(
        self, slot: str, tool: Tool[..., Any], call: Call, reconcile: Callable[[], Awaitable[Any]] | None
    ) -> Any:
        """What the run that this one is a fork of did with this call; NOT_DONE where nothing of that is left.

        A call whose ending nobody knows becomes this run's own open intent, so that it is settled like any other.
        """
        standing = self.drive.standing
        while standing.inherits and (entry := same_call(standing.inherits, call, self.branch.path)) is not None:
            origin = {name: entry[name] for name in ("run", "event", "key")}
            about = {"slot": slot, "kind": "tool", "tool": call.tool, "arguments": call.arguments, "inherited": origin}
            if "value" in entry:
                await self._put("result", about | {"key": entry["key"], "value": entry["value"]})
                return entry["value"]
            its = {name: entry[name] for name in ("key", "timeout", "sent")}
            await self._put("intent", about | its | {"business": None, "fence": NOBODY})
            found = await self._reconciled(slot, tool, self.branch.calls[slot], reconcile)
            if found is not NOT_DONE:
                return found
        return NOT_DONE

    async def _used_before(self, slot: str, taken: EffectTaken) -> Any:
        """A business key that was used: the second use gets the first result, and the journal says so."""
        row = taken.row
        if row.status == "done":
            await self._put("result", {"slot": slot, "value": row.result, "reused": {"key": row.key, "run": row.run}})
            return row.result
        raise CallFailed(
            ErrorRecord(
                "unavailable",
                "KeyInUse",
                f"the key {row.key!r} is in use by run {row.run!r}, whose call has no result yet",
            )
        )

    def _business_key(self, tool: Tool[..., Any], call: Call) -> str | None:
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

    def _must_be_the_same(self, slot: str, call: Call, before: Recorded | None) -> None:
        """An edited call takes no result of one with other arguments: an attempt before the edit may have made it."""
        if (self.edits is None and stem(slot) not in self.edited) or before is None or before.intent is None:
            return
        if before.intent["arguments"] == call.arguments:
            return
        told = f"tool {call.tool!r} was called with other arguments before they were edited; it was not called again"
        if before.result is None:
            raise UnknownEffect(f"{told}, and nobody knows whether that happened: settle it")
        raise CallFailed(ErrorRecord("invalid_call", "OtherArguments", told))

    def _must_be_granted(self, slot: str, tool: Tool[..., Any], call: Call) -> None:
        """A high-stakes call runs only with a consumed decision whose digest names exactly this call."""
        if tool.stakes != "high" and stem(slot) not in self.edited:
            return
        of_the_node = ("", "") if slot.startswith("call.") else (self.grant or "", self.digest or "")
        request, digest = self.granted.get(stem(slot), of_the_node)
        if request.startswith("exempt:") and not digest:  # a run may be named so: what a person approved has a digest
            return
        if request and digest_of_call(request, Call(call.tool, call.arguments, source=call.source)) == digest:
            return
        raise CallFailed(not_approved(f"the {tool.stakes}-stakes tool {tool.name!r}"))

    # time, budget, keys

    async def pause(self, seconds: float) -> None:
        """See ``Calls.pause``."""
        await asyncio.sleep(seconds)

    def left(self) -> Left:
        """See ``Calls.left``."""
        amounts: dict[str, float] = {}
        for frame in self.frames():
            if frame.flow.budget is None:
                continue
            used = self._used(frame)
            for kind, bound in frame.flow.budget.bounds(on_the_way_out=frame.out):
                have = max(0, bound - getattr(used, kind))
                amounts[kind] = min(have, amounts.get(kind, have))
        return Left(**amounts)

    def key(self, slot: str) -> str:
        """See ``Calls.key``: from the run, the ordinal of the step in its branch, and the call; never from timing.

        A call that was begun keeps its key, whichever run began it.
        """
        branch = self.branch
        for name, made in branch.calls.items():
            if made.intent is not None and made.intent["kind"] == "tool" and stem(name) == stem(slot):
                return str(made.intent["key"])
        said = f"{self.drive.standing.run}\0{self._path()}\0{branch.ordinal + 1}\0{stem(slot)}"
        return hashlib.sha256(said.encode()).hexdigest()[:32]

    def _path(self) -> str:
        """The branch, with the items on the way to it by what they are, not by their place alone."""
        branch = self.branch
        items = [branch, *branch.above()]
        told = [item_digest(item_of(one)) for one in items if one.index is not None]
        return branch.path + "".join(f":{digest}" for digest in told)

    def _ear(self, slot: str) -> Heard | None:
        about = {"node": self.node, "slot": slot} | ({"branch": self.branch.path} if self.branch.path else {})
        return self.drive.engine.hears(self.drive.standing.run, about)

    def frames(self) -> Iterator[Frame]:
        """The flows that the step is in, innermost first."""
        frame: Frame | None = self.branch.frame
        while frame is not None:
            yield frame
            frame = frame.outer

    def _bounded(self, kind: str) -> bool:
        budgets = (frame.flow.budget for frame in self.frames())
        return any(budget is not None and getattr(budget, kind) is not None for budget in budgets)

    def _used(self, frame: Frame) -> Spent:
        """What a flow has used up, with what is under way in it and no event says yet."""
        used = frame.spent + self.spent
        for other in self.drive.untold.values():
            if other is not self and any(one is frame for one in other.frames()):
                used = used + other.spent
        return used

    async def _must_fit(self, bound: Spent, what: str, priced: bool) -> None:
        """Refuses what no budget covers; what a sibling's call may give back when it is settled is waited for."""
        if not priced and self._bounded("usd"):
            raise CallFailed(
                ErrorRecord(
                    "bug",
                    "UnknownPrice",
                    f"{what} has no known price, but the budget bounds usd: give the model a price",
                )
            )
        while True:
            left = self.left()
            lacks = [
                (kind, have, needed)
                for kind in ("calls", "tokens", "usd")
                if (have := getattr(left, kind)) is not None and (needed := getattr(bound, kind)) > have
            ]
            if not lacks:
                return
            kind, have, needed = lacks[0]
            if kind == "calls" or not self.drive.reserved_beside(self.branch):
                around, whose = self._lacking(kind, needed)
                raise Exhausted(
                    f"{what} may need {needed:g} {kind}, and {have:g} are left of the budget of {whose.flow.name!r}",
                    around=around,
                )
            await self.drive.settlement()

    def _lacking(self, kind: str, needed: float) -> tuple[int, Frame]:
        """The innermost flow whose budget does not cover an amount, and how many flows further out it is."""
        for around, frame in enumerate(self.frames()):
            bound = None if frame.flow.budget is None else frame.flow.budget.bound(kind, on_the_way_out=frame.out)
            if bound is not None and needed > bound - getattr(self._used(frame), kind):
                return around, frame
        return 0, self.branch.frame

    # the journal

    def _recorded(self, slot: str) -> Any:
        recorded = self.branch.calls.get(slot)
        return None if recorded is None or recorded.result is None else self._result(recorded.result)

    def _result(self, result: dict[str, Any]) -> Any:
        error = read_error(result.get("error"))
        if error is not None:
            raise RecordedFailure(error)
        return result["value"]

    def _dispatch(self) -> None:
        try:
            self.drive.lease.check()
        except LeaseLost as lost:
            raise Stop() from lost
