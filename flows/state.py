"""The state as data: validated inputs and writes, deltas, and the one way to fold them.

A write is validated by the state's own field (constraints and validators kept), brought to the form that
JSON gives back, and only then used; what JSON would not give back is refused. Folding a journalled delta
and applying a live one are the same function, ``fold``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from ..errors import FlowError, StateInvalid
from ..guards.messages import plain, with_ids
from ..nodes.sealing import LONGEST, cleaned, opened, seals_in
from .fields import FieldPlan, as_json, first, joins, names_of, plan_of, shown_short, writable

S = TypeVar("S", bound=BaseModel)

Delta = dict[str, Any]
"""State field to its new value as JSON-able data; for a reducer field, what is merged in."""


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
        self.fields = {name: plan_of(model, name, info) for name, info in model.model_fields.items()}
        decorators = model.__pydantic_decorators__
        self.secret = frozenset(name for name, plan in self.fields.items() if plan.traits.secret)
        # a frozen model takes no assignment: what is written makes a new one of it
        frozen = bool(model.model_config.get("frozen"))
        self._whole = bool(decorators.model_validators or decorators.root_validators) or frozen
        self._check_defaults(where)

    def _check_defaults(self, where: str | None) -> None:
        for name, info in self.model.model_fields.items():
            if info.is_required() or info.default_factory is not None:
                continue
            try:
                self.fields[name].bounded.validate_python(info.get_default())
            except ValidationError as error:
                raise FlowError(
                    f"the default of {self.model.__name__}.{name} does not validate: "
                    f"{first(error, self.model, self.secret)}",
                    where=where,
                ) from self._cause(error)

    def _check_made(self, state: BaseModel) -> None:
        """Validates what factories of defaults made, which pydantic takes as it is."""
        for name, info in self.model.model_fields.items():
            if info.default_factory is None or name in state.model_fields_set:
                continue
            try:
                self.fields[name].bounded.validate_python(getattr(state, name))
            except ValidationError as error:
                raise StateInvalid(
                    f"the default that is made for {self.model.__name__}.{name} does not validate: "
                    f"{first(error, self.model, self.secret)}",
                    field=name,
                ) from self._cause(error)

    # inputs

    def start(self, data: Mapping[str, Any] | BaseModel) -> S:
        """The first state of a run from its input.

        Args:
            data: a mapping of fields, or the model.

        Raises:
            StateInvalid: an unknown or missing field, or a value that does not validate, a made default among them.
        """
        if not isinstance(data, Mapping | BaseModel):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise StateInvalid(
                f"the input must be a mapping of the fields of {self.model.__name__}, not a {type(data).__name__}"
            )
        given = data.model_dump() if isinstance(data, BaseModel) else dict(data)
        known = {name for field in self.fields for name in names_of(self.model, field)}
        unknown = [name for name in given if name not in known]
        if unknown:
            raise StateInvalid(
                f"the input has {unknown[0]!r}, which the state {self.model.__name__} does not: "
                f"it has {', '.join(self.fields)}",
                field=unknown[0],
            )
        for name, plan in self.fields.items():
            if plan.messages and name in given:
                given[name] = self._messages(plan, given[name])
        try:
            state = self.model.model_validate(given, by_name=True, by_alias=True)
        except ValidationError as error:
            told = first(error, self.model, self.secret, given)
            raise StateInvalid(f"the input does not fit the state {self.model.__name__}: {told}") from self._cause(
                error
            )
        self._check_made(state)
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

    def take(self, state: S, name: str, data: Any) -> Delta:
        """Validates JSON-able data for a field, as ``write`` does; the secrets in it stay secrets.

        Args:
            state: the state that is written to.
            name: the field.
            data: its value as data, secrets sealed.

        Raises:
            StateInvalid: it does not fit, or would tell a secret.
        """
        plan = self.fields.get(name)
        sealed = seals_in(data)
        if not sealed or plan is None:
            return self.write(state, {name: data})
        delta = self.write(state, {name: opened(data)}) if plan.traits.secret else {}
        if not sealed <= seals_in(delta):
            raise StateInvalid(
                f"{self.model.__name__}.{name} is given a secret where its type names none, and would tell it: "
                "type it SecretStr there, as the value's own type does",
                field=name,
            )
        return delta

    def _all_exact(self, update: Mapping[str, Any]) -> bool:
        """Whether no value needs validation or coding: each field takes exactly this type, unconstrained."""
        for name, value in update.items():
            plan = self.fields.get(name)
            if plan is None or type(value) not in plan.exact:
                return False
            if type(value) is str and not value.isascii():  # it is looked at: half a surrogate pair could not be stored
                return False
            if type(value) is int and value.bit_length() > LONGEST:
                return False
            if type(value) is float and not math.isfinite(value):
                return False
        return True

    def _assign(self, trial: S, values: dict[str, Any]) -> None:
        try:
            if self._whole:
                merged = {name: getattr(trial, name) for name in self.fields} | values
                object.__setattr__(trial, "__dict__", dict(self.model.model_validate(merged, by_name=True).__dict__))
                return
            for name, value in values.items():
                if not self.fields[name].messages:
                    self.model.__pydantic_validator__.validate_assignment(trial, name, value)
        except ValidationError as error:
            told = first(error, self.model, self.secret, values)
            raise StateInvalid(f"the state {self.model.__name__} refuses the write: {told}") from self._cause(error)

    def _messages(self, plan: FieldPlan, value: Any) -> list[Any]:
        try:
            return with_ids(value)
        except ValueError as error:
            raise StateInvalid(f"{self.model.__name__}.{plan.name}: {error}", field=plan.name) from error

    def _merged_in(self, plan: FieldPlan, value: Any) -> Any:
        if plan.messages:
            return self._encode(plan, self._messages(plan, value))
        try:
            checked = plan.adapter.validate_python(value)
        except ValidationError as error:
            raise StateInvalid(
                f"{self.model.__name__}.{plan.name} refuses what is merged in: {self._told(plan, error)}",
                field=plan.name,
            ) from self._cause(error)
        return self._encode(plan, checked)

    def _reduce(self, plan: FieldPlan, current: Any, added: Any) -> Any:
        assert plan.reducer is not None
        try:
            return plan.reducer(current, added)
        except Exception as error:  # noqa: BLE001  # raised again as what it means
            cause = None if self.secret else error
            raise StateInvalid(
                f"the reducer of {self.model.__name__}.{plan.name} failed: {cleaned(str(error))}", field=plan.name
            ) from cause

    def _told(self, plan: FieldPlan, error: ValidationError) -> str:
        return first(error, self.model, {plan.name} if plan.traits.secret else (), within=plan.name)

    def _cause(self, error: ValidationError) -> ValidationError | None:
        """What is told as the cause of an error: pydantic's own text quotes what was given, a secret too."""
        return None if self.secret else error

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
            plain = plan.simple and not plan.nan and type(data) in plan.plain
            value = data if plain else self._decode(plan, data)
            values[name] = value if plan.reducer is None else self._reduce(plan, getattr(state, name), value)
        return _with(state, values)

    def fold_all(self, state: S, deltas: Sequence[Delta]) -> S:
        """The state after several deltas in turn: what folding one after the other gives, at less cost.

        Args:
            state: the state before them; stays as it is.
            deltas: what steps wrote, in order.

        Raises:
            StateInvalid: the data of one of them does not fit the live model.
        """
        written: dict[str, list[Any]] = {}
        for delta in deltas:
            for name, data in delta.items():
                written.setdefault(name, []).append(data)
        values: dict[str, Any] = {}
        for name, each in written.items():
            plan = self.fields.get(name)
            if plan is None:
                raise StateInvalid(f"{name!r} is no field of the state {self.model.__name__}", field=name)
            if plan.reducer is None:
                plain = plan.simple and not plan.nan and plan.plain.issuperset(map(type, each))
                values[name] = each[-1] if plain else [self._decode(plan, data) for data in each][-1]
            elif joins(plan, each):  # merging what all of them appended is appending it in turn
                values[name] = self._reduce(plan, getattr(state, name), self._decode(plan, [*chain(*each)]))
            else:
                value = getattr(state, name)
                for data in each:
                    value = self._reduce(plan, value, self._decode(plan, data))
                values[name] = value
        return _with(state, values) if values else state

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
                writable(plan, value, self.model)
            if type(value) is int and value.bit_length() > LONGEST:
                told = (
                    f"{self.model.__name__}.{plan.name} is a number of more than 4,200 digits, which JSON does not keep"
                )
                raise StateInvalid(told, field=plan.name)
            if value is None or type(value) in (str, int, bool, float):
                return value
        if plan.messages:
            messages: list[Any] = cast(list[Any], value)
            return writable(plan, [plain(message) for message in messages], self.model)
        data = as_json(plan, value, self.model)
        if self._decode(plan, data) != value:
            raise StateInvalid(
                f"{self.model.__name__}.{plan.name}: JSON would not give {cleaned(shown_short(value))} back as it is; "
                "use a type that JSON keeps, or give the field a serializer",
                field=plan.name,
            )
        return data

    def _decode(self, plan: FieldPlan, data: Any) -> Any:
        if plan.nan and isinstance(data, str) and data in ("nan", "inf", "-inf"):
            return float(data)
        if plan.simple:
            if type(data) in plan.plain:
                return data
            if type(data) not in (list, dict) and ("literal", type(data), data) in plan.plain:  # those have no hash
                return data
            raise StateInvalid(
                f"stored data does not fit {self.model.__name__}.{plan.name}: found {shown_short(data)}",
                field=plan.name,
            )
        if plan.messages:
            return self._messages(plan, data) if data else []
        try:
            said = to_json(opened(data) if plan.traits.secret else data)
            return plan.adapter.validate_json(said, by_name=True)  # fields are stored by their names
        except ValidationError as error:
            raise StateInvalid(
                f"stored data does not fit {self.model.__name__}.{plan.name}: {self._told(plan, error)}",
                field=plan.name,
            ) from self._cause(error)


def _with(state: S, values: dict[str, Any]) -> S:
    """A copy of a state with some fields changed; as ``model_copy`` does it, at a fifth of its cost."""
    copy = state.__class__.__new__(state.__class__)
    put = object.__setattr__
    put(copy, "__dict__", {**state.__dict__, **values})
    put(copy, "__pydantic_extra__", state.__pydantic_extra__)
    put(copy, "__pydantic_fields_set__", {*state.__pydantic_fields_set__, *values})
    put(copy, "__pydantic_private__", state.__pydantic_private__)
    return copy
