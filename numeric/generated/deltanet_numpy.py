"""Generated NumPy 2 code of DeltaNet; do not edit.

Made by `dsf generate deltanet --print numpy` from derivations/deltanet.py.
Transition: identity + rank one along n.
Schedules: recurrent, parallel, chunkwise.
no associative_scan: Λ is identity plus rank one along n: products of it are no longer of that
  structure
no convolution: Λ is not constant in time

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
beta: [B, H, L], (0, 1]
state, in and out: S: [B, H, n, d], real
returns y: [B, H, L, d], and the state after the last token

Requires numpy 2; L >= 1 (read from q); arrays of one type.

spec e9d4ba9fa0480d422af3c1c64ef0d94418936d661125474994d62507c9557df5
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 1d30f204d0c182490ac22f40d435d4c0dc1390410fa123131aaa7c89feace00a
"""

import numpy as np


def recurrent(q, k, v, beta, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    x1 = beta[..., None] * k
    ys = []
    for q_i, k_i, v_i, x1_i in zip(
        np.moveaxis(q, 2, 0),
        np.moveaxis(k, 2, 0),
        np.moveaxis(v, 2, 0),
        np.moveaxis(x1, 2, 0),
        strict=True,
    ):
        t1 = np.einsum("...a,...ab->...b", k_i, S)
        S = S + x1_i[..., :, None] * (v_i - t1)[..., None, :]
        y = np.einsum("...a,...ab->...b", q_i, S)
        ys.append(y)
    ys = np.stack(ys, 2)
    return ys, S


def parallel(q, k, v, beta, state=None):
    """The whole sequence as one causal matrix of scores."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    rows = q
    cols = k
    values = beta[..., None] * v
    reads = -(beta[..., None] * k)
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    ratio = _causal(rows)
    ratio_before = _earlier(ratio, -2, 0)
    scores = rows @ cols.mT * ratio
    mixed = reads @ cols.mT * ratio_before
    inverse = _inverse(mixed)
    solved = inverse @ values
    solved_reads = inverse @ reads
    x = solved + solved_reads @ S
    end = S + cols.mT @ x
    y = scores @ x + rows @ S
    return y, end


def chunkwise(q, k, v, beta, state=None, chunk=32):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    values = beta[..., None] * v
    reads = -(beta[..., None] * k)
    rows = _chunks(q, chunk, 0)
    cols = _chunks(k, chunk, 0)
    values = _chunks(values, chunk, 0)
    reads = _chunks(reads, chunk, 0)
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state
    ratio = _causal(rows)
    ratio_before = _earlier(ratio, -2, 0)
    scores = rows @ cols.mT * ratio
    mixed = reads @ cols.mT * ratio_before
    inverse = _inverse(mixed)
    solved = inverse @ values
    solved_reads = inverse @ reads
    starts = []
    xs = []
    for solved_c, solved_reads_c, cols_c in zip(
        np.moveaxis(solved, 2, 0),
        np.moveaxis(solved_reads, 2, 0),
        np.moveaxis(cols, 2, 0),
        strict=True,
    ):
        starts.append(S)
        x = solved_c + solved_reads_c @ S
        S = S + cols_c.mT @ x
        xs.append(x)
    starts = np.stack(starts, 2)
    xs = np.stack(xs, 2)
    y = scores @ xs + rows @ starts
    y = _unchunked(y, L)
    return y, S


def _chunks(x, chunk, fill):
    """Cut axis 2 into chunks, the last one filled up: [B, H, L, ...] to [B, H, N, chunk, ...]."""
    B, H, L, *rest = x.shape
    count = -(-L // chunk)
    end = np.full((B, H, count * chunk - L, *rest), fill, x.dtype)
    return np.concat([x, end], 2).reshape(B, H, count, chunk, *rest)


def _causal(rows):
    """1 where position j is not after position i, 0 elsewhere."""
    return np.tri(rows.shape[-2], dtype=rows.dtype)


def _inverse(lower):
    """The inverse of I - lower, which is strictly lower triangular, row by row."""
    out = np.eye(lower.shape[-1], dtype=lower.dtype) + 0 * lower
    for i in range(1, lower.shape[-1]):
        out[..., i, :i] = (lower[..., i, None, :i] @ out[..., :i, :i])[..., 0, :]
    return out


def _earlier(x, axis, fill):
    """Each entry along an axis taken from the one before it, the first filled."""
    x = np.moveaxis(x, axis, 0)
    return np.moveaxis(np.concat([np.full_like(x[:1], fill), x[:-1]]), 0, axis)


def _unchunked(x, L):
    """Join the chunks and cut off what filled up the last."""
    B, H, count, chunk, *rest = x.shape
    return x.reshape(B, H, count * chunk, *rest)[:, :, :L]


SCHEDULES = {
    "recurrent": recurrent,
    "parallel": parallel,
    "chunkwise": chunkwise,
}
