"""The tables of a store, and the steps by which an older file becomes today's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tables:
    """What a file of ours holds.

    Args:
        application: in the file's header; tells our files from others and from each other.
        steps: step n brings a file of version n to version n + 1; steps are added, never changed.
    """

    application: int
    steps: tuple[tuple[str, ...], ...]


# An event's key is the run's number and the event's own in one integer: one b-tree, and a run's events lie together.
# A run's number is never used again: business keys outlive the runs that claimed them.
_FIRST = (
    """
    create table runs (
        rid integer primary key autoincrement,
        id text not null unique,
        flow text not null,
        shape text not null,
        build text not null,
        status text not null,
        verdict text,
        ending text,
        starter text,
        tags text not null,
        created real not null,
        updated real not null,
        error text,
        fence integer not null,
        dead_from integer not null,
        holder text,
        until real,
        ticks real,
        ttl real
    ) strict
    """,
    "create index runs_by_status on runs (status, rid)",
    """
    create table events (
        key integer primary key,
        kind text not null,
        at real not null,
        body text,
        link blob not null,
        erased blob
    ) strict
    """,
    """
    create table requests (
        id text primary key,
        rid integer not null,
        status text not null,
        role text not null,
        due real,
        digest text not null,
        body text not null
    ) strict
    """,
    "create index requests_by_run on requests (rid)",
    "create index requests_open on requests (due) where status = 'open'",
    "create table manifests (shape text, build text, data text not null, primary key (shape, build)) strict",
    """
    create table effects (
        key text primary key,
        rid integer not null,
        number integer not null,
        status text not null,
        result text
    ) strict
    """,
    "create table checkpoints (rid integer, ns text, data blob, writes blob, primary key (rid, ns)) strict",
)

# When people are to be told of a request next, and when they are to be reminded of it. Of what is open in an older file
# they were told when it opened, so only the reminder is left, at the moment that requests.py says.
_SECOND = (
    "alter table requests add column notice real",
    "alter table requests add column remind real",
    """
    update requests set remind = due - min(max(0.2 * (due - asked), 60.0), 0.5 * (due - asked))
    from (
        select id as of, case when json_valid(body) then json_extract(body, '$.asked') end as asked from requests
    ) where of = id and status = 'open' and due > asked and typeof(asked) in ('real', 'integer')
    """,
    "update requests set notice = remind",
    "create index requests_by_notice on requests (notice) where status = 'open' and notice is not null",
)

# Which files the store was, the latest last: a copy is none of them. What is brought forward is taken for the first.
_THIRD = (
    """
    create table files (
        number integer primary key,
        store text not null,
        inode text not null,
        path text not null,
        host text not null,
        at real not null
    ) strict
    """,
)

STORE = Tables(application=0x67776179, steps=(_FIRST, _SECOND, _THIRD))
"""A store of runs: "gway" in the header."""
