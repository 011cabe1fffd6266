"""Softmax attention, causal: a mean of the past values, weighed by e^{q·k/√n}.

The kernel is no finite sum of products of features of the query and of the key, so that the layer
has a cache of all keys and values in place of a state. The running maximum that code subtracts from
the exponents is a factor of numerator and denominator, and cancels. One head; causal, without
positions and dropout. Papers on linear attention often leave out the √n, which is another layer.

A. Vaswani, N. Shazeer, N. Parmar, J. Uszkoreit, L. Jones, A. Gomez, Ł. Kaiser, I. Polosukhin.
Attention Is All You Need. NeurIPS 2017.
"""

from dsf_sym import Vec, attention, exp, ones, sqrt, sum

BIBTEX = r"""
@inproceedings{vaswani2017attention,
  title     = {Attention Is All You Need},
  author    = {Vaswani, Ashish and Shazeer, Noam and Parmar, Niki and Uszkoreit, Jakob and
               Jones, Llion and Gomez, Aidan N. and Kaiser, {\L}ukasz and Polosukhin, Illia},
  booktitle = {Advances in Neural Information Processing Systems (NeurIPS)},
  year      = {2017}
}
"""


@attention(title="Softmax attention", cite="vaswani2017attention")
def softmax_attention(q: Vec["n"], k: Vec["n"]):
    """κ(q, k) = e^{q·k/√n} and y_i = Σ_{j≤i} κ(q_i, k_j) v_j / Σ_{j≤i} κ(q_i, k_j)."""
    return exp(q @ k / sqrt(sum(ones("n"))))


@softmax_attention.also_written_in("Tsai et al. 2019, a Gaussian kernel and a weight of the key")
def softmax_attention(q: Vec["n"], k: Vec["n"]):
    """κ(q, k) = e^{-|q - k|²/(2√n)} e^{|k|²/(2√n)}; what is left over, e^{-|q|²/(2√n)}, cancels."""
    width = 2 * sqrt(sum(ones("n")))
    return exp(-((q - k) @ (q - k)) / width) * exp(k @ k / width)
