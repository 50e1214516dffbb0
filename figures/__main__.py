"""`python -m figures`: draws the figures into files, and says of each what to see."""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from figures import NAMES, find
from gammaprob.errors import ArgumentError
from paper_tables._terminal import Parser, carries, complain, put, to_ascii, width_of

__all__ = ["main"]

_FORMATS = ("svg", "png", "pdf")
_PIXELS_AN_INCH = 200  # twice the size that is read, for sharp screens
# No date, no version: the same figure has the same bytes.
_UNDATED = {"svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
            "png": {"Software": None}}  # fmt: skip
# What Python's formats leave to be set: the minus sign of a number, the space before its per cent sign.
_TYPESETTING = ((re.compile(r"(?<![\w.)-])-(?=\.?\d)"), "−"), (re.compile(r"(?<=\d)%"), " %"))
_CAPTION_OF = {"svg": "Description", "pdf": "Subject", "png": "Description"}
_EXTRA = {"matplotlib", "sklearn", "torch", "tqdm"}  # what the figures need beyond the core


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the figures that are named, or all; 0 when all are written, 1 when they cannot be, 2 for a wrong request.

    >>> main(["gradient_response", "--list"])
    gradient_response       Gradient response to three images (paper, Fig. 1; slides)
    0
    """
    asked = _parser().parse_args(arguments)
    try:
        return _run(asked)
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        complain(f"error: {error.name} is missing; the extra 'figures' installs it: pip install 'gammaprob[figures]'")
        return 1
    except OSError as error:
        next_step = "; pass --out a folder that can be written to" if error.filename else ""
        complain(f"error: {error.filename or 'output'}: {error.strerror}{next_step}")
        return 1
    except KeyboardInterrupt:
        return 130


def _run(asked: argparse.Namespace) -> int:
    try:
        modules = {name: find(name) for name in asked.names or NAMES}
    except ArgumentError as error:
        complain(f"error: {error}")
        return 2
    if asked.list:
        put("".join(f"{name:<23} {module.TITLE} ({module.SOURCE})\n" for name, module in modules.items()), sys.stdout)
        return 0
    asked.out.mkdir(parents=True, exist_ok=True)
    _draw_all(modules, asked)
    return 0


def _draw_all(modules: dict[str, object], asked: argparse.Namespace) -> None:
    from tqdm import tqdm

    hidden = sys.stderr is None or None  # None: where it is no terminal
    captions = {}
    with tqdm(modules.items(), desc="figures", unit="figure", leave=False, disable=hidden) as bar:
        for name, module in bar:
            bar.set_postfix_str(name)
            data = module.compute()
            caption = module.caption(data)
            for printed, wanted in _TYPESETTING:
                caption = printed.sub(wanted, caption)
            files = [
                _write(module, data, caption, asked.out, name, theme, form)
                for theme in asked.theme for form in asked.format
            ]
            captions[name] = {"title": module.TITLE, "source": module.SOURCE, "caption": caption, "files": files}
    (asked.out / "captions.json").write_text(json.dumps(captions, ensure_ascii=False, indent=1) + "\n", "utf-8")
    put("\n".join(_told(asked.out, entry) for entry in captions.values()), sys.stdout)


def _write(module, data, caption: str, out: Path, name: str, theme: str, form: str) -> str:
    from figures import _style

    metadata = _UNDATED[form] | {"Title": module.TITLE, _CAPTION_OF[form]: caption}
    picture = io.BytesIO()
    with _style.theme(theme):
        module.draw(data).savefig(picture, format=form, metadata=metadata, dpi=_PIXELS_AN_INCH)
    file = f"{name}.{form}" if theme == "light" else f"{name}-{theme}.{form}"
    (out / file).write_bytes(picture.getvalue())
    return file


def _told(out: Path, entry: dict) -> str:
    """What is printed of a figure: the files, its title, and what to see."""
    text = f"{entry['title']} ({entry['source']}). {entry['caption']}"
    lines = [str(out / file) for file in entry["files"]]
    lines += textwrap.wrap(text if carries(sys.stdout, text) else to_ascii(text), width_of(sys.stdout),
                           initial_indent="  ", subsequent_indent="  ", break_long_words=False)
    return "\n".join(lines) + "\n"


def _several(allowed: tuple[str, ...]):
    """A reader of names separated by commas."""

    def names(text: str) -> list[str]:
        chosen = [name for name in text.split(",") if name]
        if not chosen or set(chosen) - set(allowed):
            raise argparse.ArgumentTypeError(f"got {text!r}; allowed: {', '.join(allowed)}, several with commas")
        return list(dict.fromkeys(chosen))

    return names


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m figures", description="Draw the figures into files, and say of each what to see.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="figures to draw (default: all; --list names them)")
    parser.add_argument("--out", type=Path, default=Path("runs/figures"), metavar="DIR",
                        help="folder of the files (default: runs/figures)")
    parser.add_argument("--format", type=_several(_FORMATS), default=["svg"], metavar="F[,F…]",
                        help="svg, png, pdf, or several with commas (default: svg)")
    parser.add_argument("--theme", type=_several(("light", "dark")), default=["light"], metavar="T[,T]",
                        help="light, dark, or both with a comma (default: light); dark files end in -dark")
    parser.add_argument("--list", action="store_true", help="list the figures and draw none")
    return parser


if __name__ == "__main__":
    sys.exit(main())
