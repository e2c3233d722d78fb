"""``Flow``: an agent as a value: state, rows of edges, budget; checked, drawn, diffed, compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pydantic import BaseModel

from ..errors import FlowError, caller
from ..guards.budgets import Budget
from ..guards.gates import Gate
from ..guards.limits import Limit
from ..guards.path import Edge
from ..guards.target import Target
from ..nodes.node import Node
from .ends import End
from .fanout import AllOf
from .kind import FlowKind
from .manifest import hashes, manifest_of
from .migrations import Migration, as_migrations, must_lead_here
from .properties import Property, bind
from .regions import Region
from .resolve import resolve
from .rows import Route, Row
from .state import StateType

if TYPE_CHECKING:
    from os import PathLike

    from ..runs.app import App
    from .check.report import Finding, Report
    from .monitors import Monitor

S = TypeVar("S", bound=BaseModel)


class Flow(FlowKind, Generic[S]):
    """An agent as an explicit, immutable state graph.

    Args:
        name: its name, as it appears in stores and on diagrams.
        state: the state, one pydantic model.
        edges: the rows, each made by ``on(source, ...)``; one of them starts at START.
        budget: what a run may use up.
        on_exhausted: where a run goes, once, when the budget is used up.
        on_failure: where a failed outcome goes that no edge of its row matches.
        properties: the author's own: ``never(pay).unless(lead)`` and the like; each is proved, refuted (``compile``
            refuses the flow), or watched while a run goes. ``enforced(...)`` has one watched in any case.
        accepts: findings that are accepted: code to reason; the report repeats them.
        migrations: how runs of older versions fit this one, each a ``Migration``, or a function from the fields of
            a stored state to those of today. A run that does not fit parks, and says why.
        label: a longer name for diagrams.

    Raises:
        FlowError: the parts do not fit together; the message says which, where, and the way out.
    """

    def __init__(
        self,
        name: str,
        *,
        state: type[S],
        edges: Iterable[Row],
        budget: Budget | None = None,
        on_exhausted: Target | Edge | None = None,
        on_failure: Target | Edge | None = None,
        properties: Iterable[Property] = (),
        accepts: Mapping[str, str] | None = None,
        migrations: Iterable[Migration | Callable[[dict[str, Any]], dict[str, Any]]] = (),
        label: str | None = None,
    ) -> None:
        self.line = caller()
        if not isinstance(name, str) or not name.strip():  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
            raise FlowError(f"Flow({name!r}) needs a name", where=self.line)
        if any("\ud800" <= letter <= "\udfff" for letter in name):
            raise FlowError(f"Flow({name!r}): the name has half a character, which no file can hold", where=self.line)
        if not (isinstance(state, type) and issubclass(state, BaseModel)):  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
            raise FlowError(f"flow {name!r}: state= must be a pydantic model, not {state!r}", where=self.line)
        if budget is not None and not isinstance(budget, Budget):  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
            raise FlowError(f"flow {name!r}: budget= must be a Budget(steps=...), not {budget!r}", where=self.line)
        self.name = name
        self.state: type[S] = state
        self.label = label
        self.budget = budget
        self.accepts = _accepted(name, accepts, self.line)
        self.migrations = as_migrations(migrations, name, self.line)
        self.type: StateType[S] = StateType(state, where=self.line)
        parts = resolve(name, state, _rows(name, edges, self.line), on_exhausted, on_failure, self.line)
        self.source_rows: tuple[Row, ...] = parts.source_rows
        self.rows: dict[str, tuple[Route, ...]] = parts.rows
        self.routes: dict[str, Route] = parts.routes
        self.route_of: dict[Edge, Route] = parts.route_of
        self.nodes: dict[str, Node[Any, Any]] = parts.nodes
        self.ends: dict[str, End] = parts.ends
        self.gates: dict[str, Gate] = parts.gates
        self.limits: dict[Limit, str] = parts.limits
        self.tools: dict[str, str] = parts.tools
        self.forks: dict[str, AllOf] = parts.forks
        self.regions: dict[str, Region] = parts.regions
        there = {"nodes": list(self.nodes), "edges": list(self.routes), "fields": list(self.type.fields)}
        must_lead_here(self.migrations, there, self.line)
        self.properties: tuple[Property, ...] = bind(properties, self)

    def __repr__(self) -> str:
        return f"<flow {self.name}: {len(self.nodes)} nodes, {len(self.ends)} ends>"

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        return manifest_of(self)

    def manifest(self) -> dict[str, Any]:
        """The flow as JSON-able data, complete enough to draw and to compare without its code."""
        return self._manifest

    @cached_property
    def _hashes(self) -> tuple[str, str]:
        return hashes(self._manifest)

    @property
    def shape(self) -> str:
        """The hash of what decides where a run can stand: nodes, edges, guards, gates, state schema."""
        return self._hashes[0]

    @property
    def build(self) -> str:
        """The hash of the shape and all that runs: bodies, prompts, models, budgets."""
        return self._hashes[1]

    @cached_property
    def watched(self) -> tuple[Monitor, ...]:
        """The automata of the properties that are watched while a run goes: those that are marked or not proved."""
        if not self.properties:
            return ()
        from .check.properties import watched

        return watched(self)

    def check(self, *, strict: bool = False) -> Report:
        """Checks the flow without running it.

        Args:
            strict: warnings count as errors.
        """
        from .check import check

        return check(self, strict=strict, solver=True)

    def draw(
        self,
        path: str | PathLike[str] | None = None,
        *,
        format: str | None = None,
        finding: Finding | None = None,
    ) -> str | bytes:
        """Draws the flow for review.

        Args:
            path: where to write; the suffix says the format.
            format: svg, png, pdf, dot, mmd or txt, where there is no path to tell it.
            finding: one of ``check().findings``: its path is drawn in red, with its example in words.

        Returns:
            The picture: text, or bytes for png and pdf.

        Raises:
            FlowError: an unknown format, a path that cannot be written, or a finding without a path.
        """
        from ..viz import draw_flow

        return draw_flow(self, path, format=format, finding=finding)

    def compile(
        self,
        *,
        store: str | PathLike[str] | None = None,
        models: Mapping[str, Any] | None = None,
        deps: Any = None,
        roles: Any = None,
        notify: Callable[..., Any] | None = None,
        durability: str = "process",
        key: str | bytes | Sequence[str | bytes] | None = None,
    ) -> App[S]:
        """Compiles the flow to a checkpointed executor.

        Args:
            store: a file's path; None is in memory.
            models: chat models by slot; ``"default"`` is every think node's unless it names another.
            deps: whatever nodes need from outside, given to them by ``Context.deps``.
            roles: who holds which role: a mapping, a callable ``(role, name) -> bool``, or ``Anyone()``. A store
                in a file needs it where the flow asks people. A role that a mapping does not name is a no for
                everybody; a warning (logger ``"guideway"``) names such roles of the flow here. Without roles
                in memory, where nothing outlives the process, anybody may decide.
            notify: called with a ``Request`` when it opens, and once more before it expires.
            durability: ``"process"``: steps survive a process crash; ``"power"``: a power loss too.

            key: where the flow holds secrets (``SecretStr`` and its like), the key under which they are kept, as
                ``cryptography.fernet.Fernet.generate_key()`` makes it; or several: the first encrypts, all decrypt.
                By default ``GUIDEWAY_KEY`` of the environment; in memory, one that dies with the process.

        Raises:
            CheckFailed: a check that needs no solver found an error.
            ConfigError: roles, a model or the key is missing, or an option is of the wrong kind.
            StoreError: the store cannot be used.
        """
        from ..runs.app import App

        return App(
            self, store=store, models=models, deps=deps, roles=roles, notify=notify, durability=durability, key=key
        )


def _rows(name: str, edges: object, where: str | None) -> tuple[Row, ...]:
    """The rows that an author gave, each of which ``resolve`` looks at."""
    if isinstance(edges, Row):
        raise FlowError(
            f"flow {name!r}: edges= is one row and no list of rows: write edges=[on(...), ...]", where=where
        )
    if not isinstance(edges, Iterable) or isinstance(edges, str | bytes):
        raise FlowError(f"flow {name!r}: edges={edges!r} is no list of rows: write edges=[on(...), ...]", where=where)
    return tuple(cast("Iterable[Row]", edges))


def _accepted(name: str, accepts: object, where: str | None) -> dict[str, str]:
    """The findings that an author accepts: each with a reason, which reviewers read."""
    given: Any = accepts
    if accepts is None:
        return {}
    if not isinstance(accepts, Mapping):
        raise FlowError(
            f"flow {name!r}: accepts={given!r} names no reasons: write accepts={{'F601': 'we look each morning'}}",
            where=where,
        )
    for code, reason in given.items():
        if not isinstance(code, str) or not isinstance(reason, str) or not reason.strip():
            raise FlowError(
                f"flow {name!r}: accepts={{{code!r}: {reason!r}}} must name a code and say why it is accepted, "
                "such as {'F601': 'we look each morning'}",
                where=where,
            )
    return dict(given)
