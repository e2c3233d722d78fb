"""What can go wrong at the desk: a tool that says no, and data that is not there or not readable."""

from __future__ import annotations


class AirlineError(Exception):
    """A tool's own no: nothing was changed, and the agent is told ``Error: <message>``.

    Args:
        message: the reason, in the words that the agent reads.
    """


class DataError(Exception):
    """The data folder or the recording cannot be used; the message is one line for the person at the terminal.

    Args:
        message: what is missing or broken, with its path, and the way out.
    """
