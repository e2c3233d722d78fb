"""The saver of a flow's graph: where LangGraph stands, and nothing that the journal knows better.

A run's position and its state are in the journal; LangGraph is placed there anew whenever the run goes on. What
LangGraph saves meanwhile is held in memory, the latest checkpoint alone and without the state, and becomes one
small snapshot when the run waits or ends: enough for ``get_state`` and for whoever uses the graph without the App.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from inspect import signature
from itertools import count
from typing import Any, NamedTuple, Self

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    PendingWrite,
)

from .saver import address, config_of, matches, told
from .serde import StrictSerializer

FORMAT = 1
"""Of a snapshot; one of another format is as good as none, since nothing but a view depends on it."""

MARK = "__guideway_drive"
"""The configurable key of a driver's calls: LangGraph hands it through, and keeps it out of traces by its prefix."""

STRANGERS = 256
"""How many threads that no driver holds are remembered, in memory; for the others the snapshot counts."""

_Key = tuple[str, str, int]  # path, task and place: the order in which LangGraph takes writes up


class _Spot:
    """Where LangGraph stands in one namespace of a thread: its latest checkpoint, and what tasks wrote since."""

    __slots__ = ("checkpoint", "metadata", "writes")

    def __init__(self) -> None:
        self.checkpoint: Checkpoint | None = None
        self.metadata: CheckpointMetadata = {}
        self.writes: dict[str, dict[_Key, tuple[str, Any]]] = {}  # by the checkpoint that they were written on


_Spots = dict[str, _Spot]  # by namespace


class _Held:
    """A thread that is driven: where LangGraph stands in it, and the mark of the driver's own calls."""

    __slots__ = ("mark", "marked", "spots")

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.marked = False
        self.spots: _Spots = {}


class _Stranger(NamedTuple):
    """A thread that someone moved without a driver, and the snapshot that it was moved from."""

    spots: _Spots
    snapshot: bytes | None


class BoundSaver(BaseCheckpointSaver[int]):
    """The saver that a flow's graph is compiled with.

    A driver holds a thread from ``begin`` to ``forget``, and persists ``blob`` in between. Whoever uses the graph
    without being its driver reads the persisted snapshot, and what they save is their own view of it: it stays in
    memory, until another snapshot is persisted.

    Args:
        fields: the state's fields; the values of their channels are never kept, in checkpoints or in writes.
        values: the state of a thread's run as the journal has it, by field; asked when a checkpoint is read.
        load: the persisted snapshot of a thread, None where there is none.
        types: the classes that inputs and payloads may hold beside plain data and LangChain's messages.
    """

    def __init__(
        self,
        fields: Collection[str],
        *,
        values: Callable[[str], Mapping[str, Any]],
        load: Callable[[str], bytes | None],
        types: Iterable[Any] = (),
    ) -> None:
        self._data = StrictSerializer(types)
        super().__init__(serde=self._data)
        self._fields = frozenset(fields)
        self._values = values
        self._load = load
        self._driven: dict[str, _Held] = {}
        self._marks = count(1)
        self._strangers: OrderedDict[str, _Stranger] = OrderedDict()
        self._lock = threading.Lock()
        for name in ("put_writes", "aput_writes"):  # LangGraph asks for their signatures in every call of a graph
            told: Any = partial(getattr(self, name))
            told.__signature__ = signature(told)
            setattr(self, name, told)

    def begin(self, thread_id: str) -> RunnableConfig:
        """Hold a thread for driving: it has no checkpoint, whatever was persisted, until LangGraph puts one.

        Returns:
            The config to call the graph with. Calls with any other config are strangers', who see the persisted
            snapshot all the while; a driver that never passes this one shares the thread with them.
        """
        with self._lock:
            held = self._driven[thread_id] = _Held(str(next(self._marks)))
        return {"configurable": {"thread_id": thread_id, MARK: held.mark}}

    def blob(self, thread_id: str) -> bytes | None:
        """The snapshot of a held thread: its latest checkpoints without the state; None before the first.

        Raises:
            StoreError: an input or a payload holds what cannot be kept as data.
        """
        with self._lock:
            held = self._driven.get(thread_id)
            spots = {} if held is None else held.spots
            parts = {ns: part for ns, spot in spots.items() if (part := _parts(spot))}
        return self._data.encode([FORMAT, parts], f"the snapshot of run {thread_id}") if parts else None

    def forget(self, thread_id: str) -> None:
        """Drop all that is held of a thread: from now on its persisted snapshot counts."""
        with self._lock:
            self._driven.pop(thread_id, None)
            self._strangers.pop(thread_id, None)

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> Self:
        """This saver: the state's classes are not its to keep, so a graph's schema adds nothing."""
        return self

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Hold a checkpoint in the place of its namespace's last one, without the state's values."""
        thread, ns, _ = address(config)
        fields, latest = self._fields, checkpoint["id"]
        kept = checkpoint.copy()
        kept["channel_values"] = {
            name: value for name, value in checkpoint["channel_values"].items() if name not in fields
        }
        spots = self._spots_to_write(config, thread)
        with self._lock:
            spot = spots.setdefault(ns, _Spot())
            spot.checkpoint, spot.metadata = kept, metadata.copy()
            # Ids grow with time; writes of a later checkpoint may come before it where a caller asked for no order.
            spot.writes = {key: writes for key, writes in spot.writes.items() if key >= latest}
        return config_of(thread, ns, latest)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Hold what a task wrote; of the state's fields that it wrote them, not what."""
        thread, ns, checkpoint = address(config)
        spots = self._spots_to_write(config, thread)
        with self._lock:
            held = spots.setdefault(ns, _Spot()).writes.setdefault(checkpoint or "", {})
            for index, (channel, value) in enumerate(writes):
                key = (task_path, task_id, WRITES_IDX_MAP.get(channel, index))
                if key[2] < 0 or key not in held:
                    held[key] = (channel, None if channel in self._fields else told(value))

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The latest checkpoint of a thread, with the state's values filled in; None for an older one's id.

        Raises:
            StoreError: the persisted snapshot cannot be read.
        """
        thread, ns, wanted = address(config)
        spots = self._spots_to_read(config, thread)
        with self._lock:
            spot = spots.get(ns)
            checkpoint = None if spot is None else spot.checkpoint
            if spot is None or checkpoint is None or wanted not in {None, checkpoint["id"]}:
                return None
            copied, metadata = checkpoint.copy(), spot.metadata.copy()
            writes = sorted(spot.writes.get(checkpoint["id"], {}).items())
        state = self._values(thread)
        # LangGraph goes on from what it reads and changes it, so nothing of ours is handed out.
        copied["channel_versions"] = checkpoint["channel_versions"].copy()
        copied["versions_seen"] = {node: seen.copy() for node, seen in checkpoint["versions_seen"].items()}
        copied["channel_values"] = {
            **checkpoint["channel_values"],
            **{name: state[name] for name in self._fields if name in state},
        }
        pending: list[PendingWrite] = [
            (task, channel, state[channel] if channel in self._fields else value)
            for (_, task, _), (channel, value) in writes
            if channel not in self._fields or channel in state
        ]
        return CheckpointTuple(config_of(thread, ns, checkpoint["id"]), copied, metadata, None, pending)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """The latest checkpoint of each namespace of a thread; older ones are not kept, and None lists nothing."""
        if config is None:
            return
        thread = address(config).thread
        configurable = config.get("configurable", {})
        only = configurable.get("checkpoint_ns")
        older = None if before is None else address(before).id
        found = [
            held
            for ns in tuple(self._spots_to_read(config, thread))
            if only in {None, ns} and (held := self.get_tuple({"configurable": {**configurable, "checkpoint_ns": ns}}))
            if (older is None or held.checkpoint["id"] < older) and matches(held.metadata, filter or {})
        ]
        yield from sorted(found, key=lambda held: held.checkpoint["id"], reverse=True)[:limit]

    def delete_thread(self, thread_id: str) -> None:
        """Drop strangers' view: what is persisted belongs to the run, which is not LangGraph's to delete."""
        with self._lock:
            self._strangers.pop(str(thread_id), None)

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

    def _held(self, config: RunnableConfig, thread: str) -> _Spots | None:
        held = self._driven.get(thread)
        if held is None:
            return None
        if config.get("configurable", {}).get(MARK) == held.mark:
            held.marked = True
        elif held.marked:
            return None
        return held.spots

    def _spots_to_read(self, config: RunnableConfig, thread: str) -> _Spots:
        with self._lock:
            if (spots := self._held(config, thread)) is not None:
                return spots
            stranger = self._strangers.get(thread)
        snapshot = self._load(thread)
        if stranger is not None and stranger.snapshot == snapshot:
            return stranger.spots
        return self._read(thread, snapshot)  # the run was driven on since, here or elsewhere

    def _spots_to_write(self, config: RunnableConfig, thread: str) -> _Spots:
        with self._lock:
            if (spots := self._held(config, thread)) is not None:
                return spots
            stranger = self._strangers.get(thread)
        snapshot = self._load(thread)
        if stranger is None or stranger.snapshot != snapshot:
            stranger = _Stranger(self._read(thread, snapshot), snapshot)
        with self._lock:
            self._strangers[thread] = stranger
            self._strangers.move_to_end(thread)
            while len(self._strangers) > STRANGERS:
                self._strangers.popitem(last=False)
        return stranger.spots

    def _read(self, thread: str, snapshot: bytes | None) -> _Spots:
        if snapshot is None:
            return {}
        written = self._data.decode(snapshot, f"the snapshot of run {thread}")
        return {ns: _spot(*parts) for ns, parts in written[1].items()} if written[0] == FORMAT else {}


def _parts(spot: _Spot) -> list[Any]:
    if spot.checkpoint is None:
        return []
    writes = spot.writes.get(spot.checkpoint["id"], {})
    return [spot.checkpoint, spot.metadata, [[*key, *write] for key, write in sorted(writes.items())]]


def _spot(checkpoint: Checkpoint, metadata: CheckpointMetadata, writes: list[list[Any]]) -> _Spot:
    spot = _Spot()
    spot.checkpoint, spot.metadata = checkpoint, metadata
    spot.writes = {
        checkpoint["id"]: {(path, task, place): (channel, value) for path, task, place, channel, value in writes}
    }
    return spot
