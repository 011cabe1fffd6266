"""minGRU: a GRU whose gate and candidate no longer read the state, so that it is a convex average.

The reference's gate is z = σ(W u) = 1 - f and multiplies the candidate v; the forget gates of QRNN
f-pooling and HGRN are f. How both are made from the input is left out: the authors' log-space form
takes v = g(W u), g(x) = x + 1/2 for x ≥ 0 and σ(x) below.

L. Feng, F. Tung, M. O. Ahmed, Y. Bengio, H. Hajimirsadeghi. Were RNNs All We Needed?
arXiv:2410.01201, 2024.
"""

from dsf_sym import Gate, State, Vec, diag, eye, layer

BIBTEX = r"""
@misc{feng2024were,
  title  = {Were {RNNs} All We Needed?},
  author = {Feng, Leo and Tung, Frederick and Ahmed, Mohamed Osama and Bengio, Yoshua and
            Hajimirsadeghi, Hossein},
  note   = {arXiv:2410.01201},
  year   = {2024}
}
"""


@layer(title="minGRU", cite="feng2024were", names={"f": "1 - z"})
def mingru(h: State["d"], v: Vec["d"], f: Gate["d"]):
    """h_i = f_i ⊙ h_{i-1} + (1 - f_i) ⊙ v_i and y_i = h_i."""
    h = f * h + (1 - f) * v
    return h, h


@mingru.as_printed_in("Bradbury et al. 2017, Quasi-Recurrent Neural Networks, f-pooling")
def mingru(f):
    """Λ = Diag(f), B = I - Diag(f), C = I, D = 0."""
    return diag(f), eye("d") - diag(f), eye("d"), 0
