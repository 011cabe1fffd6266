"""The shape of the code: imports point one way, public names are documented, modules stay small."""

import ast
import inspect
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import dsf_sym

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dsf_sym"
# Lower packages first: each may import from itself and from those before it.
ORDER = [
    "errors",
    "processes",
    "language",
    "arithmetic",
    "index",
    "derivation.affine",
    "automata",
    "derivation",
    "discretisation",
    "objectives",
    "verdict",
    "relation",
    "certificates",
    "deciding",
    "theory",
    "claims",
    "rendering",
    "caching",
    "relating",
    "checking",
    "schema",
    "codegen",
    "bench_layers",
    "bench",
    "cli",
]
# A verdict shows itself in a notebook: asked for at run time.
LATE = {("verdict", "rendering")}


def rank(parts):
    found = [i for i, name in enumerate(ORDER) if parts[: name.count(".") + 1] == name.split(".")]
    return max(found, key=lambda i: ORDER[i].count(".")) if found else None


@cache
def statements(path):
    """Every import of a file, with whether it is at the top of the module."""
    tree = ast.parse(path.read_text())
    found = [x for x in ast.walk(tree) if isinstance(x, ast.Import | ast.ImportFrom)]
    return [(node, node in tree.body) for node in found]


def imports(path):
    """Dotted targets inside the package, with whether they are at the top of the module."""
    own = list(path.relative_to(PACKAGE).with_suffix("").parts)
    base = own[:-1]
    for node, top in statements(path):
        if isinstance(node, ast.ImportFrom) and node.level:
            start = base[: len(base) - node.level + 1]
            module = node.module.split(".") if node.module else []
            for name in node.names:
                yield [*start, *module, name.name], top


MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p.name != "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_lower_module_never_imports_a_higher_one(path):
    own = list(path.relative_to(PACKAGE).with_suffix("").parts)
    for target, top in imports(path):
        if rank(target) is not None and rank(own) is not None and rank(target) > rank(own):
            assert not top and (own[0], target[0]) in LATE, f"{own} imports {target}"


def test_the_order_is_checked_by_something_it_must_reject():
    assert rank(["deciding", "decide"]) > rank(["certificates", "checkers", "subspace"])
    assert rank(["derivation", "affine"]) < rank(["automata", "automaton"])
    assert rank(["derivation", "derive"]) > rank(["automata", "automaton"])


def test_nothing_in_the_library_imports_the_derivations():
    for path in PACKAGE.rglob("*.py"):
        for node, _ in statements(path):
            absolute = isinstance(node, ast.ImportFrom)
            names = [node.module or ""] if absolute else [a.name for a in node.names]
            assert not any(n.split(".")[0] in ("derivations", "numeric", "book") for n in names)


def test_every_public_name_is_documented():
    for name in dsf_sym.__all__:
        value = getattr(dsf_sym, name)
        assert inspect.getdoc(value), name


def test_modules_stay_small():
    long = {str(p.relative_to(PACKAGE)) for p in MODULES if len(p.read_text().splitlines()) > 400}
    assert not long


def test_importing_the_library_loads_neither_sympy_nor_numpy():
    code = "import sys, dsf_sym; print({'sympy', 'numpy', 'flint', 'click'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "set()", done.stderr
