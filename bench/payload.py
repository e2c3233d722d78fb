"""What a step appends: a kilobyte that does not compress and is never the same twice."""

from __future__ import annotations

import random
from string import ascii_letters, digits

SIZE = 1024


def kilobyte(number: int) -> str:
    """The kilobyte of a step: letters and digits, the same in every process.

    Args:
        number: the step's.
    """
    return "".join(random.Random(number).choices(ascii_letters + digits, k=SIZE))
