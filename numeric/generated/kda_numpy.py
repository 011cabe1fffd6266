"""Generated NumPy 2 code of Kimi delta attention (KDA); do not edit.

Made by `dsf generate kda --print numpy` from derivations/kda.py.
Transition: (identity + rank one) * diagonal(alpha) along n.
Schedules: recurrent, parallel, chunkwise.
no associative_scan: Λ is diagonal along n plus rank one along n: products of it are no longer of
  that structure
no convolution: Λ is not constant in time

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
alpha: [B, H, L, n], (0, 1]
beta: [B, H, L], (0, 1]
state, in and out: S: [B, H, n, d], real
returns y: [B, H, L, d], and the state after the last token

Requires numpy 2; L >= 1 (read from q); arrays of one type.

spec 37caec4ddfbbac2d57f49308fa02d0b123787e71dd339a3a7a70ea13e5f041fc
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 889b7c6c1f2b5709c5abb25f6d1534577af322792e2d2e9aec3fec35c1a2a27e
"""

import numpy as np


def recurrent(q, k, v, alpha, beta, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    ys = []
    for q_i, k_i, v_i, alpha_i, beta_i in zip(
        np.moveaxis(q, 2, 0),
        np.moveaxis(k, 2, 0),
        np.moveaxis(v, 2, 0),
        np.moveaxis(alpha, 2, 0),
        np.moveaxis(beta, 2, 0),
        strict=True,
    ):
        t1 = alpha_i[..., :, None] * S
        t2 = np.einsum("...a,...ab->...b", k_i, t1)
        S = t1 + beta_i[..., None, None] * k_i[..., :, None] * (v_i - t2)[..., None, :]
        y = np.einsum("...a,...ab->...b", q_i, S)
        ys.append(y)
    ys = np.stack(ys, 2)
    return ys, S


def parallel(q, k, v, alpha, beta, state=None):
    """The whole sequence as one causal matrix of scores."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    rows = q
    cols = k
    values = beta[..., None] * v
    reads = -(beta[..., None] * alpha * k)
    decay = alpha
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    from_start = _products(decay, -2)
    from_start_before = _earlier(from_start, -2, 1)
    to_end = _to_end(decay, -2)
    scores = _scores(rows, cols, decay, False)
    mixed = _scores(reads, cols, decay, True)
    inverse = _inverse(mixed)
    solved = inverse @ values
    solved_reads = inverse @ (from_start_before * reads)
    total = from_start[..., -1, :]
    cols_to_end = to_end * cols
    x = solved + solved_reads @ S
    end = total[..., :, None] * S + cols_to_end.mT @ x
    y = scores @ x + (from_start * rows) @ S
    return y, end


def chunkwise(q, k, v, alpha, beta, state=None, chunk=32):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    values = beta[..., None] * v
    reads = -(beta[..., None] * alpha * k)
    rows = _chunks(q, chunk, 0)
    cols = _chunks(k, chunk, 0)
    values = _chunks(values, chunk, 0)
    reads = _chunks(reads, chunk, 0)
    decay = _chunks(alpha, chunk, 1)
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    from_start = _products(decay, -2)
    from_start_before = _earlier(from_start, -2, 1)
    to_end = _to_end(decay, -2)
    scores = _scores(rows, cols, decay, False)
    mixed = _scores(reads, cols, decay, True)
    inverse = _inverse(mixed)
    solved = inverse @ values
    solved_reads = inverse @ (from_start_before * reads)
    total = from_start[..., -1, :]
    cols_to_end = to_end * cols
    starts = []
    xs = []
    for total_c, solved_c, solved_reads_c, cols_to_end_c in zip(
        np.moveaxis(total, 2, 0),
        np.moveaxis(solved, 2, 0),
        np.moveaxis(solved_reads, 2, 0),
        np.moveaxis(cols_to_end, 2, 0),
        strict=True,
    ):
        starts.append(S)
        x = solved_c + solved_reads_c @ S
        S = total_c[..., :, None] * S + cols_to_end_c.mT @ x
        xs.append(x)
    starts = np.stack(starts, 2)
    xs = np.stack(xs, 2)
    y = scores @ xs + (from_start * rows) @ starts
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
