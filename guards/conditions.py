"""``Condition``, what an author holds and combines, and ``condition``, which takes the tree from it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import BaseModel

from ..errors import ConditionError, caller
from .expressions import Expr, Formula, Opaque, conjunction, disjunction
from .printing import text
from .rules import check


def refused(what: str, instead: str) -> Any:
    """A method for what Python would work out before guideway can see it: it raises and says what to write.

    Args:
        what: what the author wrote.
        instead: what to write.
    """

    def refuse(self: Symbol, *_: object) -> NoReturn:
        raise ConditionError(f"{self!r}: {what} acts before guideway can see it. Write {instead}", where=caller())

    return refuse


class Symbol:
    """Base of what stands for a tree while a flow is written: a field, a condition."""

    __slots__ = ()

    def __formula__(self) -> Formula:
        """The tree as a condition."""
        raise NotImplementedError

    if not TYPE_CHECKING:  # the author's editor knows none of these, and refuses them too
        __bool__ = refused(
            "asking for its truth (`and`, `or`, `not`, `in`, `if`, a chained comparison)",
            "a & b for `and`, a | b for `or`, none_of(a) for `not`, one_of(x, ...) or contains(x, y) for `in`, "
            "(a < b) & (b < c) for `a < b < c`",
        )
        __invert__ = refused("`~`", "none_of(...)")
        __iter__ = refused("going through it", "contains(x, y), first(x) or last(x), or use a named function")
        __contains__ = refused("`in`", "contains(x, y), or one_of(x, ...)")
        __len__ = refused("len()", "length(x)")
        __getitem__ = refused("an index", "first(x) or last(x), or use a named function")
        __int__ = __float__ = __index__ = __round__ = __abs__ = refused("a conversion", "the comparison without it")
        __floordiv__ = __mod__ = __pow__ = __rfloordiv__ = __rmod__ = __rpow__ = __xor__ = __rxor__ = refused(
            "this operator", "+ - * /, or use a named function"
        )
        __format__ = refused("putting it into text", "a named function, or a node that makes the text")


@dataclass(frozen=True, slots=True, repr=False)
class Condition(Symbol):
    """A condition over the state. ``&`` and ``|`` combine it; ``==`` compares the trees."""

    tree: Formula

    def __formula__(self) -> Formula:
        return self.tree

    def __and__(self, other: bool | Condition | Callable[..., bool]) -> Condition:
        return Condition(conjunction((self.tree, condition(other))))

    def __rand__(self, other: bool | Condition | Callable[..., bool]) -> Condition:
        return Condition(conjunction((condition(other), self.tree)))

    def __or__(self, other: bool | Condition | Callable[..., bool]) -> Condition:
        return Condition(disjunction((self.tree, condition(other))))

    def __ror__(self, other: bool | Condition | Callable[..., bool]) -> Condition:
        return Condition(disjunction((condition(other), self.tree)))

    if not TYPE_CHECKING:
        __lt__ = __le__ = __gt__ = __ge__ = refused("comparing a condition", "a & b, a | b or none_of(a)")

    def __repr__(self) -> str:
        return text(self.tree, "t.")


def condition(x: object) -> Formula:
    """The tree of what an author hands over as a condition.

    Args:
        x: a condition, a field that holds a bool (it must be true), or a named plain function whose parameters
            are state fields.

    Raises:
        ConditionError: it is a plain bool, a lambda, or nothing that could be a condition.
    """
    if isinstance(x, Symbol):
        return x.__formula__()
    if isinstance(x, bool):
        raise ConditionError(
            f"{x}: a plain bool is no condition, since it was worked out before guideway could see it. Write exists(x) "
            "for `is not None`, a & b for `and`, none_of(a) for `not`, one_of(x, ...) or contains(x, y) for `in`, "
            "(a < b) & (b < c) for `a < b < c`, and compare fields, not conditions",
            where=caller(),
        )
    if callable(x):
        return opaque(x)
    raise ConditionError(
        f"{x!r} ({type(x).__name__}) is no condition. Compare fields, as in t.amount < 50, or give a named function "
        "whose parameters are state fields",
        where=caller(),
    )


def opaque(function: Callable[..., Any]) -> Opaque:
    """A named plain function as a leaf of the tree; what it reads are its parameters.

    Args:
        function: returns a bool; a function, or a partial that was given a ``__name__``.

    Raises:
        ConditionError: it has no name, is no plain function, or its signature does not fit.
    """
    name = getattr(function, "__name__", None)
    if name == "<lambda>" or (name is None and isinstance(function, partial)):
        what = "a lambda" if name else "a partial without a __name__"
        raise _unfit(
            what, "the name of a condition is what reviewers read. Give it a name: def is_urgent(message: str) ..."
        )
    if name is None or not any(isinstance(function, kind) for kind in (FunctionType, partial)):
        raise _unfit(repr(function), f"a {type(function).__name__} is no condition. Give a named plain function")
    if any(test(function) for test in _NOT_PLAIN):
        raise _unfit(
            name, "an async function or a generator is no condition. Do the work in a node and test its result"
        )
    signature = inspect.signature(function)
    if signature.return_annotation not in (inspect.Signature.empty, bool, "bool"):
        raise _unfit(name, f"it returns {signature.return_annotation!r}; a condition returns bool")
    bound: Mapping[str, Any] = getattr(function, "keywords", {})  # a partial's: they are no fields
    parameters = [parameter for name, parameter in signature.parameters.items() if name not in bound]
    for parameter in parameters:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise _unfit(
                name, f"its parameter '{parameter}' names no field. The parameters are the fields that it reads"
            )
    return Opaque(name, tuple(parameter.name for parameter in parameters), function)


_NOT_PLAIN = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)


def _unfit(what: str, why: str) -> ConditionError:
    return ConditionError(f"{what}: {why}", where=caller())


def check_fields(tree: Expr, model: type[BaseModel], where: str | None = None) -> None:
    """Raises where an expression does not fit a state: conditions are checked again when a flow binds them.

    Args:
        tree: the expression.
        model: the flow's state.
        where: the author's place; by default the caller's.

    Raises:
        UnknownField: a field, or a function's parameter, that the state does not have.
        ConditionError: an operation that does not fit the state's types.
    """
    check(tree, model, where)
