"""`python -m tests.bench [--only PART] [--json] [--check]`: measure, print; --check exits 1 when a target is missed."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable

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
    options = parser.parse_args()

    from tests.bench import losses, peers, report, study, targets  # after the settings

    part = {"law": targets.measure, "peers": peers.measure, "losses": losses.measure, "study": study.measure}
    measured = {name: part[name]() if options.only in (None, name) else () for name in PARTS}
    if options.json:
        measured = {name: list(found) for name, found in measured.items()}
        print(report.as_json(**measured))
    else:
        print(", ".join(f"{name} {value}" for name, value in report.machine().items()), "\n")
        measured["law"] = _shown(report.ROW_HEADER, report.row_line, measured["law"])
        measured["peers"] = _shown(report.PEER_HEADER, report.peer_line, measured["peers"])
        measured["losses"] = _shown(report.ROW_HEADER, report.row_line, measured["losses"])
        measured["study"] = _shown(report.ROW_HEADER, report.row_line, measured["study"])
    rows = [*measured["law"], *measured["losses"], *measured["study"]]
    missed = [row.what for row in rows if not row.passed]
    print(f"{len(rows) - len(missed)} of {len(rows)} targets met.", file=sys.stderr)
    return 1 if options.check and missed else 0


def _shown(header: str, line, measured: Iterable) -> list:
    """Print a table as it is measured; no table where nothing is."""
    rows = []
    for row in measured:
        if not rows:
            print(header)
        rows.append(row)
        print(line(row), flush=True)
    if rows:
        print()
    return rows


if __name__ == "__main__":
    sys.exit(main())
