"""A flow as it was: of one that the code of today does not have any more, enough to fold what its runs left.

A state of then is plain data by field, for its types are gone with the code. What a step wrote replaces it, and where
the field had a reducer that is known by its name, is merged in as it was then.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..errors import StateInvalid
from ..guards.messages import add_messages, plain, with_ids
from ..nodes.plan import told

if TYPE_CHECKING:
    from .fields import FieldPlan
    from .flow import Flow
    from .state import Delta, StateType

NOTHING: Mapping[str, Any] = MappingProxyType({})


class PastState(SimpleNamespace):
    """A state of then: its fields by attribute, as JSON has them."""


class Untold:
    """Stands for the value of a field whose reducer nobody knows any more."""

    def __repr__(self) -> str:
        return "what nobody can tell any more"


UNTOLD = Untold()


class PastType:
    """The state of a flow as it was; it folds as ``StateType`` does, on plain data.

    Args:
        told: what the manifest says of the state: its name, its schema, its reducers.
        today: the state of today, whose reducers are those of then where field and name are the same.
    """

    def __init__(self, told: Mapping[str, Any], today: StateType[Any] | None) -> None:
        self.name = str(told.get("name", ""))
        self.fields: Mapping[str, Any] = told.get("schema", NOTHING).get("properties", NOTHING)
        self._reducers = {
            name: _reducer(name, reducer, today) for name, reducer in told.get("reducers", NOTHING).items()
        }

    def load(self, data: Mapping[str, Any]) -> PastState:
        """A state as journalled.

        Args:
            data: its fields.
        """
        return PastState(**data)

    def dump(self, state: PastState) -> Delta:
        """A state as it was journalled.

        Args:
            state: the state.
        """
        return dict(vars(state))

    def fold(self, state: PastState, delta: Delta) -> PastState:
        """The state after a delta.

        Args:
            state: the state before it; stays as it is.
            delta: what a step wrote.
        """
        values = dict(vars(state))
        for name, data in delta.items():
            reduce = self._reducers.get(name)
            values[name] = data if reduce is None else _merged(reduce, values.get(name), data)
        return PastState(**values)

    def merged(self, state: PastState, deltas: Iterable[Delta]) -> PastState:
        """The state after the deltas of several branches.

        Args:
            state: the state before them.
            deltas: in the order in which they are merged.
        """
        for delta in deltas:
            state = self.fold(state, delta)
        return state

    def default(self, name: str) -> Any:
        """What a field of then was where nothing had been written; None where it had no default.

        Args:
            name: the field's.
        """
        return self.fields.get(name, NOTHING).get("default")


Reduce = Callable[[Any, Any], Any]


def _merged(reduce: Reduce, current: Any, added: Any) -> Any:
    if current is UNTOLD:
        return UNTOLD
    try:
        return reduce(current, added)
    except Exception:  # noqa: BLE001  # a reducer of then that fails today: nobody can tell what it came to
        return UNTOLD


def _reducer(name: str, called: str, today: StateType[Any] | None) -> Reduce:
    plan = None if today is None else today.fields.get(name)
    if called == add_messages.__name__:
        return _messages
    if called == operator.add.__name__:
        return operator.add
    if today is None or plan is None or plan.reducer is None or getattr(plan.reducer, "__name__", "reducer") != called:
        return _untold

    return partial(_as_today, today, plan)


def _untold(*_: Any) -> Untold:
    return UNTOLD


def _as_today(today: StateType[Any], plan: FieldPlan, current: Any, added: Any) -> Any:
    """By a reducer of today, whose field and name are those of then: on typed values, and back to plain data."""
    assert plan.reducer is not None
    return today._encode(plan, plan.reducer(today._decode(plan, current), today._decode(plan, added)))


def _messages(current: Any, added: Any) -> Any:
    found: Any = add_messages(with_ids(current or []), with_ids(added))
    return [plain(message) for message in found]


class PastFlow:
    """A flow as it was, for ``Standing``: its state, and the flows inside of it. Nothing of it can be driven.

    Args:
        manifest: as the store kept it.
        today: the flow of today.
    """

    def __init__(self, manifest: Mapping[str, Any], today: Flow[Any] | None) -> None:
        self.manifest = manifest
        self.name = str(manifest.get("name", ""))
        self.today = today
        self.type = PastType(manifest["shape"]["state"], None if today is None else today.type)
        self.budget = manifest.get("build", NOTHING).get("budget")
        self.nodes: dict[str, Any] = {}
        self.routes: dict[str, Any] = {}
        self.forks: dict[str, Any] = {}
        self.regions: dict[str, Any] = {}
        self.ends: dict[str, Any] = {}
        self.rows: dict[str, Any] = {}

    @property
    def watched(self) -> tuple[Any, ...]:
        """What the flow of today watches: what happens under this one counts there."""
        return () if self.today is None else self.today.watched

    def inside(self, node: str) -> PastFlow | None:
        """The flow that a node held; None where it held none.

        Args:
            node: the node's name.
        """
        manifest = inner_of(self.manifest, node)
        held = None if self.today is None else getattr(self.today.nodes.get(node), "flow", None)
        return None if manifest is None else PastFlow(manifest, held)


def inner_of(manifest: Mapping[str, Any], node: str) -> dict[str, Any] | None:
    """The manifest of the flow that a node holds; None where it holds none.

    Args:
        manifest: of the flow around.
        node: the node's name.
    """
    found: dict[str, Any] | None = manifest["shape"]["nodes"].get(node, NOTHING).get("flow")
    return found


def same_states(then: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether what was journalled under one manifest can be read under another: the states are the same, inside too.

    Args:
        then: the manifest of then.
        now: the manifest of now.
    """
    if then["shape"]["state"] != now["shape"]["state"]:
        return False
    for node in then["shape"]["nodes"]:
        inner, today = inner_of(then, node), inner_of(now, node)
        if inner is not None and today is not None and not same_states(inner, today):
            return False
    return True


def fitted(today: StateType[Any], then: PastType, data: Mapping[str, Any]) -> Any:
    """A state of then as the state of today, where all of it fits and nothing is lost.

    Args:
        today: the state of today.
        then: the state of then.
        data: what is to fit, by field.

    Raises:
        StateInvalid: a field is gone and holds something, is missing, or does not fit; ``data["field"]`` names it.
    """
    model = today.model.__name__
    for name, value in data.items():
        if value is UNTOLD:
            raise StateInvalid(f"{name!r} was merged by a reducer that {model} does not have any more", field=name)
        if name not in today.fields and value not in (then.default(name), None, [], {}, ""):
            raise StateInvalid(f"{model} has no field {name!r} any more, and the run holds {value!r} in it", field=name)
    kept = {name: value for name, value in data.items() if name in today.fields}
    try:
        found = today.model.model_validate(dict(today.load(kept).__dict__))  # constraints and validators too
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise StateInvalid(f"{model} refuses what the run holds in {place or 'its state'}: {told(error)}") from error
    again = today.dump(found)
    for name, value in kept.items():
        if again[name] != value:
            raise StateInvalid(f"{model}.{name} would make {again[name]!r} of {value!r}", field=name)
    return today.load(again)
