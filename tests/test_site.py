"""The documentation: built as `make docs` builds it, complete, without a dead link, and readable without a network."""

from __future__ import annotations

import doctest
import inspect
import json
import re
import shutil
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from types import FunctionType
from urllib.parse import unquote, urlsplit

import pytest

import figures
from paper_tables.records import load_records
from tests import browser_check
from tests.test_docs import public_functions, public_modules

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GENERATED = shutil.ignore_patterns("_build", "_generated", "api", "notebooks", "__pycache__")
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 40"><rect width="72" height="40"/></svg>'


def sphinx(source: Path, out: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", out / "doctrees", source, out],
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site. Its figures are stand-ins: that the real ones are drawn is a test of their own."""
    root = tmp_path_factory.mktemp("site")
    shutil.copytree(DOCS, root / "docs", ignore=GENERATED)
    for name in ("notebooks", "examples"):
        (root / name).symlink_to(ROOT / name)
    drawn = root / "docs" / "_generated" / "figures"
    drawn.mkdir(parents=True)
    captions = {}
    for name in figures.NAMES:
        captions[name] = {"title": name, "source": "ours", "caption": "A stand-in.",
                          "files": [f"{name}.svg", f"{name}-dark.svg"]}
        for file in captions[name]["files"]:
            (drawn / file).write_text(PICTURE, encoding="utf-8")
    (drawn / "captions.json").write_text(json.dumps(captions), encoding="utf-8")
    done = sphinx(root / "docs", root / "html")
    assert (done.returncode, done.stderr) == (0, "")
    return root / "html"


# --- links ----------------------------------------------------------------------------------------------------------

class Page(HTMLParser):
    """The anchors of a page, its links, the files that it is made of, and its pictures without a name."""

    def __init__(self, path: Path):
        super().__init__()
        self.anchors, self.links, self.parts, self.nameless = set(), [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found[key] for key in ("id", "name") if found.get(key)}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload"):
            self.parts.append(found["href"])
        elif tag in ("script", "img", "iframe", "source", "object", "embed"):
            self.parts += [found[key] for key in ("src", "data", "srcset") if found.get(key)]
        if tag == "img" and found.get("alt") in (None, "", found["src"]):
            self.nameless.append(found["src"])


def dead_ends(folder: Path) -> list[str]:
    """Links of the pages in the folder that lead to no file, or to no anchor of their page; parts from elsewhere."""
    pages = {path: Page(path) for path in sorted(folder.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        name = path.relative_to(folder).as_posix()
        found += [f"{name}: part of the page from elsewhere: {part}" for part in page.parts if urlsplit(part).netloc]
        for link in {*page.links, *page.parts}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                found.append(f"{name}: no file: {link}")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{name}: no such anchor: {link}")
    return found


def test_every_link_leads_somewhere(site):
    assert dead_ends(site) == []


def test_dead_links_are_seen(tmp_path):
    """Negative control: each kind of dead end, and none where there is none."""
    (tmp_path / "good.html").write_text('<p id="here"><a href="#here">x</a> <a href="https://a.example/">x</a>')
    assert dead_ends(tmp_path) == []
    (tmp_path / "bad.html").write_text(
        '<a href="good.html#there">x</a><a href="none.html">x</a><script src="https://cdn.example/x.js"></script>'
    )
    assert sorted(dead_ends(tmp_path)) == [
        "bad.html: no file: none.html", "bad.html: no such anchor: good.html#there",
        "bad.html: part of the page from elsewhere: https://cdn.example/x.js",
    ]


def test_every_picture_has_a_name(site):
    """What a screen reader says of it: not nothing, nor the name of its file."""
    assert [(path.name, picture) for path in site.rglob("*.html") for picture in Page(path).nameless] == []


def test_a_picture_without_a_name_is_seen(tmp_path):
    """Negative control."""
    (tmp_path / "bad.html").write_text('<img src="a.png"><img src="b.png" alt="b.png"><img src="c.png" alt="Figure">')
    assert Page(tmp_path / "bad.html").nameless == ["a.png", "b.png"]


# --- what is there --------------------------------------------------------------------------------------------------

def objects(site: Path) -> dict[str, set[str]]:
    """Kind of object -> names, from the inventory that the build wrote."""
    from sphinx.util.inventory import InventoryFile

    with (site / "objects.inv").open("rb") as file:
        return {kind: set(items) for kind, items in InventoryFile.load(file, "", lambda base, path: path).items()}


def test_every_public_function_has_its_entry(site):
    wanted = {name for module in public_modules() for name in public_functions(module)}
    assert len(wanted) > 100
    assert wanted - objects(site)["py:function"] == set()


def test_every_public_module_has_its_page(site):
    wanted = {module.__name__ for module in public_modules()}
    assert wanted - objects(site)["py:module"] == set()
    assert {name for name in wanted if not (site / "api" / f"{name}.html").is_file()} == set()


def test_a_constant_has_no_other_words_than_its_own(site):
    """Neither what its type says of itself nor a comment that is meant for a tool."""
    symbols, names = ((site / "api" / f"{name}.html").read_text(encoding="utf-8")
                      for name in ("gammaprob.symbolic", "figures"))
    assert "Symbol class is used" not in symbols and "fmt: skip" not in names
    assert 'id="gammaprob.symbolic.Theta"' in symbols and 'id="figures.NAMES"' in names
    assert "The distribution of |X − Y|" in (site / "api" / "gammaprob.html").read_text(encoding="utf-8")


def test_every_record_has_its_anchor(site):
    page, known = Page(site / "ledger.html"), objects(site)["std:ledger"]
    records = {record.id for record in load_records()}
    assert known == records
    assert {record for record in records if record.lower() not in page.anchors} == set()


def test_witnesses_can_be_read(site):
    """The link of a record's evidence leads to the witness in the page of its source."""
    witnesses = {record.witness for record in load_records() if record.witness}
    links = set(Page(site / "ledger.html").links)
    sources = {f"_modules/{witness.replace('.', '/').replace(':', '.html#')}" for witness in witnesses}
    assert sources - links == set()


def test_the_search_knows_the_functions(site):
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(re.fullmatch(r"Search\.setIndex\((.*)\)", text, flags=re.DOTALL)[1])
    assert "gap_cdf" in {entry[-1] for entry in index["objects"]["gammaprob"]}


def test_every_figure_is_in_the_gallery(site):
    page = Page(site / "figures.html")
    assert {f"_images/{name}{theme}.svg" for name in figures.NAMES for theme in ("", "-dark")} <= set(page.parts)


# --- what must not be built -----------------------------------------------------------------------------------------

MISTAKES = {
    "{func}`gammaprob.no_such_function`": "py:func reference target not found: gammaprob.no_such_function",
    "{mod}`gammaprob.no_such_module`": "py:mod reference target not found: gammaprob.no_such_module",
    "{ledger}`SUP-NONE`": "'ledger' reference target not found: SUP-NONE",
    "```{gallery-figure} no_such_figure\n```": "the figures are not drawn",
    "```{ledger-records} nobody\n```": "no document 'nobody'; use one of main,",
    "[text](no_such_page.md)": "cross-reference target not found: 'no_such_page.md'",
}


def test_mistakes_stop_the_build(tmp_path):
    """Negative control: each kind of unresolved name, under the settings of the site."""
    (tmp_path / "conf.py").write_text(
        f"from runpy import run_path\nglobals().update(run_path({str(DOCS / 'conf.py')!r}))\n"
        "extensions = ['myst_nb', 'ledger_table', 'figure_gallery']\nhtml_static_path = []\n", encoding="utf-8",
    )
    (tmp_path / "index.md").write_text("# Mistakes\n\n" + "\n\n".join(MISTAKES), encoding="utf-8")
    done = sphinx(tmp_path, tmp_path / "html")
    assert done.returncode != 0
    assert [message for message in MISTAKES.values() if message not in done.stderr] == []


# --- docstrings as reStructuredText ---------------------------------------------------------------------------------

@pytest.fixture
def to_rst(monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "_ext")
    from docstring_text import to_rst

    return to_rst


@pytest.mark.parametrize("text, expected", [
    ("P(|X − Y| ≤ δ), l_ and 2*x", r"P(\|X − Y\| ≤ δ), l\_ and 2\*x"),
    ("`code` and ``text`` and `a\n b`s", "``code`` and ``text`` and ``a b``\\ s"),
    ("See `gap_cdf`(δ), LL-T1.", r"See :role:`gap_cdf`\ (δ), :role:`LL-T1`."),
    ("**Bold.** a**b **k", r"**Bold.** a\*\*b \*\*k"),
    ("* a bullet, a * b\n  goes on", "* a bullet, a \\* b\n  goes on"),
    (">>> f(`x`)|_\n1_", ">>> f(`x`)|_\n1_"),
    (".. math:: a_|b|\n   *c*\n\nEnds_ here", ".. math:: a_|b|\n   *c*\n\nEnds\\_ here"),
    ("Parameters\n----------\nx, y : array_like, |x|\n    Any.\nz : real", ".. rubric:: Parameters\n\n"
     "``x``, ``y`` : array_like, \\|x\\|\n    Any.\n``z``\n    real"),
    ("Source: here.\nERRATUM: there.", "Source: here.\n\nERRATUM: there."),
])
def test_docstrings_become_restructuredtext(to_rst, text, expected):
    known = {"gap_cdf", "LL-T1"}
    lines = to_rst(text.split("\n"), lambda name: f":role:`{name}`" if name in known else None)
    assert "\n".join(lines) == expected


def test_its_example_runs(to_rst):
    assert doctest.testmod(sys.modules[to_rst.__module__]).failed == 0


def words(text: str) -> list[str]:
    """The words of a docstring, without its markup: backticks, bold, lines under headings, names of directives."""
    found = text.replace("`", "").replace("**", "").split()
    return [word for word in found if set(word) - set("-=*") and word != ".." and "::" not in word]


def read_by_docutils(lines: list[str]) -> list[str]:
    """The words that are left; docutils' first warning is an error."""
    from docutils.core import publish_doctree

    overrides = {"report_level": 2, "halt_level": 2, "warning_stream": False}
    return words(publish_doctree("\n".join(lines), settings_overrides=overrides).astext())


def test_no_word_of_a_docstring_is_lost(to_rst):
    """What docutils reads from the converted docstring of each public function is what the docstring says."""
    functions = {name: value for module in public_modules() for name, value in public_functions(module).items()}
    assert all(isinstance(value, FunctionType) for value in functions.values())
    changed = []
    for name, function in functions.items():
        text = inspect.getdoc(function)
        left = read_by_docutils(to_rst(text.split("\n"), lambda word: None))
        if sorted(left) != sorted(words(text.replace(" : ", " "))):
            changed.append(name)
    assert changed == []


def test_a_lost_word_is_seen():
    """Negative control: the same text unconverted."""
    from docutils.utils import SystemMessage

    assert read_by_docutils(["a *b* c"]) != words("a *b* c")
    with pytest.raises(SystemMessage, match="Unknown target name"):
        read_by_docutils(["l_ and θ"])


# --- in a browser ---------------------------------------------------------------------------------------------------

needs_browser = pytest.mark.skipif(browser_check.CHROMIUM is None, reason="needs Chromium, as from Debian's packages")
LOOKED_AT = (
    "index.html", "mathematics/law.html", "ledger.html", "figures.html", "tables.html", "api/gammaprob.html",
    "api/gradients.losses.html", "_modules/gammaprob/gap.html", *browser_check.FEATURES,
)  # each kind of page; `make site-check` opens them all


@needs_browser
def test_pages_are_readable_on_a_phone(site):
    assert browser_check.check(site, LOOKED_AT) == []


def test_a_browser_that_does_not_start_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(browser_check, "CHROMIUM", shutil.which("false"))
    monkeypatch.setattr(browser_check, "PATIENCE", 600.0)
    started = time.monotonic()
    assert browser_check.check(tmp_path, ["index.html"]) == ["the browser ended early, or gave no answer in 620 s"]
    assert time.monotonic() - started < 60


@needs_browser
def test_a_bad_page_is_seen_in_the_browser(site, tmp_path):
    """Negative control: one page with every fault that a page can have."""
    (tmp_path / "_static").symlink_to(site / "_static")
    (tmp_path / "bad.html").write_text(
        '<!doctype html><html><head><meta charset="utf-8"><script src="_static/mathjax/tex-chtml.js" defer></script>'
        '<img src="https://elsewhere.example/x.png"><script src="none.js"></script></head><body>'
        '<span class="math">\\(\\frac{1}\\)</span><span class="math">nothing</span><div style="width: 500px">wide</div>'
        '<script>console.error("told"); thrown();</script></body></html>', encoding="utf-8",
    )
    found = "\n".join(browser_check.check(tmp_path, ["bad.html"]))
    for fault in ("scrolls sideways", "formula not set: nothing", "formula with an error", "console: told",
                  "thrown is not defined", "cannot load", "none.js", "fetches https://elsewhere.example"):
        assert fault in found
