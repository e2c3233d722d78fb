"""Research in rounds: a plan, searches, a draft and a judgement of it."""

from __future__ import annotations

from operator import add
from typing import Annotated, Literal

from pydantic import BaseModel

from guideway import End, compute, fields, think, tool


class Study(BaseModel):
    """A question, and how far its answer has come."""

    question: str
    query: str | None = None
    sources: Annotated[list[str], add] = []
    draft: str = ""
    verdict: Literal["good", "thin", "wrong"] | None = None
    score: float = 0.0
    rounds: int = 0


class Judgement(BaseModel):
    """What a model thinks of a draft."""

    verdict: Literal["good", "thin", "wrong"]
    score: float


t = fields(Study)


@think(writes="query")
def plan(question: str, draft: str) -> str:
    return f"What to look for, to answer {question!r}? So far: {draft}"


@tool(effect="none", writes="sources")
def search(query: str | None) -> list[str]:
    return [query or ""]


@think(writes="draft")
def write(question: str, sources: list[str]) -> str:
    return f"Answer {question!r} from {sources}"


@think(output=Judgement)
def judge(question: str, draft: str) -> str:
    return f"Does {draft!r} answer {question!r}?"


@compute(writes="rounds")
def count(rounds: int) -> int:
    return rounds + 1


answered = End("answered")
gave_up = End("gave up", verdict="partial")
wrong = End("wrong", verdict="failed")
