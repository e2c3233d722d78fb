"""What a field holds after a write is not always what was returned: the proofs are of what it holds."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

import pytest
from pydantic import (
    AfterValidator,
    Base64Str,
    BaseModel,
    Field,
    StringConstraints,
    create_model,
    field_validator,
    model_validator,
)

from guideway import (
    START,
    Anyone,
    Budget,
    End,
    Flow,
    compute,
    each,
    exists,
    fields,
    length,
    none_of,
    on,
    one_of,
    think,
    when,
)
from guideway.errors import FlowError, StateInvalid
from guideway.flows.check.fitting import accepts
from guideway.flows.check.samples import NoSample, sample
from guideway.testing import follow

done = End("done")
COVERED = "the edges of every row cover every case of an ok outcome that a run can come to"


def made(model: type[BaseModel], node: Any, condition: Any) -> Flow[Any]:
    """A flow whose only edge behind a node has a condition."""
    return Flow("f", state=model, edges=[on(START, node), on(node, when(condition) >> done)], budget=Budget(steps=5))


def covered(flow: Flow[Any]) -> bool:
    """Whether it is proved that every case has an edge."""
    return any(proof.text.startswith(COVERED) and proof.proved is True for proof in flow.check().facts.proofs)


def ends(flow: Flow[Any]) -> bool:
    """Whether a run comes to the end."""
    return flow.compile(roles=Anyone()).start({}).end == "done"


class Ticket(BaseModel):
    order_id: str | None = None
    count: int = 0


class Sloppy(BaseModel):
    order_id: str = None  # type: ignore[assignment]  # what is often written


@compute
def read() -> Sloppy:
    return Sloppy()


@think(output=Sloppy)
def ask_model() -> str:
    return "Which order?"


@compute(writes="count")
def use(order_id: str) -> int:
    return len(order_id)


@pytest.mark.parametrize("node", [read, ask_model])
def test_a_result_whose_field_has_a_default_of_another_type_is_not_said_to_have_it(node: Any) -> None:
    """A field ``order_id: str = None`` of what a node returns may be None, so that no edge for None is missed."""
    flow = made(Ticket, node, exists(fields(Ticket).order_id))

    assert not covered(flow)


def test_a_result_whose_default_is_none_is_not_said_to_fit_a_parameter() -> None:
    """A parameter ``str`` behind a result's ``str = None`` is told of, since a run fails there."""
    flow = Flow("f", state=Ticket, edges=[on(START, read), on(read, use), on(use, done)], budget=Budget(steps=5))

    finding = next(item for item in flow.check().findings if item.code == "F301")
    assert finding.example is not None
    assert follow(flow, finding.example).state.order_id is None


class Long(BaseModel):
    order_id: Annotated[str, Field(min_length=3)]


@compute
def read_long() -> Long:
    return Long(order_id="123")


def test_the_bounds_of_a_results_fields_hold_where_they_are_written() -> None:
    """No example writes what the model that a node returns refuses."""
    flow = made(Ticket, read_long, length(fields(Ticket).order_id) >= 3)

    assert covered(flow)
    assert ends(flow)


class One(BaseModel):
    order_id: str | None


class Other(BaseModel):
    order_id: str


@compute
def either() -> One | Other:
    return One(order_id=None)


def test_a_result_of_several_models_has_the_types_of_all_of_them() -> None:
    """A field that is optional in one of the models that a node may return may be None behind it."""
    flow = Flow("f", state=Ticket, edges=[on(START, either), on(either, use), on(use, done)], budget=Budget(steps=5))

    assert {item.code for item in flow.check().findings} & {"F301", "F302"}


def test_a_default_out_of_its_fields_bounds_is_refused() -> None:
    """The proofs rest on a field's bounds, so a default is held to them too."""

    class Bounded(BaseModel):
        count: int = Field(-5, ge=0)

    with pytest.raises(FlowError, match="default of Bounded.count does not validate"):
        made(Bounded, read, fields(Bounded).count >= 0)


@pytest.mark.parametrize(
    ("annotation", "bad"), [(Annotated[int, Field(ge=0)], -5), (Literal["a", "b"], "c"), (str, None)]
)
def test_what_a_factory_makes_is_held_to_the_fields_type_and_bounds(annotation: Any, bad: Any) -> None:
    """A default that is made for a run is validated where the run begins."""
    model = create_model("Made", count=(int, 0), value=(annotation, Field(default_factory=lambda: bad)))

    @compute(writes="count")
    def node() -> int:
        return 1

    flow = made(model, node, exists(fields(model).count))  # type: ignore[attr-defined]  # the model is made here
    with pytest.raises(StateInvalid, match="default that is made for Made.value does not validate"):
        flow.compile(roles=Anyone()).start({})


LOWER = Annotated[str, StringConstraints(to_lower=True)]
STRIPPED = Annotated[str, StringConstraints(strip_whitespace=True)]
ODD_FLOAT = Annotated[float, Field(allow_inf_nan=True)]
LONG = 2**53 + 1
D = Decimal("0.3")


@pytest.mark.parametrize(
    ("field", "default", "returns", "value", "condition"),
    [
        (LOWER, "", Literal["A"], "A", lambda x: x == "A"),
        (LOWER | None, None, Literal["A"], "A", lambda x: x == "A"),
        (STRIPPED, "", Literal["A "], "A ", lambda x: x == "A "),
        (Base64Str, "", Literal["aGk="], "aGk=", lambda x: x == "aGk="),
        (int | str | None, Field(None, union_mode="left_to_right"), Literal["1"], "1", lambda x: x == "1"),
        (float | None, None, Literal[9007199254740993], LONG, lambda x: x == LONG),
        (Decimal | None, None, Annotated[float, Field(ge=0.1, le=0.1)], 0.1, lambda x: x == 0.1),
        (float | None, None, Annotated[Decimal, Field(ge=D)], D, lambda x: x >= D),
        (ODD_FLOAT, 0.0, float, float("nan"), lambda x: (x < 0) | (x >= 0)),
        (ODD_FLOAT, 0.0, float, float("inf"), lambda x: x * 0 == 0),
    ],
)  # fmt: skip
def test_a_value_that_writing_changes_is_looked_at_as_it_is_stored(
    field: Any, default: Any, returns: Any, value: Any, condition: Any
) -> None:
    """No case is called covered by what was returned, where the field holds another value: the run is stuck there."""
    model = create_model("Stored", x=(field, default))

    def node() -> Any:
        return value

    node.__annotations__["return"] = returns
    flow = made(model, compute(writes="x")(node), condition(fields(model).x))  # type: ignore[attr-defined]  # the model is made here

    assert not covered(flow)


@pytest.mark.parametrize(
    ("field", "returns", "value", "condition"),
    [
        (float | None, Literal[1, 2], 2, lambda x: (x == 1) | (x == 2)),
        (Decimal | None, Annotated[int, Field(ge=1)], 2, lambda x: x >= 1),
        (float | None, Annotated[int, Field(ge=1)], 2, lambda x: x + 1 >= 2),
        (float | None, Annotated[float, Field(ge=0.1)], 0.5, lambda x: x >= 0.1),
    ],
)
def test_what_is_stored_as_it_was_returned_is_known(field: Any, returns: Any, value: Any, condition: Any) -> None:
    """Small whole numbers are the same numbers as floats and Decimals, so that the return type tells of the field."""
    model = create_model("Stored", x=(field, None))

    def node() -> Any:
        return value

    node.__annotations__["return"] = returns
    flow = made(model, compute(writes="x")(node), condition(fields(model).x))  # type: ignore[attr-defined]  # the model is made here

    assert ends(flow)
    assert covered(flow)


class Score(BaseModel):
    value: float | None = None
    word: str | None = None


@compute(writes="value")
def lying() -> float:
    return None  # type: ignore[return-value]  # that is the point


@think(output=Literal["a", "b"], writes="word")
def choose() -> str:
    return "a or b?"


def told(flow: Flow[Any]) -> str:
    """What is proved of the flow's rows."""
    return next(proof.text for proof in flow.check().facts.proofs if proof.text.startswith(COVERED))


def test_what_only_a_computes_declared_type_proves_says_that_it_rests_on_it() -> None:
    """Nothing looks at what a ``@compute`` returns, so that a row is covered as long as it keeps its word."""
    s = fields(Score)
    lied = made(Score, lying, exists(s.value))

    assert not ends(lied)
    assert told(lied) == f"{COVERED}, as long as functions return what they declare"
    assert told(made(Score, choose, one_of(s.word, "a", "b"))) == COVERED
    assert told(made(Score, lying, (s.value < 0) | (s.value >= 0) | none_of(exists(s.value)))) != COVERED
    assert told(made(Score, lying, none_of(exists(s.word)) | exists(s.word))) == COVERED


@pytest.mark.parametrize(
    ("field", "returns", "value"),
    [(list[int], tuple[int, int], (1, 2)), (set[int], Annotated[list[int], Field(min_length=2)], [1, 2])],
)
def test_an_example_writes_nothing_that_a_node_does_not_return(field: Any, returns: Any, value: Any) -> None:
    """A result of another type that is never empty makes no error that shows it empty."""
    model = create_model("Stored", x=(field, field()))

    def node() -> Any:
        return value

    node.__annotations__["return"] = returns
    flow = made(model, compute(writes="x")(node), length(fields(model).x) >= 1)  # type: ignore[attr-defined]  # the model is made here

    assert ends(flow)
    assert "F201" not in {item.code for item in flow.check().findings}


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[int, Field(ge=10)],
        Annotated[float, Field(gt=10, lt=12)],
        Annotated[Decimal, Field(le=-3)],
        Annotated[str, Field(min_length=3)],
        Annotated[list[int], Field(min_length=2)],
        tuple[int, str],
    ],
)
def test_a_made_up_value_fits_its_type(annotation: Any) -> None:
    """Bounds and lengths are met, so that an example is one that could be."""
    assert accepts(annotation, sample(annotation))


def test_no_value_is_made_up_that_does_not_fit() -> None:
    """Where none is found that fits, there is no example."""
    with pytest.raises(NoSample, match="pattern"):
        sample(Annotated[str, Field(pattern="^x{7}$")])


class Basket(BaseModel):
    items: Annotated[list[int], Field(max_length=2)] = []
    item: int = 0
    out: list[Any] = []


class Rewritten(Basket):
    items: Annotated[list[int], Field(max_length=2), AfterValidator(lambda items: items * 5)] = []


class Filled(Basket):
    @field_validator("items")
    @classmethod
    def fill(cls, items: list[int]) -> list[int]:
        return items * 5


class Replaced(Basket):
    @model_validator(mode="after")
    def replace(self) -> Self:
        self.__dict__["items"] = [1] * 10
        return self


@compute(writes="item")
def weigh(item: int) -> int:
    return item


@pytest.mark.parametrize("model", [Rewritten, Filled, Replaced])
def test_a_validator_may_make_a_list_longer_than_its_bound(model: type[Basket]) -> None:
    """The steps of an each are bounded by a list's length only where nothing looks at the list behind its bound."""
    mapped = each(weigh, name="mapped", item="item", over="items", into="out")
    flow, plain = (Flow("f", state=state, edges=[on(START, mapped), on(mapped, done)]) for state in (model, Basket))
    run = flow.compile(roles=Anyone()).start({"items": [1, 2]})
    bound = plain.check().facts.max_steps

    assert bound is not None
    assert run.spent.steps > bound
    assert flow.check().facts.max_steps is None
