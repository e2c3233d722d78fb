"""``ask``: waits for a person's typed answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Never

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from ..errors import NodeError, StateInvalid, caller
from ..guards.durations import Duration, seconds
from ..guards.gates import Gate, Way
from ..guards.path import Edge
from ..guards.target import Target
from .annotations import text
from .calls import CallFailed, Expired, Pending, Suspended
from .categories import error_record
from .execution import Job, invoke
from .node import Kind, Node, adapter_of
from .options import check_options
from .outcome import ErrorRecord, Outcome
from .plan import told
from .sealing import cleaned, jsonable, traits, typed
from .signature import Param, read_signature
from .source import digest


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Ask(Node[..., str]):
    """Waits for a person's typed answer; see ``ask``.

    Args:
        role: who answers.
        question: what is asked; None where ``fn`` tells it.
        within: seconds that the request stays open; None is for ever.
        expired: the way when nobody answered in time.
        not_by: who may not answer.
    """

    kind: ClassVar[Kind] = "ask"

    role: str = ""
    question: str | None = None
    within: float | None = None
    expired: Way | None = None
    not_by: tuple[str, ...] = ()

    @property
    def form(self) -> Any:
        """The type of the answer."""
        return self.returns

    @cached_property
    def answer_adapter(self) -> TypeAdapter[Any]:
        """The pydantic adapter of the answer."""
        return adapter_of(self.returns, f"the form of {self.name}", self.line)

    def accept(self, value: Any) -> Any:
        """An answer, validated and JSON-able, as it is recorded.

        Args:
            value: what the person gave.

        Raises:
            StateInvalid: it does not fit the form.
        """
        try:
            return jsonable(self.answer_adapter, self.answer_adapter.validate_python(value))
        except ValidationError as error:
            raise StateInvalid(
                f"the answer to {self.name!r} must be {text(self.returns)}: {told(error, self.answer_adapter)}",
                node=self.name,
            ) from (None if traits(self.answer_adapter).secret else error)
        except PydanticSerializationError as error:
            raise StateInvalid(f"the answer to {self.name!r} has no JSON form: {error}", node=self.name) from error

    async def asks(self, job: Job) -> str:
        """The question as it is asked.

        Args:
            job: what the node is given.

        Raises:
            CallFailed: its function raised, or gave no text.
        """
        if self.fn is None:
            return self.question or ""
        found = await invoke(self.fn, job.arguments())
        if not isinstance(found, str):
            what = f"the question of {self.name!r} must be a str, not {type(found).__name__}"
            raise CallFailed(ErrorRecord("bug", "NoQuestion", what))
        return cleaned(found)

    async def perform(self, job: Job) -> Outcome:
        """Asks, and writes the answer."""
        answer = await job.calls.answer("answer", self, await self.asks(job))
        if isinstance(answer, Pending):
            raise Suspended(f"{self.name} waits for {self.role}")
        if isinstance(answer, Expired):
            return job.refused(answer.refusal, self.expired, {})
        try:
            value = typed(self.answer_adapter, answer)
        except ValidationError as error:
            what = f"the answer to {self.name!r} does not fit: {told(error, self.answer_adapter)}"
            raise CallFailed(error_record(error, "invalid_input", what)) from error
        return job.write(value)

    def _shape(self) -> dict[str, Any]:
        way = self.expired
        name = way.target.name if isinstance(way, Edge) else None if way is None else way.name
        return super()._shape() | {
            "role": self.role,
            "within": self.within,
            "expired": name,
            "not_by": list(self.not_by),
        }

    def _build(self) -> dict[str, Any]:
        try:
            form = digest(self.answer_adapter.json_schema())
        except PydanticUserError:  # a type without a JSON schema is known by its name alone
            form = text(self.returns)
        return super()._build() | {"question": self.question, "form": form}


def ask(
    role: str,
    question: str | Callable[..., str],
    *,
    name: str | None = None,
    form: Any = str,
    writes: str | None = None,
    within: Duration | None = None,
    expired: Way | None = None,
    not_by: Iterable[str] = (),
    **unknown: Never,
) -> Ask:
    """A node that waits for a person's typed answer.

    Args:
        role: who answers.
        question: what is asked: a text, or a named function of state fields that gives it.
        name: the node's name; by default the role.
        form: the type of the answer: str, a Literal, or a pydantic model.
        writes: the state field that the answer is stored in (in a messages field a str becomes a user's
            message); without it a model is spread over the fields of its names.
        within: how long the request stays open, e.g. ``"24h"``.
        expired: the way when nobody answered in time; required with ``within``.
        not_by: who may not answer.
        unknown: nothing else.

    Raises:
        NodeError: no role or question, ``within`` without ``expired`` or the other way round, or an answer that
            nothing says where to store.
    """
    where = caller()
    title = f"ask({role!r})"
    known = ("name", "form", "writes", "within", "expired", "not_by")
    check_options({"name": name, "writes": writes, **unknown}, known, title, where)
    params = _question(role, question, title, where)
    _way(within, expired, title, where)
    return Ask(
        name=name or role,
        fn=None if isinstance(question, str) else question,
        params=params,
        writes=writes,
        returns=form,
        line=where,
        role=role,
        question=question if isinstance(question, str) else None,
        within=None if within is None else seconds(within, "within"),
        expired=expired,
        not_by=tuple(not_by),
    )


def _question(role: Any, question: Any, title: str, where: str | None) -> tuple[Param, ...]:
    """The parameters of a question's function; none where it is a text."""
    if not isinstance(role, str) or not role.strip():
        raise NodeError(f"{title} needs the role that answers, such as ask('customer', ...)", where=where)
    if not isinstance(question, str):
        return read_signature(question, f"{title}, question=", where).params
    if not question.strip():
        raise NodeError(f"{title} asks nothing: give a question", where=where)
    return ()


def _way(within: Any, expired: Any, title: str, where: str | None) -> None:
    if within is not None and expired is None:
        raise NodeError(
            f"{title} has within= and not the other half: add expired=<a node, an end, or gates and a target>",
            where=where,
        )
    if within is None and expired is not None:
        raise NodeError(f"{title} has expired= and not the other half: add within='24h'", where=where)
    if expired is not None and not isinstance(expired, Target | Gate | Edge):
        raise NodeError(
            f"{title} has expired={expired!r}, which is no way: name a node, an end, or gates and a target", where=where
        )
