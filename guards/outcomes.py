"""Matches of a failed outcome: ``failed(LookupError)``, ``failed("timeout", "rate_limited")``."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from difflib import get_close_matches

from ..errors import ConditionError, caller
from .path import Guard

CATEGORIES = (
    "timeout",
    "rate_limited",
    "unavailable",
    "invalid_input",
    "invalid_output",
    "invalid_call",
    "model_refused",
    "declined",
    "forbidden",
    "unknown_effect",
    "exhausted",
    "bug",
    "cancelled",
)
"""The categories of a failed outcome, in the order of DESIGN's section 6."""

TRANSIENT = ("timeout", "rate_limited", "unavailable")
"""The categories that ``failed("transient")`` and a ``Retry`` mean by "transient"."""

_ONLY_BY_NAME = frozenset({"unknown_effect", "exhausted", "cancelled"})


@dataclass(frozen=True)
class Failed(Guard):
    """Passes only a failed outcome of one of these exception classes or categories; empty is any."""

    types: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    def matches(self, category: str, classes: tuple[str, ...]) -> bool:
        """Whether a failure of this category, whose exception has these classes, is meant.

        ``unknown_effect``, ``exhausted`` and ``cancelled`` are matched only where they are named:
        nothing may go on in silence over an effect that perhaps happened.

        Args:
            category: one of ``CATEGORIES``.
            classes: dotted names of the exception's class and all its bases.
        """
        if category in self.categories:
            return True
        if category in _ONLY_BY_NAME:
            return False
        if not self.types and not self.categories:
            return True
        return any(name in classes for name in self.types)

    def covers(self, other: Failed) -> bool:
        """Whether every failure that another passes is passed by this, as far as names tell.

        Args:
            other: the other.
        """
        if not {*other.categories} & _ONLY_BY_NAME <= {*self.categories}:
            return False
        if not self.types and not self.categories:
            return True
        named = bool(other.types or other.categories)
        caught = all({*kinds(name)} & {*self.types} for name in other.types)
        return named and caught and {*other.categories} <= {*self.categories}


def dotted(cls: type) -> str:
    """The dotted name by which a class is written in the journal."""
    return f"{cls.__module__}.{cls.__qualname__}"


def kinds(name: str) -> tuple[str, ...]:
    """The dotted names of a class of exceptions and of all its bases, where Python itself has it; else its own.

    Args:
        name: the class's dotted name.
    """
    module, _, short = name.rpartition(".")
    found = getattr(builtins, short, None) if module == "builtins" else None
    return tuple(dotted(item) for item in found.__mro__) if isinstance(found, type) else (name,)


def failed(*what: type[BaseException] | str) -> Failed:
    """Passes a failed outcome, by exception class or by category; with nothing named, any of them.

    Args:
        what: exception classes (subclasses match too) or categories such as ``"timeout"``;
            ``"transient"`` stands for timeout, rate_limited and unavailable.

    Raises:
        ConditionError: a name is no category, or a class is no exception.
    """
    types: list[str] = []
    categories: list[str] = []
    for item in what:
        if isinstance(item, str):
            categories.extend(TRANSIENT if item == "transient" else (_category(item),))
        elif isinstance(item, type) and issubclass(item, BaseException):  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
            types.append(dotted(item))
        else:
            raise ConditionError(
                f"failed({item!r}): name an exception class or one of {', '.join(CATEGORIES)}", where=caller()
            )
    return Failed(tuple(types), tuple(dict.fromkeys(categories)))


def _category(name: str) -> str:
    if name in CATEGORIES:
        return name
    near = get_close_matches(name, (*CATEGORIES, "transient"), 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ConditionError(
        f"failed({name!r}): there is no such category.{hint} There are: {', '.join(CATEGORIES)}", where=caller()
    )
