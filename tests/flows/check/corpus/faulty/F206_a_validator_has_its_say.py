"""By its bounds a number may fall between the edges; whether its own validator lets it, only a person can tell."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel

from guideway import START, End, Flow, compute, fields, on, when


def even(value: int) -> int:
    """Even numbers alone."""
    if value % 2:
        raise ValueError("odd")
    return value


class Pair(BaseModel):
    text: str
    n: Annotated[int, AfterValidator(even)] = 0


@compute(writes="n")
def double(text: str) -> int:
    return 2 * len(text)


t = fields(Pair)
low, high = End("low"), End("high")

flow = Flow("pairs", state=Pair, edges=[on(START, double), on(double, when(t.n < 3) >> low, when(t.n > 3) >> high)])

EXPECTED = {"code": "F206", "severity": "warning", "path": ("START", "double"), "example": None, "also": ()}
