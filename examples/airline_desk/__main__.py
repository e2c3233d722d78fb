"""The command: ``python -m examples.airline_desk replay --data DIR --conversations FILE [--approve all|gold|none]``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import DataError


def main(arguments: Sequence[str] | None = None) -> int:
    """Replays the recording and prints what differs, then the counts as one JSON object.

    Args:
        arguments: the command line; by default this process's.

    Returns:
        0 where every call was answered as recorded, 1 where one was not, 2 where data is missing or broken.
    """
    options = _parser().parse_args(arguments)
    # The flow loads the framework, which takes a second: a mistake on the command line is told before that.
    from .replay import replay

    try:
        result = replay(options.data, options.conversations, options.approve)
    except DataError as error:
        print(f"airline_desk: {error}", file=sys.stderr)
        return 2
    for line in result.differences:
        print(line)
    print(json.dumps(result.to_json()))
    return 0 if result.as_recorded else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.airline_desk", description="The airline desk, replayed.")
    command = parser.add_subparsers(required=True).add_parser(
        "replay", help="run every recorded conversation through the flow and compare every tool's answer"
    )
    command.add_argument("--data", type=Path, required=True, metavar="DIR", help="the folder of tau_airline")
    command.add_argument(
        "--conversations", type=Path, required=True, metavar="FILE", help="the recording, such as conversations.jsonl"
    )
    command.add_argument(
        "--approve",
        choices=("all", "gold", "none"),
        default="all",
        help="which writes the supervisor says yes to: all, the right ones, or none",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
