"""Generated NumPy 2 code of Gated linear attention (GLA); do not edit.

Made by `dsf generate gla --print numpy` from derivations/gla.py.
Transition: diagonal(alpha) along n.
Schedules: recurrent, parallel, chunkwise, associative_scan.
no convolution: Λ is not constant in time

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
alpha: [B, H, L, n], (0, 1]
state, in and out: S: [B, H, n, d], real
returns y: [B, H, L, d], and the state after the last token

Requires numpy 2; L >= 1 (read from q); arrays of one type.

spec ae1d9a9dfc5d8a9faf717eceaaba1f4f4c4aaf640a158ab487902b867acd06c0
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body d99843b57f82e5d0fd9f9463f7bb385c9e3f1531171d29d9fed4ddb6d98e6c2b
"""

import numpy as np


def recurrent(q, k, v, alpha, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    ys = []
    for q_i, k_i, v_i, alpha_i in zip(
        np.moveaxis(q, 2, 0),
        np.moveaxis(k, 2, 0),
        np.moveaxis(v, 2, 0),
        np.moveaxis(alpha, 2, 0),
        strict=True,
    ):
        S = alpha_i[..., :, None] * S + k_i[..., :, None] * v_i[..., None, :]
        y = np.einsum("...a,...ab->...b", q_i, S)
        ys.append(y)
    ys = np.stack(ys, 2)
    return ys, S


def parallel(q, k, v, alpha, state=None):
    """The whole sequence as one causal matrix of scores."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    rows = q
    cols = k
    values = v
    decay = alpha
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    from_start = _products(decay, -2)
    to_end = _to_end(decay, -2)
    scores = _scores(rows, cols, decay, False)
    total = from_start[..., -1, :]
    added = (to_end * cols).mT @ values
    end = total[..., :, None] * S + added
    y = scores @ values + (from_start * rows) @ S
    return y, end


def chunkwise(q, k, v, alpha, state=None, chunk=64):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    rows = _chunks(q, chunk, 0)
    cols = _chunks(k, chunk, 0)
    values = _chunks(v, chunk, 0)
    decay = _chunks(alpha, chunk, 1)
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    from_start = _products(decay, -2)
    to_end = _to_end(decay, -2)
    scores = _scores(rows, cols, decay, False)
    total = from_start[..., -1, :]
    added = (to_end * cols).mT @ values
    starts = []
    for total_c, added_c in zip(
        np.moveaxis(total, 2, 0),
        np.moveaxis(added, 2, 0),
        strict=True,
    ):
        starts.append(S)
        S = total_c[..., :, None] * S + added_c
    starts = np.stack(starts, 2)
    y = scores @ values + (from_start * rows) @ starts
    y = _unchunked(y, L)
    return y, S


def associative_scan(q, k, v, alpha, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for q_c, k_c, v_c, alpha_c in zip(
        np.split(q, range(chunk, q.shape[2], chunk), 2),
        np.split(k, range(chunk, k.shape[2], chunk), 2),
        np.split(v, range(chunk, v.shape[2], chunk), 2),
        np.split(alpha, range(chunk, alpha.shape[2], chunk), 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(q_c, k_c, v_c, alpha_c, state)
        ys.append(y)
    return np.concat(ys, 2), state


def _associative_scan_of_chunk(q, k, v, alpha, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    start = np.zeros((B, H, n, d), v.dtype) if state is None else state
    factor = alpha[..., :, None]
    term = k[..., :, None] * v[..., None, :]
    S = _scan(factor, term, start)
    end = S[..., -1, :, :]
    y = np.einsum("...ba,...b->...a", S, q)
    return y, end


def _chunks(x, chunk, fill):
    """Cut axis 2 into chunks, the last one filled up: [B, H, L, ...] to [B, H, N, chunk, ...]."""
    B, H, L, *rest = x.shape
    count = -(-L // chunk)
    end = np.full((B, H, count * chunk - L, *rest), fill, x.dtype)
    return np.concat([x, end], 2).reshape(B, H, count, chunk, *rest)


def _scores(rows, cols, decay, before):
    """Sum over n of rows[i, n] decay[j + 1, n] ... decay[i, n] cols[j, n], for j <= i.

    before: the product ends at i - 1, and j < i. Pairs of blocks are joined, 1, 2, 4, ... positions
    long; a decay between two blocks is one up to where they meet times one from there on.
    """
    count, K = rows.shape[-2:]
    length = 1 << (count - 1).bit_length()
    rows, cols, decay = (
        np.concat([x, np.full_like(x, fill, shape=(*x.shape[:-2], length - count, K))], -2)
        for x, fill in ((rows, 0), (cols, 0), (decay, 1))
    )
    blocks = (rows * cols).sum(-1)[..., None, None] * (0 if before else 1)
    size = 1
    while size < length:
        pairs = (*rows.shape[:-2], length // (2 * size), 2, size, K)
        rows, cols, decay = (x.reshape(pairs) for x in (rows, cols, decay))
        since = _products(decay[..., 1, :, :], -2)
        since = _earlier(since, -2, 1) if before else since
        until = _to_end(decay[..., 0, :, :], -2)
        across = (rows[..., 1, :, :] * since) @ (cols[..., 0, :, :] * until).mT
        first, second = blocks[..., 0::2, :, :], blocks[..., 1::2, :, :]
        upper = np.concat([first, np.zeros_like(across)], -1)
        blocks = np.concat([upper, np.concat([across, second], -1)], -2)
        size *= 2
        rows, cols, decay = (x.reshape(*x.shape[:-4], length, K) for x in (rows, cols, decay))
    return blocks[..., 0, :count, :count]


def _to_end(decay, axis):
    """decay[j + 1] ... decay[last] at j, each product formed from the end on."""
    decay = np.moveaxis(decay, axis, 0)
    after = np.concat([decay[1:], np.full_like(decay[:1], 1)])
    return np.moveaxis(_products(after[::-1], 0)[::-1], 0, axis)


def _earlier(x, axis, fill):
    """Each entry along an axis taken from the one before it, the first filled."""
    x = np.moveaxis(x, axis, 0)
    return np.moveaxis(np.concat([np.full_like(x[:1], fill), x[:-1]]), 0, axis)


def _products(decay, axis):
    """Running products along an axis."""
    return np.cumprod(decay, axis=axis)


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
