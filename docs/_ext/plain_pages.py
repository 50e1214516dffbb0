"""Pages and notebooks that read well as plain files, made fit for the site.

Notebooks are copied into docs/notebooks before the build, with the outputs that were committed. A file outside the
documentation that a page links to can be fetched. The blank line that ends a block of examples is left out. A picture
that a notebook drew is called after its section, where a screen reader would spell the name of its file.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx


def copy_notebooks(app: Sphinx) -> None:
    folder = Path(app.srcdir) / "notebooks"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(Path(app.srcdir).parent / "notebooks", folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))


def link_files(app: Sphinx, page: str, source: list[str]) -> None:
    """Mark links to Markdown files outside the documentation as files: the parser takes each .md for a page."""
    folder = (Path(app.srcdir) / page).parent

    def marked(link: re.Match) -> str:
        outside = not (folder / link[1]).resolve().is_relative_to(app.srcdir)
        return f"](path:{link[1]})" if outside else link[0]

    source[0] = re.sub(r"\]\((\.\./[^)#\s]+\.md)\)", marked, source[0])


def trim_blocks(app: Sphinx, doctree: nodes.document) -> None:
    for block in doctree.findall(nodes.literal_block):
        block[:] = [nodes.Text(block.astext().rstrip("\n"))]


def name_pictures(app: Sphinx, doctree: nodes.document) -> None:
    for picture in doctree.findall(nodes.image):
        section = picture.parent
        while not isinstance(section, nodes.section):
            section = section.parent
        picture.setdefault("alt", f"Figure: {section.next_node(nodes.title).astext()}")


def setup(app: Sphinx) -> dict:
    app.connect("builder-inited", copy_notebooks)
    app.connect("source-read", link_files)
    app.connect("doctree-read", trim_blocks)
    app.connect("doctree-read", name_pictures)
    return {"parallel_read_safe": True}
