"""Settings of the documentation: `make docs` draws the figures and builds the site into docs/_build/html."""

import sys
from pathlib import Path

import gammaprob

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "gammaprob"
author = "the gammaprob developers"
copyright = f"2026, {author}"
version = release = gammaprob.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # formulas are set by files of the site, without a network
    "api_pages",
    "figure_gallery",
    "ledger_table",
    "plain_pages",
]
exclude_patterns = ["_build", "_ext", "_generated", "**/.ipynb_checkpoints"]
nitpicky = True
nitpick_ignore_regex = [
    # What is not ours has no inventory here: the build needs no network.
    (r"py:.*", r"(?!paper_tables|gammaprob|gradients|experiments|figures).*"),
    (r"py:.*", r".*\._.*"),  # types of our own in signatures, which are private and have no entry
]

myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the tests execute the notebooks; the site shows their committed outputs

autodoc_typehints = "signature"
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
maximum_signature_line_length = 68
toc_object_entries_show_parents = "hide"
add_module_names = False

html_theme = "furo"
html_theme_options = {
    "light_css_variables": {
        "color-verdict-holds": "#1a6b3a", "color-verdict-wrong": "#a82315", "color-verdict-ambiguous": "#7a4f00",
    },
    "dark_css_variables": {
        "color-verdict-holds": "#7fcf9a", "color-verdict-wrong": "#ff9b8a", "color-verdict-ambiguous": "#e8b860",
    },
}
html_title = f"gammaprob {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
