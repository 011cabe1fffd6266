"""A new architecture is one new file: everything that runs over the catalogue takes it up."""

import shutil
from pathlib import Path

import pytest

import numeric
from dsf_sym import check, compare, contains, minimal
from dsf_sym.codegen import write
from dsf_sym.derivation.double_entry import check_matrices
from dsf_sym.language.loading import catalogue, find
from dsf_sym.relating import Ask
from dsf_sym.rendering.sheet import sheet

ROOT = Path(__file__).resolve().parents[1]
NEW_FILE = '''\
"""A leaky integrator of outer products."""

from dsf_sym import Gate, State, Vec, einsum, eye, layer, outer


@layer(title="Leaky memory", names={"alpha": "1 - λ"})
def leaky(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate):
    """S_i = α_i S_{i-1} + (1 - α_i) k_i v_iᵀ and y_i = S_iᵀ q_i."""
    S = alpha * S + outer((1 - alpha) * k, v)
    return S, q @ S


@leaky.as_printed_in("a notebook")
def leaky(q, k, alpha):
    """Λ = α I, B = (1 - α) k ⊗ I, C = qᵀ ⊗ I, D = 0."""
    Lam = einsum("ac,bd->abcd", eye("n"), alpha * eye("d"))
    B = einsum("a,bc->abc", k - alpha * k, eye("d"))
    C = einsum("a,cb->cab", q, eye("d"))
    return Lam, B, C, 0
'''


@pytest.fixture(scope="module", name="folder")
def folder_with_one_new_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalogue") / "derivations"
    shutil.copytree(ROOT / "derivations", folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "leaky.py").write_text(NEW_FILE, encoding="utf-8")
    return folder


def is_found(new, layers, path):
    assert find(str(path)).hash == new.hash
    assert sorted([*catalogue(), "leaky"]) == list(layers)


def agrees_with_its_matrices(new, layers, path):
    entries = check_matrices(new)
    assert entries and all(entry.proved for entry in entries)


def is_shown(new, layers, path):
    made = sheet(new)
    assert dict(made.form)["Λ_i"] == "α_i I_n ⊗ I_d" and made.structure == "alpha * identity"


def is_compared_with_every_layer(new, layers, path):
    others = [x for x in layers.values() if x.name != new.name]
    report = check(new, others, ask=Ask(containment=False))
    assert len(report.relations) == len(layers) - 1 and report.decided
    tied = compare(new, layers["scalar_gated"], given=["scalar_gated.k = (1 - alpha) * k"])
    assert tied.status == "proved"


def is_contained_in_what_it_specialises(new, layers, path):
    assert contains(layers["linear_attention"], new).status == "refuted"


def has_a_smallest_state(new, layers, path):
    assert minimal(new).lower == minimal(new).upper == 4


def gets_code_that_is_verified(new, layers, path):
    assert [p.name for p in write(new, path.parent)] == ["leaky_numpy.py", "leaky_torch.py"]
    assert numeric.verify(new).passed


# Whatever the workbench does with a layer belongs here: a function of the new layer, the whole
# catalogue with it, and the path of its file.
EVERYTHING = [
    is_found,
    agrees_with_its_matrices,
    is_shown,
    is_compared_with_every_layer,
    is_contained_in_what_it_specialises,
    has_a_smallest_state,
    gets_code_that_is_verified,
]


@pytest.mark.parametrize("goes_through", EVERYTHING, ids=lambda f: f.__name__)
def test_one_file_is_enough(goes_through, folder):
    layers = catalogue(folder)
    goes_through(layers["leaky"], layers, folder / "leaky.py")
