"""mLSTM: scalar-gated linear attention divided by its own size, where that size is above 1.

The input gate is e^p. The forget gate α is σ of a linear map in the reference, or an exponential,
and the query has no scale 1/√n. The divisor max(|z·q|, 1) is not linear in the state. The authors'
code keeps S and z times e^{-m}, m a running maximum, so that 1 becomes e^{-m}; it also adds an
ε = 1e-6 to that divisor, which makes it another layer.

M. Beck, K. Pöppel, M. Spanring, A. Auer, O. Prudnikova, M. Kopp, G. Klambauer, J. Brandstetter,
S. Hochreiter. xLSTM: Extended Long Short-Term Memory. NeurIPS 2024.
"""

from dsf_sym import Gate, Scalar, State, Vec, exp, layer, log, maximum, outer

BIBTEX = r"""
@inproceedings{beck2024xlstm,
  title     = {{xLSTM}: Extended Long Short-Term Memory},
  author    = {Beck, Maximilian and P{\"o}ppel, Korbinian and Spanring, Markus and
               Auer, Andreas and Prudnikova, Oleksandra and Kopp, Michael and
               Klambauer, G{\"u}nter and Brandstetter, Johannes and Hochreiter, Sepp},
  booktitle = {Advances in Neural Information Processing Systems (NeurIPS)},
  year      = {2024}
}
"""


@layer(title="mLSTM", cite="beck2024xlstm", carried="v", names={"S": "C", "z": "n", "alpha": "f"})
def mlstm(
    S: State["n", "d"],
    z: State["n"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    alpha: Gate,
    p: Scalar,
):
    """y_i = S_iᵀ q_i / max(|z_i·q_i|, 1).

    S_i = α_i S_{i-1} + e^{p_i} k_i v_iᵀ and z_i = α_i z_{i-1} + e^{p_i} k_i.
    """
    S = alpha * S + exp(p) * outer(k, v)
    z = alpha * z + exp(p) * k
    return S, z, (q @ S) / maximum(abs(q @ z), 1)


@mlstm.also_written_in("the authors' code at ε = 0, with a running maximum of the exponents")
def mlstm(
    S: State["n", "d"],
    z: State["n"],
    m: State,
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    alpha: Gate,
    p: Scalar,
):
    """m_i = max(log α_i + m_{i-1}, p_i), and y_i = S_iᵀ q_i / max(|z_i·q_i|, e^{-m_i})."""
    top = maximum(log(alpha) + m, p)
    past, now = exp(log(alpha) + m - top), exp(p - top)
    S = past * S + now * outer(k, v)
    z = past * z + now * k
    return S, z, top, (q @ S) / maximum(abs(q @ z), exp(-top))
