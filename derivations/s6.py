"""S6, the mixer of Mamba: every channel has its own diagonal A and its own step size Δ.

Zero-order hold for A but Euler for B, as in the authors' code: Λ = e^{ΔA}, B = Δ k (zero-order hold
for both would give B = (e^{ΔA} - 1)/A k). A is negative (the code stores log(-A)); papers that
print e^{-ΔA} take it positive. The state is h, channels first, as the reference writes it.
`s6_softplus` has the step size of the block, Δ = softplus(z).

A. Gu, T. Dao. Mamba: Linear-Time Sequence Modeling with Selective State Spaces. COLM 2024.
"""

from dsf_sym import Const, Negative, Positive, State, Vec, einsum, exp, eye, layer, outer, scale

BIBTEX = r"""
@inproceedings{gu2024mamba,
  title     = {Mamba: Linear-Time Sequence Modeling with Selective State Spaces},
  author    = {Gu, Albert and Dao, Tri},
  booktitle = {Conference on Language Modeling (COLM)},
  year      = {2024}
}
"""


@layer(title="S6 (Mamba)", cite="gu2024mamba", names={"q": "C", "k": "B", "v": "x"})
def s6(
    h: State["d", "n"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    Delta: Positive["d"],
    A: Const[Negative["d", "n"]],
    D: Const[Vec["d"]],
):
    """h_i = e^{Δ_i A} ⊙ h_{i-1} + (Δ_i ⊙ v_i) k_iᵀ and y_i = h_i q_i + D ⊙ v_i."""
    h = exp(scale(Delta, A, axis="d")) * h + outer(Delta * v, k)
    return h, h @ q + D * v


@s6.as_printed_in("Sieber et al. 2024, eq. (19) with A for -A")
def s6(q, k, Delta, A, D):
    """Λ = e^{(Diag(Δ) ⊗ I) A}, A a diagonal matrix; B = Diag(Δ) ⊗ k, C = I ⊗ qᵀ, D = Diag(D)."""
    Lam = einsum("ab,ac,bd->abcd", exp(einsum("a,ab->ab", Delta, A)), eye("d"), eye("n"))
    B = einsum("a,ac,b->abc", Delta, eye("d"), k)
    C = einsum("ca,b->cab", eye("d"), q)
    return Lam, B, C, einsum("a,ac->ac", D, eye("d"))


s6_softplus = s6.given(name="s6_softplus", Delta="softplus(z)", z=Vec["d"])
