"""The benchmark's findings as Markdown, which a terminal shows as well, or as JSON; each with the machine described."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from tests.bench.peers import Peer
from tests.bench.targets import Row

__all__ = ["PEER_HEADER", "ROW_HEADER", "as_json", "machine", "peer_line", "row_line"]

_LIBRARIES = ("numpy", "scipy", "mpmath", "python-flint", "torch")
ROW_HEADER = "| what | measured | target | unit | | detail |\n|---|---:|---:|---|---|---|"
PEER_HEADER = ("| P(\\|X − Y\\| > δ) by | shape | worst relative error, body | tail | ns a value |\n"
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


def row_line(row: Row) -> str:
    """One promise as a line of the table under `ROW_HEADER`."""
    verdict = "pass" if row.passed else "FAIL"
    return f"| {row.what} | {row.measured:.3g} | {row.target:g} | {row.unit} | {verdict} | {row.detail} |"


def peer_line(peer: Peer) -> str:
    """One peer's errors and time as a line of the table under `PEER_HEADER`."""
    return f"| {peer.name} | {peer.shape:g} | {peer.body:.0e} | {peer.tail:.0e} | {peer.nanoseconds:,.0f} |"


def as_json(law: Iterable[Row], peers: Iterable[Peer], losses: Iterable[Row], study: Iterable[Row]) -> str:
    """Everything measured, for a program to read."""
    return json.dumps({
        "machine": machine(),
        "targets": [asdict(row) | {"passed": row.passed} for row in law],
        "peers": [asdict(peer) for peer in peers],
        "losses": [asdict(row) | {"passed": row.passed} for row in losses],
        "study": [asdict(row) | {"passed": row.passed} for row in study],
    }, indent=2, ensure_ascii=False)
