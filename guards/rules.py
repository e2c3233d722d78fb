"""The mistakes that an author can make in a condition, found by the kinds of its parts under a state model.

One set of rules for what an author writes, what is parsed and what is read from JSON.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Collection, Iterable
from typing import Any, get_origin

from pydantic import BaseModel

from ..errors import ConditionError, UnknownField, caller
from .expressions import (
    Arith,
    Attr,
    Compare,
    Const,
    Contains,
    Expr,
    First,
    Last,
    Length,
    OneOf,
    Opaque,
    Proposes,
    Read,
    Some,
    Term,
)
from .kinds import (
    ANY,
    BYTES,
    DICT,
    LIST,
    NUMBER,
    SET,
    TEXT,
    Kind,
    fields_of,
    item_of,
    joined,
    kind_of_constant,
    kind_of_type,
    ordered,
    overlap,
)
from .messages import messages_field
from .printing import literal, text


def kind(term: Term, model: type[BaseModel], where: str | None = None) -> Kind:
    """What a term's value can be.

    Args:
        term: the term.
        model: the state.
        where: the author's place, for the error.

    Raises:
        UnknownField: it reads a field that is not there.
        ConditionError: it cannot be worked out for any state.
    """
    return _Rules(model, where).kind(term)


def check(tree: Expr, model: type[BaseModel], where: str | None = None) -> None:
    """Raises where an expression cannot mean what it says under a model.

    Args:
        tree: the expression, checked whole.
        model: the state.
        where: the author's place, for the error; by default the caller's.

    Raises:
        UnknownField: it reads a field that is not there.
        ConditionError: a comparison that can never hold, a reach through None, or an operation on a wrong type.
    """
    _Rules(model, where).check(tree)


def reads_of(tree: Expr, model: type[BaseModel]) -> frozenset[str]:
    """The state's fields that an expression reads, with the messages field where it asks for proposed calls."""
    messages = messages_field(model) if _asks(tree) else None
    return tree.reads if messages is None else tree.reads | {messages}


def _asks(tree: Expr) -> bool:
    return isinstance(tree, Proposes) or any(_asks(part) for part in tree.parts)


@dataclasses.dataclass(frozen=True)
class _Rules:
    model: type[BaseModel]
    where: str | None

    def check(self, tree: Expr) -> None:
        match tree:
            case Term():
                self.kind(tree)
                return
            case Compare(op, left, right):
                self.comparison(tree, op, self.kind(left), self.kind(right))
                return
            case OneOf(of, values):
                found = self.kind(of)
                for value in values:
                    self.equality(tree, found, self.kind(value))
            case Contains(of, item):
                self.membership(tree, self.kind(of), self.kind(item))
            case Opaque(name, parameters):
                for parameter in parameters:
                    self.parameter(name, parameter)
            case Proposes() if messages_field(self.model) is None:
                raise self.refusal(
                    tree, f"the state {self.model.__name__} has no messages field. Add `messages: Messages`"
                )
            case _:
                for part in tree.parts:
                    self.check(part)

    def kind(self, term: Term) -> Kind:
        match term:
            case Const():
                return kind_of_constant(term)
            case Read(name):
                return self.field(term, self.model, "the state", name)
            case Attr(of, name):
                return self.attribute(term, self.kind(of), name)
            case Some(of):
                return dataclasses.replace(self.kind(of), optional=False)
            case Arith(op, left, right):
                return self.arithmetic(term, op, left, right)
            case Length(of):
                self.needs(term, of, (TEXT, LIST, SET, DICT, BYTES), "text and collections have a length")
                return kind_of_type(int)
            case First(of) | Last(of):
                found = self.needs(term, of, (LIST,), "only a list has a first and a last item")
                return joined(item_of(choice) for choice in found.choices if choice.sort in (LIST, ANY))
            case _:
                raise AssertionError(term)

    def field(self, term: Expr, model: type[Any], what: str, name: str) -> Kind:
        fields = fields_of(model)
        if fields is None:
            raise self.refusal(term, f"{model.__name__} is no model whose fields guideway knows. Use a named function")
        if name in fields:
            return kind_of_type(fields[name])
        if hasattr(model, name):
            raise self.unknown(
                term,
                f"{name!r} of {what} {model.__name__} is no field but code, which has no value before the flow runs. "
                "Put the test into a named function",
            )
        raise self.unknown(term, f"{what} {model.__name__} has no field {name!r}. {nearest(name, fields)}")

    def attribute(self, term: Attr, of: Kind, name: str) -> Kind:
        base = text(term.of, "t.")
        if of.optional:
            raise self.refusal(
                term, f"{base} may be None. Write some({base}).{name}, which is unknown while it is None"
            )
        models = [choice.type for choice in of.choices if isinstance(choice.sort, type) and fields_of(choice.sort)]
        if len(models) != len(of.choices) or not models:
            raise self.refusal(
                term,
                f"{base} is {of}; its attributes and methods have no value before the flow runs. "
                f"Put the test into a named function whose parameters are state fields",
            )
        return joined(self.field(term, get_origin(model) or model, "the model", name) for model in models)

    def arithmetic(self, term: Arith, op: str, left: Term, right: Term) -> Kind:
        for operand in (left, right):
            self.needs(term, operand, (NUMBER,), f"{op} works on numbers")
        if op == "/" and isinstance(right, Const) and right.value == 0:
            raise self.refusal(term, "a division by zero is never known")
        return kind_of_type(float)

    def comparison(self, tree: Compare, op: str, left: Kind, right: Kind) -> None:
        if op in ("==", "!="):
            self.equality(tree, left, right)
        elif not any(ordered(a, b) for a in left.choices for b in right.choices):
            raise self.refusal(tree, f"{left} and {right} have no order, so this is never known")

    def equality(self, tree: Expr, left: Kind, right: Kind) -> None:
        if left.secret or right.secret:
            raise self.refusal(tree, "a secret is not compared, since conditions are written to the log. Use exists(x)")
        if not any(overlap(a, b) for a in left.choices for b in right.choices):
            raise self.refusal(tree, f"{subject(tree)} is {left} and can never be {right}{_near(left, right)}")

    def membership(self, tree: Contains, of: Kind, item: Kind) -> None:
        fits = False
        for choice in of.choices:
            if choice.sort == TEXT:
                fits |= item.among((TEXT,))
            elif choice.sort in (LIST, SET, DICT, ANY):
                fits |= any(overlap(a, b) for a in item_of(choice).choices for b in item.choices)
        if not fits:
            raise self.refusal(tree, f"{of} can never contain {item}")

    def needs(self, tree: Expr, of: Term, sorts: Collection[str], why: str) -> Kind:
        found = self.kind(of)
        if not found.among(sorts):
            raise self.refusal(tree, f"{why}; {text(of, 't.')} is {found}")
        return found

    def parameter(self, function: str, name: str) -> None:
        if name not in self.model.model_fields:
            raise UnknownField(
                f"{function}({name}): the state {self.model.__name__} has no field {name!r}, and the parameters of a "
                f"condition are the fields that it reads. {nearest(name, self.model.model_fields)}",
                where=self.where or caller(),
            )

    def refusal(self, tree: Expr, why: str) -> ConditionError:
        return ConditionError(f"{text(tree, 't.')}: {why}", where=self.where or caller())

    def unknown(self, tree: Expr, why: str) -> UnknownField:
        return UnknownField(f"{text(tree, 't.')}: {why}", where=self.where or caller())


def subject(tree: Expr) -> str:
    """What a comparison is about: its first operand, as the author wrote it."""
    return text(tree.parts[0], "t.")


def nearest(name: str, names: Iterable[str]) -> str:
    """The way out of a misspelt name: the nearest one, or else what there is."""
    known = list(names)
    near = difflib.get_close_matches(name, known, 1)
    return f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(known) or 'none'}."


def _near(left: Kind, right: Kind) -> str:
    words = [c.literal.value for c in left.choices if c.literal is not None and isinstance(c.literal.value, str)]
    found = right.choices[0].literal if right.choices else None
    near = difflib.get_close_matches(found.value, words, 1) if found and isinstance(found.value, str) else []
    return f". Did you mean {literal(near[0])}?" if near else ""
