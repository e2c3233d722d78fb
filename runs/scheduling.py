"""Whose turn it is: the branches of a run that can go on are worked on side by side, on one loop.

Every commit is made between two awaits, so that what one branch commits, the others see.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel

from ..flows.each import Each
from ..flows.position import AtEnd, AtNode
from .branches import Branch
from .fanning import Fanning
from .readiness import ready, still, turns

S = TypeVar("S", bound=BaseModel)

LOOK = 0.2
"""Seconds between two looks for what people decided, while other branches are worked on."""


class Scheduling(Fanning[S]):
    """The part of a drive that says which branch is worked on, and until when."""

    # going on

    async def go_on(self, *, stretch: bool) -> None:
        """Goes on from where the run stands, until it waits, parks or ends.

        Args:
            stretch: many steps in one call; else it returns after the first.

        Raises:
            LeaseLost: another process drives the run now, or it was cancelled; nothing was committed.
        """
        if self.done:
            return
        if not stretch:
            first = next(turns(self.standing, self.busy), None)
            begun = None if first is None else self._begin(first)
            if begun is not None:
                await self.unit(begun)
            self.settle()
            return
        tasks: set[asyncio.Task[None]] = set()
        try:
            while not self.done:
                found = list(turns(self.standing, self.busy))
                if not found and not tasks:
                    break
                if len(found) == 1 and not tasks and not self._waits:
                    only = self._begin(found[0])
                    if only is not None:
                        await self._run(only)
                    continue
                await self._side_by_side(found, tasks)
        except asyncio.CancelledError:
            for task in tasks:
                task.cancel()
            raise
        finally:
            await self._drain(tasks)
        self.settle()

    async def _side_by_side(self, found: Sequence[Branch], tasks: set[asyncio.Task[None]]) -> None:
        """Works on branches until one of them rests, or somebody decided for one that waits."""
        begun = [branch for one in found if (branch := self._begin(one)) is not None]
        for branch in begun:
            self.busy.add(branch.path)
            tasks.add(asyncio.create_task(self._run(branch), name=f"guideway {self.standing.run} {branch.path}"))
        if not tasks:
            return
        waits = self._waits
        over, _ = await asyncio.wait(tasks, timeout=LOOK if waits else None, return_when=asyncio.FIRST_COMPLETED)
        tasks -= over
        for task in [task for task in over if not task.cancelled() and task.exception() is not None]:
            task.result()  # one is raised; all were looked at
        if waits and not over:
            self.fold(self.engine.store.news(self.lease))

    async def _drain(self, tasks: set[asyncio.Task[None]]) -> None:
        """Lets what is under way finish its step: an error of one branch ends no call of another."""
        if not tasks:
            return
        self.stop()
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            raise
        finally:
            for task in tasks:
                if not task.cancelled():
                    task.exception()  # what made the drive stop is told; these were stopped by it

    async def _run(self, branch: Branch) -> None:
        """Goes on with one branch as far as it goes by itself."""
        path = branch.path
        self.busy.add(path)
        try:
            while True:
                await self.unit(branch)
                found = self.standing.branches.get(path)
                if found is None or self._stopped or self.done or not ready(found, self.busy, path):
                    return
                branch = found
        finally:
            self.busy.discard(path)

    @property
    def _waits(self) -> bool:
        """Whether any branch asks people, who may decide while others are worked on."""
        return any(branch.requests for branch in self.standing.branches.values())

    @property
    def done(self) -> bool:
        """Whether the run is over, or may not go on under the flow as it is now."""
        return self.misfit or isinstance(self.standing.at, AtEnd) or self.status in ("ended", "cancelled")

    @property
    def over(self) -> bool:
        """Whether nothing can go on by itself: the run ended, is parked, was cancelled, or waits for people."""
        return self.done or next(turns(self.standing, self.busy), None) is None

    def _begin(self, branch: Branch) -> Branch | None:
        """The branch as it is worked on: an item that is about to begin is opened, where the budget allows it."""
        if branch.path not in self.standing.branches:
            each = None if branch.parent is None else branch.parent.node
            if not isinstance(each, Each) or branch.parent is None:
                return None  # the each ended since it was seen that the item's turn was next
            assert isinstance(branch.parent.at, AtNode)
            if self.let_in(branch.parent, branch.parent.at):
                self.begin_item(branch, each)
        return self.standing.branches.get(branch.path)

    def settle(self) -> None:
        """A run in which nothing goes on any more says so, whatever came in between."""
        if self.done or self.busy or self.status not in ("ready", "running"):
            return
        rests = still(self.standing)
        if rests is not None:
            self.commit(self.standing.root, [], status=rests)

    async def unit(self, branch: Branch) -> None:
        """One step of a branch, or what stands between two; ``Drive`` has it whole."""
        raise NotImplementedError
