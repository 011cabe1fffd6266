"""Generated NumPy 2 code of Generalised delta rule (DPLR); do not edit.

Made by `dsf generate dplr --print numpy` from derivations/dplr.py.
Transition: diagonal(alpha) + rank one along n.
Schedules: recurrent, parallel, chunkwise.
no associative_scan: Λ is diagonal along n plus rank one along n: products of it are no longer of
  that structure
no convolution: Λ is not constant in time

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
alpha: [B, H, L, n], (0, 1]
a: [B, H, L, n], real
b: [B, H, L, n], real
state, in and out: S: [B, H, n, d], real
returns y: [B, H, L, d], and the state after the last token

Requires numpy 2; L >= 1 (read from q); arrays of one type.

spec 696fced4a8cf94e0df2debce3cdea1ab74508e63f68d41853ff3a5858ad44443
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 4e221d1ee4308ac3b1b5c6fa58c415bacbe10f87fa00d4b0491724315f881044
"""

import numpy as np


def recurrent(q, k, v, alpha, a, b, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    ys = []
    for q_i, k_i, v_i, alpha_i, a_i, b_i in zip(
        np.moveaxis(q, 2, 0),
        np.moveaxis(k, 2, 0),
        np.moveaxis(v, 2, 0),
        np.moveaxis(alpha, 2, 0),
        np.moveaxis(a, 2, 0),
        np.moveaxis(b, 2, 0),
        strict=True,
    ):
        t1 = np.einsum("...a,...ab->...b", a_i, S)
        S = (
            (alpha_i[..., :, None] * S + b_i[..., :, None] * t1[..., None, :])
            + k_i[..., :, None] * v_i[..., None, :]
        )
        y = np.einsum("...a,...ab->...b", q_i, S)
        ys.append(y)
    ys = np.stack(ys, 2)
    return ys, S


def parallel(q, k, v, alpha, a, b, state=None):
    """The whole sequence as one causal matrix of scores."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    rows = q
    cols = k
    values = v
    reads = a
    lefts = b
    decay = alpha
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    from_start = _products(decay, -2)
    from_start_before = _earlier(from_start, -2, 1)
    to_end = _to_end(decay, -2)
    scores = _scores(rows, cols, decay, False)
    mixed = _scores(reads, lefts, decay, True)
    inverse = _inverse(mixed)
    read_scores = _scores(reads, cols, decay, True)
    solved = inverse @ (read_scores @ values)
    solved_reads = inverse @ (from_start_before * reads)
    left_scores = _scores(rows, lefts, decay, False)
    total = from_start[..., -1, :]
    lefts_to_end = to_end * lefts
    added = (to_end * cols).mT @ values
    x = solved + solved_reads @ S
    end = (total[..., :, None] * S + lefts_to_end.mT @ x) + added
    y = (left_scores @ x + scores @ values) + (from_start * rows) @ S
    return y, end


def chunkwise(q, k, v, alpha, a, b, state=None, chunk=32):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    rows = _chunks(q, chunk, 0)
    cols = _chunks(k, chunk, 0)
    values = _chunks(v, chunk, 0)
    reads = _chunks(a, chunk, 0)
    lefts = _chunks(b, chunk, 0)
    decay = _chunks(alpha, chunk, 1)
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    from_start = _products(decay, -2)
    from_start_before = _earlier(from_start, -2, 1)
    to_end = _to_end(decay, -2)
    scores = _scores(rows, cols, decay, False)
    mixed = _scores(reads, lefts, decay, True)
    inverse = _inverse(mixed)
    read_scores = _scores(reads, cols, decay, True)
    solved = inverse @ (read_scores @ values)
    solved_reads = inverse @ (from_start_before * reads)
    left_scores = _scores(rows, lefts, decay, False)
    total = from_start[..., -1, :]
    lefts_to_end = to_end * lefts
    added = (to_end * cols).mT @ values
    starts = []
    xs = []
    for total_c, solved_c, solved_reads_c, lefts_to_end_c, added_c in zip(
        np.moveaxis(total, 2, 0),
        np.moveaxis(solved, 2, 0),
        np.moveaxis(solved_reads, 2, 0),
        np.moveaxis(lefts_to_end, 2, 0),
        np.moveaxis(added, 2, 0),
        strict=True,
    ):
        starts.append(S)
        x = solved_c + solved_reads_c @ S
        S = (total_c[..., :, None] * S + lefts_to_end_c.mT @ x) + added_c
        xs.append(x)
    starts = np.stack(starts, 2)
    xs = np.stack(xs, 2)
    y = (left_scores @ xs + scores @ values) + (from_start * rows) @ starts
    y = _unchunked(y, L)
    return y, S


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


def _inverse(lower):
    """The inverse of I - lower, which is strictly lower triangular, row by row."""
    out = np.eye(lower.shape[-1], dtype=lower.dtype) + 0 * lower
    for i in range(1, lower.shape[-1]):
        out[..., i, :i] = (lower[..., i, None, :i] @ out[..., :i, :i])[..., 0, :]
    return out


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


def _unchunked(x, L):
    """Join the chunks and cut off what filled up the last."""
    B, H, count, chunk, *rest = x.shape
    return x.reshape(B, H, count * chunk, *rest)[:, :, :L]


SCHEDULES = {
    "recurrent": recurrent,
    "parallel": parallel,
    "chunkwise": chunkwise,
}
