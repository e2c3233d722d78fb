"""``fields(Model)``: what an author writes conditions with, typed as the model, recording trees at run time."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar, cast

from pydantic import BaseModel
from pydantic.errors import PydanticUndefinedAnnotation

from ..errors import ConditionError, FlowError, caller
from .conditions import Condition, Symbol, condition, refused
from .expressions import (
    Arith,
    ArithOp,
    Attr,
    Compare,
    CompareOp,
    Const,
    Expr,
    Formula,
    Read,
    Some,
    Term,
    conjunction,
    constant,
    disjunction,
)
from .kinds import BOOL
from .printing import text
from .rules import check, kind

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


def fields(model: type[M]) -> M:
    """What conditions on a state are written with: its fields, each a recording of how it is reached.

    Typed as an instance of the model, so that editors complete it and type checkers find mistakes; the same
    mistakes raise at their line.

    Args:
        model: the state.

    Raises:
        FlowError: it is no pydantic model, or one with a type that is not defined yet.
    """
    if not (isinstance(model, type) and issubclass(model, BaseModel)):  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
        raise FlowError(f"fields({model!r}) takes the state's class, a pydantic model", where=caller())
    try:
        model.model_rebuild()
    except PydanticUndefinedAnnotation as error:
        raise FlowError(
            f"fields({model.__name__}): {error.name!r} is not defined yet. Call fields() after it", where=caller()
        ) from error
    return cast(M, _State(model))


class _State:
    """The state itself: its attributes are its fields, and nothing else can be asked of it."""

    __slots__ = ("_model",)

    _model: type[BaseModel]

    def __init__(self, model: type[BaseModel]) -> None:
        object.__setattr__(self, "_model", model)

    def __getattr__(self, name: str) -> Field:
        return recorded(Read(_public(name)), self._model)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        _unset(f"t.{name}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _State, (self._model,)

    def __repr__(self) -> str:
        return f"fields({self._model.__name__})"


class Field(Symbol):
    """A value of the state, recorded as the term that reads it."""

    __slots__ = ("_model", "_tree")

    _model: type[BaseModel]
    _tree: Term

    def __init__(self, tree: Term, model: type[BaseModel]) -> None:
        object.__setattr__(self, "_tree", tree)
        object.__setattr__(self, "_model", model)

    def __getattr__(self, name: str) -> Field:
        return recorded(Attr(self._tree, _public(name)), self._model)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        _unset(f"{self!r}.{name}")

    def __reduce__(self) -> tuple[Any, ...]:
        return Field, (self._tree, self._model)

    def __repr__(self) -> str:
        return text(self._tree, "t.")

    def __formula__(self) -> Formula:
        found = kind(self._tree, self._model)
        if not found.among((BOOL,)):
            raise ConditionError(
                f"{self!r} is {found}, not a bool, so it is no condition. Compare it, or write exists({self!r}); "
                "& and | bind tighter than < and ==, so comparisons need parentheses: (a < 1) & (b < 2)",
                where=caller(),
            )
        return Compare("==", self._tree, Const(value=True))

    def _compare(self, op: CompareOp, other: object) -> Condition:
        return concluded(Compare(op, self._tree, operand(other, self, op)), self, other)

    def __lt__(self, other: object) -> Condition:
        return self._compare("<", other)

    def __le__(self, other: object) -> Condition:
        return self._compare("<=", other)

    def __gt__(self, other: object) -> Condition:
        return self._compare(">", other)

    def __ge__(self, other: object) -> Condition:
        return self._compare(">=", other)

    def __eq__(self, other: object) -> Any:  # a Condition; object's own signature says bool
        return self._compare("==", other)

    def __ne__(self, other: object) -> Any:
        return self._compare("!=", other)

    __hash__ = refused("hash() (a set, a key)", "a list of fields")

    def _arith(self, op: ArithOp, other: object) -> Field:
        return recorded(Arith(op, self._tree, operand(other, self, op)), self, other)

    def _rarith(self, op: ArithOp, other: object) -> Field:
        return recorded(Arith(op, operand(other, self, op), self._tree), self, other)

    def __add__(self, other: object) -> Field:
        return self._arith("+", other)

    def __radd__(self, other: object) -> Field:
        return self._rarith("+", other)

    def __sub__(self, other: object) -> Field:
        return self._arith("-", other)

    def __rsub__(self, other: object) -> Field:
        return self._rarith("-", other)

    def __mul__(self, other: object) -> Field:
        return self._arith("*", other)

    def __rmul__(self, other: object) -> Field:
        return self._rarith("*", other)

    def __truediv__(self, other: object) -> Field:
        return self._arith("/", other)

    def __rtruediv__(self, other: object) -> Field:
        return self._rarith("/", other)

    def __neg__(self) -> Field:
        return self._rarith("-", 0)

    def __and__(self, other: object) -> Condition:
        return Condition(conjunction((self.__formula__(), condition(other))))

    def __rand__(self, other: object) -> Condition:
        return Condition(conjunction((condition(other), self.__formula__())))

    def __or__(self, other: object) -> Condition:
        return Condition(disjunction((self.__formula__(), condition(other))))

    def __ror__(self, other: object) -> Condition:
        return Condition(disjunction((condition(other), self.__formula__())))


def some(x: T | None) -> T:
    """Reaches into an Optional: ``some(t.order).total``. While it is None, what is reached is unknown.

    Args:
        x: a field.

    Raises:
        ConditionError: it is no field.
    """
    return cast(T, recorded(Some(operand(x)), x))


def tree_of(x: object) -> Expr | None:
    """The tree behind a field or a condition; None where ``x`` is neither.

    Args:
        x: anything that an author may hand over.
    """
    if isinstance(x, Field):
        return x._tree
    return x.tree if isinstance(x, Condition) else None


def operand(x: object, beside: Field | None = None, op: str = "") -> Term:
    """The term of a field or a constant.

    Args:
        x: the field or constant.
        beside: the field that it is compared or calculated with, for the error.
        op: the operator between them.

    Raises:
        ConditionError: it is a condition, the whole state, None, or no constant.
    """
    if isinstance(x, Field):
        return x._tree
    said = f"{beside!r} {op} " if beside is not None else ""
    if isinstance(x, Condition):
        raise ConditionError(f"{said}{x!r}: a condition is no value. Combine with & and |", where=caller())
    if isinstance(x, _State):
        raise ConditionError(f"{said}{x!r}: the whole state is no value. Name a field of it", where=caller())
    if x is None and beside is not None:
        raise ConditionError(
            f"{said}None: comparing asks for a value. Write exists({beside!r}) or none_of(exists({beside!r}))",
            where=caller(),
        )
    return constant(x, said)


def recorded(tree: Term, *of: object) -> Field:
    """The field that stands for a term, checked.

    Args:
        tree: the term.
        of: the model, or what the term was built of.

    Raises:
        UnknownField: it reads a field that is not there.
        ConditionError: it cannot be worked out for any state.
    """
    model = _model_of(tree, of)
    check(tree, model)
    return Field(tree, model)


def concluded(tree: Formula, *of: object) -> Condition:
    """The condition that a formula over fields is, checked.

    Args:
        tree: the formula.
        of: what it was built of.

    Raises:
        ConditionError: it cannot mean what it says.
    """
    check(tree, _model_of(tree, of))
    return Condition(tree)


def _model_of(tree: Expr, of: tuple[object, ...]) -> type[BaseModel]:
    models = {item._model for item in of if isinstance(item, Field)}
    models.update(item for item in of if isinstance(item, type) and issubclass(item, BaseModel))
    if len(models) == 1:
        return models.pop()
    if models:
        names = " and ".join(sorted(model.__name__ for model in models))
        raise ConditionError(f"{text(tree, 't.')}: fields of two states, {names}. A flow has one state", where=caller())
    raise ConditionError(
        f"{text(tree)} reads no field. Begin with t = fields(...), as in exists(t.reply)", where=caller()
    )


def _public(name: str) -> str:
    if name.startswith("_"):
        raise AttributeError(name)  # what copy, inspect and their like ask for; no field of a model begins so
    return name


def _unset(what: str) -> NoReturn:
    raise ConditionError(f"{what}: fields() only reads. A node writes the state, by its update", where=caller())
