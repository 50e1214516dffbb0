"""The documents say what is so: blocks of README and pages run, docstrings keep the house rules, versions agree."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import pkgutil
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace

import pytest

import gammaprob
import gradients
from gradients import losses

ROOT = Path(__file__).parents[1]
PACKAGES = ("paper_tables", "gammaprob", "gradients", "experiments", "figures")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# Distances of a few roundings, which differ from one processor to the next: all the same to the comparison.
ROUNDINGS = re.compile(r"(?<= )(?:0|\de-1[4-8])(?= )")
RECORDED = "python -m tests.oracle.compare --summary"  # prints a file of the repository: the same everywhere
LONGEST_FILE = 500
LONGEST_LINE = 120
TEXT_SUFFIXES = {"", ".py", ".md", ".toml", ".csv", ".txt", ".cff", ".json", ".in", ".ipynb", ".svg", ".js", ".css"}
MADE = {"__pycache__", "_build", "_generated"}  # folders of what is made from the rest
# A path that exists on one machine only. Escaped, so that this line has none.
PRIVATE = re.compile(r"/(?:home|root|Users|tmp|work)/\w")


# --- README and the pages of docs/ ----------------------------------------------------------------------------------

PAGES = [ROOT / "README.md", *(path for path in sorted((ROOT / "docs").rglob("*.md")) if not MADE & set(path.parts))]


def blocks(text: str) -> list[tuple[str, str]]:
    """Fenced blocks of a Markdown text: (language, content), in order; `{name} …` is a directive of the site."""
    return re.findall(r"^```([^\n`]*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def commands(language: str, content: str) -> list[tuple[str, str | None]]:
    """(command, expected output) of a block: `sh` has commands alone, `console` has `$ command` and what it prints."""
    if language == "sh":
        return [(line, None) for line in content.splitlines() if line.strip()]
    if language == "console":
        parts = re.split(r"^\$ (.*)\n", content, flags=re.MULTILINE)[1:]
        return list(zip(parts[::2], parts[1::2]))
    return []


def run_command(command: str, folder: Path) -> subprocess.CompletedProcess:
    """Run `python …` as written; of `make …` see that the target exists, because its work is a test of its own."""
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        words, folder = ["make", "--dry-run", *words[1:]], ROOT
    elif words[0] == "python":
        words[0] = sys.executable
    else:
        raise AssertionError(f"a page's command must start with make or python: {command}")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    return subprocess.run(words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def _shows(command: str, wanted: str, printed: str) -> bool:
    if not command.startswith(RECORDED):
        wanted, printed = (ROUNDINGS.sub("~", text) for text in (wanted, printed))
    return doctest.OutputChecker().check_output(wanted, printed, FLAGS)


def failures(text: str, folder: Path) -> list[str]:
    """Run every block that can run, in order, commands in the folder given; say what did not do what it shows."""
    found = []
    names: dict[str, object] = {}
    for number, (language, content) in enumerate(blocks(text), 1):
        if language == "python":
            runner = doctest.DocTestRunner(optionflags=FLAGS)
            test = doctest.DocTestParser().get_doctest(content, names, f"block {number}", None, 0)
            assert test.examples, f"block {number}: a python block without >>> would not be checked"
            runner.run(test, out=found.append, clear_globs=False)
            names = test.globs
        for command, wanted in commands(language, content):
            done = run_command(command, folder)
            if done.returncode != 0:
                found.append(f"{command}: exit {done.returncode}\n{done.stderr}")
            elif wanted is not None and not _shows(command, wanted, done.stdout):
                found.append(f"{command}: printed\n{done.stdout}instead of\n{wanted}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert failures(page.read_text(encoding="utf-8"), tmp_path) == []


def test_pages_show_what_can_be_run():
    """The check above means nothing over pages that have no such block."""
    languages = {page.name: {language for language, _ in blocks(page.read_text(encoding="utf-8"))} for page in PAGES}
    assert {"sh", "console", "python"} <= languages["README.md"]
    assert {name for name, found in languages.items() if "console" in found} >= {"losses.md", "study.md", "tables.md"}


@pytest.mark.parametrize("text", [
    "```sh\nmake no-such-target\n```\n",
    "```sh\npython -m no_such_module\n```\n",
    "```console\n$ python -c 'print(1)'\n2\n```\n",
    "```console\n$ python -c 'print(\"a 3e-13 b\")'\na 2e-16 b\n```\n",
    "```python\n>>> 1 + 1\n3\n\n```\n",
])
def test_a_false_page_is_seen(text, tmp_path, monkeypatch):
    """Negative control: each kind of block, wrong."""
    monkeypatch.chdir(tmp_path)
    assert failures(text, tmp_path) != []


# --- docstrings -----------------------------------------------------------------------------------------------------

def public_functions(module: ModuleType) -> dict[str, FunctionType]:
    """Functions that the module names in `__all__`.

    Not a program's `main`, whose examples are in its --help, nor what turns a figure's arrays into a picture and words:
    its `compute` has the example, and tests draw every figure.
    """
    shown_by_compute = {"draw", "caption"} if module.__name__.startswith("figures.") else set()
    found = {name: getattr(module, name) for name in getattr(module, "__all__", ())
             if name not in {"main"} | shown_by_compute}
    return {f"{module.__name__}.{name}": value for name, value in found.items() if isinstance(value, FunctionType)}


def broken_rules(name: str, function: FunctionType) -> list[str]:
    """House rules of a public function: a docstring, an example, and the named errors where it checks its arguments."""
    text = inspect.getdoc(function) or ""
    broken = [] if ">>> " in text else [f"{name}: no example"]
    if name.count(".") == 1 and not re.search(r"\b[A-Z]\w+Error\b", text):
        broken.append(f"{name}: names no error")
    return broken


def public_modules() -> list[ModuleType]:
    """Every module of the packages whose dotted name has no private part."""
    modules = []
    for package in PACKAGES:
        root = importlib.import_module(package)
        modules.append(root)
        for info in pkgutil.walk_packages(root.__path__, f"{package}."):
            if not any(part.startswith("_") for part in info.name.split(".")):
                modules.append(importlib.import_module(info.name))
    return modules


def test_docstrings_keep_the_house_rules():
    functions = {name: value for module in public_modules() for name, value in public_functions(module).items()}
    assert functions.keys() >= {"gammaprob.gap_cdf", "gammaprob.certified.gap_cdf", "paper_tables.published.load"}
    assert [line for name, function in functions.items() for line in broken_rules(name, function)] == []


def test_every_module_has_a_docstring():
    assert [module.__name__ for module in public_modules() if not (module.__doc__ or "").strip()] == []


def test_a_bare_docstring_is_seen():
    """Negative control: documented, but with neither an example nor an error."""
    def bare():
        """Compute."""

    module = SimpleNamespace(__name__="gammaprob", __all__=["bare"], bare=bare)
    ((name, function),) = public_functions(module).items()
    assert broken_rules(name, function) == ["gammaprob.bare: no example", "gammaprob.bare: names no error"]


@pytest.mark.parametrize("package", [gammaprob, gradients])
def test_public_names_exist(package):
    """`__all__` and `dir` name what is there, lazily loaded modules included."""
    missing = [name for name in package.__all__ if not hasattr(package, name)]
    assert missing == [] and set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        package.nonsense


@pytest.mark.parametrize("package", [gammaprob, gradients])
def test_pages_name_every_public_function(package):
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    functions = [name for name in package.__all__ if inspect.isfunction(getattr(package, name))]
    assert functions and [name for name in functions if not re.search(rf"`[\w.]*\b{name}\b", text)] == []


def test_gradients_has_every_loss():
    assert set(losses.__all__) <= set(gradients.__all__)


# --- files ----------------------------------------------------------------------------------------------------------

def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    latest, released = re.search(r"^## \[(\d\S*)\] - (\S+)$", changelog, flags=re.MULTILINE).groups()
    assert latest == project["version"] == re.search(r"^version: (\S+)$", citation, flags=re.MULTILINE)[1]
    assert released == re.search(r"^date-released: (\S+)$", citation, flags=re.MULTILINE)[1]


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = project["dependencies"] + [line for extra in project["optional-dependencies"].values() for line in extra]
    asked = [line for line in asked if not line.startswith(f"{project['name']}[")]  # one extra includes another
    pins = re.findall(r"^([\w.-]+)==\S+$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert {re.match(r"[\w.-]+", line)[0].lower() for line in asked} - {pin.lower() for pin in pins} == set()


def project_files() -> list[Path]:
    """Text files that belong to the project: the packages, the tests and the files beside them."""
    folders = [ROOT / name for name in (*PACKAGES, "docs", "examples", "notebooks", "tests", ".ci")]
    paths = [path for path in ROOT.iterdir() if path.is_file()]
    paths += [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path for path in paths if path.suffix in TEXT_SUFFIXES and not MADE & set(path.parts)]


def test_no_path_of_one_machine():
    private = re.compile(f"{PRIVATE.pattern}|{re.escape(str(ROOT))}|{re.escape(str(Path.home()))}/")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in project_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if private.search(line)
    ]
    assert found == []


def test_a_private_path_is_seen():
    """Negative control, written in two parts so that this file has none."""
    assert PRIVATE.search("see /" + "home/ada/x.csv")


def test_files_and_lines_are_short():
    sources = [path for path in project_files() if path.suffix == ".py"]
    lines = {path.relative_to(ROOT): path.read_text(encoding="utf-8").splitlines() for path in sources}
    assert len(lines) > len(PACKAGES)
    assert [path for path, content in lines.items() if len(content) > LONGEST_FILE] == []
    assert [f"{path}:{number}" for path, content in lines.items()
            for number, line in enumerate(content, 1) if len(line) > LONGEST_LINE] == []
