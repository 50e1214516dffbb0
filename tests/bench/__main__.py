"""`python -m tests.bench [--json] [--check]`: measure, print, and with --check exit 1 when a target is missed."""

from __future__ import annotations

import argparse
import os
import sys

# Read by the linear-algebra libraries when NumPy loads them: every measurement is of one thread.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    options = parser.parse_args()

    from tests.bench import peers, report, targets  # after the thread settings

    if options.json:
        rows = list(targets.measure())
        print(report.as_json(rows, peers.measure()))
    else:
        print(", ".join(f"{name} {value}" for name, value in report.machine().items()), "\n")
        print(report.ROW_HEADER)
        rows = []
        for row in targets.measure():
            rows.append(row)
            print(report.row_line(row), flush=True)
        print(f"\n{report.peer_table(peers.measure())}")
    missed = [row.what for row in rows if not row.passed]
    print(f"\n{len(rows) - len(missed)} of {len(rows)} targets met.", file=sys.stderr)
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
