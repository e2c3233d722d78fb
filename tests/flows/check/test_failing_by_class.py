"""Edges for failures by class: a class catches its kinds, in what is checked, in examples, and in runs."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from guideway import START, Anyone, Budget, End, Flow, compute, failed, never, on
from guideway.testing import follow

done = End("done")


class S(BaseModel):
    n: int = 0


@compute(writes="n")
def look_up(n: int) -> int:
    raise KeyError(n)


@compute(writes="n")
def mend(n: int) -> int:
    return n


@compute(writes="n")
def ring(n: int) -> int:
    return n


def desk(*edges: Any, properties: Any = ()) -> Flow[Any]:
    """A flow whose first node has edges for its failures."""
    return Flow(
        "desk",
        state=S,
        edges=[on(START, look_up), on(look_up, *edges, done), on(mend, done), on(ring, done)],
        properties=properties,
        budget=Budget(steps=9),
    )


def test_an_edge_for_a_kind_behind_one_for_its_class_is_never_tried() -> None:
    """``failed(KeyError)`` behind ``failed(LookupError)`` is told of as shadowed, and no way leads over it."""
    flow = desk(failed(LookupError) >> mend, failed(KeyError) >> ring, properties=[never(ring).after(look_up)])
    found = {item.code for item in flow.check().findings}

    assert "F204" in found
    assert not found & {"F701", "F702"}
    assert [step.node for step in flow.compile(roles=Anyone()).start({}).steps] == ["look_up", "mend"]


def test_an_edge_for_a_class_behind_one_for_its_kind_is_tried() -> None:
    """``failed(LookupError)`` behind ``failed(KeyError)`` is there for other lookups."""
    flow = desk(failed(KeyError) >> ring, failed(LookupError) >> mend, properties=[never(mend).after(look_up)])
    found = {item.code: item for item in flow.check().findings}

    assert "F204" not in found
    run = follow(flow, found["F702"].example or {})
    assert [step.node for step in run.steps] == ["look_up", "mend"]
