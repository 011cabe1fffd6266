"""SSD, the mixer of Mamba-2, for one head: A is one number, and all channels share the step size Δ.

Zero-order hold for A and Euler for B, as in the authors' code: Λ = e^{ΔA}, B = Δ k. A is negative
(the code stores log(-A)); Δ is positive. The skip D is one weight a head.

T. Dao, A. Gu. Transformers are SSMs: Generalized Models and Efficient Algorithms Through Structured
State Space Duality. ICML 2024.
"""

from dsf_sym import Const, Negative, Positive, Scalar, State, Vec, einsum, exp, eye, layer, outer

BIBTEX = r"""
@inproceedings{dao2024transformers,
  title     = {Transformers are {SSM}s: Generalized Models and Efficient Algorithms
               Through Structured State Space Duality},
  author    = {Dao, Tri and Gu, Albert},
  booktitle = {International Conference on Machine Learning (ICML)},
  year      = {2024}
}
"""


@layer(
    title="SSD (Mamba-2)",
    cite="dao2024transformers",
    names={"q": "C", "k": "B", "v": "x", "S": "h"},
)
def ssd(
    S: State["n", "d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    Delta: Positive,
    A: Const[Negative],
    D: Const[Scalar],
):
    """S_i = e^{Δ_i A} S_{i-1} + Δ_i k_i v_iᵀ and y_i = S_iᵀ q_i + D v_i."""
    S = exp(Delta * A) * S + outer(Delta * k, v)
    return S, q @ S + D * v


@ssd.as_printed_in("Dao and Gu 2024, with X = Δ x and A = Δ A")
def ssd(q, k, Delta, A, D):
    """Λ = e^{ΔA} I, B = k ⊗ Δ I, C = qᵀ ⊗ I, D = D I."""
    Lam = exp(Delta * A) * einsum("ac,bd->abcd", eye("n"), eye("d"))
    B = einsum("a,bc->abc", k, Delta * eye("d"))
    C = einsum("a,cb->cab", q, eye("d"))
    return Lam, B, C, D * eye("d")
