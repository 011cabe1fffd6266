"""RWKV-4: for each channel a weighted mean of the values, whose weights decay by a constant.

The readout comes before the update, and the current token has its own weight, e^{c+p}. The decay is
e^w with w < 0 a weight (the authors' code stores log(-w); the paper prints e^{-w}). The code keeps
both sums divided by e to a running maximum, which cancels in the ratio: the third form below, whose
states times e^m are those of the first. Token shift and the receptance gate are left out.

B. Peng et al. RWKV: Reinventing RNNs for the Transformer Era. Findings of EMNLP 2023.
"""

from dsf_sym import Const, Negative, State, Vec, exp, layer, maximum

BIBTEX = r"""
@inproceedings{peng2023rwkv,
  title     = {{RWKV}: Reinventing {RNNs} for the {Transformer} Era},
  author    = {Peng, Bo and others},
  booktitle = {Findings of the Association for Computational Linguistics: EMNLP},
  year      = {2023}
}
"""


@layer(title="RWKV-4", cite="peng2023rwkv", carried="v", names={"p": "k", "c": "u"})
def rwkv4(
    a: State["d"],
    b: State["d"],
    p: Vec["d"],
    v: Vec["d"],
    w: Const[Negative["d"]],
    c: Const[Vec["d"]],
):
    """y_i = (a_{i-1} + e^{c + p_i} v_i) / (b_{i-1} + e^{c + p_i}), entry by entry.

    a_i = e^w a_{i-1} + e^{p_i} v_i and b_i = e^w b_{i-1} + e^{p_i}.
    """
    y = (a + exp(c + p) * v) / (b + exp(c + p))
    return exp(w) * a + exp(p) * v, exp(w) * b + exp(p), y


@rwkv4.also_written_in("the value and what the past adds, weighed against the current token")
def rwkv4(
    a: State["d"],
    b: State["d"],
    p: Vec["d"],
    v: Vec["d"],
    w: Const[Negative["d"]],
    c: Const[Vec["d"]],
):
    """y_i = v_i + (m_i a_{i-1} - m_i b_{i-1} v_i) / (1 + m_i b_{i-1}) with m_i = e^{-c - p_i}."""
    m = exp(-c - p)
    y = v + (m * a - m * b * v) / (1 + m * b)
    decay, weight = exp(w), exp(p)
    return decay * a + weight * v, decay * b + weight, y


@rwkv4.also_written_in("the authors' code, which subtracts a running maximum of the exponents")
def rwkv4(
    a: State["d"],
    b: State["d"],
    m: State["d"],
    p: Vec["d"],
    v: Vec["d"],
    w: Const[Negative["d"]],
    c: Const[Vec["d"]],
):
    """m_i = max(w + m_{i-1}, p_i), the states times e^{-m_i}; no exponent is above 0."""
    top = maximum(m, c + p)
    past, now = exp(m - top), exp(c + p - top)
    y = (past * a + now * v) / (past * b + now)
    top = maximum(w + m, p)
    past, now = exp(w + m - top), exp(p - top)
    return past * a + now * v, past * b + now, top, y
