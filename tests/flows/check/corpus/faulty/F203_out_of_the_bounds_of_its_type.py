"""A score is between nought and one, by its type; the edge waits for more."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from guideway import START, End, Flow, compute, fields, on, when


class Score(BaseModel):
    text: str
    score: Annotated[float, Field(ge=0, le=1)] = 0.0


@compute(writes="score")
def grade(text: str) -> float:
    return min(1.0, len(text) / 100)


t = fields(Score)
good, poor = End("good"), End("poor", verdict="partial")

flow = Flow("score", state=Score, edges=[on(START, grade), on(grade, when(t.score > 90) >> good, poor)])

EXPECTED = {"code": "F203", "severity": "warning", "path": ("START", "grade"), "example": None, "also": ()}
