"""What a field of the state can hold, as bits: one for each member of its type, so that a state is one number."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from types import NoneType
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typing_extensions import is_typeddict

from ...guards.bounds import rewrites
from ...guards.kinds import leaves
from ...nodes.act import Act
from ...nodes.annotations import is_model, members, spread
from ...nodes.node import Node
from ...nodes.signature import MISSING
from ...nodes.think import Think
from ..each import Each
from ..state import StateType
from ..subflow import Subflow

Effect = tuple[int, int]
"""What a node does to a state: the bits that it clears, then those that it sets."""


class Values:
    """The bits of a state.

    Args:
        kind: the state.

    Attributes:
        whole: whether a validator of the whole state may change every field at each write.
    """

    def __init__(self, kind: StateType[Any]) -> None:
        self.model: type[BaseModel] = kind.model
        self.types = {name: _members(info.annotation) for name, info in self.model.model_fields.items()}
        self.first: dict[str, int] = {}
        place = 0
        for name, types in self.types.items():
            self.first[name] = place
            place += len(types)
        self.all = (1 << place) - 1
        decorators = self.model.__pydantic_decorators__
        self.whole = bool(decorators.model_validators or decorators.root_validators)
        self._own = {name for item in decorators.field_validators.values() for name in item.info.fields}
        self._own |= set(self.types) if "*" in self._own else set()
        self._known: dict[tuple[str, int], tuple[int, Any]] = {}  # with the type, so that its id stays its own
        self._rewritten = {name for name, info in self.model.model_fields.items() if _rewrites(info)}
        self._kept = {name for name, plan in kind.fields.items() if plan.reducer is not None}

    def bits(self, name: str) -> int:
        """All bits of a field.

        Args:
            name: the field.
        """
        return ((1 << len(self.types[name])) - 1) << self.first[name]

    def bit(self, name: str, member: int) -> int:
        """The bit of one member of a field's type.

        Args:
            name: the field.
            member: which member.
        """
        return 1 << (self.first[name] + member)

    @cached_property
    def nones(self) -> dict[str, int]:
        """The bit of each field that can be None."""
        return {name: self.bit(name, types.index(NoneType)) for name, types in self.types.items() if NoneType in types}

    def without_none(self, names: frozenset[str]) -> int:
        """The bits that are left where fields are known not to be None.

        Args:
            names: the fields.
        """
        mask = self.all
        for name in names:
            mask &= ~self.nones.get(name, 0)
        return mask

    def effect(self, node: Node[..., Any]) -> Effect:
        """What an ok outcome of a node does.

        Args:
            node: the node.
        """
        if isinstance(node, Act):
            written = 0
            for tool in node.tools:
                if tool.writes is not None:
                    written |= self._stored(tool.writes, tool.returns)
            return self.checked(0, written)
        if isinstance(node, Think) and node.tools:
            return self.checked(0, 0)
        if isinstance(node, Subflow):
            return (0, 0)  # it is told by the end that it comes to
        if node.writes is not None:
            returns = list[Any] if isinstance(node, Each) else node.returns
            return self.checked(self.bits(node.writes), self._stored(node.writes, returns))
        return self._spread(node.returns)

    def _spread(self, returns: Any) -> Effect:
        """A result that is spread: a field is surely written where each result has it."""
        found = {} if returns is MISSING else spread(returns) or {}
        cleared = written = 0
        for name, annotation in found.items():
            if name not in self.types:
                continue
            if always_has(returns, name):
                cleared |= self.bits(name)
            written |= self._stored(name, annotation)
        return self.checked(cleared, written)

    def checked(self, cleared: int, written: int) -> Effect:
        """An effect as it is: a validator of the whole state may change every field at each write.

        Args:
            cleared: the bits that are cleared.
            written: the bits that are set.
        """
        return (self.all, self.all) if self.whole else (cleared, written)

    def _stored(self, name: str, annotation: Any) -> int:
        """What a field can hold after a value of a type was written to it; a flow writes few types often."""
        key = (name, id(annotation))
        if key not in self._known:
            found = self.bits(name) if annotation is MISSING else self.held(name, _members(annotation))
            self._known[key] = (found, annotation)
        return self._known[key][0]

    def members(self, name: str, bits: int) -> list[Any]:
        """The members of a field's type whose bits are set.

        Args:
            name: the field.
            bits: a state's.
        """
        return [item for place, item in enumerate(self.types[name]) if bits & self.bit(name, place)]

    def stores(self, name: str) -> bool:
        """Whether a field holds what is written to it, as it is: no reducer and no validator makes another value of it.

        Args:
            name: the field.
        """
        return name not in self._kept and not self.rewritten(name)

    def rewritten(self, name: str) -> bool:
        """Whether a validator, or the field's type, may give another value than one that its bounds were asked of.

        Args:
            name: the field.
        """
        return self.whole or name in self._own or name in self._rewritten

    def held(self, name: str, given: Sequence[Any]) -> int:
        """What a field can hold after a value of one of some types was written to it.

        Args:
            name: the field.
            given: the types, each a member of one, without its metadata.
        """
        every, types = self.bits(name), self.types[name]
        if not self.stores(name):
            return every
        if any(not _settled(item) for item in given):
            return every
        found = 0
        for item in given:
            if item is NoneType:
                found |= self.nones.get(name, 0)
            elif item in types and (item is str or is_model(item)):
                found |= self.bit(name, types.index(item))
            else:
                found |= every & ~self.nones.get(name, 0)
        return found


def _members(annotation: Any) -> list[Any]:
    return [NoneType if item is None else item for item in members(annotation)]


def _settled(annotation: Any) -> bool:
    """Whether a type says that a value of it is not None: anything may be None, and so may what is not known."""
    return (isinstance(annotation, type) and annotation is not object) or hasattr(annotation, "__origin__")


def always_has(returns: Any, name: str) -> bool:
    """Whether every result of a type that is spread has a field.

    Args:
        returns: the type.
        name: the field.
    """
    found = members(returns)
    if len(found) != 1:
        return False
    return is_model(found[0]) or (is_typeddict(found[0]) and name in found[0].__required_keys__)


def _rewrites(info: FieldInfo) -> bool:
    """Whether a field's type may give another value than the one that is written."""
    return any(rewrites(around) for _, around in leaves(info.annotation, tuple(info.metadata)))
