"""The tools as the agent is served with them: described for the model, with what each does to the world.

The database is the conversation's own; it comes through the run's ``Context`` and is hidden from the model.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from guideway import Context, Tool, tool

from . import reading, writing
from .arguments import (
    Airport,
    Bags,
    Dollars,
    FlightChoice,
    FlightDate,
    Passenger,
    PaymentId,
    PaymentPart,
    ReservationId,
    UserId,
)
from .database import Database, Tables
from .errors import AirlineError
from .rows import Cabin, FlightType, YesOrNo

SECONDS = 10.0
"""How long a write may take before its effect counts as unknown."""


class Office:
    """What the tools and the agent find at their desk: the policy, and one fresh database for each run.

    Args:
        tables: the database before any conversation.
        policy: the policy that the agent is told to keep.
    """

    def __init__(self, tables: Tables, policy: str) -> None:
        self.policy = policy
        self._tables = tables
        self._databases: dict[str, Database] = {}

    def database(self, run: str) -> Database:
        """The database of this run, made when first asked for."""
        return self._databases.setdefault(run, Database(self._tables))


def office(context: Context) -> Office:
    """The desk that ``compile(deps=...)`` was given.

    Raises:
        TypeError: it was given something else.
    """
    if not isinstance(context.deps, Office):
        raise TypeError(f"compile(deps=...) takes an Office for this flow, not {type(context.deps).__name__}")
    return context.deps


def _database(context: Context) -> Database:
    return office(context).database(context.run)


@tool(effect="none", not_done=(AirlineError,))
def get_user_details(user_id: UserId, context: Context) -> str:
    """Get the details of an user, including their reservations."""
    return reading.get_user_details(_database(context), user_id)


@tool(effect="none", not_done=(AirlineError,))
def get_reservation_details(reservation_id: ReservationId, context: Context) -> str:
    """Get the details of a reservation."""
    return reading.get_reservation_details(_database(context), reservation_id)


@tool(effect="none")
def list_all_airports() -> str:
    """List all airports and their cities."""
    return reading.list_all_airports()


@tool(effect="none")
def search_direct_flight(origin: Airport, destination: Airport, date: FlightDate, context: Context) -> str:
    """Search direct flights between two cities on a specific date."""
    return reading.search_direct_flight(_database(context), origin, destination, date)


@tool(effect="none")
def search_onestop_flight(origin: Airport, destination: Airport, date: FlightDate, context: Context) -> str:
    """Search flights with one stop between two cities on a specific date."""
    return reading.search_onestop_flight(_database(context), origin, destination, date)


@tool(effect="none", not_done=(AirlineError,))
def calculate(
    expression: Annotated[
        str,
        Field(
            description="The mathematical expression to calculate, such as '2 + 2'. The expression can contain "
            "numbers, operators (+, -, *, /), parentheses, and spaces."
        ),
    ],
) -> str:
    """Calculate the result of a mathematical expression."""
    return reading.calculate(expression)


@tool(effect="none")
def think(thought: Annotated[str, Field(description="A thought to think about.")]) -> str:
    """Use the tool to think about something.

    It will not obtain new information or change the database, but just append the thought to the log. Use it
    when complex reasoning is needed.
    """
    return reading.think(thought)


@tool(effect="none", writes="handed_over")
def transfer_to_human_agents(summary: Annotated[str, Field(description="A summary of the user's issue.")]) -> str:
    """Transfer the user to a human agent, with a summary of the user's issue.

    Only transfer if the user explicitly asks for a human agent, or if the user's issue cannot be resolved by the
    agent with the available tools.
    """
    return reading.transfer_to_human_agents(summary)


@tool(effect="once", stakes="high", timeout=SECONDS, not_done=(AirlineError,))
def book_reservation(
    user_id: UserId,
    origin: Airport,
    destination: Airport,
    flight_type: FlightType,
    cabin: Cabin,
    flights: list[FlightChoice],
    passengers: list[Passenger],
    payment_methods: list[PaymentPart],
    total_baggages: Bags,
    nonfree_baggages: Bags,
    insurance: YesOrNo,
    context: Context,
) -> str:
    """Book a reservation."""
    return writing.book_reservation(
        _database(context),
        user_id=user_id,
        origin=origin,
        destination=destination,
        flight_type=flight_type,
        cabin=cabin,
        flights=flights,
        passengers=passengers,
        payment_methods=payment_methods,
        total_baggages=total_baggages,
        nonfree_baggages=nonfree_baggages,
        insurance=insurance,
    )


@tool(effect="once", stakes="high", timeout=SECONDS, not_done=(AirlineError,))
def update_reservation_flights(
    reservation_id: ReservationId, cabin: Cabin, flights: list[FlightChoice], payment_id: PaymentId, context: Context
) -> str:
    """Update the flight information of a reservation.

    The flights are those of the ENTIRE new reservation: a flight segment that is not changed is still included.
    """
    return writing.update_reservation_flights(_database(context), reservation_id, cabin, flights, payment_id)


@tool(effect="once", stakes="high", timeout=SECONDS, not_done=(AirlineError,))
def update_reservation_baggages(
    reservation_id: ReservationId, total_baggages: Bags, nonfree_baggages: Bags, payment_id: PaymentId, context: Context
) -> str:
    """Update the baggage information of a reservation."""
    return writing.update_reservation_baggages(
        _database(context), reservation_id, total_baggages, nonfree_baggages, payment_id
    )


@tool(effect="once", stakes="high", timeout=SECONDS, not_done=(AirlineError,))
def update_reservation_passengers(reservation_id: ReservationId, passengers: list[Passenger], context: Context) -> str:
    """Update the passenger information of a reservation."""
    return writing.update_reservation_passengers(_database(context), reservation_id, passengers)


@tool(effect="once", stakes="high", timeout=SECONDS, not_done=(AirlineError,))
def cancel_reservation(reservation_id: ReservationId, context: Context) -> str:
    """Cancel the whole reservation."""
    return writing.cancel_reservation(_database(context), reservation_id)


@tool(effect="once", stakes="high", timeout=SECONDS, not_done=(AirlineError,))
def send_certificate(user_id: UserId, amount: Dollars, context: Context) -> str:
    """Send a certificate to a user. Be careful!"""
    return writing.send_certificate(_database(context), user_id, amount)


READING: list[Tool[..., str]] = [
    get_user_details,
    get_reservation_details,
    list_all_airports,
    search_direct_flight,
    search_onestop_flight,
    calculate,
    think,
    transfer_to_human_agents,
]

WRITING: list[Tool[..., str]] = [
    book_reservation,
    update_reservation_flights,
    update_reservation_baggages,
    update_reservation_passengers,
    cancel_reservation,
    send_certificate,
]
