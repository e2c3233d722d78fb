"""What an expression is worth in a state, in three-valued logic, and what it looked at to get there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, Literal

from .expressions import Arith, Const, Expr, Opaque, Proposes, Read, Term
from .printing import text
from .programs import Memo, OpaqueFailed, Tools, View, program, proposed
from .shortened import shortened

__all__ = ["UNKNOWN", "OpaqueFailed", "Prepared", "evaluate", "holds", "observed"]


class Unknown(Enum):
    """The type of ``UNKNOWN``."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        return False


UNKNOWN: Final[Literal[Unknown.UNKNOWN]] = Unknown.UNKNOWN
"""The value of an expression that reaches through None, divides by zero, or compares what has no order."""

NO_TOOLS: Tools = MappingProxyType({})


def holds(tree: Expr, state: object, tools: Tools = NO_TOOLS, memo: Memo | None = None) -> bool | None:
    """Whether a condition is true; None where that is unknown.

    Args:
        tree: the condition's tree.
        state: an instance of the state model.
        tools: stakes by tool name, for ``proposes(stakes=)``.
        memo: holds the values of named functions, so that each is called once per routing decision.

    Raises:
        OpaqueFailed: a named function raised or returned no bool.
    """
    return program(tree)(View(state, tools, memo))  # type: ignore[no-any-return]  # a formula's program gives a bool or None


def evaluate(tree: Expr, state: object, tools: Tools = NO_TOOLS, memo: Memo | None = None) -> Any:
    """The value of an expression, or ``UNKNOWN``. Results of arithmetic are ints and Fractions.

    Args:
        tree: a term or a condition's tree.
        state: an instance of the state model.
        tools: stakes by tool name, for ``proposes(stakes=)``.
        memo: holds the values of named functions, so that each is called once per routing decision.

    Raises:
        OpaqueFailed: a named function raised or returned no bool.
    """
    value = program(tree)(View(state, tools, memo))
    return UNKNOWN if value is None else value


def observed(tree: Expr, state: object) -> dict[str, Any]:
    """What a condition looks at, for the decision log: JSON-able short values by printed path.

    Long text is cut; secrets are masked; of what has its length asked for, only the length is told.

    Args:
        tree: a term or a condition's tree.
        state: an instance of the state model.
    """
    return {name: shortened(look(state)) for name, look in _looks(tree)}


class Prepared:
    """A condition ready to be evaluated many times: compiled, printed and looked through once.

    Args:
        tree: the condition's tree.
    """

    __slots__ = ("_looks", "_program", "text", "tree")

    def __init__(self, tree: Expr) -> None:
        self.tree = tree
        self.text = text(tree)
        self._program = program(tree)
        self._looks = _looks(tree)

    def holds(self, state: object, tools: Tools = NO_TOOLS, memo: Memo | None = None) -> bool | None:
        """See ``holds``."""
        return self._program(View(state, tools, memo))  # type: ignore[no-any-return]  # a formula's program gives a bool or None

    def observed(self, state: object) -> dict[str, Any]:
        """See ``observed``."""
        return {name: shortened(look(state)) for name, look in self._looks}


@lru_cache(maxsize=4096)
def _looks(tree: Expr) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    return tuple(dict(_looked(tree)).items())


def _looked(tree: Expr) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    match tree:
        case Const():
            return
        case Opaque(_, parameters):
            for name in parameters:
                yield name, attrgetter(name)
        case Proposes():
            yield text(Proposes()), proposed
        case Read(name):
            yield name, attrgetter(name)  # as it stands, so that NaN is told apart from None
        case Term() if tree.reads and not isinstance(tree, Arith):
            run = program(tree)
            yield text(tree), lambda state: run(View(state, NO_TOOLS, None))
        case _:
            for part in tree.parts:
                yield from _looked(part)
