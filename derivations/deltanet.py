"""DeltaNet: the memory writes the error it makes, the delta rule of Widrow and Hoff.

Keys are any vectors here. The references normalise them; unit keys are a special case, in which
the eigenvalues of I - β k kᵀ lie in [0, 1]. The scale 1/√n of q is left out.

I. Schlag, K. Irie, J. Schmidhuber. Linear Transformers Are Secretly Fast Weight Programmers.
ICML 2021.
"""

from dsf_sym import Gate, State, Vec, einsum, eye, layer, outer

BIBTEX = r"""
@inproceedings{schlag2021linear,
  title     = {Linear {Transformers} Are Secretly Fast Weight Programmers},
  author    = {Schlag, Imanol and Irie, Kazuki and Schmidhuber, J{\"u}rgen},
  booktitle = {International Conference on Machine Learning (ICML)},
  year      = {2021}
}
"""


@layer(title="DeltaNet", cite="schlag2021linear", names={"S": "W"})
def deltanet(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], beta: Gate):
    """S_i = S_{i-1} + β_i k_i (v_i - S_{i-1}ᵀ k_i)ᵀ and y_i = S_iᵀ q_i."""
    S = S + outer(beta * k, v - k @ S)
    return S, q @ S


@deltanet.as_printed_in("Yang et al. 2024, Parallelizing Linear Transformers with the Delta Rule")
def deltanet(q, k, beta):
    """Λ = (I - β k kᵀ) ⊗ I, B = β k ⊗ I, C = qᵀ ⊗ I, D = 0."""
    Lam = einsum("ac,bd->abcd", eye("n") - beta * outer(k, k), eye("d"))
    B = einsum("a,bc->abc", beta * k, eye("d"))
    C = einsum("a,cb->cab", q, eye("d"))
    return Lam, B, C, 0
