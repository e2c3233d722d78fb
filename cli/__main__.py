"""``python -m guideway.cli``: the command line of this very Python."""

from __future__ import annotations

from . import main

if __name__ == "__main__":
    main()
