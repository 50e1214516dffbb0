"""The import arrows, read from the syntax trees, and what a plain `import gammaprob` costs and loads."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.targets import IMPORT_RATIO
from tests.bench.timing import import_comparison

ROOT = Path(__file__).parents[1]

# Each package may import itself and those to its left.
LAYERS = ("paper_tables", "gammaprob", "gradients", "experiments", "figures")
FORBIDDEN = {
    "paper_tables": {"torch", "matplotlib"},
    "gammaprob": {"torch", "matplotlib"},
}
# The ledger runs on the core alone, so that its witnesses, and the closed forms, do without what the losses need.
TORCHLESS = ("gradients.closed_form", "gradients.as_printed", "gradients.witnesses")
# The ways of computing that must stay independent. A helper of a witness carries its name in front, or stands here.
WITNESSES = {"_literal", "as_printed", "certified", "monte_carlo", "quadrature", "symbolic"}
# Parts of the tables program, which asks both sides. Every other private module of gammaprob is a kernel.
TABLES = "_table_"
# Modules that evaluate the kernels: a witness that reaches one of them has the kernels' answer.
FACES = {"distribution", "fit", "gap", "target"}
NOT_LOADED = {"torch", "matplotlib", "sympy", "flint", "scipy.stats"}
# Interpreters started for each side; the best of them is compared.
STARTS = 7


def read_tree() -> dict[str, str]:
    """Dotted module name -> source, for every module of the packages."""
    tree = {}
    for package in LAYERS:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            tree[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return tree


def imported_by(module: str, tree: dict[str, str]) -> set[str]:
    """What a module imports anywhere in its source, functions and `import_module("…")` included."""
    found = set()
    for node in ast.walk(ast.parse(tree[module])):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node, tree)
            found |= {name if (name := f"{base}.{alias.name}") in tree else base for alias in node.names}
        elif isinstance(node, ast.Call) and _callee(node) in {"import_module", "__import__"}:
            found |= {argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)}
    return found


def _absolute(module: str, node: ast.ImportFrom, tree: dict[str, str]) -> str:
    if node.level == 0:
        return node.module
    is_package = any(other.startswith(f"{module}.") for other in tree)
    parents = module.split(".")
    base = parents[: len(parents) - node.level + is_package]
    return ".".join(base + ([node.module] if node.module else []))


def _callee(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def reach(module: str, tree: dict[str, str]) -> set[str]:
    """Every module of the tree that the module imports, directly or through others."""
    seen, ahead = set(), [module]
    while ahead:
        for name in imported_by(ahead.pop(), tree) & tree.keys() - seen:
            seen.add(name)
            ahead.append(name)
    return seen


def role(module: str) -> str:
    """`kernel`, `witness` or `other`."""
    package, _, name = module.partition(".")
    stem = name.partition(".")[0]
    if package != "gammaprob" or stem.startswith(("__", TABLES)):
        return "other"
    if stem in WITNESSES or any(stem.startswith(f"_{witness}_") for witness in WITNESSES):
        return "witness"
    return "kernel" if stem.startswith("_") or stem in FACES else "other"


def violations(tree: dict[str, str]) -> list[str]:
    """Every broken arrow, in words."""
    broken = []
    for module in tree:
        package = module.partition(".")[0]
        for name in imported_by(module, tree):
            top = name.partition(".")[0]
            if top in LAYERS and LAYERS.index(top) > LAYERS.index(package):
                broken.append(f"{module} imports {name}: {package} lies below {top}")
            if top in FORBIDDEN.get(package, ()):
                broken.append(f"{module} imports {name}, which {package} does without")
        broken += [
            f"{module} ({role(module)}) reaches {other} ({role(other)})"
            for other in reach(module, tree) if {role(module), role(other)} == {"kernel", "witness"}
        ]
        if module.startswith(TORCHLESS):
            broken += [
                f"{module} reaches torch in {other}" for other in {module} | reach(module, tree)
                if any(name.partition(".")[0] == "torch" for name in imported_by(other, tree))
            ]
    return sorted(broken)


def test_arrows_hold():
    assert violations(read_tree()) == []


def test_tree_is_read():
    """The arrows mean nothing over a tree that was not found."""
    tree = read_tree()
    assert set(LAYERS) <= tree.keys()
    roles = [role(module) for module in tree]
    assert roles.count("kernel") >= len(FACES) and roles.count("witness") >= len(WITNESSES)


@pytest.mark.parametrize(("module", "source", "said"), [
    ("paper_tables.ledger", "import gammaprob", "paper_tables lies below gammaprob"),
    ("gammaprob.gap", "def f():\n    from gradients.losses import loss", "gammaprob lies below gradients"),
    ("gammaprob.fit", "import matplotlib.pyplot as plt", "gammaprob does without"),
    ("gammaprob.fit", "import importlib\nimportlib.import_module('torch')", "gammaprob does without"),
    ("gammaprob.certified", "from gammaprob._plan import evaluate", "(witness) reaches gammaprob._plan (kernel)"),
    ("gammaprob.certified", "from gammaprob import _plan", "(witness) reaches gammaprob._plan (kernel)"),
    ("gammaprob.certified", "from . import _plan", "(witness) reaches gammaprob._plan (kernel)"),
    ("gammaprob.certified", "from gammaprob.domains import SHAPE", "(witness) reaches gammaprob._plan (kernel)"),
    ("gammaprob.certified", "from gammaprob import gap_cdf", "(witness) reaches gammaprob.gap (kernel)"),
    ("gammaprob._plan", "from .certified import gap_cdf", "(kernel) reaches gammaprob.certified (witness)"),
    ("gammaprob._plan", "from ._certified_real import tail", "(kernel) reaches gammaprob._certified_real (witness)"),
    ("gradients.as_printed", "import torch", "gradients.as_printed reaches torch in gradients.as_printed"),
    ("gradients.closed_form.pair", "from gradients.losses import loss", "reaches torch in gradients.losses"),
    ("gradients.witnesses.words", "from gradients import losses", "reaches torch in gradients.losses"),
])
def test_each_broken_arrow_is_seen(module, source, said):
    """Negative control: a tree in order, and the same with one wrong import."""
    tree = dict.fromkeys(
        ("paper_tables", "paper_tables.ledger", "gammaprob.gap", "gammaprob.fit", "gammaprob.certified",
         "gammaprob._certified_real", "gradients", "gradients.losses"), "",
    )
    tree |= {"gammaprob": "from gammaprob.gap import gap_cdf", "gammaprob._plan": "import numpy"}
    tree |= {"gradients.losses": "import torch", "gradients.witnesses.words": "from gradients import as_printed"}
    assert violations(tree) == []
    if "domains" in source:  # the detour: a shared module that reaches a kernel
        tree["gammaprob.domains"] = "from gammaprob import _plan"
    assert any(said in line for line in violations(tree | {module: source}))


def loaded_by(statement: str) -> set[str]:
    """Names in `sys.modules` of a fresh interpreter after the statement."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    return set(json.loads(done.stdout))


def test_import_loads_no_heavy_library():
    assert loaded_by("import gammaprob") & NOT_LOADED == set()


def test_witnesses_and_closed_forms_load_no_torch():
    modules = [name for name in read_tree() if name.startswith(TORCHLESS)]
    assert {package for package in TORCHLESS if package in modules} == set(TORCHLESS)
    assert loaded_by(f"import gradients, {', '.join(modules)}") & {"torch", "matplotlib"} == set()


def test_a_loaded_library_is_seen():
    """Negative control for the test above."""
    assert {"sympy", "scipy.stats"} <= loaded_by("import gammaprob, sympy, scipy.stats")


def test_import_time():
    assert import_comparison("gammaprob", "scipy.special", STARTS).ratio <= IMPORT_RATIO
