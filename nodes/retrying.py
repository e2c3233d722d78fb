"""Retries of failed attempts, by tenacity: per category, with full jitter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..guards.durations import seconds
from ..guards.retry import Retry
from .calls import CallFailed


async def retried(
    retry: Retry | None, pause: Callable[[float], Awaitable[None]], attempt: Callable[[int], Awaitable[Any]]
) -> Any:
    """The result of the first attempt that does not fail.

    Args:
        retry: how failed attempts are tried again; None tries once.
        pause: waits between attempts.
        attempt: one attempt, by its number from 0.

    Raises:
        CallFailed: the last attempt's failure, or one of a category that is not tried again.
    """
    if retry is None or retry.attempts == 1:
        return await attempt(0)
    from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

    def again(error: BaseException) -> bool:
        return isinstance(error, CallFailed) and not error.final and error.record.category in retry.on

    number = 0

    async def next_attempt() -> Any:
        nonlocal number
        number += 1
        return await attempt(number - 1)

    trying = AsyncRetrying(
        stop=stop_after_attempt(retry.attempts),
        wait=wait_random_exponential(multiplier=seconds(retry.pause, "pause"), max=seconds(retry.longest, "longest")),
        retry=retry_if_exception(again),
        sleep=pause,
        reraise=True,
    )
    return await trying(next_attempt)
