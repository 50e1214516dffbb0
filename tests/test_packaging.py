"""The built wheel, used as a stranger uses it: from another folder, without the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email import message_from_bytes
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.test_imports import imported_by, read_tree

ROOT = Path(__file__).parents[1]
PACKAGES = ("paper_tables", "gammaprob", "gradients", "experiments", "figures")
PROJECT_FILES = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff",
                 "constraints.txt", "Makefile")
DATA_FOLDERS = ("published", "measured", "claims")
IGNORED = shutil.ignore_patterns("__pycache__", "*.egg-info", "_build", "_generated")


def run(*command, cwd: Path) -> str:
    """Standard output of a command; its error output becomes the failure's text."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True,
    )
    assert done.returncode == 0, f"{command} exited {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def archives(tmp_path_factory) -> tuple[Path, Path]:
    """The source archive and the wheel built from it: a file missing from the first is missed in the second.

    Built from a copy, which keeps the checkout clean and knows of no earlier build; without isolation, which would
    fetch setuptools again.
    """
    source = tmp_path_factory.mktemp("source")
    for name in PROJECT_FILES:
        shutil.copy(ROOT / name, source)
    for name in (*PACKAGES, "docs", "examples", "notebooks", "tests", ".ci"):
        shutil.copytree(ROOT / name, source / name, ignore=IGNORED)
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, cwd=source)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def installed(archives, tmp_path_factory) -> Path:
    """The Python of an environment that holds the wheel.

    Its third-party libraries are those of the running environment, lent through a path file, because installing them
    again would test the package index and not this wheel. A path file only appends a folder: the editable install of
    the checkout, which lives there, is not activated by it.
    """
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-qq", "--disable-pip-version-check", "--no-deps",
        "--no-index", archives[1], cwd=folder)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """A folder that has nothing to do with the checkout."""
    return tmp_path


def data_files() -> dict[str, bytes]:
    """Every data file of the checkout's packages: name inside the wheel -> content."""
    paths = [ROOT / package / "py.typed" for package in PACKAGES]
    paths += [path for folder in DATA_FOLDERS for path in (ROOT / "paper_tables" / folder).rglob("*") if path.is_file()]
    return {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths if path.suffix != ".pyc"}


def test_wheel_holds_every_module_and_data_file(archives):
    with zipfile.ZipFile(archives[1]) as wheel:
        content = {name: wheel.read(name) for name in wheel.namelist()}
    modules = {path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert modules - content.keys() == set()
    data = data_files()
    assert len(data) > len(PACKAGES)
    assert {name for name, expected in data.items() if content.get(name) != expected} == set()


CORE = {"paper_tables", "gammaprob"}  # what must run on the dependencies alone, without an extra
EXTRA_ONLY = {"torch", "matplotlib"}


@pytest.fixture(scope="module")
def requirements(archives) -> tuple[set[str], set[str]]:
    """The distributions that the wheel requires, and those that one of its extras adds."""
    with zipfile.ZipFile(archives[1]) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        lines = message_from_bytes(wheel.read(name)).get_all("Requires-Dist")
    always, extra = set(), set()
    for line in lines:
        (extra if "extra ==" in line else always).add(re.match(r"[\w.-]+", line).group())
    return always, extra


def third_party(packages: set[str]) -> set[str]:
    """The distributions of everything that these packages import, from outside and from no standard library."""
    tree = read_tree()
    modules = [module for module in tree if module.partition(".")[0] in packages]
    tops = {name.partition(".")[0] for module in modules for name in imported_by(module, tree)}
    owners = packages_distributions()
    return {owners.get(top, [top])[0] for top in tops - sys.stdlib_module_names - set(PACKAGES)}


def undeclared(always: set[str], extra: set[str]) -> set[str]:
    """What is imported and not required: by the core without an extra, by the other packages with one or without."""
    return (third_party(CORE) - always) | (third_party(set(PACKAGES)) - always - extra)


def test_wheel_requires_what_its_packages_import(requirements):
    always, extra = requirements
    assert undeclared(always, extra) == set()
    assert EXTRA_ONLY <= extra and not EXTRA_ONLY & always


def test_a_dropped_requirement_is_caught(requirements):
    """Negative control: each requirement dropped from the dependencies, and the same one moved to an extra."""
    always, extra = requirements
    assert {"numpy", "scipy", "mpmath", "sympy", "python-flint"} <= always
    for name in always:
        assert undeclared(always - {name}, extra) == {name}
        assert undeclared(always - {name}, extra | {name}) == {name}


def test_wheel_holds_nothing_else(archives):
    with zipfile.ZipFile(archives[1]) as wheel:
        tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_source_archive_holds_the_tests_and_the_pins(archives):
    with tarfile.open(archives[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {*PROJECT_FILES, ".ci/run", "tests/conftest.py", "tests/bench/__main__.py",
            "docs/conf.py", "docs/study.md", "notebooks/01_from_claim_to_law.ipynb"} - names == set()


def test_import_comes_from_the_wheel(installed, elsewhere):
    printed = run(installed, "-c", f"import {', '.join(PACKAGES)}\n"
                  f"for package in ({', '.join(PACKAGES)}): print(package.__file__)", cwd=elsewhere)
    folders = [Path(line).resolve() for line in printed.splitlines()]
    environment = installed.parents[1].resolve()
    assert len(folders) == len(PACKAGES) and all(folder.is_relative_to(environment) for folder in folders)


@pytest.mark.parametrize("command", [
    ("-m", "gammaprob.tables"),
    ("-m", "paper_tables.ledger", "--summary", "--document", "slides"),  # the shortest document: a few seconds
], ids=" ".join)
def test_commands_print_the_same_as_in_the_checkout(installed, elsewhere, command):
    from_wheel = run(installed, *command, cwd=elsewhere)
    assert from_wheel.strip() and from_wheel == run(sys.executable, *command, cwd=ROOT)


def test_console_script(installed, elsewhere):
    script = installed.parent / "gammaprob-tables"
    assert run(script, cwd=elsewhere) == run(installed, "-m", "gammaprob.tables", cwd=elsewhere)
