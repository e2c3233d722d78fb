"""A process of its own that imports a flow and writes its manifest: what it imports stays in it.

python -m guideway.cli.manifesting TARGET FILE
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from .failing import USAGE, Usage, message_of


def told(target: str) -> dict[str, Any]:
    """The manifest of a flow, and the names in its migrations.

    Args:
        target: as ``targets.load`` takes it.
    """
    from .targets import flow_of

    flow = flow_of(target)
    migrations = [asdict(item) | {"state": None if item.state is None else item.name} for item in flow.migrations]
    return {"manifest": flow.manifest(), "migrations": migrations}


def main(target: str, file: str) -> int:
    """Writes what ``told`` gives; the exit status.

    Args:
        target: as ``targets.load`` takes it.
        file: where to; what the flow's module prints does not get into it.
    """
    try:
        data = json.dumps(told(target))
    except Exception as error:  # noqa: BLE001  # the border: who asked sees one message
        sys.stderr.write(message_of(error))
        return USAGE if isinstance(error, Usage) else 1
    with open(file, "w", encoding="utf-8") as out:
        out.write(data)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
