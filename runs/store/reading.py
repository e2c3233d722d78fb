"""The reading half of the store: runs, journals, requests and what else it keeps."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from . import journal, requests, rows, shelf
from .database import Database
from .records import Checkpoint, Damaged, EffectRow, Event, RequestRow, RunRow, VersionRow


class Reading:
    """What can be asked of a store.

    Args:
        database: the store's connection.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self.path = database.path
        self.durable = database.file is not None

    @property
    def identity(self) -> Hashable:
        """What tells this store from others in the process: its file, or in memory itself."""
        return self._db.file or id(self._db)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._db.closed

    def run(self, run: str | int) -> RunRow:
        """A run, by its id or by the store's number; RunNotFound when there is none."""
        with self._db.reading() as cursor:
            return rows.find(cursor, run, self.path)

    def runs(
        self,
        status: str | None = None,
        flow: str | None = None,
        tags: Iterable[str] | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> list[RunRow]:
        """Runs, newest first: those that have all the tags; ``after`` is the id of the last run of the page before.

        Raises:
            JournalBroken: one of them cannot be read.
        """
        return [rows.whole(row) for row in self.all_runs(status, flow, tags, limit, after)]

    def all_runs(
        self,
        status: str | None = None,
        flow: str | None = None,
        tags: Iterable[str] | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> list[RunRow | Damaged]:
        """As ``runs``; in the place of one that cannot be read stands what is wrong with it."""
        with self._db.reading() as cursor:
            return rows.listed(cursor, self.path, status=status, flow=flow, tags=tags or (), limit=limit, after=after)

    def events(self, run: str | int, after: int = 0) -> list[Event]:
        """The run's events after a number, in their order.

        Raises:
            RunNotFound: no such run.
            JournalBroken: a row does not decode, or one is missing; ``data["row"]`` names it.
        """
        with self._db.reading() as cursor:
            return journal.read(cursor, rows.number(cursor, run, self.path), after, self.path)

    def since(self, run: str | int, number: int, link: bytes) -> list[Event] | None:
        """The run's events after one that the caller knows; None where the journal has another link there, or none.

        Args:
            run: the run's id, or the store's number.
            number: of the event that is known, from 1.
            link: its link, which seals all events up to it.

        Raises:
            RunNotFound: no such run.
            JournalBroken: a row behind it does not decode, does not fit the one before it, or is missing.
        """
        with self._db.reading() as cursor:
            return journal.since(cursor, rows.number(cursor, run, self.path), number, link, self.path)

    def first(self, run: str | int) -> list[Event]:
        """The run's first event alone, as ``events`` gives it: none where there is none."""
        with self._db.reading() as cursor:
            return journal.read(cursor, rows.number(cursor, run, self.path), 0, self.path, until=1)

    def verify(self, run_id: str) -> int | None:
        """The first event that does not fit the chain: changed, exchanged or missing; None when all fit."""
        with self._db.reading() as cursor:
            rid = rows.number(cursor, run_id, self.path)
            return journal.verify(cursor, rid, run_id)

    def request(self, request_id: str) -> RequestRow:
        """A request by its id; RequestNotFound when there is none."""
        with self._db.reading() as cursor:
            return requests.find(cursor, request_id, self.path)

    def requests(
        self,
        role: str | None = None,
        run: str | None = None,
        status: str | None = "open",
        *,
        flow: str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[RequestRow]:
        """Requests, those that expire first in front; ``status=None`` lists all.

        Args:
            role: only those of this role.
            run: only those of this run.
            status: only those of this status.
            flow: only those of this flow's runs.
            limit: how many at most.
            after: the id of the last request of the page before.

        Raises:
            RequestNotFound: no request is called as ``after`` says.
        """
        with self._db.reading() as cursor:
            condition, values = self._asked(cursor, role, run, status, flow, after)
            return requests.listed(cursor, self.path, condition, values, limit)

    def all_requests(
        self, role: str | None = None, *, flow: str | None = None, after: str | None = None
    ) -> Iterator[RequestRow | Damaged]:
        """The open ones as ``requests``, each read when it comes; in the place of a damaged one stands what is wrong.

        Raises:
            RequestNotFound: no request is called as ``after`` says.
        """
        with self._db.reading() as cursor:
            condition, values = self._asked(cursor, role, None, "open", flow, after)
            places = requests.places(cursor, condition, values)
        return self._each(places)

    def _each(self, places: list[tuple[int, int]]) -> Iterator[RequestRow | Damaged]:
        for place, rid in places:
            with self._db.reading() as cursor:
                row = requests.at(cursor, place, rid, self.path)
            if isinstance(row, Damaged) or row.status == "open":  # else it was decided meanwhile
                yield row

    def _asked(
        self,
        cursor: sqlite3.Cursor,
        role: str | None,
        run: str | None,
        status: str | None,
        flow: str | None,
        after: str | None,
    ) -> tuple[str, tuple[Any, ...]]:
        given = {"q.role": role, "r.id": run, "q.status": status, "r.flow": flow}
        wanted = {column: value for column, value in given.items() if value is not None}
        condition = " and ".join(f"{column} = ?" for column in wanted) or "true"
        if status == "open":
            condition += " and q.status = 'open'"  # as the index of open requests has it
        values: tuple[Any, ...] = tuple(wanted.values())
        if after is None:
            return condition, values
        requests.find(cursor, after, self.path)
        return f"{condition} and {requests.AFTER}", (*values, after)

    def due(self, now: float) -> list[RequestRow]:
        """Open requests whose time is over at a unix time, the longest overdue first; damaged rows are left out."""
        with self._db.reading() as cursor:
            return requests.readable(cursor, self.path, "q.status = 'open' and q.due <= ?", (now,))

    def to_tell(self, flow: str, now: float) -> list[tuple[str, float]]:
        """Open requests of a flow that people are to be told of, each with the moment that ``tell`` asks for."""
        with self._db.reading() as cursor:
            return requests.to_tell(cursor, flow, now)

    def fences(self, rids: Iterable[int]) -> dict[int, tuple[int, str]]:
        """By the store's numbers of runs: who may drive each, as its fence, and its status."""
        asked = json.dumps(list(rids))
        with self._db.reading() as cursor:
            found = cursor.execute(
                "select rid, fence, status from runs where rid in (select value from json_each(?))", (asked,)
            ).fetchall()
        return {rid: (fence, status) for rid, fence, status in found}

    def manifest(self, shape: str, build: str) -> dict[str, Any] | None:
        """The manifest of a version of a flow; None when no run of it was started here."""
        with self._db.reading() as cursor:
            return shelf.manifest(cursor, shape, build, self.path)

    def versions(self) -> list[VersionRow]:
        """The versions of flows that are kept here, that of the newest run first."""
        with self._db.reading() as cursor:
            return shelf.versions(cursor)

    def effect(self, key: str) -> EffectRow | None:
        """Who used a business key, and what came of it; None when nobody did."""
        with self._db.reading() as cursor:
            return shelf.effect(cursor, key, self.path)

    def effects(self, run: str | int) -> list[EffectRow]:
        """The business keys that a run holds, and what came of each."""
        with self._db.reading() as cursor:
            return shelf.effects(cursor, rows.number(cursor, run, self.path), self.path)

    def checkpoint(self, run: str | int, ns: str = "") -> Checkpoint | None:
        """LangGraph's latest snapshot of a run; None when there is none."""
        with self._db.reading() as cursor:
            return shelf.checkpoint(cursor, rows.number(cursor, run, self.path), ns)
