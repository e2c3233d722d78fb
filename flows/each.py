"""``each``: one node or flow for every item of a list, a bounded number of them at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, cast, get_origin

from pydantic import BaseModel, ConfigDict

from ..errors import FlowError, GateError, NodeError, caller
from ..guards.gates import Gate
from ..guards.path import Edge, Guard
from ..guards.target import Target
from ..nodes.annotations import members
from ..nodes.annotations import text as annotation_text
from ..nodes.execution import Job
from ..nodes.node import Kind, Node
from ..nodes.outcome import Failure, Outcome
from ..nodes.problems import reading, unknown_field
from ..nodes.sealing import untyped
from ..nodes.shapes import is_list
from ..nodes.signature import MISSING, Param
from ..nodes.source import digest
from .fanout import flat
from .kind import is_flow

if TYPE_CHECKING:
    from .flow import Flow

T = TypeVar("T")

AT_ONCE = 5
"""How many items are worked on at a time where nothing is said."""


class Item(BaseModel, Generic[T]):
    """What ``each`` writes of one item: ``into`` holds one per item, in the order of the list.

    Args:
        index: the item's place in the list, from 0.
        value: what the node returned, or the state that the flow ended with; None where it failed.
        failure: why it failed; None where it did not.
        end: the end that the flow came to.
        verdict: how the flow ended.
    """

    model_config = ConfigDict(frozen=True)

    index: int
    value: T | None = None
    failure: Failure | None = None
    end: str | None = None
    verdict: str | None = None

    @property
    def ok(self) -> bool:
        """Whether it did not fail."""
        return self.failure is None


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Each(Node[[], None]):
    """One node or flow for every item of a list; see ``each``.

    Args:
        inner: the node; None where it is a flow.
        flow: the flow; None where it is a node.
        gates: asked for every item before the node runs, in order.
        item: the node's parameter, or the flow's field, that an item is given to.
        over: the state field that holds the list.
        into: the state field that is written.
        at_once: how many items are worked on at a time.
        tolerate: how many items may fail: a count, or a share of the list.
        inputs: the flow's field to the field of the state around it, beside the item.
    """

    kind: ClassVar[Kind] = "each"

    inner: Node[..., Any] | None = None
    flow: Flow[Any] | None = None
    gates: tuple[Gate, ...] = ()
    item: str = ""
    over: str = ""
    into: str = ""
    at_once: int = AT_ONCE
    tolerate: float = 0
    inputs: Mapping[str, str] | None = None

    async def perform(self, job: Job) -> Outcome:
        """Refuses: its items are steps of a run."""
        inner = self.inner.name if self.inner is not None else self.flow.name if self.flow is not None else "?"
        raise NodeError(
            f"each {self.name!r} runs inside of a run, since every item is a step of its own; "
            f"to test one item, run {inner!r} alone",
            where=self.line,
        )

    def tolerated(self, total: int) -> int:
        """How many items of a list may fail.

        Args:
            total: the length of the list.
        """
        return int(self.tolerate * total + 1e-9) if isinstance(self.tolerate, float) else int(self.tolerate)

    def given(self, model: type[BaseModel]) -> dict[str, str]:
        """What the flow of an item is given beside the item: its field to the field of the state around it.

        Args:
            model: the state around it.
        """
        if self.flow is None:
            return {}
        if self.inputs is not None:
            return dict(self.inputs)
        fields = self.flow.state.model_fields
        return {name: name for name in fields if name in model.model_fields and name != self.item}

    def reads(self, model: type[BaseModel]) -> tuple[str, ...]:
        """The list, and what the node or flow reads beside the item."""
        found = [self.over, *self.given(model).values()]
        if self.inner is not None:
            found += [name for name in self.inner.reads(model) if name != self.item]
            found += [
                param.field
                for param in self.inner.fields()
                if param.name != self.item and param.field is not None and param.field in model.model_fields
            ]
        return tuple(dict.fromkeys(found))

    def written(self, model: type[BaseModel]) -> tuple[str, ...]:
        """The field that holds what came of the items."""
        return (self.into,)

    def problems(self, model: type[BaseModel]) -> list[FlowError]:
        """Fields that are not there or no list, and required ones that nothing gives."""
        title = f"each {self.name!r}"
        found: list[FlowError] = []
        for option, name in (("over", self.over), ("into", self.into)):
            if name not in model.model_fields:
                found.append(unknown_field(model, name, f"{title}, {option}={name!r}", self.line))
        info = model.model_fields.get(self.over)
        if info is not None and not _may_list(info.annotation):
            written = annotation_text(info.annotation)
            found.append(
                NodeError(
                    f"{title} goes over {model.__name__}.{self.over}, which is {written} and no list: "
                    f"name a field that is one, such as {self.over}: list[str]",
                    where=self.line,
                )
            )
        if self.over == self.into:
            found.append(
                NodeError(
                    f"{title} writes into={self.into!r}, the list that it goes over: name another", where=self.line
                )
            )
        if self.flow is not None:
            found += self._flow_problems(self.flow.state, model, title)
        elif self.inner is not None:
            rest = tuple(param for param in self.inner.fields() if param.name != self.item)
            found += reading(self.inner, rest, model)
        return found

    def _flow_problems(self, inner: type[BaseModel], model: type[BaseModel], title: str) -> list[FlowError]:
        found: list[FlowError] = []
        given = self.given(model)
        for name, outer in given.items():
            if name not in inner.model_fields:
                found.append(unknown_field(inner, name, f"{title}, reads", self.line))
            elif outer not in model.model_fields:
                found.append(unknown_field(model, outer, f"{title}, reads", self.line))
        for name, info in inner.model_fields.items():
            if info.is_required() and name not in given and name != self.item:
                found.append(
                    NodeError(
                        f"{title}: the field {name!r} of {inner.__name__} is required, and nothing gives it: "
                        f"add reads={{{name!r}: '<field of {model.__name__}>'}}",
                        where=self.line,
                    )
                )
        return found

    def arguments(self, state: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
        """The list and what is read beside it, JSON-able, as an approver sees it."""
        model = cast("type[BaseModel]", type(state))
        values: Mapping[str, Any] = state.__dict__ if isinstance(state, BaseModel) else state
        return {name: untyped(values.get(name), fallback=repr) for name in self.reads(model)}

    @cached_property
    def of_item(self) -> Node[..., Any]:
        """The node as it works on one item: what it returns is the item's value, whatever it writes elsewhere."""
        if self.inner is None:
            raise NodeError(f"each {self.name!r} works by a flow", where=self.line)
        return replace(self.inner, writes="value")

    @property
    def works(self) -> str:
        """The name of the node or flow that works on the items."""
        return self.inner.name if self.inner is not None else self.flow.name if self.flow is not None else ""

    @cached_property
    def source(self) -> str:
        """The hash of what works on the items: an approval of the whole names it."""
        return digest([self.inner.source if self.inner is not None else None, self.flow and self.flow.build])

    def _shape(self) -> dict[str, Any]:
        inner = None if self.inner is None else self.inner.spec()
        return super()._shape() | {
            "node": None if inner is None else inner["shape"],
            "flow": None if self.flow is None else self.flow.manifest(),
            "gates": [gate.name for gate in self.gates],
            "item": self.item,
            "over": self.over,
            "into": self.into,
            "inputs": None if self.inputs is None else dict(self.inputs),
        }

    def _build(self) -> dict[str, Any]:
        inner = None if self.inner is None else self.inner.spec()
        return super()._build() | {
            "at_once": self.at_once,
            "tolerate": self.tolerate,
            "node": None if inner is None else inner["build"],
        }


def items_of(value: object) -> list[Any] | None:
    """The items of a list, as ``each`` goes over them: none of None; None where the value is no list.

    The letters of a text, the keys of a dict and the fields of a model are not what somebody means by items; a set's
    items have no places.

    Args:
        value: what the state holds.
    """
    if value is None:
        return []
    if is_list(value):  # asked at every step of every item, so not copied
        return value
    return list(cast("Iterable[Any]", value)) if _lists(type(value)) else None


def _lists(cls: type) -> bool:
    if issubclass(cls, BaseModel) and cls.__iter__ is BaseModel.__iter__:
        return False
    # a set has no order that two processes share, and an item is known by its place
    return issubclass(cls, Iterable) and not issubclass(cls, str | bytes | bytearray | Mapping | AbstractSet)


def _may_list(annotation: Any) -> bool:
    """Whether a value of an annotation may be a list: a doubt is settled where the value is."""
    for item in members(annotation):
        origin = get_origin(item) or item
        if origin is type(None) or origin is Literal:
            continue
        if not isinstance(origin, type) or origin in (Any, object) or _lists(origin):
            return True
    return False


def each(
    what: Node[..., Any] | Edge | Flow[Any],
    /,
    *,
    name: str,
    item: str,
    over: str,
    into: str,
    at_once: int = AT_ONCE,
    tolerate: float = 0,
    reads: Mapping[str, str] | None = None,
) -> Each:
    """Works on every item of a list, a bounded number at a time.

    Every item is a step (or, for a flow, a run of its own inside the run) with its own place in the journal:
    a finished item never runs again, an item may wait for a person while others go on. ``into`` gets one
    ``Item`` per item in the order of the list, with a value or a Failure. Where more items fail than are tolerated,
    no further item is begun, the step fails, and ``into`` says of each item what is known.

    Args:
        what: a node; gates and a node, ``each(lead >> pay_back, ...)``, which then ask for every item; or a flow.
        name: the node's name.
        item: the node's parameter, or the flow's field, that an item is given to.
        over: the state field that holds the list.
        into: the state field that is written: a list of ``Item``, or of dicts.
        at_once: how many items are worked on at a time; those that wait for people do not count.
        tolerate: how many items may fail: a count (``3``), or a share of the list (``0.1``; ``1.0`` is all).
        reads: for a flow: its field to the field of the state around it; by default every field of a name
            that both have.

    Raises:
        NodeError: the options do not fit, or ``what`` is no node and no flow.
        GateError: a gate with a way that leads elsewhere. (A high-stakes node without an approval is a finding
            of the flow's check, F504.)
    """
    where = caller()
    _names(name, {"item": item, "over": over, "into": into}, where)
    _bounds(name, at_once, tolerate, where)
    edge = Edge((), what, where) if isinstance(what, Target) else what
    if is_flow(edge):
        if item not in edge.state.model_fields:
            raise unknown_field(edge.state, item, f"each {name!r}, item={item!r}", where)
        return Each(
            name=name, fn=None, line=where, flow=edge, item=item, over=over, into=into, writes=into,
            at_once=at_once, tolerate=tolerate, inputs=reads, params=_params(over),
        )  # fmt: skip
    target = edge.target if isinstance(edge, Edge) else None  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
    if not isinstance(target, Node):
        raise NodeError(f"each({what!r}, name={name!r}) needs a node, gates and a node, or a Flow", where=where)
    if reads is not None:
        raise NodeError(
            f"each {name!r}: reads= belongs to a flow; a node's parameters are bound by .bind(...)", where=where
        )
    inner = cast("Node[..., Any]", target)
    _fits_item(inner, name, item, where)
    return Each(
        name=name, fn=None, line=where, inner=inner, gates=_gates(edge.guards, inner, name, where), item=item,
        over=over, into=into, writes=into, at_once=at_once, tolerate=tolerate, params=_params(over),
    )  # fmt: skip


def _names(name: str, options: Mapping[str, str], where: str | None) -> None:
    if not isinstance(name, str) or not name.strip():  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
        raise NodeError(f"each(..., name={name!r}) needs a name", where=where)
    for option, value in options.items():
        if not isinstance(value, str) or not value.isidentifier():  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
            raise NodeError(
                f"each {name!r}: {option}={value!r} must be a name, such as {option}='queries'", where=where
            )


def _params(over: str) -> tuple[Param, ...]:
    return (Param(over, over, list[Any], default=MISSING),)


def _bounds(name: str, at_once: int, tolerate: float, where: str | None) -> None:
    if isinstance(at_once, bool) or not isinstance(at_once, int) or at_once < 1:  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
        raise NodeError(f"each {name!r}: at_once={at_once!r} must be a whole number of at least 1", where=where)
    if isinstance(tolerate, bool) or not isinstance(tolerate, int | float) or not tolerate >= 0:  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
        raise NodeError(f"each {name!r}: tolerate={tolerate!r} must be a count or a share of at least 0", where=where)
    if isinstance(tolerate, float) and tolerate > 1:
        raise NodeError(
            f"each {name!r}: tolerate={tolerate!r} is a share of the list, at most 1.0; a count is a whole number",
            where=where,
        )


def _fits_item(inner: Node[..., Any], name: str, item: str, where: str | None) -> None:
    if inner.kind in ("act", "subflow", "each"):
        raise NodeError(
            f"each {name!r}: {inner.name!r} is {inner.kind!r}, which works on a whole state: make it a Flow of its own",
            where=where,
        )
    if item not in {param.name for param in inner.fields()}:
        there = ", ".join(param.name for param in inner.fields()) or "none"
        raise NodeError(
            f"each {name!r}: {inner.name!r} has no parameter {item!r} to give an item to; there are: {there}",
            where=where,
        )


def _gates(guards: tuple[Guard, ...], inner: Node[..., Any], name: str, where: str | None) -> tuple[Gate, ...]:
    gates: list[Gate] = []
    for guard in flat(guards):
        if not isinstance(guard, Gate):
            raise GateError(
                f"each {name!r}: {guard!r} before {inner.name!r} is no gate; every item is worked on", where=where
            )
        _no_way_out(guard, name, where)
        gates.append(guard)
    return tuple(gates)


def _no_way_out(gate: Gate, name: str, where: str | None) -> None:
    for kind, way in gate.ways().items():
        if isinstance(way, Gate):
            _no_way_out(way, name, where)
        elif way is not None:
            raise GateError(
                f"each {name!r}: the gate {gate.name!r} has a way for {kind!r}, but an item goes nowhere: "
                f"its no becomes the item's Failure. Leave {kind}= out",
                where=where,
                gate=gate.name,
                way=kind,
            )
