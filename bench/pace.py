"""How long a round's work takes: runs repeated until they can be timed, and steps that mark when they began."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.stored import log_length

WARM = 300  # steps at least before the first round
REPEATED = 100  # steps at least in a round


def timed_runs(run: Callable[[], None], steps: int, store: Path | None = None) -> Callable[[], dict[str, float]]:
    """Runs on a warm file, to be timed.

    A commit to a new file costs more, at FULL nearly twice, until its write-ahead log has been folded in once and is
    written over from then on: so runs go on until the log grows no more.

    Args:
        run: one run; not timed before the file is warm.
        steps: how many steps a run has.
        store: the SQLite file; None where nothing is kept.

    Returns:
        What does a round, and gives microseconds a step: ``step`` by the clock, ``cpu`` of the processor.
    """
    lengths: list[int] = []
    while len(lengths) * REPEATED < WARM or lengths[-1] != lengths[-2]:
        for _ in range(-(-REPEATED // steps)):
            run()
        lengths.append(0 if store is None else log_length(store))
    times = max(1, REPEATED // steps)

    def a_round() -> dict[str, float]:
        watch = Stopwatch()
        for _ in range(times):
            run()
        wall, cpu = watch.stopped()
        return {"step": wall * 1e6 / (times * steps), "cpu": cpu * 1e6 / (times * steps)}

    return a_round


class Stopwatch:
    """What a piece of work takes; it runs from when it is made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stopped(self) -> tuple[float, float]:
        """Seconds by the clock, and of the processor, all threads of this process."""
        return time.perf_counter() - self._wall, time.process_time() - self._cpu

    def told(self, key: str) -> dict[str, float]:
        """Milliseconds as a round's figures: by the clock under this key, and of the processor.

        Args:
            key: the figure's.
        """
        wall, cpu = self.stopped()
        return {key: wall * 1e3, "cpu": cpu * 1e3}


class Marks:
    """When each step of a run began."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def mark(self) -> None:
        """A step begins."""
        self.times.append(time.perf_counter())

    def figures(self, steps: int) -> dict[str, float]:
        """Microseconds a step: of the whole, of the first and the last tenth, and how the last is to the first.

        Args:
            steps: how many there must be.

        Raises:
            RuntimeError: another number of steps began.
        """
        if len(self.times) != steps:
            raise RuntimeError(f"{len(self.times)} steps began, where {steps} must")
        each = [(after - before) * 1e6 for before, after in zip(self.times, self.times[1:], strict=False)]
        tenth = max(1, steps // 10)
        first, last = _mean(each[:tenth]), _mean(each[-tenth:])
        return {"step": _mean(each), "first": first, "last": last, "flat": last / first}


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values)
