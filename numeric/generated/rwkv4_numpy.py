"""Generated NumPy 2 code of RWKV-4; do not edit.

Made by `dsf generate rwkv4 --target numpy` from derivations/rwkv4.py.
Transition: block diagonal; a from a: diagonal(exp(w)) along d; b from b: diagonal(exp(w)) along d.
Schedules: recurrent, associative_scan.
no parallel: Λ is diagonal along d: the decay varies along the values
no chunkwise: Λ is diagonal along d: the decay varies along the values

p: [B, H, L, d], real
v: [B, H, L, d], real
w: [H, d], (-inf, 0)
c: [H, d], real
state, in and out: a: [B, H, d], real
state, in and out: b: [B, H, d], real
returns y: [B, H, L, d], and the state after the last token

Requires numpy 2; L >= 1 (read from p); arrays of one type.

spec 61ce8f972fec96b091cffef940ca731c4bb6b47fd91ca1a1f38dfc52659c628f
generator b3668fcff3394c56223e065426ff049f9bfa45d9ce7f55ff05148864abdea16d
body ea2217bd5c43cd191c80580e35246ce34ae99cb1e64228de37578853172d2daf
"""

import numpy as np


def recurrent(p, v, w, c, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    d = p.shape[-1]
    a = np.zeros((B, H, d), v.dtype) if state is None else state[0]
    b = np.zeros((B, H, d), v.dtype) if state is None else state[1]
    x5 = np.exp(p)
    x1 = x5 * v
    x2 = x5
    x6 = np.exp(c[:, None] + p)
    x3 = x6 * v
    x4 = x6
    ys = []
    for x1_i, x2_i, x3_i, x4_i in zip(
        np.moveaxis(x1, 2, 0),
        np.moveaxis(x2, 2, 0),
        np.moveaxis(x3, 2, 0),
        np.moveaxis(x4, 2, 0),
        strict=True,
    ):
        t1 = np.exp(w)
        new_a = t1 * a + x1_i
        new_b = t1 * b + x2_i
        y = (a + x3_i) / (b + x4_i)
        a = new_a
        b = new_b
        ys.append(y)
    ys = np.stack(ys, 2)
    return ys, (a, b)


def associative_scan(p, v, w, c, state=None, chunk=64):
    """A tree over time within chunks; the state is carried from chunk to chunk."""
    ys = []
    for p_c, v_c in zip(
        np.split(p, range(chunk, p.shape[2], chunk), 2),
        np.split(v, range(chunk, v.shape[2], chunk), 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(p_c, v_c, w, c, state)
        ys.append(y)
    return np.concatenate(ys, 2), state


def _associative_scan_of_chunk(p, v, w, c, state):
    """All states of a chunk at once, by a tree over time of depth log2(chunk)."""
    B, H, L = v.shape[:3]
    d = p.shape[-1]
    start = np.zeros((B, H, d), v.dtype) if state is None else state[0]
    factor = np.broadcast_to(np.exp(w[:, None]), (B, H, L, d))
    term = np.exp(p) * v
    a = _scan(factor, term, start)
    end = a[..., -1, :]
    a_2 = np.concatenate([start[:, :, None], a[:, :, :-1]], 2)
    y_2 = a_2 + np.exp(c[:, None] + p) * v
    start_2 = np.zeros((B, H, d), v.dtype) if state is None else state[1]
    term_2 = np.exp(p)
    b = _scan(factor, term_2, start_2)
    end_2 = b[..., -1, :]
    b_2 = np.concatenate([start_2[:, :, None], b[:, :, :-1]], 2)
    y_3 = b_2 + np.exp(c[:, None] + p)
    y = y_2 / y_3
    return y, (end, end_2)


def _scan(factor, term, start):
    """h[i] = factor[i] * h[i - 1] + term[i] along axis 2 from h[-1] = start."""
    first = factor[:, :, :1] * start[:, :, None] + term[:, :, :1]
    return _tree(factor, np.concatenate([first, term[:, :, 1:]], 2))


def _tree(factor, term):
    """The same from zero: pairs of steps are steps of a sequence half as long."""
    L = term.shape[2]
    if L == 1:
        return term
    if L % 2:
        factor, term = (np.concatenate([x, x[:, :, :1]], 2) for x in (factor, term))
    odd = _tree(
        factor[:, :, 1::2] * factor[:, :, ::2],
        factor[:, :, 1::2] * term[:, :, ::2] + term[:, :, 1::2],
    )
    even = term[:, :, ::2] + np.concatenate(
        [np.zeros_like(odd[:, :, :1]), factor[:, :, 2::2] * odd[:, :, :-1]], 2
    )
    both = np.stack([even, odd], 3)
    return both.reshape(*both.shape[:2], -1, *both.shape[4:])[:, :, :L]


SCHEDULES = {
    "recurrent": recurrent,
    "associative_scan": associative_scan,
}
