"""``App``: a compiled flow; starts, resumes, asks people and tells what happened. Async core, thin sync face."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from os import PathLike
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from pydantic import BaseModel

from ..errors import ConfigError, JournalBroken, caller
from ..flows.check import refuse_errors
from ..flows.flow import Flow
from ..flows.inside import nodes_in
from ..nodes.models import as_models
from ..nodes.think import Think
from .deciding import Deciding
from .engine import Engine
from .ids import known_id
from .keys import Key, Keys
from .lifecycle import STATUSES
from .looking import damaged_view, open_requests
from .noticing import Noticing
from .people import People
from .roles import Anyone, Roles, asked_of, checked, warn_of_nobody
from .store import Damaged, RunRow, SqliteStore
from .views import Request, Run
from .watching import Watching
from .working import AT_ONCE, Worker

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
        notify: called with a ``Request`` when it opens, and once more before it expires: when a fifth of its time
            is left, but at least a minute, and never before half of it is over (``request.expires`` tells which). It
            is called in a thread of its own, one request after the other, and may be async; what it raises is
            logged. Each of the two calls is made at most once a store, by whichever process comes first.
        durability: ``"process"`` or ``"power"``.
        key: under which the secrets of runs are kept; see ``Flow.compile``.

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
        key: Key | Sequence[Key] | None = None,
    ) -> None:
        if durability not in ("process", "power"):
            raise ConfigError(f"durability={durability!r} is unknown: 'process' or 'power'", where=flow.line)
        _options(store, notify)
        self.roles = checked(roles)
        refuse_errors(flow)
        self.flow = flow
        warn_of_nobody(flow, self.roles)
        if store is not None and self.roles is None and asked_of(flow):
            raise ConfigError(
                f"flow {flow.name!r} asks people and its store is durable, so compile needs roles=: "
                'a mapping such as {"lead": {"ann"}}, a callable (role, name) -> bool, or Anyone() for a demo',
                where=flow.line,
            )
        effective: Roles | None = self.roles if self.roles is not None or store is not None else Anyone()
        found = as_models(models or {})
        for node in nodes_in(flow):  # a model that is missing is found before a store is made
            if isinstance(node, Think):
                found.line(node.model, node.line)
        keys = Keys(flow, key, durable=store is not None and store != ":memory:")
        opened = SqliteStore(store, durability="power" if durability == "power" else "process")
        self._engine = Engine(flow, opened, found, deps, keys)
        self._people = People(flow, opened, effective, keys)
        self._notices = None if notify is None else Noticing(opened, flow.name, notify)
        if self._notices is not None:
            self._engine.listeners.append(self._notices.heard)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the store and of guideway's loop; waits a moment for a notice that is being told."""
        self._let_watched_go()
        if self._notices is not None:
            self._notices.close()
        self._engine.portal.close()  # what is under way lets its runs go, which takes the store
        self._engine.keeper.close()
        self._engine.store.close()

    async def aclose(self) -> None:
        """See ``close``."""
        await self._alet_watched_go()
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
        return await self._engine.start(input, run_id, by, tags)

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
        self._remind()
        return await self._engine.resume(known_id(run_id))

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
        return self._engine.get(known_id(run_id))

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
        """The runs of this flow, newest first; a run that starts meanwhile moves no page.

        A run that cannot be read hides none of the others: it is listed with the status ``damaged``, which is one of
        lists alone, and ``error`` says what is wrong. Its state has no fields, and reading its events raises.

        Args:
            status: ready, running, waiting, parked, ended or cancelled.
            flow: a flow's name; by default this flow's. Another one's runs must have this flow's state.
            tags: tags that a run must all have.
            limit: how many at most.
            after: the id of the last run of the page before.

        Raises:
            ConfigError: an argument that cannot be, or runs of a flow with another state.
            RunNotFound: no run is called as ``after`` says.
        """
        if status is not None and status not in STATUSES:
            raise ConfigError(f"there is no status {status!r}: {', '.join(STATUSES)}")
        rows = self._engine.store.all_runs(status, flow or self.flow.name, tags, _some(limit), after)
        return [self._listed(row) for row in rows]

    def _listed(self, row: RunRow | Damaged) -> Run[S]:
        other = row.flow != self.flow.name
        try:
            if isinstance(row, Damaged):
                raise row.error
            standing = self._engine.load(row.id)
            if other and standing.past:
                raise _another_state(row.id, row.flow, self.flow.name)
            return self._engine.view(standing)
        except (JournalBroken, ConfigError) as error:
            if not other or isinstance(row, Damaged):
                return damaged_view(row, self.flow.state, error)
            if isinstance(error, ConfigError):
                raise
            raise _another_state(row.id, row.flow, self.flow.name) from error

    async def ainbox(
        self, role: str | None = None, *, limit: int | None = None, after: str | None = None
    ) -> list[Request]:
        """See ``inbox``."""
        return self.inbox(role, limit=limit, after=after)

    def inbox(self, role: str | None = None, *, limit: int | None = None, after: str | None = None) -> list[Request]:
        """The open requests of this flow's runs, what expires first in front; what is overdue expires before.

        One that cannot be read cannot be decided: it is left out, and logged once.

        Args:
            role: only those of this role.
            limit: how many at most; None for all.
            after: the id of the last request of the page before, decided meanwhile or not.

        Raises:
            ConfigError: the limit is below 1.
            RequestNotFound: no request is called as ``after`` says.
        """
        self._engine.sweep()
        self._remind()
        most = None if limit is None else _some(limit)
        found = open_requests(self._engine.store, role=role, flow=self.flow.name, after=after)
        return list(islice(found, most))

    # going on by itself

    async def awork(
        self, *, until: Callable[[], bool] | None = None, pause: float = 1.0, at_once: int = AT_ONCE
    ) -> int:
        """See ``work``; a cancellation finishes the calls under way and lets the runs go before it is raised."""
        return await self._worker(pause, at_once).run(until)

    def work(self, *, until: Callable[[], bool] | None = None, pause: float = 1.0, at_once: int = AT_ONCE) -> int:
        """Drives the runs that are due: decided ones, timers that ran out, and those whose driver died.

        Any number of workers may share a store, in any number of processes: no run is driven by two. Oldest
        runs come first. A run that cannot be driven is logged and put off, and so is a parked one whose
        tool can ask the world (``reconcile=``); the others go on. An interruption (Ctrl-C) begins no further
        call, finishes those under way, and lets the runs go.

        Args:
            until: asked whenever all that was due has been begun; True ends what is under way, and stops. Without
                it, it works until interrupted.
            pause: seconds to wait when nothing was due.
            at_once: how many runs are driven at a time.

        Returns:
            How many times a run was driven.

        Raises:
            ConfigError: ``pause`` or ``at_once`` cannot be.
            StoreError: the store cannot be read at all.
        """
        return self._worker(pause, at_once).work(until)

    def _worker(self, pause: float, at_once: int) -> Worker[S]:
        return Worker(self._engine, at_once=at_once, pause=pause, tick=self._remind)

    def _remind(self) -> None:
        if self._notices is not None:
            self._notices.look()


def _options(store: object, notify: object) -> None:
    """Refuses what authors without a type checker give in the place of a path or of a function."""
    if store is not None and not isinstance(store, str | PathLike):
        raise ConfigError(
            f"store={store!r} ({type(store).__name__}) is no file's path: "
            "write store='runs.db', or leave it out for a store in memory",
            where=caller(),
        )
    if notify is not None and not callable(notify):
        raise ConfigError(
            f"notify={notify!r} ({type(notify).__name__}) cannot be called: give a function of one Request",
            where=caller(),
        )


def _another_state(run: str, its: str, flow: str) -> ConfigError:
    return ConfigError(
        f"run {run!r} is of flow {its!r}, whose state is not that of {flow!r}: list its runs "
        f"by its own App, or by `guideway runs --flow {its}`"
    )


def _some(limit: int) -> int:
    if limit < 1:
        raise ConfigError(f"limit={limit!r} lists nothing: give 1 or more")
    return limit
