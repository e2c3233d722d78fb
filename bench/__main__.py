"""Every row, one table.

python -m bench [--row NAME ...] [--rounds N] [--json FILE] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from bench import machine, table
from bench.figures import Line, Samples, told
from bench.harness import measured, to_stderr
from bench.rows import rows


def main() -> None:
    """Measures the rows that are asked for and prints the table; nothing is asserted but that the work was done."""
    every = {row.name: row for row in rows()}
    parser = argparse.ArgumentParser(prog="python -m bench", description="What guideway costs beside its peers.")
    parser.add_argument(
        "--row", action="extend", nargs="+", metavar="NAME", help=f"only these: {', '.join(every)}; a start will do"
    )
    parser.add_argument("--rounds", type=int, help="rounds of every row; by default each row has its own number")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every sample, for machines")
    parser.add_argument("--folder", type=Path, help="where the stores are made, on a disk; by default the system's")
    options = parser.parse_args()
    wanted = [word for word in options.row or [""] if word not in every]
    chosen = [row for name, row in every.items() if name in (options.row or []) or name.startswith(tuple(wanted))]
    if not chosen:
        parser.error(f"no row begins with {' or '.join(options.row)}: there are {', '.join(every)}")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be 1 or more")

    lines: list[Line] = []
    samples: dict[str, Samples] = {}
    before, began, loads = machine.load(), time.monotonic(), dict[str, float]()
    with tempfile.TemporaryDirectory(prefix="guideway-bench-", dir=options.folder) as folder:
        home = Path(folder)
        if warning := machine.warning(home):
            to_stderr(warning)
        about = machine.described(home)
        with suppress(KeyboardInterrupt):  # what was measured by then is printed
            for row in chosen:
                to_stderr(f"measuring {row.name} ...")
                samples[row.name] = measured(row, options.rounds or row.rounds, home, to_stderr)
                loads[row.name] = machine.load()
                lines += told(row, samples[row.name])

    print(_heading(about, before, max(loads.values(), default=before), time.monotonic() - began))
    print(table.printed(lines))
    if noise := machine.busy(before, table.spread(lines)):
        print(f"\n{noise}")
    if options.json is not None:
        report = {"machine": about, "load": {"before": before, **loads}, "lines": [asdict(line) for line in lines]}
        options.json.write_text(json.dumps({**report, "samples": samples}, indent=1) + "\n")


def _heading(about: dict[str, object], before: float, most: float, seconds: float) -> str:
    versions = about["versions"]
    assert isinstance(versions, dict)
    installed = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (
        f"{time.strftime('%Y-%m-%d %H:%M')}, {about['system']}, Python {about['python']}, SQLite {about['sqlite']} "
        f"on {about['files']}\n{installed}\n"
        f"load average {before:.2f} before, {most:.2f} at most (these measurements' own work is in it); "
        f"{seconds:.0f} s in all\n"
    )


if __name__ == "__main__":
    main()
