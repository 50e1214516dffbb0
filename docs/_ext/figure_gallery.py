"""The figures that `python -m figures` drew into docs/_generated/figures, in pages that are light or dark."""

from __future__ import annotations

import json
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FOLDER = "_generated/figures"  # below the folder of the pages
COMMAND = "python -m figures --out docs/_generated/figures --format svg --theme light,dark"


class _Figures(SphinxDirective):
    """What both directives need: the captions, and a figure in both themes, each linked to its file in full size."""

    def captions(self) -> dict[str, dict]:
        path = Path(self.env.srcdir) / FOLDER / "captions.json"
        if not path.exists():
            raise self.error(f"the figures are not drawn; run {COMMAND}")
        self.env.note_dependency(path)
        return json.loads(path.read_text(encoding="utf-8"))

    def figure(self, entry: dict) -> nodes.figure:
        pictures = [
            nodes.image(
                uri=f"/{FOLDER}/{file}", alt=f"Figure: {entry['title']}", width="100%",
                classes=["only-dark" if file.endswith("-dark.svg") else "only-light"],
            )
            for file in entry["files"]
        ]
        text = nodes.Text(f" ({entry['source']}). {entry['caption']}")
        return nodes.figure("", *pictures, nodes.caption("", "", nodes.strong("", entry["title"]), text))


class GalleryFigure(_Figures):
    """`{gallery-figure} NAME`: one figure with its caption."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        captions, name = self.captions(), self.arguments[0]
        if name not in captions:
            raise self.error(f"no figure {name!r}; drawn are {', '.join(captions)}")
        return [self.figure(captions[name])]


class Gallery(_Figures):
    """`{gallery}`: every figure, each in a section of its own."""

    def run(self) -> list[nodes.Node]:
        return [
            nodes.section("", nodes.title("", entry["title"]), self.figure(entry), ids=[nodes.make_id(name)])
            for name, entry in self.captions().items()
        ]


def setup(app: Sphinx) -> dict:
    app.add_directive("gallery-figure", GalleryFigure)
    app.add_directive("gallery", Gallery)
    return {"parallel_read_safe": True}
