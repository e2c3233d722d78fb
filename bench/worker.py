"""The process of a contender: does a round when told, and says its figures.

    python -m bench.worker '{"peer": ..., "call": ..., "options": {...}, "home": ...}'

It speaks by lines of JSON on what was its standard output; what a peer prints goes to standard error.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any


def main() -> None:
    """Gets ready, then obeys: ``round`` does one, ``modules`` lists what is loaded by now."""
    speak = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    told: dict[str, Any] = json.loads(sys.argv[1])
    if "preload" in told:
        for name in Path(told["preload"]).read_text().split():
            with suppress(ImportError):  # some modules are made by others, and cannot be loaded by themselves
                importlib.import_module(name)
    module = importlib.import_module(f"bench.peers.{told['peer']}")
    a_round = getattr(module, told["call"])(Path(told["home"]), **told["options"])
    print(json.dumps("ready"), file=speak)
    for line in sys.stdin:
        if line.strip() == "modules":
            print(json.dumps([name for name in sys.modules if name != "__main__"]), file=speak)
            continue
        gc.collect()
        print(json.dumps(a_round()), file=speak)
    sys.stderr.flush()
    os._exit(0)  # some peers' threads would keep the process for seconds


if __name__ == "__main__":
    main()
