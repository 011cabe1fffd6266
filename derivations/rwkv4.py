"""RWKV-4: for each channel a weighted mean of the values, whose weights decay by a constant.

The readout comes before the update, and the current token has its own weight e^{u+k}. The decay is
e^w with w < 0 a weight (the authors' code stores log(-w); the paper prints e^{-w}). The code keeps
both sums divided by a running maximum, which cancels in the ratio. Token shift and the receptance
gate are left out.

B. Peng et al. RWKV: Reinventing RNNs for the Transformer Era. Findings of EMNLP 2023.
"""

from dsf_sym import Const, Negative, State, Vec, exp, layer

BIBTEX = r"""
@inproceedings{peng2023rwkv,
  title     = {{RWKV}: Reinventing {RNNs} for the {Transformer} Era},
  author    = {Peng, Bo and others},
  booktitle = {Findings of the Association for Computational Linguistics: EMNLP},
  year      = {2023}
}
"""


@layer(title="RWKV-4", cite="peng2023rwkv", carried="v")
def rwkv4(
    a: State["d"],
    b: State["d"],
    k: Vec["d"],
    v: Vec["d"],
    w: Const[Negative["d"]],
    u: Const[Vec["d"]],
):
    """y_i = (a_{i-1} + e^{u+k_i} v_i) / (b_{i-1} + e^{u+k_i}); a and b add e^{k_i} (v_i, 1)."""
    y = (a + exp(u + k) * v) / (b + exp(u + k))
    return exp(w) * a + exp(k) * v, exp(w) * b + exp(k), y


@rwkv4.also_written_in("the past weighed against the current token, sums decayed when read")
def rwkv4(
    a: State["d"],
    b: State["d"],
    k: Vec["d"],
    v: Vec["d"],
    w: Const[Negative["d"]],
    u: Const[Vec["d"]],
):
    """a_i = e^w a_{i-1} + e^{k_i-w} v_i, so that what the readout sees is e^w a_{i-1}."""
    past, weight = exp(w - u - k) * a, exp(w - u - k) * b
    a, b = exp(w) * a + exp(k - w) * v, exp(w) * b + exp(k - w)
    return a, b, (past + v) / (weight + 1)
