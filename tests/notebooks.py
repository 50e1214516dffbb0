"""Execute the notebooks: `python -m tests.notebooks [PATH…]` runs them and stores their outputs.

The tests execute them by the same function and hold the fresh outputs against the stored ones. What is stored are cells
and their outputs, without times, versions and the marks of an editor: of an execution that changes nothing at most
roundings differ.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import re
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

__all__ = ["FOLDER", "LIMIT", "differences", "execute", "main", "notebooks", "read", "same_text", "stripped", "written"]

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"
LIMIT = 60  # seconds that a notebook may take on one thread of an idle machine: processor seconds, that is
_HANGS = 600  # seconds after which a cell is given up, however busy the machine is
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
# Distances of a few roundings of float64 differ from one execution to the next: all below this are the same.
_ROUNDINGS = Decimal("1e-13")


def notebooks() -> list[Path]:
    """All notebooks of the project, in order."""
    return sorted(FOLDER.glob("*.ipynb"))


def read(path: Path) -> NotebookNode:
    """A notebook as it is stored."""
    return nbformat.read(path, as_version=4)


def written(notebook: NotebookNode) -> str:
    """The text of a notebook's file."""
    return nbformat.writes(notebook) + "\n"


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """The notebook with the outputs of a fresh kernel of this Python, started in `folder`; it is `stripped`.

    Kernel specifications, profiles and history of whoever runs it play no part. Raises `CellExecutionError` where a
    cell does, and `CellTimeoutError` for one that does not end.
    """
    fresh = nbformat.from_dict(notebook)
    with tempfile.TemporaryDirectory() as private:
        # Without folders to look into, the manager knows one kernel: ipykernel's own, run by sys.executable.
        manager = AsyncKernelManager(
            kernel_name=_KERNEL["name"], kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            connection_file=f"{private}/kernel.json", transport="ipc", ip=f"{private}/socket",
        )
        client = NotebookClient(
            fresh, km=manager, timeout=_HANGS, record_timing=False, coalesce_streams=True,
            resources={"metadata": {"path": str(folder)}},
        )
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
        environment |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "IPYTHONDIR": private, "NO_COLOR": "1"}
        client.execute(env=environment, cleanup_kc=True)  # ends the kernel, which its manager, being ours, would keep
    return stripped(fresh)


def stripped(notebook: NotebookNode) -> NotebookNode:
    """The same notebook with nothing in it that another execution would change without a reason."""
    plain = nbformat.from_dict(notebook)
    plain.metadata = nbformat.from_dict({"kernelspec": _KERNEL, "language_info": {"name": "python"}})
    for cell in plain.cells:
        cell.metadata = nbformat.from_dict({})
        for output in cell.get("outputs", ()):
            if "metadata" in output:
                output.metadata = nbformat.from_dict({})
            if "image/png" in output.get("data", {}):  # alone: the text beside it names a class and the size
                output.data = nbformat.from_dict({"image/png": _pixels_alone(output.data["image/png"])})
    return plain


def _pixels_alone(png: str) -> str:
    """A picture in base64 without what matplotlib writes beside its pixels, which names a version."""
    smaller = io.BytesIO()
    _image(png).save(smaller, "png", optimize=True)
    return base64.b64encode(smaller.getvalue()).decode()


def _image(png: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(png)))


# --- comparison ------------------------------------------------------------------------------------------------------

def differences(stored: NotebookNode, fresh: NotebookNode) -> list[str]:
    """What the fresh outputs of the same cells have otherwise than the stored ones; none where they say the same.

    Text is the same when its words are, spaces counted once, and its numbers are: whole numbers equal, decimals equal
    to one unit of their last place (a rounding may go either way), and distances below `_ROUNDINGS` all alike. Of
    pictures each must be there and show something. Whatever is written to standard error is a difference.
    """
    found = []
    for cell, again in zip(stored.cells, fresh.cells, strict=True):
        old, new = cell.get("outputs", []), again.get("outputs", [])
        if [_kinds(output) for output in old] != [_kinds(output) for output in new]:
            found.append(f"{cell.id}: outputs {[*map(_kinds, new)]} instead of {[*map(_kinds, old)]}")
            continue
        for before, after in zip(old, new):
            if after.get("name") == "stderr" or after.output_type == "error":
                found.append(f"{cell.id}: {after.get('text') or after.get('evalue')}")
            found += [f"{cell.id}: printed\n{after_text}\ninstead of\n{before_text}"
                      for before_text, after_text in zip(_texts(before), _texts(after))
                      if not same_text(before_text, after_text)]
            if _blank(after):
                found.append(f"{cell.id}: an empty picture")
    return found


def _kinds(output: NotebookNode) -> tuple[str, ...]:
    return output.output_type, output.get("name", ""), *sorted(output.get("data", {}))


def _texts(output: NotebookNode) -> list[str]:
    data = output.get("data", {})
    return [output.get("text", ""), *(data[kind] for kind in sorted(data) if kind.startswith("text/"))]


def _blank(output: NotebookNode) -> bool:
    png = output.get("data", {}).get("image/png")
    return png is not None and len(set(_image(png).convert("L").histogram()) - {0}) < 2


def same_text(stored: str, fresh: str) -> bool:
    """Whether two texts have the same words and the same numbers, as `differences` says."""
    stored, fresh = (text.replace("−", "-") for text in (stored, fresh))
    words, other_words = (_NUMBER.sub("#", text).split() for text in (stored, fresh))
    return words == other_words and all(map(_same_number, _NUMBER.findall(stored), _NUMBER.findall(fresh)))


def _same_number(stored: str, fresh: str) -> bool:
    one, other = Decimal(stored), Decimal(fresh)
    if one == other or max(abs(one), abs(other)) < _ROUNDINGS:
        return True
    unit = Decimal(1).scaleb(min(one.as_tuple().exponent, other.as_tuple().exponent))
    return bool({".", "e"} & set(stored + fresh)) and abs(one - other) <= unit


# --- the command -----------------------------------------------------------------------------------------------------

def main(arguments: list[str] | None = None) -> int:
    """Execute the notebooks and store what they put out."""
    parser = argparse.ArgumentParser(prog="python -m tests.notebooks", description=__doc__.partition("\n\n")[0])
    parser.add_argument("path", nargs="*", type=Path, default=notebooks(), help="a notebook's file (default: all)")
    for path in parser.parse_args(arguments).path:
        with tempfile.TemporaryDirectory() as folder:
            text = written(execute(read(path), Path(folder)))
        path.write_text(text, encoding="utf-8")
        print(f"{path.name}: {len(text.encode()) / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
