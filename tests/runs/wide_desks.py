"""What the tests of branches, items and flows inside share: a state, a world that keeps count, apps on a store."""

from __future__ import annotations

import operator
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel

from guideway import START, Anyone, Context, End, Failure, Flow, Item, Refusal, compute, on, tool
from guideway.testing import ScriptedModel


class Box(BaseModel):
    """What branches write: fields of their own, and a trail that all add to."""

    n: int = 0
    a: str | None = None
    b: str | None = None
    c: str | None = None
    why: str | None = None
    trail: Annotated[list[str], operator.add] = []
    words: list[Any] = []
    into: list[Item[Any]] = []


class World:
    """Where tools act: it counts what was done, by key, and can fail, wait and be stopped."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.keys: list[str] = []
        self.broken: set[str] = set()
        self.lost: set[str] = set()
        self.slow: dict[str, float] = {}
        self.most = 0
        self.now = 0
        self._lock = threading.Lock()

    def does(self, what: str, key: str = "") -> str:
        """One effect: it happens first, and then perhaps its answer is late or lost."""
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            if what in self.broken:
                raise LookupError(f"{what} is broken")
            with self._lock:
                self.did.append(what)
                self.keys.append(key)
            time.sleep(self.slow.get(what, 0))
            if what in self.lost:
                raise RuntimeError(f"the answer to {what} got lost")
            return f"did {what}"
        finally:
            with self._lock:
                self.now -= 1


def effect(name: str, writes: str = "a", stakes: Any = "low", **options: Any) -> Any:
    """A once-only tool of a name."""

    @tool(name=name, effect="once", stakes=stakes, timeout=5.0, writes=writes, not_done=LookupError, **options)
    def does(n: int, context: Context) -> str:
        return str(context.deps.does(name, context.key))

    return does


def mark(name: str) -> Any:
    """A node that leaves its name in the trail, and why it was come to."""

    @compute(name=name, writes="trail")
    def marks(refusal: Refusal | None, failure: Failure | None) -> list[str]:
        why = f" after {refusal.kind}" if refusal else f" after {failure.category}" if failure else ""
        return [name + why]

    return marks


def breaks(name: str = "breaks", error: type[Exception] = KeyError) -> Any:
    """A node that fails, unless its world has mended it."""

    @compute(name=name, writes="trail")
    def broken(context: Context) -> list[str]:
        if context.deps is None or name not in getattr(context.deps, "mended", ()):
            raise error(name)
        return [name]

    return broken


@contextmanager
def opened(folder: Path | None, flow: Flow[Any], world: Any = None, model: Any = None, **options: Any) -> Iterator[Any]:
    """An app of a flow, on the store of a folder or in memory."""
    scripted = model if model is not None and not callable(model) else ScriptedModel(model or (lambda prompt: "words"))
    options.setdefault("roles", Anyone())
    store = None if folder is None else folder / "runs.db"
    with flow.compile(store=store, deps=world, models={"default": scripted}, **options) as app:
        for name in ("start", "resume", "retry", "get"):
            setattr(app, name, _read(getattr(app, name)))
        assert app.graph is not None  # it is compiled once, which no test's deadline should wait for
        yield app


def _read(call: Any) -> Any:
    """Reads a run's events at once, so that a test can look at them when the store is closed."""

    def reads(*args: Any, **options: Any) -> Any:
        run = call(*args, **options)
        assert run.events
        return run

    return reads


def alone(node: Any, state: type[BaseModel] = Box, **options: Any) -> Flow[Any]:
    """A flow of one node."""
    return Flow("alone", state=state, edges=[on(START, node), on(node, End("over"))], **options)


def branch_steps(run: Any, branch: str) -> list[str]:
    """The nodes that a branch executed, in order."""
    return [step.node for step in run.steps if step.branch == branch]
