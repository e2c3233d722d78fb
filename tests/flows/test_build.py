"""What the build of a flow covers: of its state also the bodies of the reducers."""

from __future__ import annotations

import functools
import operator
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import create_model

from guideway import START, End, Flow, Messages, compute, on


@compute(writes="log")
def note() -> list[str]:
    return ["x"]


def flow(reducer: Any) -> Flow[Any]:
    """A flow whose state's one list is merged by a reducer."""
    made: Any = create_model("Log", log=(Annotated[list[str], reducer], []))
    return Flow("logs", state=made, edges=[on(START, note), on(note, End("done"))])


def of_text(text: str) -> Any:
    """The reducer that a text defines."""
    space: dict[str, Any] = {}
    exec(text, space)
    return space["merge"]


class Latest:
    """Keeps the last of them."""

    def __init__(self, many: int) -> None:
        self.many = many

    def __repr__(self) -> str:
        return f"Latest({self.many})"

    def __call__(self, a: list[str], b: list[str]) -> list[str]:
        return (a + b)[-self.many :]


def capped(a: list[str], b: list[str], most: int) -> list[str]:
    return (a + b)[:most]


OTHERS = {
    "another body": ("def merge(a, b): return a + b", "def merge(a, b): return b + a"),
    "an object": (Latest(2), Latest(3)),
    "a partial": (functools.partial(capped, most=2), functools.partial(capped, most=3)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_reducer_of_the_same_name_is_another_build(name):
    """A reducer is known by its body: the shape, which has its name, stays; the build does not."""
    first, second = (flow(of_text(one) if isinstance(one, str) else one) for one in OTHERS[name])
    assert first.shape == second.shape
    assert first.build != second.build
    assert set(first.manifest()["build"]["reducers"]) == {"log"}


def test_what_is_not_the_authors_is_not_in_the_build():
    """operator.add, and guideway's own reducer of messages, have no body of the author's."""
    made: Any = create_model("Chat", log=(Annotated[list[str], operator.add], []), talk=(Messages, []))
    chat = Flow("chat", state=made, edges=[on(START, note), on(note, End("done"))])
    assert "reducers" not in chat.manifest()["build"]


def test_the_build_is_the_same_in_every_process():
    """Objects and partials are hashed without their places in memory."""
    code = (
        "import tests.flows.test_build as t\n"
        "made = lambda one: t.flow(t.of_text(one) if isinstance(one, str) else one)\n"
        "print(*(made(one).build for pair in t.OTHERS.values() for one in pair))\n"
    )
    root = Path(__file__).parents[2]
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, cwd=root, capture_output=True,
            text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1
    assert found != {""}
