"""The eight tools that change nothing, as plain functions over one conversation's database.

Each returns what the recorded airline answered, to the byte.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from . import calculator
from .database import Database
from .rows import Flight

AIRPORTS = {
    "SFO": "San Francisco",
    "JFK": "New York",
    "LAX": "Los Angeles",
    "ORD": "Chicago",
    "DFW": "Dallas",
    "DEN": "Denver",
    "SEA": "Seattle",
    "ATL": "Atlanta",
    "MIA": "Miami",
    "BOS": "Boston",
    "PHX": "Phoenix",
    "IAH": "Houston",
    "LAS": "Las Vegas",
    "MCO": "Orlando",
    "EWR": "Newark",
    "CLT": "Charlotte",
    "MSP": "Minneapolis",
    "DTW": "Detroit",
    "PHL": "Philadelphia",
    "LGA": "LaGuardia",
}


def get_user_details(database: Database, user_id: str) -> str:
    """The user's profile.

    Raises:
        AirlineError: there is no such user.
    """
    return json.dumps(database.user(user_id))


def get_reservation_details(database: Database, reservation_id: str) -> str:
    """The reservation.

    Raises:
        AirlineError: there is no such reservation.
    """
    return json.dumps(database.reservation(reservation_id))


def list_all_airports() -> str:
    """All airports with their cities."""
    return json.dumps(AIRPORTS)


def search_direct_flight(database: Database, origin: str, destination: str, date: str) -> str:
    """The flights between two airports that can be booked on a date, each with its seats and prices."""
    return json.dumps(
        [
            _offer(flight, date)
            for flight in database.flights
            if flight["origin"] == origin and flight["destination"] == destination and _bookable(flight, date)
        ]
    )


def search_onestop_flight(database: Database, origin: str, destination: str, date: str) -> str:
    """The pairs of flights with one stop that can be booked from a date on.

    A second flight after midnight must be bookable on its own day, but is shown with the seats and prices of
    the first day: so the recorded airline answers.
    """
    onward = [flight for flight in database.flights if flight["destination"] == destination]
    pairs: list[list[dict[str, Any]]] = []
    for first in database.flights:
        if first["origin"] != origin or not _bookable(first, date):
            continue
        arrival = first["scheduled_arrival_time_est"]
        onward_date = _day_after(date) if "+1" in arrival else date
        pairs.extend(
            [_offer(first, date) | {"date": date}, _offer(second, date) | {"date": onward_date}]
            for second in onward
            if second["origin"] == first["destination"]
            # Times are compared as text: "03:00:00+1" counts from midnight, as it should on the next day.
            and arrival <= second["scheduled_departure_time_est"]
            and _bookable(second, onward_date)
        )
    return json.dumps(pairs)


def calculate(expression: str) -> str:
    """The value of an arithmetic expression; see ``calculator.evaluate``.

    Raises:
        AirlineError: it is no arithmetic, or has no finite value.
    """
    return calculator.evaluate(expression)


def think(thought: str) -> str:  # noqa: ARG001  # the recorded parameter
    """Nothing: the thought stands in the conversation."""
    return ""


def transfer_to_human_agents(summary: str) -> str:  # noqa: ARG001  # the recorded parameter
    """Hands the customer over to a person."""
    return "Transfer successful"


def _bookable(flight: Flight, date: str) -> bool:
    on_date = flight["dates"].get(date)
    return on_date is not None and on_date["status"] == "available"


def _offer(flight: Flight, date: str) -> dict[str, Any]:
    offer: dict[str, Any] = {key: value for key, value in flight.items() if key != "dates"}
    on_date = flight["dates"].get(date)
    if on_date is not None:
        offer.update(on_date)
    return offer


def _day_after(date: str) -> str:
    return (dt.date.fromisoformat(date) + dt.timedelta(days=1)).isoformat()
