"""A checkpoint saver for any LangGraph graph: one SQLite file, strict data, sync and async.

guideway's own runs do not need it, since their truth is the journal; it is for graphs that are not flows. The
value of a channel is written once for each version of it, so that a channel costs nothing where it did not change.
"""

from __future__ import annotations

import copy
import os
import random
import sqlite3
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    PendingWrite,
    get_checkpoint_metadata,
)

from ...errors import StoreError
from .serde import StrictSerializer
from .tables import open_tables


class Address(NamedTuple):
    """Where a checkpoint is: its thread, its namespace and, unless the latest is meant, its id."""

    thread: str
    ns: str
    id: str | None


def address(config: RunnableConfig) -> Address:
    """The address that a LangGraph config names.

    Raises:
        StoreError: the config names no thread.
    """
    configurable: Mapping[str, Any] = config.get("configurable", {})
    thread = configurable.get("thread_id")
    if thread is None:
        raise StoreError('a checkpoint needs a thread: pass config={"configurable": {"thread_id": ...}}')
    return Address(str(thread), str(configurable.get("checkpoint_ns") or ""), configurable.get("checkpoint_id") or None)


def config_of(thread: str, ns: str, checkpoint: str) -> RunnableConfig:
    """The LangGraph config that names one checkpoint."""
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ns, "checkpoint_id": checkpoint}}


class Saver(BaseCheckpointSaver[str]):
    """Checkpoints of LangGraph graphs in one SQLite file; a context manager.

    Sync and async methods do the same work on the caller's thread (a commit takes microseconds), under one lock.

    Args:
        path: of the file, made when it is missing; ``":memory:"`` keeps checkpoints in memory.
        types: the classes that the graph's state may hold beside plain data and LangChain's messages. The state's
            own class is enough: every class that its annotations name is taken with it.
        durability: ``"process"`` survives a crash of the process at once, and a power loss but for the last
            commits; ``"power"`` makes every commit survive both.

    Raises:
        StoreError: the file cannot be used; its subclasses say why (StoreNotFound, StoreForeign, ...).
        ConfigError: one of ``types`` cannot be kept as data.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] = ":memory:",
        *,
        types: Iterable[Any] = (),
        durability: Literal["process", "power"] = "process",
    ) -> None:
        self._data = StrictSerializer(types)
        super().__init__(serde=self._data)
        self._database = open_tables(os.fspath(path), power=durability == "power")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second time does nothing, and every other call is a StoreError from then on."""
        self._database.close()

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> Self:
        """This saver with the classes that a graph's schema names: LangGraph asks for it in its strict mode."""
        clone = copy.copy(self)
        clone.serde = clone._data = self._data.including_names(extra_allowlist)
        return clone

    def get_next_version(self, current: str | None, channel: None) -> str:
        """The version after ``current``; two branches of one thread never make the same."""
        number = 0 if current is None else int(str(current).split(".", 1)[0])
        return f"{number + 1:032}.{random.random():.16f}"

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint.

        Args:
            config: the thread, the namespace, and the parent's id where there is one.
            checkpoint: what to store.
            metadata: kept with it, and with it the plain values of the config.
            new_versions: the channels that changed since the parent.

        Raises:
            StoreError: a value is of a type that the saver was not given, or the file cannot be written.
        """
        thread, ns, parent = address(config)
        values, versions = checkpoint["channel_values"], checkpoint["channel_versions"]
        kept = {name: str(versions[name]) for name in values if name in versions}
        body = {key: part for key, part in checkpoint.items() if key != "channel_values"}
        loose = {name: value for name, value in values.items() if name not in kept}
        row = (
            thread,
            ns,
            checkpoint["id"],
            parent,
            self._data.encode([body, list(kept), loose], "the checkpoint"),
            self._data.encode(dict(get_checkpoint_metadata(config, metadata)), "the checkpoint's metadata"),
        )
        unchanged = {name: version for name, version in kept.items() if name not in new_versions}
        with self._database.reading() as cursor:
            there = {name for name, _ in _values(cursor, thread, ns, unchanged)}
        channels = [
            (thread, ns, name, version, self._data.encode(values[name], f"channel {name!r}"))
            for name, version in kept.items()
            if name not in there
        ]
        with self._database.writing("checkpoint") as transaction:
            transaction.cursor.executemany("insert or ignore into channels values (?, ?, ?, ?, ?)", channels)
            transaction.cursor.execute("insert or replace into checkpoints values (?, ?, ?, ?, ?, ?)", row)
        return config_of(thread, ns, checkpoint["id"])

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote, before the checkpoint that takes it up.

        Args:
            config: the checkpoint that the task ran on.
            writes: channels and values; an exception is kept as its text.
            task_id: the task's.
            task_path: the task's place in its superstep, by which its writes are ordered when they are read.

        Raises:
            StoreError: a value is of a type that the saver was not given, or the file cannot be written.
        """
        thread, ns, checkpoint = address(config)
        rows = [
            (thread, ns, checkpoint, task_id, WRITES_IDX_MAP.get(channel, index), task_path, channel, body)
            for index, (channel, value) in enumerate(writes)
            for body in [self._data.encode(told(value), f"a write to {channel!r}")]
        ]
        with self._database.writing("writes") as transaction:
            # A task's write is stored once, though it may be put again; its state (an error, an interrupt) is the last.
            transaction.cursor.executemany(
                "insert into writes values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do update "
                "set path = excluded.path, channel = excluded.channel, value = excluded.value where place < 0",
                rows,
            )

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that a config names, or its thread's latest; None where there is none.

        Raises:
            StoreError: what is stored cannot be read, or is of a type that the saver was not given.
        """
        thread, ns, checkpoint = address(config)
        which = "order by id desc limit 1" if checkpoint is None else "and id = ?"
        with self._database.reading() as cursor:
            row = cursor.execute(
                f"select * from checkpoints where thread = ? and ns = ? {which}",
                (thread, ns, *([] if checkpoint is None else [checkpoint])),
            ).fetchone()
            return None if row is None else self._tuple(cursor, row)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Checkpoints, the newest first.

        Args:
            config: the thread, and the namespace and id if only those are wanted; None means all threads.
            filter: what their metadata has to hold.
            before: only checkpoints older than this one.
            limit: at most so many.

        Raises:
            StoreError: what is stored cannot be read.
        """
        wanted: list[tuple[str, Any]] = []
        if config is not None:
            thread, _, checkpoint = address(config)
            ns = config.get("configurable", {}).get("checkpoint_ns")
            wanted = [("thread =", thread), ("ns =", ns), ("id =", checkpoint)]
        if before is not None:
            wanted.append(("id <", address(before).id))
        wanted = [(column, value) for column, value in wanted if value is not None]
        where = " and ".join(f"{column} ?" for column, _ in wanted) or "true"
        with self._database.reading() as cursor:
            rows = cursor.execute(
                f"select thread, ns, id, metadata from checkpoints where {where} order by id desc",
                [value for _, value in wanted],
            ).fetchall()
        for thread, ns, checkpoint, metadata in rows:
            if limit is not None and limit <= 0:
                return
            if filter and not matches(self._data.decode(metadata, "the checkpoint's metadata"), filter):
                continue
            found = self.get_tuple(config_of(thread, ns, checkpoint))
            if found is not None:  # a thread may be deleted while it is listed
                limit = None if limit is None else limit - 1
                yield found

    def delete_thread(self, thread_id: str) -> None:
        """Delete all checkpoints and writes of a thread, in every namespace."""
        with self._database.writing("delete") as transaction:
            for table in ("checkpoints", "channels", "writes"):
                transaction.cursor.execute(f"delete from {table} where thread = ?", (str(thread_id),))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As ``get_tuple``."""
        return self.get_tuple(config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """As ``list``."""
        for found in self.list(config, filter=filter, before=before, limit=limit):
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As ``put``."""
        return self.put(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """As ``put_writes``."""
        self.put_writes(config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """As ``delete_thread``."""
        self.delete_thread(thread_id)

    def _tuple(self, cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> CheckpointTuple:
        thread, ns, checkpoint, parent, encoded, metadata = row
        where = f"{self._database.path}: checkpoint {checkpoint} of thread {thread!r}"
        body, kept, loose = self._data.decode(encoded, where)
        versions = {name: str(body["channel_versions"][name]) for name in kept}
        found = _values(cursor, thread, ns, versions)
        values = {name: self._data.decode(value, f"{where}: channel {name!r}") for name, value in found}
        if missing := versions.keys() - values.keys():
            raise StoreError(f"{where}: the values of {', '.join(sorted(missing))} are not in the file any more")
        written = cursor.execute(
            "select task, channel, value from writes where thread = ? and ns = ? and checkpoint = ? "
            "order by path, task, place",
            (thread, ns, checkpoint),
        )
        writes: list[PendingWrite] = [
            (task, channel, self._data.decode(value, f"{where}: a write to {channel!r}"))
            for task, channel, value in written.fetchall()
        ]
        return CheckpointTuple(
            config=config_of(thread, ns, checkpoint),
            checkpoint=cast("Checkpoint", {**body, "channel_values": {**values, **loose}}),
            metadata=self._data.decode(metadata, where),
            parent_config=None if parent is None else config_of(thread, ns, parent),
            pending_writes=writes,
        )


def _values(cursor: sqlite3.Cursor, thread: str, ns: str, versions: Mapping[str, str]) -> Sequence[tuple[str, bytes]]:
    """Names and values of the channels that are stored at the given versions."""
    if not versions:
        return []
    pairs = ", ".join(["(?, ?)"] * len(versions))
    return cursor.execute(
        f"select name, value from channels where thread = ? and ns = ? and (name, version) in (values {pairs})",
        [thread, ns, *(part for pair in versions.items() for part in pair)],
    ).fetchall()


def matches(metadata: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a checkpoint's metadata holds all that a filter asks for."""
    return all(key in metadata and metadata[key] == value for key, value in wanted.items())


def told(value: Any) -> Any:
    """What is kept of a write: an exception as its text, everything else as it is."""
    return repr(value) if isinstance(value, BaseException) else value
