"""Where runs live: journals, requests, leases and effects, in one SQLite file or in memory."""

from __future__ import annotations

from .archive import ArchivedStore
from .chain import genesis, verify
from .driving import Driving
from .outside import Build, Guard
from .parts import Part
from .records import (
    Change,
    Checkpoint,
    Damaged,
    Draft,
    Effect,
    EffectRow,
    EffectTaken,
    Event,
    Lease,
    RequestDraft,
    RequestRow,
    RunRow,
    TailMoved,
)
from .sqlite import SqliteStore

__all__ = [
    "ArchivedStore",
    "Build",
    "Change",
    "Checkpoint",
    "Damaged",
    "Draft",
    "Driving",
    "Effect",
    "EffectRow",
    "EffectTaken",
    "Event",
    "Guard",
    "Lease",
    "Part",
    "RequestDraft",
    "RequestRow",
    "RunRow",
    "SqliteStore",
    "TailMoved",
    "genesis",
    "verify",
]
