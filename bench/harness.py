"""Rounds in turn: every contender of a row does one round, then every one the next."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench.figures import Row, Samples
from bench.lanes import Broken, Round


def measured(
    row: Row, rounds: int, home: Path, say: Callable[[str], None], settle: Callable[[], None] = os.sync
) -> Samples:
    """What the rounds of a row gave.

    A contender whose package is not installed, or that breaks, is left out and said; ours may not be.

    Args:
        row: the row.
        rounds: how many rounds.
        home: a folder for the contenders' files.
        say: told of who is left out.
        settle: called before each round, so that what the one before left to be written is not this one's.

    Raises:
        Broken: ours did not do its work.
    """
    samples: Samples = {}
    with ExitStack() as stack:
        going = _opened(row, home, stack, say)
        for _ in range(rounds):
            for name, a_round in going.items():
                settle()
                samples.setdefault(name, []).append(a_round())
    return samples


def _opened(row: Row, home: Path, stack: ExitStack, say: Callable[[str], None]) -> dict[str, Round]:
    going: dict[str, Round] = {}
    for number, lane in enumerate(row.lanes):
        if (missing := lane.missing()) is not None:
            say(f"{row.name}: {lane.name} is left out: {missing} is not installed")
            continue
        place = home / f"{row.name}-{number}"
        place.mkdir()
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        try:
            a_round, close = lane.open(place)
        except Broken as error:
            if number == 0:
                raise
            say(f"{row.name}: {lane.name} is left out: {error}")
            continue
        stack.callback(close)
        going[lane.name] = a_round
    return going


def to_stderr(words: str) -> None:
    """Say something beside the table."""
    print(words, file=sys.stderr, flush=True)
