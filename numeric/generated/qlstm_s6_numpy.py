"""Generated NumPy 2 code of qLSTM (without tanh); do not edit.

Made by `dsf generate qlstm_s6 --print numpy` from derivations/qlstm.py.
Transition: diagonal(exp(-a softplus(z))) along d.
Schedules: recurrent, associative_scan.
no parallel: Λ is diagonal along d: the decay varies along the values
no chunkwise: Λ is diagonal along d: the decay varies along the values
no convolution: Λ is not constant in time

v: [B, H, L, d], real
g: [B, H, L, d], (0, 1]
o: [B, H, L, d], (0, 1]
a: [H], (0, inf)
z: [B, H, L, d], real
state, in and out: h: [B, H, d], real
returns y: [B, H, L, d], and the state after the last token

Requires numpy 2; L >= 1 (read from v); arrays of one type.

spec 72b6da0d335ffe0c9dd6cc22d46fb73eacb0abd493c22ae966390d23258931ec
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body e420c4b2505108ba032f156a7e560790736e66e6a35e92d8cbfc06e00ce027df
"""

import numpy as np


def recurrent(v, g, o, a, z, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    d = v.shape[-1]
    h = np.zeros((B, H, d), v.dtype) if state is None else state
    x1 = np.exp(-(a[:, None, None] * _softplus(z)))
    x2 = g * v
    ys = []
    for o_i, x1_i, x2_i in zip(
        np.moveaxis(o, 2, 0),
        np.moveaxis(x1, 2, 0),
        np.moveaxis(x2, 2, 0),
        strict=True,
    ):
        h = x1_i * h + x2_i
        y = o_i * h
        ys.append(y)
    ys = np.stack(ys, 2)
    return ys, h


def associative_scan(v, g, o, a, z, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for v_c, g_c, o_c, z_c in zip(
        np.split(v, range(chunk, v.shape[2], chunk), 2),
        np.split(g, range(chunk, g.shape[2], chunk), 2),
        np.split(o, range(chunk, o.shape[2], chunk), 2),
        np.split(z, range(chunk, z.shape[2], chunk), 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(v_c, g_c, o_c, a, z_c, state)
        ys.append(y)
    return np.concat(ys, 2), state


def _associative_scan_of_chunk(v, g, o, a, z, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H = v.shape[:2]
    d = v.shape[-1]
    start = np.zeros((B, H, d), v.dtype) if state is None else state
    factor = np.exp(-(a[:, None, None] * _softplus(z)))
    term = g * v
    h = _scan(factor, term, start)
    end = h[..., -1, :]
    y = h * o
    return y, end


def _softplus(x):
    """log(1 + exp(x)) without overflow."""
    return np.logaddexp(x, 0)


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
