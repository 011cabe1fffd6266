"""Generated NumPy 2 code of SSD (Mamba-2); do not edit.

Made by `dsf generate ssd --print numpy` from derivations/ssd.py.
Transition: exp(A Delta) * identity.
Schedules: recurrent, parallel, chunkwise, associative_scan.
no convolution: Λ is not constant in time

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
Delta: [B, H, L], (0, inf)
A: [H], (-inf, 0)
D: [H], real
state, in and out: S: [B, H, n, d], real
returns y: [B, H, L, d], and the state after the last token

Requires numpy 2; L >= 1 (read from q); arrays of one type.

spec 2464accd63decbd10e962d0ec6ded6a395de0edf376620bd0d3b234ae3cc11c0
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body b109d391408f74dd28bde1ea67cd12b7c45d9c6881ecedfadf163e98b5a93332
"""

import numpy as np


def recurrent(q, k, v, Delta, A, D, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    x1 = np.exp(Delta * A[:, None])
    x2 = Delta[..., None] * k
    x3 = D[:, None, None] * v
    ys = []
    for q_i, v_i, x1_i, x2_i, x3_i in zip(
        np.moveaxis(q, 2, 0),
        np.moveaxis(v, 2, 0),
        np.moveaxis(x1, 2, 0),
        np.moveaxis(x2, 2, 0),
        np.moveaxis(x3, 2, 0),
        strict=True,
    ):
        S = x1_i[..., None, None] * S + x2_i[..., :, None] * v_i[..., None, :]
        y = np.einsum("...a,...ab->...b", q_i, S) + x3_i
        ys.append(y)
    ys = np.stack(ys, 2)
    return ys, S


def parallel(q, k, v, Delta, A, D, state=None):
    """The whole sequence as one causal matrix of scores."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    rows = q
    cols = Delta[..., None] * k
    values = v
    decay = Delta * A[:, None]
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    ratio = _ratio(decay)
    from_start = _products(decay, -1)
    to_end = _to_end(decay, -1)
    scores = rows @ cols.mT * ratio
    total = from_start[..., -1]
    added = (to_end[..., :, None] * cols).mT @ values
    end = total[..., None, None] * S + added
    y = scores @ values + (from_start[..., :, None] * rows) @ S
    y = D[:, None, None] * v + y
    return y, end


def chunkwise(q, k, v, Delta, A, D, state=None, chunk=64):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    cols = Delta[..., None] * k
    decay = Delta * A[:, None]
    rows = _chunks(q, chunk, 0)
    cols = _chunks(cols, chunk, 0)
    values = _chunks(v, chunk, 0)
    decay = _chunks(decay, chunk, 0)
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    ratio = _ratio(decay)
    from_start = _products(decay, -1)
    to_end = _to_end(decay, -1)
    scores = rows @ cols.mT * ratio
    total = from_start[..., -1]
    added = (to_end[..., :, None] * cols).mT @ values
    starts = []
    for total_c, added_c in zip(
        np.moveaxis(total, 2, 0),
        np.moveaxis(added, 2, 0),
        strict=True,
    ):
        starts.append(S)
        S = total_c[..., None, None] * S + added_c
    starts = np.stack(starts, 2)
    y = scores @ values + (from_start[..., :, None] * rows) @ starts
    y = _unchunked(y, L)
    y = D[:, None, None] * v + y
    return y, S


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
    start = np.zeros((B, H, n, d), v.dtype) if state is None else state
    factor = np.exp(Delta * A[:, None])[..., None, None]
    term = (Delta[..., None] * k)[..., :, None] * v[..., None, :]
    S = _scan(factor, term, start)
    end = S[..., -1, :, :]
    y = D[:, None, None] * v + np.einsum("...ba,...b->...a", S, q)
    return y, end


def _chunks(x, chunk, fill):
    """Cut axis 2 into chunks, the last one filled up: [B, H, L, ...] to [B, H, N, chunk, ...]."""
    B, H, L, *rest = x.shape
    count = -(-L // chunk)
    end = np.full((B, H, count * chunk - L, *rest), fill, x.dtype)
    return np.concat([x, end], 2).reshape(B, H, count, chunk, *rest)


def _ratio(decay):
    """decay[j + 1] ... decay[i] at [i, j] for i >= j, each formed from j on; 0 elsewhere."""
    later = np.tri(decay.shape[-1], k=-1, dtype=bool)
    return np.tril(_products(np.where(later, decay[..., :, None], 0), -2))


def _to_end(decay, axis):
    """decay[j + 1] ... decay[last] at j, each product formed from the end on."""
    decay = np.moveaxis(decay, axis, 0)
    after = np.concat([decay[1:], np.full_like(decay[:1], 0)])
    return np.moveaxis(_products(after[::-1], 0)[::-1], 0, axis)


def _products(decay, axis):
    """Running products along an axis, of which the logarithms are given."""
    return np.exp(np.cumsum(decay, axis=axis))


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


def _unchunked(x, L):
    """Join the chunks and cut off what filled up the last."""
    B, H, count, chunk, *rest = x.shape
    return x.reshape(B, H, count * chunk, *rest)[:, :, :L]


SCHEDULES = {
    "recurrent": recurrent,
    "parallel": parallel,
    "chunkwise": chunkwise,
    "associative_scan": associative_scan,
}
