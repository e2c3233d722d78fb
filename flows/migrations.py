"""Migrations: how runs of an older version of a flow fit the flow of today; declared, never guessed."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ..errors import FlowError, StateInvalid, caller
from ..nodes.shapes import is_dict, is_list

Data = dict[str, Any]

_SHAPE = re.compile("[0-9a-f]{16}")


@dataclass(frozen=True, eq=False)
class Migration:
    """How the runs of one older version fit this one: what was renamed, and what became of the state.

    It is declared with the flow, ``Flow(..., migrations=[Migration("3f2a...", nodes={"find_order": "look_up"})])``,
    and applied when such a run is resumed, once; the journal says so. The order: fields are renamed or dropped, then
    ``state`` is called; what comes of it must fit the state of today, constraints and validators included.

    Args:
        shape: the ``flow.shape`` of the runs that it is for, as ``guideway runs`` prints it; None for any run that
            does not fit without it.
        nodes: new names of nodes, by the old ones. Edges that are otherwise as they were are known by them.
        edges: ids of edges of today, by the old ids, for runs that wait at a gate on them: all gates of the new
            edge are asked.
        fields: new names of state fields, by the old ones; None drops what a run holds in it.
        state: called with the state's fields as the journal has them (JSON-able data, renamed already); returns
            those of today. It must be the same for the same data.
        to: the shape of the version that it leads to, where another migration goes on from there; None for this flow.

    Raises:
        FlowError: a part of it is of the wrong kind.
    """

    shape: str | None = None
    nodes: Mapping[str, str] = field(default_factory=dict[str, str])
    edges: Mapping[str, str] = field(default_factory=dict[str, str])
    fields: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    state: Callable[[Data], Data] | None = None
    to: str | None = None

    def __post_init__(self) -> None:
        where = caller()
        for name in ("shape", "to"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and _SHAPE.fullmatch(value)):
                raise FlowError(
                    f"Migration({name}={value!r}) takes a flow's whole shape, 16 hex digits as flow.shape and "
                    "`guideway runs --json` give it",
                    where=where,
                )
        for name in ("nodes", "edges", "fields"):
            value = getattr(self, name)
            last = (str, type(None)) if name == "fields" else (str,)
            if not isinstance(value, Mapping) or not all(
                isinstance(old, str) and isinstance(new, last)
                for old, new in cast("Mapping[object, object]", value).items()
            ):
                raise FlowError(f"Migration({name}={value!r}) takes new names by the old ones", where=where)
        if inspect.iscoroutinefunction(self.state):
            raise FlowError(
                f"Migration(state={self.name}) is async, and nothing could wait for it: write def", where=where
            )
        if self.state is not None and not callable(self.state):
            raise FlowError(f"Migration(state={self.state!r}) takes a function of the state's fields", where=where)

    @property
    def name(self) -> str:
        """What the journal calls it: its function, or what it renames."""
        if self.state is not None:
            return getattr(self.state, "__name__", "migrate")
        renamed = {**self.nodes, **self.edges, **self.fields}
        return ", ".join(f"{old} to {new}" for old, new in renamed.items()) or "nothing renamed"


def as_migrations(given: Iterable[Any], flow: str, where: str | None) -> tuple[Migration, ...]:
    """The migrations that an author gave; a plain function is one of the state, for whatever does not fit.

    Args:
        given: Migrations, or functions from the stored fields to those of today.
        flow: the flow's name, for messages.
        where: the author's place.

    Raises:
        FlowError: something else was given, or two are for the same shape.
    """
    if isinstance(given, Migration) or callable(given) or not isinstance(given, Iterable):
        raise FlowError(f"flow {flow!r}: migrations= takes a list: write migrations=[...]", where=where)
    found: list[Migration] = []
    for item in given:
        if not isinstance(item, Migration) and not callable(item):
            raise FlowError(
                f"flow {flow!r}: migrations= holds {item!r}: give Migration(...), or a function from the stored "
                "state's fields to those of today",
                where=where,
            )
        one = item if isinstance(item, Migration) else Migration(state=cast("Callable[[Data], Data]", item))
        if one.shape is not None and any(one.shape == known.shape for known in found):
            raise FlowError(f"flow {flow!r}: two migrations are for the shape {one.shape!r}", where=where)
        found.append(one)
    return tuple(found)


def must_lead_here(migrations: Sequence[Migration], places: Mapping[str, Collection[str]], where: str | None) -> None:
    """Refuses migrations to nodes, edges or fields that the flow of today does not have.

    Args:
        migrations: the flow's.
        places: what the flow has, by ``nodes``, ``edges`` and ``fields``.
        where: the author's place.

    Raises:
        FlowError: a new name is none of the flow's.
    """
    for item in migrations:
        if item.to is not None:
            if any(other.shape == item.to for other in migrations):
                continue
            raise FlowError(
                f"Migration(to={item.to!r}) leads to a version from which no migration goes on", where=where
            )
        for kind, there in places.items():
            for old, new in getattr(item, kind).items():
                if new is not None and new not in there:
                    near: list[str] = difflib.get_close_matches(str(new), list(there), 1)
                    hint = f" Did you mean {near[0]!r}?" if near else f" It has: {', '.join(sorted(there))}."
                    raise FlowError(
                        f"Migration({kind}={{{old!r}: {new!r}}}): the flow has no {kind[:-1]} {new!r}.{hint}",
                        where=where,
                    )


def chains(migrations: Sequence[Migration], shape: str) -> list[tuple[Migration, ...]]:
    """What may be applied to a run of a shape, in the order tried: the first that fits is taken.

    A migration that names the shape is the only one. Those that name none are tried from the last on, as an author
    adds them: first nothing, then the last, then the last two.

    Args:
        migrations: of the flow of today.
        shape: the run's.
    """
    named: list[Migration] = []
    at: str | None = shape
    while at is not None:
        step = next((item for item in migrations if item.shape == at and item not in named), None)
        if step is None:
            break
        named.append(step)
        at = step.to
    if named:
        return [tuple(named)]
    free = [item for item in migrations if item.shape is None]
    return [tuple(free[count:]) for count in range(len(free), -1, -1)]


@dataclass(frozen=True)
class Names:
    """What a chain of migrations renames.

    Args:
        chain: the migrations, in their order.
    """

    chain: tuple[Migration, ...]

    def node(self, name: str) -> str:
        """The name of today of a node.

        Args:
            name: its name of then.
        """
        for item in self.chain:
            name = item.nodes.get(name, name)
        return name

    def edge(self, name: str) -> str | None:
        """The edge of today that an author named for one; None where none is named.

        Args:
            name: the id of then.
        """
        found = None
        for item in self.chain:
            if name in item.edges:
                name = found = item.edges[name]
        return found

    def field(self, name: str) -> str | None:
        """The name of today of a field; None where it is dropped.

        Args:
            name: its name of then.
        """
        found: str | None = name
        for item in self.chain:
            if found is not None:
                found = item.fields.get(found, found)
        return found

    @property
    def renames(self) -> bool:
        """Whether nodes or fields have other names."""
        return any(item.nodes or item.fields for item in self.chain)

    @property
    def transforms(self) -> bool:
        """Whether a function changes the state."""
        return any(item.state is not None for item in self.chain)

    def state(self, data: Data) -> Data:
        """The fields of today, from those of then.

        Args:
            data: as journalled.

        Raises:
            StateInvalid: a migration's function raised, or gave no fields.
        """
        for item in self.chain:
            data = _renamed(data, item.fields)
            if item.state is None:
                continue
            try:
                found: Any = item.state(dict(data))
            except Exception as error:
                raise StateInvalid(f"the migration {item.name!r} raised {type(error).__name__}: {error}") from error
            if not is_dict(found):
                raise StateInvalid(f"the migration {item.name!r} gave {found!r}, and no fields by name")
            data = found
        return data

    def delta(self, data: Data) -> Data:
        """What a step wrote, under the names of today.

        Args:
            data: as journalled.
        """
        for item in self.chain:
            data = _renamed(data, item.fields)
        return data

    def condition(self, data: Any) -> Any:
        """A condition's JSON form under the names of today.

        Args:
            data: as the manifest has it.
        """
        if is_dict(data):
            if list(data) == ["read"]:
                return {"read": self.field(data["read"]) or data["read"]}
            if "reads" in data:
                return data | {"reads": [self.field(name) or name for name in data["reads"]]}
            return {key: self.condition(item) for key, item in data.items()}
        return [self.condition(item) for item in data] if is_list(data) else data


def _renamed(data: Data, fields: Mapping[str, str | None]) -> Data:
    if not fields:
        return data
    return {new: value for name, value in data.items() if (new := fields.get(name, name)) is not None}
