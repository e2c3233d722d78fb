"""The work of a comparison grows with what is compared, not with its square."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from pydantic import BaseModel

from guideway import START, End, Flow, at_most, compute, fields, on, when
from guideway.flows.diff import diff
from guideway.flows.diff.stored import Version


class S(BaseModel):
    n: int = 0


t = fields(S)
done = End("done")


@compute(writes="n")
def step(n: int) -> int:
    return n + 1


def loops(count: int, most: int) -> Flow[Any]:
    """A chain of nodes that each go round a few times, the last of them ``most`` times."""
    nodes = [step.named(f"n{place}") for place in range(count)]
    return Flow(
        "loops",
        state=S,
        edges=[
            on(START, nodes[0]),
            *(on(a, when(t.n < 5, at_most(2)) >> a, b) for a, b in pairwise(nodes)),
            on(nodes[-1], when(t.n < 5, at_most(most)) >> nodes[-1], done),
        ],
    )


def looked_at(monkeypatch: pytest.MonkeyPatch, count: int) -> int:
    """How often a row is looked at where two versions of so many limits are compared."""
    calls = 0
    row = Version.row

    def counted(self: Version, source: str) -> Any:
        nonlocal calls
        calls += 1
        return row(self, source)

    with monkeypatch.context() as patched:
        patched.setattr(Version, "row", counted)
        assert "at most 3 times, was 2" in str(diff(loops(count, 2), loops(count, 3)))
    return calls


def test_twice_as_many_limits_are_twice_as_much_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each limit's edges are looked up, not looked for among all edges."""
    small, large = looked_at(monkeypatch, 30), looked_at(monkeypatch, 60)

    assert large < 3 * small
