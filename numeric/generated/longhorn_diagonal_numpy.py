"""Generated NumPy 2 code of Longhorn, diagonal; do not edit.

Made by `dsf generate longhorn_diagonal --print numpy` from derivations/longhorn.py.
Transition: diagonal(1 - 1/(1 + rate k k) k k rate) entry by entry.
Schedules: recurrent, associative_scan.
no parallel: Λ is diagonal entry by entry: the decay varies along the values
no chunkwise: Λ is diagonal entry by entry: the decay varies along the values
no convolution: Λ is not constant in time

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
rate: [B, H, L, d], (0, inf)
state, in and out: S: [B, H, n, d], real
returns y: [B, H, L, d], and the state after the last token

Requires numpy 2; L >= 1 (read from q); arrays of one type.

spec 9f24a225347569a41b99d57c532c45a52716ba11aaaefda57fc9db6bc300726d
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 3b73f31cd4bd63c8876a176339b2f981098fb36d0e42c019416effa4f9ed69cc
"""

import numpy as np


def recurrent(q, k, v, rate, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    x1 = k * k
    x4 = np.einsum("...a,...a->...", k, k)
    x2 = rate / (1 + rate * x4[..., None])
    x3 = x2 * v
    ys = []
    for q_i, k_i, x1_i, x2_i, x3_i in zip(
        np.moveaxis(q, 2, 0),
        np.moveaxis(k, 2, 0),
        np.moveaxis(x1, 2, 0),
        np.moveaxis(x2, 2, 0),
        np.moveaxis(x3, 2, 0),
        strict=True,
    ):
        S = (
            (S - x1_i[..., :, None] * x2_i[..., None, :] * S)
            + k_i[..., :, None] * x3_i[..., None, :]
        )
        y = np.einsum("...a,...ab->...b", q_i, S)
        ys.append(y)
    ys = np.stack(ys, 2)
    return ys, S


def associative_scan(q, k, v, rate, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for q_c, k_c, v_c, rate_c in zip(
        np.split(q, range(chunk, q.shape[2], chunk), 2),
        np.split(k, range(chunk, k.shape[2], chunk), 2),
        np.split(v, range(chunk, v.shape[2], chunk), 2),
        np.split(rate, range(chunk, rate.shape[2], chunk), 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(q_c, k_c, v_c, rate_c, state)
        ys.append(y)
    return np.concat(ys, 2), state


def _associative_scan_of_chunk(q, k, v, rate, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    start = np.zeros((B, H, n, d), v.dtype) if state is None else state
    x1 = np.einsum("...a,...a->...", k, k)
    x2 = rate / (1 + rate * x1[..., None])
    factor = 1 - (k * k)[..., :, None] * x2[..., None, :]
    term = k[..., :, None] * (x2 * v)[..., None, :]
    S = _scan(factor, term, start)
    end = S[..., -1, :, :]
    y = np.einsum("...ba,...b->...a", S, q)
    return y, end


def _scan(factor, term, start):
    """h[i] = factor[i] * h[i - 1] + term[i] along axis 2 from h[-1] = start."""
    first = factor[:, :, :1] * start[:, :, None] + term[:, :, :1]
    return _tree(factor, np.concat([first, term[:, :, 1:]], 2))


def _tree(factor, term):
    """The same from zero: pairs of steps are steps of a sequence half as long."""
    L = term.shape[2]
    if L == 1:
        return term
    if L % 2:
        factor, term = (np.concat([x, x[:, :, :1]], 2) for x in (factor, term))
    odd = _tree(
        factor[:, :, 1::2] * factor[:, :, ::2],
        factor[:, :, 1::2] * term[:, :, ::2] + term[:, :, 1::2],
    )
    even = term[:, :, ::2] + np.concat(
        [np.zeros_like(odd[:, :, :1]), factor[:, :, 2::2] * odd[:, :, :-1]], 2
    )
    both = np.stack([even, odd], 3)
    return both.reshape(*both.shape[:2], -1, *both.shape[4:])[:, :, :L]


SCHEDULES = {
    "recurrent": recurrent,
    "associative_scan": associative_scan,
}
