"""The airline's database: read once, and for each conversation a view that copies a row when it first writes it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from .errors import AirlineError, DataError
from .rows import Flight, Reservation, User


@dataclass(frozen=True)
class Tables:
    """The three tables before any conversation, shared by all of them and never written."""

    users: Mapping[str, User]
    reservations: Mapping[str, Reservation]
    flights: Mapping[str, Flight]

    @classmethod
    def load(cls, folder: Path) -> Tables:
        """Reads users.json, reservations.json and flights.json.

        Args:
            folder: where the three files are.

        Raises:
            DataError: the folder or a file is missing, unreadable, or not a JSON object of objects.
        """
        if not folder.is_dir():
            raise DataError(f"the airline data is missing: {folder} is no folder (tau_airline, see --data)")
        return cls(
            users=cast("dict[str, User]", _table(folder / "users.json")),
            reservations=cast("dict[str, Reservation]", _table(folder / "reservations.json")),
            flights=cast("dict[str, Flight]", _table(folder / "flights.json")),
        )


class Database:
    """One conversation's own database.

    Rows that are only read are the shared ones: a caller may print them, never change them. What
    ``edit_user`` and ``edit_reservation`` return belongs to this conversation alone. Flights are never
    written: the recorded airline does not count seats down.

    Args:
        tables: the tables before any conversation.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._users: dict[str, User] = {}
        self._reservations: dict[str, Reservation] = {}

    @property
    def flights(self) -> Collection[Flight]:
        """All flights, in the order of the file, to be read only."""
        return self._tables.flights.values()

    def flight(self, number: str) -> Flight:
        """The flight of this number, to be read only.

        Raises:
            AirlineError: there is none.
        """
        found = self._tables.flights.get(number)
        if found is None:
            raise AirlineError(f"flight {number} not found")
        return found

    def user(self, user_id: str) -> User:
        """The profile of this user, to be read only.

        Raises:
            AirlineError: there is none.
        """
        found = self._users.get(user_id) or self._tables.users.get(user_id)
        if found is None:
            raise AirlineError("user not found")
        return found

    def edit_user(self, user_id: str) -> User:
        """The profile of this user, to be changed.

        Raises:
            AirlineError: there is none.
        """
        if user_id not in self._users:
            self._users[user_id] = deepcopy(self.user(user_id))
        return self._users[user_id]

    def has_reservation(self, reservation_id: str) -> bool:
        """Whether there is a reservation of this id."""
        return reservation_id in self._reservations or reservation_id in self._tables.reservations

    def reservation(self, reservation_id: str) -> Reservation:
        """The reservation of this id, to be read only.

        Raises:
            AirlineError: there is none.
        """
        found = self._reservations.get(reservation_id) or self._tables.reservations.get(reservation_id)
        if found is None:
            raise AirlineError("reservation not found")
        return found

    def edit_reservation(self, reservation_id: str) -> Reservation:
        """The reservation of this id, to be changed.

        Raises:
            AirlineError: there is none.
        """
        if reservation_id not in self._reservations:
            self._reservations[reservation_id] = deepcopy(self.reservation(reservation_id))
        return self._reservations[reservation_id]

    def add_reservation(self, reservation: Reservation) -> None:
        """Keeps a new reservation and lists it in its user's profile.

        Raises:
            AirlineError: there is no such user.
        """
        self.edit_user(reservation["user_id"])["reservations"].append(reservation["reservation_id"])
        self._reservations[reservation["reservation_id"]] = reservation

    def changes(self) -> dict[str, Iterable[str]]:
        """The ids of the rows that this conversation wrote, by table."""
        return {"users": tuple(self._users), "reservations": tuple(self._reservations)}


def _table(path: Path) -> dict[str, dict[str, Any]]:
    try:
        table = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"the airline data is missing: there is no file {path}") from None
    except OSError as error:
        raise DataError(f"the airline data cannot be read: {path}: {error.strerror}") from None
    except ValueError as error:
        raise DataError(f"the airline data is broken: {path} is no JSON: {error}") from None
    if not isinstance(table, dict) or not all(isinstance(row, dict) for row in cast("dict[str, Any]", table).values()):
        raise DataError(f"the airline data is broken: {path} must be a JSON object of rows by id")
    return cast("dict[str, dict[str, Any]]", table)
