"""The tree of a condition: frozen data with ordinary equality and hash.

Terms stand for values, formulas for truth; both are expressions.

    Term     Const  Read  Attr  Some  Arith  Length  First  Last
    Formula  Compare  And  Or  NoneOf  Exists  Contains  OneOf  Opaque  Proposes

From the tree come what it reads (here), its value (evaluation.py), its printed form (printing.py and
parsing.py), its JSON (forms.py) and what it can be at all under a model (kinds.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Literal

from ..errors import ConditionError, caller

Scalar = str | int | float | bool | Decimal | date
"""What a constant may be; a datetime is a date. A member of an enum stands as its value."""

CompareOp = Literal["<", "<=", ">", ">=", "==", "!="]
ArithOp = Literal["+", "-", "*", "/"]


class Expr:
    """Base of all trees."""

    __slots__ = ()

    @property
    def parts(self) -> tuple[Expr, ...]:
        """The expressions that this one is built of, in order."""
        return ()

    @property
    def reads(self) -> frozenset[str]:
        """The state's own fields that the expression reads."""
        parts = self.parts
        if len(parts) == 1:
            return parts[0].reads
        return frozenset[str]().union(*[part.reads for part in parts])


class Term(Expr):
    """Base of what stands for a value."""

    __slots__ = ()


class Formula(Expr):
    """Base of what is true, false or unknown."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Const(Term):
    """A constant; build it with ``constant``. Its type counts, so that True and 1 are two constants."""

    value: Scalar
    kind: type[Scalar] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", type(self.value))


@dataclass(frozen=True, slots=True)
class Read(Term):
    """A field of the state."""

    name: str

    @property
    def reads(self) -> frozenset[str]:
        """The field."""
        return frozenset((self.name,))


@dataclass(frozen=True, slots=True)
class Attr(Term):
    """A field of a model within the state."""

    of: Term
    name: str

    @property
    def parts(self) -> tuple[Expr, ...]:
        """Whose field it is."""
        return (self.of,)


@dataclass(frozen=True, slots=True)
class _OfOne(Expr):
    of: Term

    @property
    def parts(self) -> tuple[Expr, ...]:
        """What it is about."""
        return (self.of,)


@dataclass(frozen=True, slots=True)
class Some(_OfOne, Term):
    """The same value, marked by the author as one that may be None: reaching on is then unknown."""


@dataclass(frozen=True, slots=True)
class Length(_OfOne, Term):
    """How many characters or items there are."""


@dataclass(frozen=True, slots=True)
class First(_OfOne, Term):
    """The first item; unknown where there is none."""


@dataclass(frozen=True, slots=True)
class Last(_OfOne, Term):
    """The last item; unknown where there is none."""


@dataclass(frozen=True, slots=True)
class Arith(Term):
    """Exact arithmetic; unknown when divided by zero."""

    op: ArithOp
    left: Term
    right: Term

    @property
    def parts(self) -> tuple[Expr, ...]:
        """The two operands."""
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class Compare(Formula):
    """A comparison; unknown where an operand is, and where the two values have no order."""

    op: CompareOp
    left: Term
    right: Term

    @property
    def parts(self) -> tuple[Expr, ...]:
        """The two operands."""
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class _OfMany(Expr):
    items: tuple[Formula, ...]

    @property
    def parts(self) -> tuple[Expr, ...]:
        """The formulas."""
        return self.items


@dataclass(frozen=True, slots=True)
class And(_OfMany, Formula):
    """True when all are; false when one is."""


@dataclass(frozen=True, slots=True)
class Or(_OfMany, Formula):
    """True when one is; false when all are."""


@dataclass(frozen=True, slots=True)
class NoneOf(_OfMany, Formula):
    """True when all are false; false when one is true; so none_of(unknown) is unknown."""


@dataclass(frozen=True, slots=True)
class Exists(_OfOne, Formula):
    """Whether there is a value: true or false, never unknown."""


@dataclass(frozen=True, slots=True)
class Contains(Formula):
    """Whether a text has a part, a collection an item, a mapping a key."""

    of: Term
    item: Term

    @property
    def parts(self) -> tuple[Expr, ...]:
        """The container and the item."""
        return (self.of, self.item)


@dataclass(frozen=True, slots=True)
class OneOf(Formula):
    """Whether a value equals one of the constants."""

    of: Term
    values: tuple[Const, ...]

    @property
    def parts(self) -> tuple[Expr, ...]:
        """The value and the constants."""
        return (self.of, *self.values)


@dataclass(frozen=True, slots=True)
class Opaque(Formula):
    """A named plain function of state fields; build it with ``conditions.opaque``."""

    name: str
    parameters: tuple[str, ...]
    function: Callable[..., bool] = field(repr=False)

    @property
    def reads(self) -> frozenset[str]:
        """The fields that are its parameters."""
        return frozenset(self.parameters)


@dataclass(frozen=True, slots=True)
class Proposes(Formula):
    """Whether the last model message proposes a call: any, one of a tool, or one of these stakes.

    It reads the state's messages field, whose name only the model knows: see ``rules.reads_of``.
    """

    tool: str | None = None
    stakes: str | None = None


def walk(tree: Expr) -> Iterator[Expr]:
    """The tree and every expression in it, each before its parts."""
    yield tree
    for part in tree.parts:
        yield from walk(part)


def conjunction(items: Iterable[Formula]) -> Formula:
    """All of one or more formulas, as one flat ``and``."""
    flat = tuple(part for item in items for part in (item.items if isinstance(item, And) else (item,)))
    return flat[0] if len(flat) == 1 else And(flat)


def disjunction(items: Iterable[Formula]) -> Formula:
    """Any of one or more formulas, as one flat ``or``."""
    flat = tuple(part for item in items for part in (item.items if isinstance(item, Or) else (item,)))
    return flat[0] if len(flat) == 1 else Or(flat)


def constant(value: object, said: str = "") -> Const:
    """A constant from a Python value, in the plain form that JSON gives back.

    Args:
        value: a str, int, float, bool, Decimal, date or datetime, or a member of an enum of these.
        said: what the author wrote before it, for the error.

    Raises:
        ConditionError: the value is None, no number, too large, or of another type.
    """
    match value:
        case Enum():
            return constant(value.value, said)
        case bool():
            return Const(value)
        case int() if value.bit_length() <= _BITS:
            return Const(int(value))
        case float() if math.isfinite(value):
            return Const(float(value) + 0.0)  # -0.0 becomes 0.0, which it equals
        case Decimal() if value.is_finite() and abs(value.adjusted()) <= _DIGITS:
            return Const(Decimal(value))
        case str():
            return Const(str(value))
        case datetime():
            return Const(datetime.fromisoformat(value.isoformat()))  # a zone becomes its offset
        case date():
            return Const(date(value.year, value.month, value.day))
        case _:
            raise ConditionError(_no_constant(value, said), where=caller())


_BITS, _DIGITS = 1024, 308
"""The size of a constant: about that of the largest float."""


def _no_constant(value: object, said: str) -> str:
    if value is None:
        return f"{said}None is no constant of a condition. Write exists(x), or none_of(exists(x))"
    if isinstance(value, float | Decimal):
        return f"{said}{value}: this is no number of ordinary size. Compare with a finite number"
    if isinstance(value, int):
        return (
            f"{said}an int of {value.bit_length()} bits: this is no number of ordinary size. Compare with a smaller one"
        )
    return (
        f"{said}{value!r}: a {type(value).__name__} is no constant of a condition. Use a str, int, float, bool, "
        "Decimal, date, datetime or a member of an enum, or put the test into a named function"
    )
