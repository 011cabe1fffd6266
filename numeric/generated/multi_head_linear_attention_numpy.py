"""Generated NumPy 2 code of Linear attention (unnormalised), multi-head; do not edit.

Made by `dsf generate multi_head_linear_attention --print numpy` from
  derivations/linear_attention.py.
Transition: identity.
Schedules: recurrent, parallel, chunkwise, associative_scan.
no convolution: Λ is the identity: a sum over time needs no transform

q: [B, H, L, h, n], real
k: [B, H, L, h, n], real
v: [B, H, L, h, d], real
state, in and out: S: [B, H, h, n, d], real
returns y: [B, H, L, h, d], and the state after the last token

Requires numpy 2; L >= 1 (read from q); arrays of one type.

spec 88728f743095779c66433bd9ee22f8eee77cd720eb7da2949819e097bbd1f767
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body c46fef21a60734b5231c5d504cc85ec4b751a0fe4673c175e894f983dc57e44f
"""

import numpy as np


def recurrent(q, k, v, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    h_size = q.shape[-2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = np.zeros((B, H, h_size, n, d), v.dtype) if state is None else state
    ys = []
    for q_i, k_i, v_i in zip(
        np.moveaxis(q, 2, 0),
        np.moveaxis(k, 2, 0),
        np.moveaxis(v, 2, 0),
        strict=True,
    ):
        S = S + k_i[..., :, :, None] * v_i[..., :, None, :]
        y = np.einsum("...ab,...abc->...ac", q_i, S)
        ys.append(y)
    ys = np.stack(ys, 2)
    return ys, S


def parallel(q, k, v, state=None):
    """The whole sequence as one causal matrix of scores."""
    h_size = q.shape[-2]
    q = _merged(q, 1, 3)
    k = _merged(k, 1, 3)
    v = _merged(v, 1, 3)
    state = None if state is None else _merged(state, 1, 2)
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    rows = q
    cols = k
    values = v
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    ratio = _causal(rows)
    scores = rows @ cols.mT * ratio
    added = cols.mT @ values
    end = S + added
    y = scores @ values + rows @ S
    return _parted(y, h_size, 3), _parted(end, h_size, 2)


def chunkwise(q, k, v, state=None, chunk=64):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    h_size = q.shape[-2]
    q = _merged(q, 1, 3)
    k = _merged(k, 1, 3)
    v = _merged(v, 1, 3)
    state = None if state is None else _merged(state, 1, 2)
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    rows = _chunks(q, chunk, 0)
    cols = _chunks(k, chunk, 0)
    values = _chunks(v, chunk, 0)
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    ratio = _causal(rows)
    scores = rows @ cols.mT * ratio
    added = cols.mT @ values
    starts = []
    for added_c in np.moveaxis(added, 2, 0):
        starts.append(S)
        S = S + added_c
    starts = np.stack(starts, 2)
    y = scores @ values + rows @ starts
    y = _unchunked(y, L)
    return _parted(y, h_size, 3), _parted(S, h_size, 2)


def associative_scan(q, k, v, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for q_c, k_c, v_c in zip(
        np.split(q, range(chunk, q.shape[2], chunk), 2),
        np.split(k, range(chunk, k.shape[2], chunk), 2),
        np.split(v, range(chunk, v.shape[2], chunk), 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(q_c, k_c, v_c, state)
        ys.append(y)
    return np.concat(ys, 2), state


def _associative_scan_of_chunk(q, k, v, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H, L = v.shape[:3]
    h_size = q.shape[-2]
    n = q.shape[-1]
    d = v.shape[-1]
    start = np.zeros((B, H, h_size, n, d), v.dtype) if state is None else state
    factor = np.broadcast_to(np.array(1, v.dtype), (B, H, L, h_size, n, d))
    term = k[..., :, :, None] * v[..., :, None, :]
    S = _scan(factor, term, start)
    end = S[..., -1, :, :, :]
    y = np.einsum("...acb,...ac->...ab", S, q)
    return y, end


def _chunks(x, chunk, fill):
    """Cut axis 2 into chunks, the last one filled up: [B, H, L, ...] to [B, H, N, chunk, ...]."""
    B, H, L, *rest = x.shape
    count = -(-L // chunk)
    end = np.full((B, H, count * chunk - L, *rest), fill, x.dtype)
    return np.concat([x, end], 2).reshape(B, H, count, chunk, *rest)


def _causal(rows):
    """1 where position j is not after position i, 0 elsewhere."""
    return np.tri(rows.shape[-2], dtype=rows.dtype)


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


def _merged(x, heads, axis):
    """An axis made part of that of the heads, as its faster part."""
    x = np.moveaxis(x, axis, heads + 1)
    return x.reshape(*x.shape[:heads], -1, *x.shape[heads + 2 :])


def _parted(x, count, axis):
    """The faster part of axis 1, `count` entries, made an axis of its own."""
    return np.moveaxis(x.reshape(x.shape[0], -1, count, *x.shape[2:]), 2, axis)


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
