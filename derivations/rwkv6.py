"""RWKV-6 (Finch): gated linear attention that reads its old state, and gives the new token a bonus.

The readout sees S_{i-1}, before it decays, and the current token through the weight u in place of
the state. Read from the new state it is C = q / α with a feed-through, which is ill-conditioned for
small gates. The gate is a signal of its own (the reference has e^{-e^{...}}), token shift, group
norm and the output gate are left out.

B. Peng et al. Eagle and Finch: RWKV with Matrix-Valued States and Dynamic Recurrence. COLM 2024.
"""

from dsf_sym import Const, Gate, State, Vec, diag, einsum, eye, layer, outer, scale

BIBTEX = r"""
@inproceedings{peng2024eagle,
  title     = {{Eagle} and {Finch}: {RWKV} with Matrix-Valued States and Dynamic Recurrence},
  author    = {Peng, Bo and others},
  booktitle = {Conference on Language Modeling (COLM)},
  year      = {2024}
}
"""


@layer(title="RWKV-6 (Finch)", cite="peng2024eagle", names={"q": "r", "alpha": "w"})
def rwkv6(
    S: State["n", "d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    alpha: Gate["n"],
    u: Const[Vec["n"]],
):
    """y_i = (S_{i-1} + Diag(u) k_i v_iᵀ)ᵀ q_i and S_i = Diag(α_i) S_{i-1} + k_i v_iᵀ."""
    y = q @ (S + outer(u * k, v))
    return scale(alpha, S, axis="n") + outer(k, v), y


@rwkv6.as_printed_in("the form of GLA, q / α read from the new state")
def rwkv6(q, k, alpha, u):
    """Λ = Diag(α) ⊗ I, B = k ⊗ I, C = (q / α)ᵀ ⊗ I, D = (q ⊙ (u - 1/α))ᵀ k I."""
    Lam = einsum("ac,bd->abcd", diag(alpha), eye("d"))
    B = einsum("a,bc->abc", k, eye("d"))
    C = einsum("a,cb->cab", q / alpha, eye("d"))
    return Lam, B, C, ((q * (u - 1 / alpha)) @ k) * eye("d")
