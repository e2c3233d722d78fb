"""The arguments of the tools that are more than a word: flights, passengers, payments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    StrictFloat,
    StrictInt,
    model_serializer,
    model_validator,
)

Dollars = Annotated[StrictInt | StrictFloat, Field(ge=0, allow_inf_nan=False)]
"""An amount; 250 stays 250 and 250.0 stays 250.0, since the answer prints what the agent wrote."""

Bags = Annotated[StrictInt, Field(ge=0)]
"""A number of bags."""


UserId = Annotated[str, Field(description="The ID of the user, such as 'sara_doe_496'.")]
ReservationId = Annotated[str, Field(description="The reservation ID, such as 'ZFA04Y'.")]
PaymentId = Annotated[
    str,
    Field(
        description="The payment id stored in user profile, such as 'credit_card_7815826', 'gift_card_7815826', "
        "'certificate_7815826'."
    ),
]
Airport = Annotated[str, Field(description="The airport of a city in three letters, such as 'JFK'.")]
FlightDate = Annotated[
    str, Field(description="The date of the flight in the format 'YYYY-MM-DD', such as '2024-05-01'.")
]


class AsWritten(BaseModel):
    """An argument object that keeps its keys in the order in which the agent wrote them.

    The recorded database stores these objects as they came, so their order is part of the answer. Keys
    that are not declared are kept too and leave again with ``model_dump``: the call that a supervisor
    sees, the call that is compared with the right one and the call that runs are the same.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    _keys: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="wrap")
    @classmethod
    def _note_keys(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        made = handler(value)
        if isinstance(value, Mapping):
            made._keys = tuple(cast("Mapping[str, Any]", value))
        return made

    @model_serializer(mode="wrap")
    def _in_order(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        return {key: data[key] for key in self._keys if key in data} | data


class FlightChoice(AsWritten):
    """One flight of a trip."""

    flight_number: str = Field(description="Flight number, such as 'HAT001'.")
    date: FlightDate


class Passenger(AsWritten):
    """One passenger."""

    first_name: str = Field(description="The first name of the passenger, such as 'Noah'.")
    last_name: str = Field(description="The last name of the passenger, such as 'Brown'.")
    dob: str = Field(description="The date of birth of the passenger in the format 'YYYY-MM-DD', such as '1990-01-01'.")


class PaymentPart(AsWritten):
    """What is paid with one payment method."""

    payment_id: PaymentId
    amount: Dollars = Field(description="The amount to be paid.")
