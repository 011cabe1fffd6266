"""Longhorn: the state is moved as little as it must be to recall the value under the key.

Derived from its objective, ½‖S - S_{i-1}‖² + ½ Σ_d β_d (Sᵀk - v)_d², solved exactly. The authors'
code keeps the diagonal of k kᵀ alone, so that the transition is diagonal: `longhorn_diagonal`.

B. Liu, R. Wang, L. Wu, Y. Feng, P. Stone, Q. Liu. Longhorn: State Space Models are Amortized Online
Learners. ICLR 2025.
"""

from dsf_sym import Implicit, Positive, State, Vec, einsum, eye, layer, online, outer, scale

BIBTEX = r"""
@inproceedings{liu2025longhorn,
  title     = {Longhorn: State Space Models are Amortized Online Learners},
  author    = {Liu, Bo and Wang, Rui and Wu, Lemeng and Feng, Yihao and Stone, Peter and
               Liu, Qiang},
  booktitle = {International Conference on Learning Representations (ICLR)},
  year      = {2025}
}
"""


@online(Implicit(rate="rate"), title="Longhorn", cite="liu2025longhorn", names={"rate": "β"})
def longhorn(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], rate: Positive["d"]):
    """S_i = S_{i-1} - k_i (δ_i ⊙ (S_{i-1}ᵀ k_i - v_i))ᵀ with δ = β / (1 + β k·k); y = S_iᵀ q_i."""
    r = k @ S - v
    return (r @ r) / 2, q @ S


@longhorn.as_printed_in("Liu et al. 2025, theorem 3.1, before its diagonal approximation")
def longhorn(q, k, rate):
    """Λ = I - k kᵀ ⊗ Diag(δ), B = k ⊗ Diag(δ), C = qᵀ ⊗ I, D = 0."""
    delta = rate / (1 + rate * (k @ k))
    Lam = einsum("ac,bd->abcd", eye("n"), eye("d"))
    Lam = Lam - einsum("a,c,b,bd->abcd", k, k, delta, eye("d"))
    B = einsum("a,b,bc->abc", k, delta, eye("d"))
    C = einsum("a,cb->cab", q, eye("d"))
    return Lam, B, C, 0


@layer(title="Longhorn, diagonal", cite="liu2025longhorn", names={"rate": "β"})
def longhorn_diagonal(
    S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], rate: Positive["d"]
):
    """S_i = (1 - (k_i ⊙ k_i) δ_iᵀ) ⊙ S_{i-1} + k_i (δ_i ⊙ v_i)ᵀ and y_i = S_iᵀ q_i."""
    delta = rate / (1 + rate * (k @ k))
    S = S - outer(k * k, delta) * S + outer(k, delta * v)
    return S, q @ S


@longhorn_diagonal.as_printed_in("Liu et al. 2025, algorithm 1")
def longhorn_diagonal(q, k, rate):
    """Λ = Diag(1 - (k ⊙ k) ⊗ δ), B = k ⊗ Diag(δ), C = qᵀ ⊗ I, D = 0."""
    delta = rate / (1 + rate * (k @ k))
    kept = scale(k, einsum("a,b->ab", k, -delta), axis="n") + 1
    Lam = einsum("ab,ac,bd->abcd", kept, eye("n"), eye("d"))
    B = einsum("a,b,bc->abc", k, delta, eye("d"))
    C = einsum("a,cb->cab", q, eye("d"))
    return Lam, B, C, 0
