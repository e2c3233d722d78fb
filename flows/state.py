"""The state as data: validated inputs and writes, deltas, and the one way to fold them.

A write is validated by the state's own field (constraints and validators kept), brought to the form that
JSON gives back, and only then used; what JSON would not give back is refused. Folding a journalled delta
and applying a live one are the same function, ``fold``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, cast, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import from_json, to_json

from ..errors import FlowError, StateInvalid
from ..guards.messages import add_messages, is_messages, plain, with_ids

S = TypeVar("S", bound=BaseModel)

Reducer = Callable[[Any, Any], Any]
Delta = dict[str, Any]
"""State field to its new value as JSON-able data; for a reducer field, what is merged in."""


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """How one field is written, stored and read back."""

    name: str
    annotation: Any
    adapter: TypeAdapter[Any]
    simple: bool
    reducer: Reducer | None
    messages: bool
    nan: bool
    exact: frozenset[type]


class StateType(Generic[S]):
    """A state model with what is needed to write, store and fold its fields.

    Args:
        model: the pydantic model.
        where: the flow's place, for messages.

    Raises:
        FlowError: a field's default does not validate, or a reducer has no default to start from.
    """

    def __init__(self, model: type[S], *, where: str | None = None) -> None:
        self.model = model
        self.fields = {name: _plan(model, name, info) for name, info in model.model_fields.items()}
        decorators = model.__pydantic_decorators__
        self._whole = bool(decorators.model_validators or decorators.root_validators)
        self._check_defaults(where)

    def _check_defaults(self, where: str | None) -> None:
        for name, info in self.model.model_fields.items():
            if info.is_required() or info.default_factory is not None:
                continue
            try:
                self.fields[name].adapter.validate_python(info.get_default())
            except ValidationError as error:
                raise FlowError(
                    f"the default of {self.model.__name__}.{name} does not validate: {_first(error)}", where=where
                ) from error

    # inputs

    def start(self, data: Mapping[str, Any] | BaseModel) -> S:
        """The first state of a run from its input.

        Args:
            data: a mapping of fields, or the model.

        Raises:
            StateInvalid: an unknown or missing field, or a value that does not validate.
        """
        if not isinstance(data, Mapping | BaseModel):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise StateInvalid(
                f"the input must be a mapping of the fields of {self.model.__name__}, not a {type(data).__name__}"
            )
        given = data.model_dump() if isinstance(data, BaseModel) else dict(data)
        unknown = [name for name in given if name not in self.fields]
        if unknown:
            raise StateInvalid(
                f"the input has {unknown[0]!r}, which the state {self.model.__name__} does not: "
                f"it has {', '.join(self.fields)}",
                field=unknown[0],
            )
        for name, plan in self.fields.items():
            if plan.messages and name in given:
                given[name] = with_ids(given[name])
        try:
            state = self.model.model_validate(given)
        except ValidationError as error:
            raise StateInvalid(f"the input does not fit the state {self.model.__name__}: {_first(error)}") from error
        return self.load(self.dump(state))

    def dump(self, state: BaseModel) -> Delta:
        """A state as JSON-able data.

        Raises:
            StateInvalid: a value that JSON would not give back as it is.
        """
        return {name: self._encode(plan, getattr(state, name)) for name, plan in self.fields.items()}

    def load(self, data: Delta) -> S:
        """A state from journalled data; its validators do not run again.

        Raises:
            StateInvalid: the data does not fit the field's types.
        """
        values = {name: self._decode(self.fields[name], value) for name, value in data.items() if name in self.fields}
        for name, info in self.model.model_fields.items():
            if name not in values and not info.is_required():
                values[name] = info.get_default(call_default_factory=True, validated_data=values)
        missing = [name for name in self.fields if name not in values]
        if missing:
            raise StateInvalid(f"the stored state lacks {', '.join(missing)} of {self.model.__name__}")
        return self.model.model_construct(**values)

    # writes

    def write(self, state: S, update: Mapping[str, Any]) -> Delta:
        """Validates an update against the state's fields and gives its delta; the state stays as it is.

        Args:
            state: the state that is written to.
            update: field to value; for a reducer field, what is merged in.

        Raises:
            StateInvalid: an unknown field, a value that does not validate, or one that JSON does not give back.
        """
        if not update:
            return {}
        if not self._whole and self._all_exact(update):
            return dict(update)
        trial = state.model_copy()
        delta: Delta = {}
        values: dict[str, Any] = {}
        for name, value in update.items():
            plan = self.fields.get(name)
            if plan is None:
                raise StateInvalid(f"{name!r} is no field of the state {self.model.__name__}", field=name)
            if plan.reducer is not None:
                delta[name] = self._merged_in(plan, value)
                values[name] = self._reduce(plan, getattr(state, name), self._decode(plan, delta[name]))
                if plan.messages:
                    continue
            else:
                values[name] = value
        self._assign(trial, values)
        for name in update:
            plan = self.fields[name]
            if plan.reducer is None:
                delta[name] = self._encode(plan, getattr(trial, name))
        return delta

    def _all_exact(self, update: Mapping[str, Any]) -> bool:
        """Whether no value needs validation or coding: each field takes exactly this type, unconstrained."""
        for name, value in update.items():
            plan = self.fields.get(name)
            if plan is None or type(value) not in plan.exact:
                return False
            if type(value) is str and not value.isascii():  # it is looked at: half a surrogate pair could not be stored
                return False
            if type(value) is float and not math.isfinite(value):
                return False
        return True

    def _assign(self, trial: S, values: dict[str, Any]) -> None:
        try:
            if self._whole:
                merged = {name: getattr(trial, name) for name in self.fields} | values
                object.__setattr__(trial, "__dict__", dict(self.model.model_validate(merged).__dict__))
                return
            for name, value in values.items():
                if not self.fields[name].messages:
                    self.model.__pydantic_validator__.validate_assignment(trial, name, value)
        except ValidationError as error:
            raise StateInvalid(f"the state {self.model.__name__} refuses the write: {_first(error)}") from error

    def _merged_in(self, plan: FieldPlan, value: Any) -> Any:
        if plan.messages:
            return self._encode(plan, with_ids(value))
        try:
            checked = plan.adapter.validate_python(value)
        except ValidationError as error:
            raise StateInvalid(
                f"{self.model.__name__}.{plan.name} refuses what is merged in: {_first(error)}", field=plan.name
            ) from error
        return self._encode(plan, checked)

    def _reduce(self, plan: FieldPlan, current: Any, added: Any) -> Any:
        assert plan.reducer is not None
        try:
            return plan.reducer(current, added)
        except Exception as error:
            raise StateInvalid(
                f"the reducer of {self.model.__name__}.{plan.name} failed: {error}", field=plan.name
            ) from error

    # folding

    def fold(self, state: S, delta: Delta) -> S:
        """The state after a delta, live or read from the journal.

        Args:
            state: the state before it; stays as it is.
            delta: what a step wrote.

        Raises:
            StateInvalid: the data does not fit the live model.
        """
        if not delta:
            return state
        values: dict[str, Any] = {}
        for name, data in delta.items():
            plan = self.fields.get(name)
            if plan is None:
                raise StateInvalid(f"{name!r} is no field of the state {self.model.__name__}", field=name)
            value = data if plan.simple and not plan.nan else self._decode(plan, data)
            values[name] = value if plan.reducer is None else self._reduce(plan, getattr(state, name), value)
        return _with(state, values)

    def merged(self, state: S, deltas: Iterable[Delta]) -> S:
        """The state after the deltas of several branches, each valid by itself, and together too.

        Args:
            state: the state before them; stays as it is.
            deltas: in the order in which they are merged.

        Raises:
            StateInvalid: a field's constraint or a validator refuses what they come to together.
        """
        found = state
        changed: set[str] = set()
        for delta in deltas:
            found = self.fold(found, delta)
            changed.update(delta)
        if changed:
            self._assign(found.model_copy(), {name: getattr(found, name) for name in changed})
        return found

    # JSON and back

    def _encode(self, plan: FieldPlan, value: Any) -> Any:
        if plan.simple:
            if isinstance(value, float) and not math.isfinite(value):
                if plan.nan:
                    return str(value)
                raise StateInvalid(
                    f"{self.model.__name__}.{plan.name} = {value} is not a finite number", field=plan.name
                )
            if type(value) is str and not value.isascii():
                _writable(plan, value, self.model)
            if value is None or type(value) in (str, int, bool, float):
                return value
        if plan.messages:
            messages: list[Any] = cast(list[Any], value)
            return _writable(plan, [plain(message) for message in messages], self.model)
        data = _json(plan, value, self.model)
        if self._decode(plan, data) != value:
            raise StateInvalid(
                f"{self.model.__name__}.{plan.name}: JSON would not give {value!r} back as it is; "
                "use a type that JSON keeps, or give the field a serializer",
                field=plan.name,
            )
        return data

    def _decode(self, plan: FieldPlan, data: Any) -> Any:
        if plan.nan and isinstance(data, str) and data in ("nan", "inf", "-inf"):
            return float(data)
        if plan.simple and (data is None or type(data) in (str, int, bool, float)):
            return data
        if plan.messages:
            return with_ids(data) if data else []
        try:
            return plan.adapter.validate_json(to_json(data))
        except ValidationError as error:
            raise StateInvalid(
                f"stored data does not fit {self.model.__name__}.{plan.name}: {_first(error)}", field=plan.name
            ) from error


_SIMPLE = (str, int, float, bool, type(None))


def _is_simple(annotation: Any) -> bool:
    if annotation in _SIMPLE:
        return True
    origin = get_origin(annotation)
    if origin is Literal:
        return all(type(item) in _SIMPLE for item in get_args(annotation))
    if origin is not None and type(annotation).__name__ in ("UnionType", "_UnionGenericAlias", "Union"):
        parts = get_args(annotation)
        return all(_is_simple(part) for part in parts) and not {int, float} <= set(parts)
    return False


def _plan(model: type[BaseModel], name: str, info: FieldInfo) -> FieldPlan:
    messages = is_messages(info.metadata)
    annotation: Any = info.annotation
    return FieldPlan(
        name=name,
        annotation=annotation,
        adapter=TypeAdapter(annotation if not messages else list[Any]),
        simple=_is_simple(annotation) and not messages,
        reducer=add_messages if messages else _reducer(info),
        messages=messages,
        nan=any(getattr(item, "allow_inf_nan", False) for item in info.metadata),
        exact=_exact_types(model, name, info),
    )


def _exact_types(model: type[BaseModel], name: str, info: FieldInfo) -> frozenset[type]:
    """The types that a field takes as they are: plain ones, where neither constraint nor validator looks."""
    checks = model.__pydantic_decorators__.field_validators.values()
    looked_at = any(name in check.info.fields or "*" in check.info.fields for check in checks)
    if info.metadata or looked_at or model.__pydantic_custom_init__ or info.frozen or model.model_config.get("frozen"):
        return frozenset()
    union = type(info.annotation).__name__ in ("UnionType", "_UnionGenericAlias", "Union")
    parts: tuple[Any, ...] = get_args(info.annotation) if union else (info.annotation,)
    return frozenset(parts) if all(part in _SIMPLE for part in parts) and _is_simple(info.annotation) else frozenset()


def _with(state: S, values: dict[str, Any]) -> S:
    """A copy of a state with some fields changed; as ``model_copy`` does it, at a fifth of its cost."""
    copy = state.__class__.__new__(state.__class__)
    put = object.__setattr__
    put(copy, "__dict__", {**state.__dict__, **values})
    put(copy, "__pydantic_extra__", state.__pydantic_extra__)
    put(copy, "__pydantic_fields_set__", {*state.__pydantic_fields_set__, *values})
    put(copy, "__pydantic_private__", state.__pydantic_private__)
    return copy


def _reducer(info: FieldInfo) -> Reducer | None:
    """LangGraph's convention: the last callable in ``Annotated[...]`` merges what a step writes."""
    for item in reversed(info.metadata):
        if callable(item) and not isinstance(item, type) and type(item).__module__ != "annotated_types":
            return item  # type: ignore[no-any-return]  # metadata are Any; it is callable
    return None


def _writable(plan: FieldPlan, value: Any, model: type[BaseModel]) -> Any:
    """Text and messages that UTF-8 can carry: half a surrogate pair could be used now and never be stored."""
    try:
        to_json(value)
    except ValueError as error:
        raise StateInvalid(
            f"{model.__name__}.{plan.name}: {value!r} cannot be written as JSON: {error}", field=plan.name
        ) from error
    return value


def _json(plan: FieldPlan, value: Any, model: type[BaseModel]) -> Any:
    try:
        return from_json(plan.adapter.dump_json(value), allow_inf_nan=False)
    except ValueError as error:
        raise StateInvalid(
            f"{model.__name__}.{plan.name}: {value!r} cannot be written as JSON: {error}", field=plan.name
        ) from error


def _first(error: ValidationError) -> str:
    """The first finding of a validation error in one line."""
    found = error.errors(include_url=False, include_input=True)[0]
    place = ".".join(str(part) for part in found["loc"])
    shown = repr(found.get("input"))
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place or 'value'}: {found['msg']}, found {shown[:200]}{more}"
