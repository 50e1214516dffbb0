"""`python -m tests.bench [--only PART] [--json] [--check] [--record [DIR]|--recorded]`: measure, print, keep.

--check exits 1 when a target is missed. --record writes all parts, and a map of the peers' errors, as bench* into
paper_tables/measured (or DIR), from where the figures `speed` and `accuracy_map` draw them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path

# Read by the linear-algebra libraries when NumPy loads them: every measurement is of one thread.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ["KINETO_LOG_LEVEL"] = "6"  # read by torch: below 6, its profiler writes to the terminal

PARTS = ("law", "peers", "losses", "study")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="measure one part")
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    keep = parser.add_mutually_exclusive_group()
    keep.add_argument("--record", nargs="?", const="", metavar="DIR", help="keep all parts (in paper_tables/measured)")
    keep.add_argument("--recorded", action="store_true", help="measure nothing: show what was recorded last")
    options = parser.parse_args()
    if options.record is not None and options.only:
        parser.error("--record keeps all parts of one run: leave --only out")
    started, before = datetime.now(timezone.utc).isoformat(timespec="seconds"), os.getloadavg()[0]

    from experiments.record import MEASURED  # after the settings
    from tests.bench import losses, peers, report, study, targets

    part = {"law": targets.measure, "peers": peers.measure, "losses": losses.measure, "study": study.measure}
    machine, found = report.recorded() if options.recorded else (report.machine(), None)
    measured = {name: (found[name] if found else part[name]()) if options.only in (None, name) else ()
                for name in PARTS}
    if options.json:
        measured = {name: list(rows) for name, rows in measured.items()}
        print(report.as_json(machine, **measured))
    else:
        print(", ".join(f"{name} {value}" for name, value in machine.items()))
        measured = {name: _shown(rows) for name, rows in measured.items()}
    if options.record is not None:
        loads = [round(load, 2) for load in (before, os.getloadavg()[0])]
        report.record(measured, peers.error_map(), started, loads, Path(options.record or MEASURED))
    rows = [*measured["law"], *measured["losses"], *measured["study"]]
    missed = [row.what for row in rows if not row.passed]
    print(f"{len(rows) - len(missed)} of {len(rows)} targets met.", file=sys.stderr)
    return 1 if options.check and missed else 0


def _shown(measured: Iterable) -> list:
    """Print a part as it is measured."""
    from tests.bench.report import table

    rows = []

    def kept() -> Iterator:
        for row in measured:
            rows.append(row)
            yield row

    for number, line in enumerate(table(kept())):
        print(f"\n{line}" if number == 0 else line, flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())
