"""Functions in threads of their own, and what becomes of one that goes on when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from .outcome import ErrorRecord


class Threaded:
    """A function that runs in a thread of its own, which nobody has to wait for.

    A pool would be joined when the process ends, and so hang on what its timeout gave up.

    Args:
        work: the function; its thread starts when it is awaited.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._told: Callable[[], None] | None = None
        self.ended = False
        self.value: Any = None
        self.failure: BaseException | None = None

    async def result(self) -> Any:
        """What the function returns; it raises what the function raises."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        context = copy_context()

        def settle() -> None:
            if not done.done():
                done.set_result(None)

        def run() -> None:
            try:
                self.value = context.run(self._work)
            except StopIteration as error:  # a coroutine must not raise it
                self.failure = RuntimeError(f"the function raised StopIteration: {error}")
            except BaseException as error:  # noqa: BLE001  # whatever it is, it is the caller's to judge
                self.failure = error
            with self._lock:
                self.ended = True
                told = self._told
            with suppress(RuntimeError):  # the loop has ended: nobody waits for the result any more
                loop.call_soon_threadsafe(settle)
            if told is not None:
                told()

        threading.Thread(target=run, daemon=True, name="guideway-tool").start()
        await done
        return self.taken()

    def taken(self) -> Any:
        """What the function that has ended returned; it raises what the function raised."""
        failure = self.failure
        if failure is None:
            return self.value
        if isinstance(failure, Exception | SystemExit | asyncio.CancelledError):
            raise failure
        # an interrupt comes to the main thread alone: what a thread raises is the function's own
        raise RuntimeError(f"the function raised {type(failure).__name__}: {failure}") from failure

    def then(self, told: Callable[[], None]) -> bool:
        """Has the thread call a function when it has ended.

        Args:
            told: the function.

        Returns:
            Whether the thread still runs; where it does not, nothing is called.
        """
        with self._lock:
            if self.ended:
                return False
            self._told = told
            return True


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended that nobody waited for any more.

    Args:
        value: its JSON-able result; None where it failed.
        error: what it raised, or what is wrong with its result; None where it returned.
        proves: it returned, or raised what proves that nothing was done; else nobody knows yet.
    """

    value: Any = None
    error: ErrorRecord | None = None
    proves: bool = True


class Overrun:
    """A call that nobody waits for any more, and whose thread may yet act.

    Args:
        thread: the thread.
        ending: says how it ended, once it has.
    """

    def __init__(self, thread: Threaded, ending: Callable[[], Ending]) -> None:
        self._thread = thread
        self._ending = ending

    @property
    def running(self) -> bool:
        """Whether its thread still runs."""
        return not self._thread.ended

    def then(self, told: Callable[[Ending], None]) -> None:
        """Tells how it ended: in its thread when it ends, or here and now where it has ended.

        Args:
            told: called once.
        """
        if not self._thread.then(lambda: told(self._ending())):
            told(self._ending())


Left = Callable[[Overrun], None]
"""Called when nobody waits for a call any more (its timeout, a cancellation) and its thread goes on."""
