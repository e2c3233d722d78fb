"""The author's properties: what a flow must never do, or always does, over nodes, gates, ends and conditions.

``never(pay_back).unless(lead)``; the checks prove or refute it, and what they leave open is watched while a run goes.
docs/properties.md says of each form exactly what it means.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from ..errors import FlowError, caller
from ..guards.conditions import Condition, Symbol, check_fields, condition
from ..guards.endings import Ended
from ..guards.expressions import Formula
from ..guards.forms import to_json
from ..guards.gates import Gate
from ..guards.printing import text
from ..guards.target import Target
from ..nodes.act import Act
from ..nodes.node import Node
from .ends import End
from .fanout import AllOf
from .instead import instead

if TYPE_CHECKING:
    from .flow import Flow

Thing = Target | Gate | Ended | Condition | bool | Callable[..., bool]
"""What a property is about: a node, a gate, an end, ``ended("escalated")``, or a condition."""

Things = Thing | tuple[Thing, ...]

Form = Literal["unless", "after", "before", "leads_to", "once"]
Kind = Literal["node", "gate", "end", "verdict", "condition"]

_KINDS: tuple[Kind, ...] = ("node", "gate", "end", "verdict", "condition")

_PLACES: dict[Form, tuple[frozenset[Kind], frozenset[Kind]]] = {
    "unless": (frozenset({"node", "gate", "end", "verdict"}), frozenset({"node", "gate", "condition"})),
    "after": (frozenset({"node", "gate", "end", "verdict"}), frozenset({"node", "gate", "condition"})),
    "before": (frozenset({"node", "gate", "condition"}), frozenset({"node", "gate", "end", "verdict"})),
    "leads_to": (
        frozenset({"node", "gate", "condition"}), frozenset({"node", "gate", "end", "verdict", "condition"}),
    ),
    "once": (frozenset({"node", "gate"}), frozenset()),
}  # fmt: skip
"""For each form, the kinds of things that can stand in its first place, and in its second."""

_WHY = {
    "condition": "a condition is looked at where a node starts or a run ends, and cannot be kept from coming true: "
    "name the node that must not start",
    "end": "a run is over at an end: nothing comes behind it, and it is reached once",
    "verdict": "a run is over when it has a verdict: nothing comes behind it, and there is one",
}


@dataclass(frozen=True)
class Subject:
    """A thing that a property is about.

    Args:
        kind: what it is.
        name: its name; of a condition, its text.
        tree: of a condition.
    """

    kind: Kind
    name: str
    tree: Formula | None = None

    def __str__(self) -> str:
        if self.kind == "verdict":
            return f'ended("{self.name}")'
        if self.tree is not None:
            return text(self.tree, "t.")
        return self.name if self.name.isidentifier() else repr(self.name)

    def to_json(self) -> dict[str, Any]:
        """It as JSON-able data."""
        return {self.kind: self.name} if self.tree is None else {"when": to_json(self.tree), "text": self.name}


@dataclass(frozen=True)
class Property:
    """A property of every run; made by ``never``, ``always`` and ``at_most_once``.

    Args:
        form: which form.
        about: what it is about; it holds of each of them, but ``at_most_once`` counts them together.
        other: what the form refers to; any of them will do.
        marked: the author wants it watched at run time, proved or not.
        line: the author's place.
    """

    form: Form
    about: tuple[Subject, ...]
    other: tuple[Subject, ...] = ()
    marked: bool = False
    line: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        about, other = _listed(self.about), _listed(self.other)
        if self.form == "once":
            return f"at_most_once({about})"
        first = "never" if self.form in ("unless", "after") else "always"
        return f"{first}({about}).{self.form}({other})"

    __repr__ = __str__

    def enforced(self) -> Property:
        """The same property, watched at run time whether it is proved or not."""
        return replace(self, marked=True)

    def to_json(self) -> dict[str, Any]:
        """It as JSON-able data."""
        data: dict[str, Any] = {"form": self.form, "about": [item.to_json() for item in self.about]}
        if self.other:
            data["other"] = [item.to_json() for item in self.other]
        return data | {"text": str(self)} | ({"enforced": True} if self.marked else {})

    @property
    def conditions(self) -> dict[str, Formula]:
        """The conditions in it, by their text."""
        return {item.name: item.tree for item in (*self.about, *self.other) if item.tree is not None}


@dataclass(frozen=True)
class Never:
    """What must never happen; ``unless`` or ``after`` says when."""

    about: tuple[Subject, ...]
    line: str | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"never({_listed(self.about)})"

    def unless(self, other: Things) -> Property:
        """It never happens unless something else let it: that is, each time.

        Args:
            other: a gate, which must have let the run pass since the last time, each time anew; a node, which must
                have ended well before; or a condition, which must be known to be true when it happens. Of several
                in a tuple, any of them.

        Raises:
            FlowError: it is nothing that could let it happen.
        """
        return _property("unless", self.about, other, self.line)

    def after(self, other: Things) -> Property:
        """It never happens once something else has.

        Args:
            other: a node that started, a gate that let the run pass, or a condition that was known to be true; of
                several in a tuple, any of them.

        Raises:
            FlowError: it is nothing behind which a run goes on.
        """
        return _property("after", self.about, other, self.line)


@dataclass(frozen=True)
class Always:
    """What always happens; ``before`` or ``leads_to`` says when."""

    about: tuple[Subject, ...]
    line: str | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"always({_listed(self.about)})"

    def before(self, other: Things) -> Property:
        """It has happened whenever something else does.

        Args:
            other: a node that starts, a gate that lets the run pass, or an end or a verdict that is come to; of
                several in a tuple, before each of them.

        Raises:
            FlowError: it is nothing that could be kept from happening.
        """
        return _property("before", self.about, other, self.line)

    def leads_to(self, other: Things) -> Property:
        """Once it has begun, no run comes to an end before something else has happened.

        Args:
            other: a node that ends well, a gate that lets the run pass, an end or a verdict that is come to, or a
                condition that is known to be true; of several in a tuple, any of them.

        Raises:
            FlowError: it is nothing that a run could come to.
        """
        return _property("leads_to", self.about, other, self.line)


def never(about: Things) -> Never:
    """What must never happen: ``never(pay_back).unless(lead)``, ``never(pay_back).after(closed)``.

    Args:
        about: a node (it never starts), an end or ``ended("success")`` (no run comes to it), or a gate (it lets no
            run pass); of several in a tuple, none of them.

    Raises:
        FlowError: it is nothing that a property can be about.
    """
    line = caller()
    return Never(_subjects(about, line), line)


def always(about: Things) -> Always:
    """What always happens: ``always(validate).before(pay)``, ``always(pay).leads_to(receipt)``.

    Args:
        about: a node, a gate, or a condition; of several in a tuple, each of them.

    Raises:
        FlowError: it is nothing that a property can be about.
    """
    line = caller()
    return Always(_subjects(about, line), line)


def at_most_once(about: Things) -> Property:
    """In no run it happens twice: a node starts (attempts of one step count as one), or a gate lets the run pass.

    Args:
        about: a node or a gate; several in a tuple are counted together.

    Raises:
        FlowError: it is nothing that could happen twice.
    """
    line = caller()
    found = _subjects(about, line)
    _fits("once", found, 0, line)
    return Property("once", found, line=line)


def enforced(what: Property) -> Property:
    """The same property, watched at run time whether it is proved or not.

    Args:
        what: the property.

    Raises:
        FlowError: it is none.
    """
    if not isinstance(what, Property):  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
        raise FlowError(f"enforced({what!r}) takes a property: enforced(never(a).unless(b))", where=caller())
    return what.enforced()


def _property(form: Form, about: tuple[Subject, ...], other: Things, line: str | None) -> Property:
    found = _subjects(other, line)
    _fits(form, about, 0, line)
    _fits(form, found, 1, line)
    both = [item for item in about if item in found]
    if both:
        hint = f" Write at_most_once({both[0]})" if form == "after" else ""
        raise FlowError(f"{Property(form, about, found)}: {both[0]} stands on both sides, which says nothing.{hint}",
                        where=line)  # fmt: skip
    return Property(form, about, found, line=line)


def _fits(form: Form, subjects: tuple[Subject, ...], place: int, line: str | None) -> None:
    allowed = _PLACES[form][place]
    for item in subjects:
        if item.kind not in allowed:
            kinds = ", ".join(f"a {kind}" for kind in _KINDS if kind in allowed)
            where = "at_most_once(...)" if form == "once" else "the second place" if place else "the first place"
            said = "" if form == "once" else f" of .{form}(...)"
            kind = "an end" if item.kind == "end" else f"a {item.kind}"
            raise FlowError(
                f"{item} is {kind}, which cannot stand in {where}{said}: {_WHY.get(item.kind, 'it is none')}. "
                f"What can: {kinds.replace('a end', 'an end')}",
                where=line,
            )


def _subjects(things: Things, line: str | None) -> tuple[Subject, ...]:
    given = cast("tuple[Any, ...]", things if isinstance(things, tuple) else (things,))
    found = tuple(dict.fromkeys(item for thing in given for item in _of(thing, line)))
    if not found:
        raise FlowError("a property is about at least one node, gate, end or condition", where=line)
    return found


def _of(thing: object, line: str | None) -> Iterator[Subject]:
    if isinstance(thing, AllOf):
        raise FlowError(f"{thing.name} is no node: name its heads, (a, b), in a tuple", where=line)
    if isinstance(thing, End):
        yield Subject("end", thing.name)
    elif isinstance(thing, Node):
        yield Subject("node", thing.name)
    elif isinstance(thing, Target):
        raise FlowError(f"{thing.name} is no node: every run begins there", where=line)
    elif isinstance(thing, Gate):
        yield Subject("gate", thing.name)
    elif isinstance(thing, Ended):
        yield from (Subject("end", name) for name in thing.ends)
        yield from (Subject("verdict", name) for name in thing.verdicts)
    elif isinstance(thing, bool) or not (isinstance(thing, Symbol) or callable(thing)):
        raise FlowError(f"a property is about nodes, gates, ends and conditions, not {instead(thing)}", where=line)
    else:
        tree = condition(thing)
        yield Subject("condition", text(tree), tree)


def _listed(subjects: tuple[Subject, ...]) -> str:
    told = ", ".join(map(str, subjects))
    return told if len(subjects) == 1 else f"({told})"


# in a flow


def bind(properties: object, flow: Flow[Any]) -> tuple[Property, ...]:
    """The properties of a flow, each looked at: what it names is in the flow.

    Args:
        properties: as the author gave them.
        flow: the flow, its parts resolved.

    Raises:
        FlowError: something is no property, or names what the flow does not have.
        UnknownField: a condition reads a field that the state does not have.
    """
    if isinstance(properties, Property | Never | Always) or not hasattr(properties, "__iter__"):
        raise FlowError(
            f"flow {flow.name!r}: properties={properties!r} is no list: write properties=[never(...).unless(...)]",
            where=flow.line,
        )
    found: list[Property] = []
    given: list[Any] = list(cast("Iterable[Any]", properties))
    for item in given:
        if not isinstance(item, Property):
            hint = ": write never(...).unless(...) and the like"
            if isinstance(item, Never | Always):
                ways = ".unless(...) or .after(...)" if isinstance(item, Never) else ".before(...) or .leads_to(...)"
                hint = f": add {ways}"
            raise FlowError(
                f"flow {flow.name!r}: properties= holds {item!r}, which is no property{hint}",
                where=getattr(item, "line", None) or flow.line,
            )
        for subject in (*item.about, *item.other):
            _there(subject, item, flow)
        if item not in found:
            found.append(item)
    return tuple(found)


def _there(subject: Subject, item: Property, flow: Flow[Any]) -> None:
    """Refuses what the flow does not have."""
    if subject.tree is not None:
        check_fields(subject.tree, flow.state, item.line)
        return
    if subject.kind == "verdict":
        return
    there: dict[str, dict[str, Any]] = {"node": {**flow.nodes}, "gate": {**_on_edges(flow)}, "end": {**flow.ends}}
    known = there[subject.kind]
    if subject.name in known:
        return
    raise FlowError(f"{item}: {_missing(subject, flow, known)}", where=item.line)


def _missing(subject: Subject, flow: Flow[Any], known: dict[str, Any]) -> str:
    for node in flow.nodes.values():
        if isinstance(node, Act) and any(tool.name == subject.name for tool in node.tools):
            return (
                f"{subject} is a tool of {node.name!r} and no node of flow {flow.name!r}: its calls are guarded by "
                f"gates= of {node.name!r} (F502)"
            )
    if subject.name in flow.gates:
        return (
            f"the gate {subject} decides about calls inside of a step of flow {flow.name!r}; a property is about gates "
            "on edges"
        )
    near = difflib.get_close_matches(subject.name, known, 1)
    hint = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(map(repr, known)) or 'none'}."
    return f"flow {flow.name!r} has no {subject.kind} {subject.name!r}. {hint}"


def _on_edges(flow: Flow[Any]) -> dict[str, Gate]:
    """The gates on edges, with those that their ways lead to."""
    found: dict[str, Gate] = {}
    todo = [gate for route in flow.routes.values() for gate in route.gates]
    while todo:
        gate = todo.pop()
        if gate.name not in found:
            found[gate.name] = gate
            todo += [way for way in gate.ways().values() if isinstance(way, Gate)]
    return {name: found[name] for name in sorted(found)}
