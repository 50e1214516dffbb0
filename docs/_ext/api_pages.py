"""The API reference: a page for each public module, written into docs/api before the build, from the docstrings.

An object is documented once: in the innermost package that exports it, otherwise in its module. Under its other public
names it is found all the same.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import io
import pkgutil
import re
import tokenize
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType

from docstring_text import LEDGER_ID, to_rst
from ledger_table import record_ids
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

PACKAGES = ("gammaprob", "gradients", "experiments", "paper_tables", "figures")
LONGEST_VALUE = 100  # characters of a constant that is shown; a longer one is read in the source


@functools.cache
def public_modules() -> dict[str, ModuleType]:
    """Every module of the packages whose dotted name has no private part."""
    names = []
    for package in PACKAGES:
        walk = pkgutil.walk_packages(import_module(package).__path__, f"{package}.")
        names += [package, *(info.name for info in walk)]
    return {name: import_module(name) for name in names if "._" not in name}


def exported(module: ModuleType) -> list[str]:
    """The public names of a module that are not modules: `__all__`, or what it defines."""
    if hasattr(module, "__all__"):
        return [name for name in module.__all__ if not isinstance(getattr(module, name), ModuleType)]
    return [
        name for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


@functools.cache
def homes() -> dict[str, str]:
    """The full name under which each object is documented, for each of its public full names."""
    names: dict[tuple[str, int], list[str]] = {}
    for path, module in public_modules().items():
        for name in exported(module):
            names.setdefault((name, id(getattr(module, name))), []).append(path)
    found = {}
    for (name, _), paths in names.items():
        origin = getattr(getattr(public_modules()[paths[0]], name), "__module__", None)
        around = [path for path in paths if f"{origin}.".startswith(f"{path}.")] or paths
        packages = [path for path in around if hasattr(public_modules()[path], "__path__")]
        home = max(packages or around, key=lambda path: path.count("."))
        found |= {f"{path}.{name}": f"{home}.{name}" for path in paths}
    return found


def _directive(full_name: str) -> list[str]:
    module, _, name = full_name.rpartition(".")
    value = getattr(public_modules()[module], name)
    if isinstance(value, FunctionType):
        return [f".. autofunction:: {full_name}", ""]
    if isinstance(value, type):
        kind = "exception" if issubclass(value, BaseException) else "class"
        return [f".. auto{kind}:: {full_name}", "   :members:", ""]
    return [f".. autodata:: {full_name}", *(["   :no-value:"] if len(repr(value)) > LONGEST_VALUE else []), ""]


def _page(path: str) -> list[str]:
    here = [f"{path}.{name}" for name in exported(public_modules()[path])]
    elsewhere = [name for name in here if homes()[name] != name]
    lines = [path, "=" * len(path), "", f".. automodule:: {path}", ""]
    if elsewhere:
        links = [f":py:obj:`{name.rpartition('.')[2]} <{homes()[name]}>`" for name in elsewhere]
        packages = sorted({homes()[name].rpartition(".")[0] for name in elsewhere})
        lines += [f"Documented with {' and '.join(f':py:mod:`{name}`' for name in packages)}: {', '.join(links)}.", ""]
    below = [name for name in public_modules() if name.rpartition(".")[0] == path]
    if below:
        lines += [".. toctree::", "   :hidden:", "", *(f"   {name.rpartition('.')[2]} <{name}>" for name in below), ""]
    directives = [_directive(name) for name in here if name not in elsewhere]
    directives.sort(key=lambda lines: "autoexception" in lines[0])  # errors last
    return [*lines, *(line for directive in directives for line in directive)]


def _sentence(module: ModuleType) -> str:
    """The first sentence of a module's docstring, as reStructuredText."""
    paragraph = " ".join(inspect.getdoc(module).split("\n\n")[0].split())
    sentence = re.split(r"(?<=\.) (?=[A-Z])", paragraph)[0]
    return "".join(to_rst([sentence], functools.partial(_link, module.__name__, "")))


def _index() -> list[str]:
    lines = ["API reference", "=============", "", "Every public module, from its docstrings.", ""]
    for package in PACKAGES:
        below = [path for path in public_modules() if path.startswith(f"{package}.")]
        lines += [package, "-" * len(package), ""]
        lines += [".. toctree::", "   :hidden:", "", f"   {package}", ""]
        for path in (package, *below):
            lines += [f":py:mod:`{path}`", f"   {_sentence(public_modules()[path])}", ""]
    return lines


def write_pages(app: Sphinx) -> None:
    """All pages anew; one whose text is the same keeps its time, so that Sphinx need not read it again."""
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    pages = {"index.rst": _index()} | {f"{path}.rst": _page(path) for path in public_modules()}
    for name, lines in pages.items():
        text = "\n".join(lines)
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text:
            (folder / name).write_text(text, encoding="utf-8")
    for path in folder.iterdir():
        if path.name not in pages:
            path.unlink()
    for path in public_modules():
        _document_fields(path)


# --- docstrings ------------------------------------------------------------------------------------------------------

def _document_fields(path: str) -> None:
    """Make what stands beside a constant or a field its documentation: a comment, or a setting's reason."""
    analyzer = ModuleAnalyzer.for_module(path)
    analyzer.analyze()
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(analyzer.code).readline)
        if token.type == tokenize.COMMENT and not re.match("# (fmt|noqa):", token.string)  # meant for a tool
    }
    tree = ast.parse(analyzer.code)
    for owner in (tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))):
        for node in owner.body:
            if isinstance(node, ast.AnnAssign | ast.Assign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                text = comments.get(node.lineno) or comments.get(node.end_lineno)
                for target in targets:
                    if text and isinstance(target, ast.Name):
                        key = (getattr(owner, "name", ""), target.id)
                        analyzer.attr_docs.setdefault(key, [text, ""])
    for name, value in vars(public_modules()[path]).items():
        if getattr(value, "__module__", "") != path:
            continue
        for field in dataclasses.fields(value) if dataclasses.is_dataclass(value) else ():
            if "reason" in field.metadata:
                analyzer.attr_docs.setdefault((name, field.name), [field.metadata["reason"], ""])
        for field in getattr(value, "_fields", ()):
            getattr(value, field).__doc__ = None  # "Alias for field number 0"


def _link(module: str, owner: str, text: str) -> str | None:
    """The role for a name in a docstring of `owner` in `module`; None where it names nothing public, or the owner."""
    if re.fullmatch(LEDGER_ID, text):
        return f":ledger:`{text}`" if text in record_ids() else None
    name = text.removesuffix("()")
    if not re.fullmatch(r"[A-Za-z_][\w.]*", name):
        return None
    if name in public_modules():
        return f":py:mod:`{name}`"
    value = _value(module, name)
    of_value = f"{getattr(value, '__module__', None)}.{getattr(value, '__qualname__', None)}"
    around = [module[:dot.start()] for dot in re.finditer(r"\.|$", module)]
    for full_name in (f"{module}.{name}", name, of_value, *(f"{package}.{name}" for package in reversed(around))):
        home = homes().get(full_name)
        if home:
            return None if home == owner else f":py:obj:`{text} <{home}>`"
    # The errors are known by name everywhere.
    errors = {home for home in homes().values() if name.endswith("Error") and home.endswith(f".{name}")}
    return f":py:obj:`{text} <{errors.pop()}>`" if len(errors) == 1 else None


def _value(module: str, name: str):
    """What a dotted name means inside the module, or None."""
    value = import_module(module)
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def _process(app: Sphinx, what: str, name: str, value, options, lines: list[str]) -> None:
    of_its_type = "__doc__" not in getattr(value, "__dict__", ()) and inspect.getdoc(value) == "\n".join(lines).strip()
    if what == "data" and of_its_type:
        lines.clear()  # what any dict is, or any symbol of SymPy
    module = getattr(value, "__module__", None) if what != "module" else name
    if not isinstance(module, str) or module.partition(".")[0] not in PACKAGES:  # of a constant: where it is documented
        module = next(path for path in sorted(public_modules(), reverse=True) if name.startswith(f"{path}."))
    lines[:] = to_rst(lines, functools.partial(_link, module, name))


def _other_names(app: Sphinx, doctree) -> None:
    """Let an object be found under its other public names, by roles and by the links back from the source."""
    domain = app.env.get_domain("py")
    others: dict[str, list[str]] = {}
    for name, home in homes().items():
        others.setdefault(home, []).append(name)
    for description in doctree.findall(addnodes.desc):
        for signature in description.findall(addnodes.desc_signature):
            module, name = signature.get("module") or "", signature.get("fullname")
            public = others.get(f"{module}.{name}", [])
            for other in public:
                if other not in domain.objects:
                    domain.note_object(other, description["objtype"], signature["ids"][0], aliased=True)
            # A page of source links back by the name of the first module that it serves: one of these packages.
            packages = [f"{module[:dot.start()]}.{name}" for dot in re.finditer(r"\.", module)]
            signature["ids"] += sorted({*public, *packages} - {*signature["ids"]})


_navigation: dict[int, str] = {}  # of pages of source, by how many folders deep they lie


def _share_navigation(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Pages of source at the same depth have the same navigation: made once, where all would take 7 s of a build."""
    if not page.startswith("_modules/"):
        return
    depth, toctree = page.count("/"), context["toctree"]

    def shared(**options) -> str:
        if depth not in _navigation:
            _navigation[depth] = toctree(**options)
        return _navigation[depth]

    context["toctree"] = shared


def setup(app: Sphinx) -> dict:
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", _process)
    app.connect("doctree-read", _other_names)
    app.connect("html-page-context", _share_navigation, priority=400)  # before the theme's, at 500
    return {"parallel_read_safe": True}
