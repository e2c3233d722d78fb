"""The calls of a step under way, on the journal: intents, results, reservations, permissions.

A call that was recorded is never sent again; one whose ending is not known is not guessed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from ..errors import LeaseLost
from ..guards.budgets import Spent
from ..nodes.calls import (
    NOT_DONE,
    Call,
    CallFailed,
    Exhausted,
    ModelAnswer,
    ModelRequest,
    Send,
    Stop,
    UnknownEffect,
    stem,
)
from ..nodes.carried import carried
from ..nodes.context import Left
from ..nodes.outcome import ErrorRecord
from ..nodes.sealing import opened, vault
from ..nodes.streaming import Heard, heard_by
from ..nodes.tool import Tool
from .asking import digest_of_call
from .believing import Believing
from .branches import Frame, Recorded, item_digest, item_of
from .codec import write_error, write_spent
from .overruns import Overrunning
from .permits import not_approved
from .store.holder import ticks
from .store.records import Effect, EffectTaken


class Recording(Believing):
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
            return ModelAnswer.from_json(opened(known) if request.secret else known)
        tokens = request.prompt_bound + request.answer_bound
        usd = price(request.prompt_bound, request.answer_bound)
        bound = Spent(calls=1, tokens=tokens, usd=usd or 0.0)
        await self._must_fit(bound, f"a call of model {request.slot!r}", usd is not None)
        intent = {"slot": slot, "kind": "model", "model": request.slot, "spent": write_spent(bound)}
        await self.intend(slot, intent)
        self._dispatch()
        try:
            with heard_by(None if request.secret else self._ear(slot)):
                answer = await send()
        except CallFailed as failure:
            kept = bound.tokens if failure.record.category == "timeout" else 0
            back = Spent(tokens=kept - bound.tokens, usd=0.0 if kept else -bound.usd)
            body = {"slot": slot, "error": write_error(failure.record), "spent": write_spent(back)}
            await self._put("result", body, **self.not_dispatched(slot))
            raise
        used = answer.input_tokens + answer.output_tokens
        paid = answer.usd if answer.usd is not None else price(answer.input_tokens, answer.output_tokens)
        back = Spent(tokens=used - bound.tokens, usd=(paid or 0.0) - bound.usd)
        value = carried(told := answer.to_json())
        stored: Any = vault().seal(value, remember=False) if request.secret else value
        await self._put("result", {"slot": slot, "value": stored, "spent": write_spent(back)})
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
        send: Send,
        *,
        reconcile: Callable[[], Awaitable[Any]] | None = None,
    ) -> Any:
        """See ``Calls.tool``: an intent before what touches the world, a result after it."""
        open_before = self.branch.calls.get(slot)
        self._must_be_the_same(slot, call, open_before)
        if open_before is not None and open_before.result is not None:
            return self.told(open_before)
        if open_before is not None and tool.effect == "once":
            settled = await self.reconciled(slot, tool, open_before, reconcile)
            if settled is not NOT_DONE:
                return settled
        self._must_be_granted(slot, tool, call)
        if tool.effect == "once":
            inherited = await self.inherited(slot, tool, call, reconcile)
            if inherited is not NOT_DONE:
                return inherited
        await self._must_fit(Spent(calls=1), f"tool {tool.name!r}", True)
        if tool.effect == "none":
            return await self._send_plain(slot, send)
        key = self.key(slot)
        business = self.business_key(tool, call)
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
            "ticks": ticks(),
            "spent": {"calls": 1},
        }
        try:
            await self.intend(slot, intent, effects=effects)
        except EffectTaken as taken:
            return self.used_before(slot, taken)
        self._dispatch()
        return await self._send(slot, key, send, business)

    async def _send_plain(self, slot: str, send: Send) -> Any:
        """A tool without effect needs no intent; inside ``act`` its result is kept, since the step may wait."""
        self.dispatch(slot)
        self._dispatch()
        self._count(1)
        try:
            value = carried(await send(self.key(slot)))
        except CallFailed as failure:
            self._count(-1)  # the event tells it
            body = {"slot": slot, "error": write_error(failure.record), "spent": {"calls": 1}}
            await self._put("result", body, power=False, **self.not_dispatched(slot))
            raise
        if slot.startswith("call."):
            self._count(-1)
            await self._put("result", {"slot": slot, "value": value, "spent": {"calls": 1}}, power=False)
        return value

    def _count(self, calls: int) -> None:
        """Calls that no event tells before the step's: whoever works beside counts them as spent."""
        self.spent = self.spent + Spent(calls=calls)
        self.drive.untold[self.branch.path] = self

    async def _send(self, slot: str, key: str, send: Send, business: str | None) -> Any:
        overrunning = Overrunning(self.drive.engine, self.drive.standing.run, self.branch.calls[slot].number)
        try:
            value = carried(await send(key, overrunning.left))
        except CallFailed as failure:
            if failure.record.category != "unknown_effect":
                effects = [] if business is None else [Effect(business, "not_done")]
                body = {"slot": slot, "error": write_error(failure.record)}
                await self._put("result", body, effects=effects, **self.not_dispatched(slot))
            raise
        effects = [] if business is None else [Effect(business, "done", value)]
        await self._put("result", {"slot": slot, "value": value}, effects=effects)
        return value

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
        return None if recorded is None or recorded.result is None else self.told(recorded)

    def _dispatch(self) -> None:
        try:
            self.drive.lease.check()
        except LeaseLost as lost:
            raise Stop() from lost
