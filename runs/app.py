"""``App``: a compiled flow; starts, resumes, asks people and tells what happened. Async core, thin sync face."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from pydantic import BaseModel

from ..errors import ConfigError, LeaseLost, RunBusy
from ..flows.check import refuse_errors
from ..flows.flow import Flow
from ..nodes.models import as_models
from ..nodes.think import Think
from .deciding import Deciding
from .engine import Engine
from .lifecycle import STATUSES
from .people import People
from .roles import Anyone, Roles, checked
from .store import Event, SqliteStore
from .views import Request, Run, request_view, row_view
from .watching import Watching

S = TypeVar("S", bound=BaseModel)


class App(Deciding[S], Watching[S]):
    """A compiled flow. Every method has an async twin with an ``a`` in front.

    Made by ``flow.compile(...)``; a context manager; ``close()`` lets go of the store.

    Args:
        flow: the flow.
        store: a file's path; None is in memory.
        models: chat models by slot.
        deps: whatever nodes need from outside.
        roles: who holds which role.
        notify: called with a ``Request`` when it opens.
        durability: ``"process"`` or ``"power"``.

    Raises:
        CheckFailed: a check that needs no solver found an error.
        ConfigError: roles or a model is missing, or an option is unknown.
        StoreError: the store cannot be used.
    """

    def __init__(
        self,
        flow: Flow[S],
        *,
        store: str | PathLike[str] | None = None,
        models: Mapping[str, Any] | None = None,
        deps: Any = None,
        roles: Roles | None = None,
        notify: Callable[[Request], Any] | None = None,
        durability: str = "process",
    ) -> None:
        if durability not in ("process", "power"):
            raise ConfigError(f"durability={durability!r} is unknown: 'process' or 'power'", where=flow.line)
        refuse_errors(flow)
        self.flow = flow
        self.roles = checked(roles)
        asks = any(getattr(node, "kind", None) == "ask" for node in flow.nodes.values())
        gated = bool([gate for gate in flow.gates.values() if hasattr(gate, "role")])
        if store is not None and self.roles is None and (gated or asks):
            raise ConfigError(
                f"flow {flow.name!r} asks people and its store is durable, so compile needs roles=: "
                'a mapping such as {"lead": {"ann"}}, a callable (role, name) -> bool, or Anyone() for a demo',
                where=flow.line,
            )
        effective: Roles | None = self.roles if self.roles is not None or store is not None else Anyone()
        found = as_models(models or {})
        for node in flow.nodes.values():  # a model that is missing is found before a store is made
            if isinstance(node, Think):
                found.line(node.model, node.line)
        opened = SqliteStore(store, durability="power" if durability == "power" else "process")
        self._engine = Engine(flow, opened, found, deps)
        self._people = People(flow, opened, effective)
        self._notify = notify
        if notify is not None:
            self._engine.listeners.append(self._notified)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the store and of guideway's loop."""
        self._engine.store.close()
        self._engine.portal.close()

    async def aclose(self) -> None:
        """See ``close``."""
        self.close()

    @property
    def graph(self) -> Any:
        """The compiled LangGraph graph, to look at, stream and embed; it cannot pass a gate by itself."""
        return self._engine.graph

    @property
    def store(self) -> SqliteStore:
        """The store, for reading."""
        return self._engine.store

    # runs

    async def astart(
        self,
        input: Mapping[str, Any] | S,  # the word of LangGraph and of DESIGN's face
        *,
        run_id: str | None = None,
        by: str | None = None,
        tags: Iterable[str] = (),
    ) -> Run[S]:
        """See ``start``."""
        return await self._engine.drive(self._engine.begin(input, run_id, by, tags))

    def start(
        self,
        input: Mapping[str, Any] | S,  # the word of LangGraph and of DESIGN's face
        *,
        run_id: str | None = None,
        by: str | None = None,
        tags: Iterable[str] = (),
    ) -> Run[S]:
        """Starts a run; it runs until it ends or waits.

        Args:
            input: the state's fields, or the state.
            run_id: the run's id; by default a new one.
            by: who starts it; required where the flow has an approval.
            tags: words to find it by.

        Raises:
            StateInvalid: the input does not fit the state.
            RunExists: the id is taken.
            ConfigError: ``by=`` is missing.
            WouldDeadlock: called from a node on guideway's own loop.
        """
        return cast("Run[S]", self._call(self.astart(input, run_id=run_id, by=by, tags=tags)))

    async def aresume(self, run_id: str) -> Run[S]:
        """See ``resume``."""
        return await self._engine.resume(run_id)

    def resume(self, run_id: str) -> Run[S]:
        """Goes on with a run from its journal, in this process or any other, after any crash.

        Args:
            run_id: the run's id.

        Raises:
            RunNotFound: no such run.
            RunBusy: another process drives it.
        """
        return cast("Run[S]", self._call(self.aresume(run_id)))

    async def aget(self, run_id: str) -> Run[S]:
        """See ``get``."""
        return self.get(run_id)

    def get(self, run_id: str) -> Run[S]:
        """A run as it stands.

        Args:
            run_id: the run's id.

        Raises:
            RunNotFound: no such run of this flow.
        """
        return self._engine.get(run_id)

    async def aruns(
        self,
        status: str | None = None,
        flow: str | None = None,
        tags: Iterable[str] | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> list[Run[S]]:
        """See ``runs``."""
        return self.runs(status, flow, tags, limit, after)

    def runs(
        self,
        status: str | None = None,
        flow: str | None = None,
        tags: Iterable[str] | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> list[Run[S]]:
        """The runs of this flow, newest first.

        Args:
            status: ready, running, waiting, parked, ended or cancelled.
            flow: a flow's name; by default this flow's.
            tags: tags that a run must all have.
            limit: how many at most.
            after: the id of the last run of the page before.
        """
        if status is not None and status not in STATUSES:
            raise ConfigError(f"there is no status {status!r}: {', '.join(STATUSES)}")
        rows = self._engine.store.runs(status, flow or self.flow.name, tags, limit, after)
        return [self._engine.view(self._engine.load(row.id)) for row in rows]

    async def ainbox(self, role: str | None = None) -> list[Request]:
        """See ``inbox``."""
        return self.inbox(role)

    def inbox(self, role: str | None = None) -> list[Request]:
        """The open requests of this flow's runs, oldest first; those whose time is over are expired before.

        Args:
            role: only those of this role.
        """
        self._engine.sweep()
        store = self._engine.store
        return [row_view(row) for row in store.requests(role=role) if store.run(row.rid).flow == self.flow.name]

    # going on by itself

    async def awork(self, *, until: Callable[[], bool] | None = None, pause: float = 1.0) -> int:
        """See ``work``."""
        driven = 0
        while True:
            found = await self._work_once()
            driven += found
            if until is not None and until():
                return driven
            if not found:
                await asyncio.sleep(pause)

    def work(self, *, until: Callable[[], bool] | None = None, pause: float = 1.0) -> int:
        """Drives the runs that are due: decided ones, timers that ran out, and those whose driver died.

        Args:
            until: asked after every round; True stops. Without it, it works until interrupted.
            pause: seconds to wait when nothing was due.

        Returns:
            How many times a run was driven.
        """
        return cast(int, self._call(self.awork(until=until, pause=pause)))

    async def _work_once(self) -> int:
        store = self._engine.store
        self._engine.sweep()
        due = [row.id for status in ("ready", "running") for row in store.runs(status, self.flow.name, None, 1000)]
        driven = 0
        for run_id in reversed(due):
            try:
                await self._engine.drive(await self._engine.take(run_id))
            except (RunBusy, LeaseLost):
                continue  # somebody else drives it
            driven += 1
        return driven

    def _notified(self, run: str, event: Event) -> None:
        if event.kind == "asked" and self._notify is not None:
            self._notify(request_view(event.body, "open"))
