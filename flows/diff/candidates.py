"""States worth trying on two rows: at, just below and just above each value that a condition names.

They need no solver. What they find is certain, since it is evaluated; what they do not find may still be there.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice, product
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from ...guards.expressions import (
    Attr,
    Compare,
    Const,
    Contains,
    Expr,
    First,
    Formula,
    Last,
    Length,
    OneOf,
    Opaque,
    Read,
    Some,
    walk,
)
from ...nodes.annotations import bare, is_model, members
from ...nodes.shapes import is_dict
from ..check.fitting import whole_type
from ..check.samples import NoSample, present, sample

MOST = 4000
"""How many states are tried on a row."""

Path = tuple[str, ...]
"""A field of the state, and fields of the models within it."""


def paths(trees: Sequence[Expr]) -> list[Path]:
    """The fields that conditions read, each once: the shorter before those within them.

    Args:
        trees: the conditions.
    """
    found: dict[Path, None] = {}
    for tree in trees:
        for part in walk(tree):
            if isinstance(part, Opaque):
                found.update(dict.fromkeys((name,) for name in part.parameters))
            path = path_of(part)
            if path is not None:
                found.update(dict.fromkeys(path[:count] for count in range(1, len(path) + 1)))
    return sorted(found)


def path_of(term: Expr) -> Path | None:
    """The field that a term stands for; None where it is another term.

    Args:
        term: the term.
    """
    match term:
        case Read(name):
            return (name,)
        case Some(of):
            return path_of(of)
        case Attr(of, name):
            above = path_of(of)
            return None if above is None else (*above, name)
        case _:
            return None


class Candidates:
    """States to try on two rows.

    Args:
        trees: all conditions and exemptions of both rows.
        model: the state's model of one version.
        other: that of the other one; a state has to fit both, as far as they have the same fields.
    """

    def __init__(self, trees: Sequence[Formula], model: type[BaseModel], other: type[BaseModel]) -> None:
        self.models = (model, other)
        self.paths = paths(trees)
        self.named: dict[Path, list[Any]] = {path: [] for path in self.paths}
        for tree in trees:
            for part in walk(tree):
                self._note(part)
        self.options = {path: self._options(path) for path in self.paths}

    def __iter__(self) -> Iterator[dict[Path, Any]]:
        """Values by path, at most ``MOST`` times; the same ones in the same order each time."""
        leaves = [path for path in self.paths if self.options[path]]
        choices = [self.options[path] for path in leaves]
        count = 1
        for options in choices:
            count *= len(options)
        if count <= MOST:
            yield from (dict(zip(leaves, values, strict=True)) for values in product(*choices))
            return
        yield from (dict(zip(leaves, values, strict=True)) for values in islice(product(*choices), MOST // 4))
        some = random.Random(0)  # a spread of states, the same each time, and no secret
        for _ in range(3 * MOST // 4):
            yield {path: some.choice(options) for path, options in zip(leaves, choices, strict=True)}

    def data(self, values: dict[Path, Any]) -> dict[str, Any]:
        """A whole state, as data: the values, and made-up ones for what is required.

        Args:
            values: by path.

        Raises:
            NoSample: no value of a required field's type is known.
        """
        data: dict[str, Any] = {}
        for model in self.models:
            for name, info in model.model_fields.items():
                if name not in data and info.is_required():
                    data[name] = _plain(sample(info.annotation))
        for path in sorted(values):
            value = values[path]
            if len(path) == 1:
                data[path[0]] = _plain(value)
                continue
            inner = data.get(path[0])
            for name in path[1:-1]:
                inner = inner.get(name) if is_dict(inner) else None
            if is_dict(inner):
                inner[path[-1]] = _plain(value)
        return data

    def _note(self, part: Expr) -> None:
        """Notes the values that a part of a condition compares with, at all fields in it."""
        constants = [item.value for item in walk(part) if isinstance(item, Const)]
        match part:
            case Compare() | OneOf():
                sizes = {id(item.of) for item in walk(part) if isinstance(item, Length)}
                ends = {id(item.of) for item in walk(part) if isinstance(item, First | Last)}
                for item in walk(part):
                    path = path_of(item)
                    if path in self.named:
                        around = [value for constant in constants for value in _around(constant)]
                        as_size = [made for value in around if isinstance(value, int) for made in _of_size(value)]
                        as_end = [[value] for value in around]
                        self.named[path] += as_size if id(item) in sizes else as_end if id(item) in ends else around
            case Contains(of, _):
                path = path_of(of)
                if path in self.named:
                    self.named[path] += [made for value in constants for made in ([value], [], value, "")]
            case _:
                return

    def _options(self, path: Path) -> list[Any]:
        """The values to try at a field: what both versions take of what conditions name, None, and a plain one."""
        kinds = [kind for kind in (annotation_at(model, path) for model in self.models) if kind is not None]
        named = [*self.named[path]]
        for kind in kinds:
            for item in members(bare(kind)):
                named += get_args(item) if get_origin(item) is Literal else [True, False] if item is bool else []
                named += [None] if item in (NoneType, None) else []
            try:
                named.append(_plain(present(kind)))
            except NoSample:
                named.append("a")
        found: dict[str, Any] = {}
        for value in named:
            if all(_takes(kind, value) for kind in kinds):
                found.setdefault(f"{type(value).__name__} {value!r}", value)
        return sorted(found.values(), key=lambda value: (value is None, _size(value)))


def annotation_at(model: type[BaseModel], path: Path) -> Any:
    """The type of a field, with its bounds; None where the model has none such.

    Args:
        model: the model.
        path: the field.
    """
    kind: Any = model
    for name in path:
        inner = next((item for item in members(bare(kind)) if is_model(item) and name in item.model_fields), None)
        if inner is None:
            return None
        kind = whole_type(inner.model_fields[name])
    return kind


def as_json(value: Any) -> Any:
    """A value as JSON has it.

    Args:
        value: what a field may hold.
    """
    return to_jsonable_python(value, serialize_unknown=True)


def _around(value: Any) -> list[Any]:
    match value:
        case bool():
            return [True, False]
        case int():
            return [value, value - 1, value + 1]
        case float():
            step = 1.0 if value == int(value) else 0.1
            return [value, round(value - step, 6), round(value + step, 6)]
        case Decimal():
            return [value, value - 1, value + 1]
        case str():
            return [value, f"not {value}", ""]
        case date():
            return [value, value - timedelta(days=1), value + timedelta(days=1)]
        case _:
            return [value]


def _of_size(count: int) -> list[Any]:
    return [["a"] * count, [1] * count, "a" * count, [{}] * count] if 0 <= count <= 200 else []


def _plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else value


def _size(value: Any) -> tuple[float, str]:
    plain = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return (abs(float(value)) if plain else float(len(str(value))), str(value))


def _takes(kind: Any, value: Any) -> bool:
    try:
        return bool(_adapter(kind).validate_python(value) == value) or is_dict(value)
    except (ValidationError, TypeError, ValueError):
        return False


def _adapter(kind: Any) -> TypeAdapter[Any]:
    try:
        return _kept(kind)
    except TypeError:  # a type that has no hash
        return TypeAdapter(kind)


@lru_cache(maxsize=1024)
def _kept(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
