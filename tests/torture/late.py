"""Calls of once-only tools that do not end in their time, and a run that fails until the world is mended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel

from guideway import NOT_DONE, START, Budget, Context, End, Flow, Retry, on, tool
from tests.torture.flows import Claim, Declined, Scenario, explain, look

TIMEOUT = 0.1
HANGS = 0.2
"""Seconds that a call hangs: it is over before people look into the ledger."""


def first_time(context: Context) -> bool:
    """Whether the world is asked for the first time: then it hangs."""
    mark = context.deps.folder / "asked"
    if mark.exists():
        return False
    mark.touch()
    return True


def early(amount: int, context: Context) -> str:
    """Pays, and then hangs."""
    hangs = first_time(context)
    paid = str(context.deps.does("pay", context.key, amount))
    if hangs:
        time.sleep(HANGS)
    return paid


def late(amount: int, context: Context) -> str:
    """Hangs, and then pays: its thread outlasts its time."""
    if first_time(context):
        time.sleep(HANGS)
    return str(context.deps.does("pay", context.key, amount))


async def early_async(amount: int, context: Context) -> str:
    """Pays, and then hangs."""
    hangs = first_time(context)
    paid = str(context.deps.does("pay", context.key, amount))
    if hangs:
        await asyncio.sleep(HANGS)
    return paid


async def late_async(amount: int, context: Context) -> str:
    """Hangs, and so never comes to pay."""
    if first_time(context):
        await asyncio.sleep(HANGS)
    return str(context.deps.does("pay", context.key, amount))


def asked_world(amount: int, context: Context) -> Any:
    """What the world knows about the call."""
    found = context.deps.found(context.key)
    return NOT_DONE if found is None else found


Hanging = Callable[..., str] | Callable[..., Awaitable[str]]


def hanging(fn: Hanging, *, asks: bool) -> Callable[[], Flow[Claim]]:
    """A flow around a call that outlasts its time.

    Args:
        fn: the call.
        asks: the world can be asked what became of it.
    """
    known: dict[str, Any] = {"reconcile": asked_world, "retry": Retry(attempts=3, pause=0.001)} if asks else {}
    pays: Any = tool(effect="once", stakes="low", timeout=TIMEOUT, writes="paid", **known)(fn)
    pays = pays.named("pays")
    return lambda: Flow(
        "hanging",
        state=Claim,
        edges=[on(START, look), on(look, pays), on(pays, explain), on(explain, End("paid"))],
        budget=Budget(steps=10),
    )


LATE: dict[str, Scenario] = {
    f"{fn.__name__}{'_asks' if asks else ''}": Scenario(hanging(fn, asks=asks), {"amount": 7}, quiet=HANGS + 0.1)
    for fn in (early, late, early_async, late_async)
    for asks in (False, True)
}
"""By name."""


class Errand(BaseModel):
    """Two effects, one after the other."""

    item: str = "a"
    first: str | None = None
    second: str | None = None


@tool(effect="once", stakes="low", timeout=10.0, writes="first")
def fetch(item: str, context: Context) -> str:
    """An effect that is not repeated."""
    return str(context.deps.does("fetch", context.key, item))


@tool(effect="once", stakes="low", timeout=10.0, writes="second", not_done=Declined)
def bring(first: str, context: Context) -> str:
    """An effect that the world declines until it is mended."""
    if not context.deps.mended:
        raise Declined("the road is closed")
    return str(context.deps.does("bring", context.key, first))


def errand() -> Flow[Errand]:
    """Fails at its second effect, until the world is mended."""
    return Flow(
        "errand",
        state=Errand,
        edges=[on(START, fetch), on(fetch, bring), on(bring, End("brought"))],
        budget=Budget(steps=10),
    )


@tool(effect="once", stakes="low", timeout=10.0, writes="paid")
def lose(amount: int, context: Context) -> str:
    """Its answer gets lost until the world is mended; nothing was done then."""
    if not context.deps.mended:
        raise ConnectionError("the line is down")
    return str(context.deps.does("pay", context.key, amount))


def lost() -> Flow[Claim]:
    """A run that parks until somebody settles it."""
    return Flow("lost", state=Claim, edges=[on(START, look), on(look, lose), on(lose, End("paid"))])


MENDED: dict[str, Scenario] = {"mended": Scenario(errand, {}), "lost": Scenario(lost, {"amount": 7})}
"""By name."""
