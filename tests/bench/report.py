"""The benchmark's findings as Markdown, which a terminal shows as well, as JSON, and as recorded files.

Each says which machine they are of.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from experiments import machine as study_machine
from experiments._report_files import as_csv
from experiments.config import configure
from experiments.record import MEASURED, read_tables, write_tables
from tests.bench.peers import RUNS, Peer
from tests.bench.targets import Row

__all__ = ["as_json", "line", "machine", "recorded", "record", "table"]

_LIBRARIES = ("numpy", "scipy", "mpmath", "python-flint", "torch")
_ROW_HEADER = "| what | measured | target | unit | | detail |\n|---|---:|---:|---|---|---|"
_PEER_HEADER = ("| P(\\|X − Y\\| > δ) by | shape | worst relative error, body | tail | ns a value |\n"
                "|---|---:|---:|---:|---:|")


def machine() -> dict[str, str]:
    """Processor, cores, system, Python and library versions."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{library: version(library) for library in _LIBRARIES},
    }


def _processor() -> str:
    """The model's name; Linux keeps it in a file of its own, elsewhere `platform` knows it."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def line(row: Row | Peer) -> str:
    """One promise or one peer as a line of a Markdown table."""
    if isinstance(row, Peer):
        return f"| {row.name} | {row.shape:g} | {row.body:.0e} | {row.tail:.0e} | {row.nanoseconds:,.0f} |"
    verdict = "pass" if row.passed else "FAIL"
    return f"| {row.what} | {row.measured:.3g} | {row.target:.3g} | {row.unit} | {verdict} | {row.detail} |"


def table(rows: Iterable[Row | Peer]) -> Iterator[str]:
    """The lines of a Markdown table, each as soon as its row is measured; none where nothing is."""
    for number, row in enumerate(rows):
        if number == 0:
            yield _PEER_HEADER if isinstance(row, Peer) else _ROW_HEADER
        yield line(row)


def as_json(machine: dict, law: Iterable[Row], peers: Iterable[Peer], losses: Iterable[Row],
            study: Iterable[Row]) -> str:
    """Everything measured, for a program to read."""
    return json.dumps({
        "machine": machine,
        "targets": [_fields(row) for row in law],
        "peers": [_fields(peer) for peer in peers],
        "losses": [_fields(row) for row in losses],
        "study": [_fields(row) for row in study],
    }, indent=2, ensure_ascii=False)


def record(measured: dict[str, Iterable[Row | Peer]], errors: Iterable[dict], started: str, loads: list[float],
           folder: Path) -> list[Path]:
    """Write the peers, the map of their errors, and the promises as bench_{peers,map,targets}.csv, and bench.json.

    `loads` are the processes that wanted a core, on average over a minute: before the run, which itself is one, and at
    its end. `experiments.record.read_tables("bench")` reads what is written.
    """
    tables = {
        "targets": [{"name": part} | _fields(row)
                    for part, rows in measured.items() if part != "peers" for row in rows],
        "peers": map(_fields, measured["peers"]), "map": errors,
    }
    facts = study_machine.facts(configure("smoke"))
    made = {
        "started": started, "commit": facts["commit"], "modified": facts["modified"], "machine": machine(),
        "threads": 1, "load": loads,
        "timing": f"A ratio is of the best runs of both sides, which ran by turns; a peer's time is the best of {RUNS} "
                  "calls. Times are of this machine, with the load it had.",
    }
    return write_tables({f"bench_{name}.csv": as_csv(rows) for name, rows in tables.items()}, "bench.json",
                        {"bench": "all parts"}, made, folder)


def recorded(folder: Path = MEASURED) -> tuple[dict, dict[str, list[Row | Peer]]]:
    """The machine of the recorded run, and the rows of each part."""
    made, tables = read_tables("bench", folder)
    parts: dict[str, list[Row | Peer]] = {"peers": [Peer(**row) for row in tables["peers"]]}
    for row in tables["targets"]:
        fields = {name: value for name, value in row.items() if name not in ("name", "passed")}
        parts.setdefault(row["name"], []).append(Row(**fields))
    return made["machine"], parts


def _fields(row: Row | Peer) -> dict:
    return asdict(row) | ({"passed": row.passed} if isinstance(row, Row) else {})
