"""Generated NumPy 2 code of S6 (Mamba); do not edit.

Made by `dsf generate s6 --print numpy` from derivations/s6.py.
Transition: diagonal(exp(A Delta)) entry by entry.
Schedules: recurrent, associative_scan.
no parallel: Λ is diagonal entry by entry: the decay varies along the values
no chunkwise: Λ is diagonal entry by entry: the decay varies along the values
no convolution: Λ is not constant in time

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
Delta: [B, H, L, d], (0, inf)
A: [H, d, n], (-inf, 0)
D: [H, d], real
state, in and out: h: [B, H, d, n], real
returns y: [B, H, L, d], and the state after the last token

Requires numpy 2; L >= 1 (read from q); arrays of one type.

spec bca15ac597748d578b19e89daab8e7809615497d202e649e12e7c59da4f61397
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 42d5b4d5f707801bd70764cfe99db589d58b6611979a943267c258b832660ed6
"""

import numpy as np


def recurrent(q, k, v, Delta, A, D, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    h = np.zeros((B, H, d, n), v.dtype) if state is None else state
    x1 = Delta * v
    x2 = D[:, None] * v
    ys = []
    for q_i, k_i, Delta_i, x1_i, x2_i in zip(
        np.moveaxis(q, 2, 0),
        np.moveaxis(k, 2, 0),
        np.moveaxis(Delta, 2, 0),
        np.moveaxis(x1, 2, 0),
        np.moveaxis(x2, 2, 0),
        strict=True,
    ):
        h = np.exp(Delta_i[..., :, None] * A) * h + x1_i[..., :, None] * k_i[..., None, :]
        y = np.einsum("...ab,...b->...a", h, q_i) + x2_i
        ys.append(y)
    ys = np.stack(ys, 2)
    return ys, h


def associative_scan(q, k, v, Delta, A, D, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for q_c, k_c, v_c, Delta_c in zip(
        np.split(q, range(chunk, q.shape[2], chunk), 2),
        np.split(k, range(chunk, k.shape[2], chunk), 2),
        np.split(v, range(chunk, v.shape[2], chunk), 2),
        np.split(Delta, range(chunk, Delta.shape[2], chunk), 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(q_c, k_c, v_c, Delta_c, A, D, state)
        ys.append(y)
    return np.concat(ys, 2), state


def _associative_scan_of_chunk(q, k, v, Delta, A, D, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    start = np.zeros((B, H, d, n), v.dtype) if state is None else state
    factor = np.exp(Delta[..., :, None] * A[:, None])
    term = (Delta * v)[..., :, None] * k[..., None, :]
    h = _scan(factor, term, start)
    end = h[..., -1, :, :]
    y = D[:, None] * v + np.einsum("...ab,...b->...a", h, q)
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
