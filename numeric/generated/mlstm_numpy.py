"""Generated NumPy 2 code of mLSTM; do not edit.

Made by `dsf generate mlstm --print numpy` from derivations/mlstm.py.
Transition: none, mlstm: the output's denominator is not affine in its state: relu(q @ (alpha * z +
  exp(p) * k)) reads the state.
Schedules: recurrent, parallel, chunkwise, associative_scan.
no convolution: Λ is not constant in time

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
alpha: [B, H, L], (0, 1]
p: [B, H, L], real
state, in and out: S: [B, H, n, d], real
state, in and out: z: [B, H, n], real
returns y: [B, H, L, d], and the state after the last token

Requires numpy 2; L >= 1 (read from q); arrays of one type.

spec 3d4f0fcb8e7628cb7ef5ce958641340f60d002a0cd31603768a8ab1a7490420c
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body dfd110a17a233ee6a8a209a037b291ed44010c35f7e2be65464e19b397881be6
"""

import numpy as np


def recurrent(q, k, v, alpha, p, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state[0]
    z = np.zeros((B, H, n), v.dtype) if state is None else state[1]
    x1 = np.exp(p)
    x2 = x1[..., None] * k
    ys = []
    for q_i, k_i, v_i, alpha_i, x1_i, x2_i in zip(
        np.moveaxis(q, 2, 0),
        np.moveaxis(k, 2, 0),
        np.moveaxis(v, 2, 0),
        np.moveaxis(alpha, 2, 0),
        np.moveaxis(x1, 2, 0),
        np.moveaxis(x2, 2, 0),
        strict=True,
    ):
        new_S = (
            alpha_i[..., None, None] * S
            + x1_i[..., None, None] * k_i[..., :, None] * v_i[..., None, :]
        )
        new_z = alpha_i[..., None] * z + x2_i
        t1 = np.einsum("...a,...a->...", q_i, new_z)
        y = (
            np.einsum("...a,...ab->...b", q_i, new_S)
            / (1 + _relu((2 * _relu(t1) - t1) - 1))[..., None]
        )
        S = new_S
        z = new_z
        ys.append(y)
    ys = np.stack(ys, 2)
    return ys, (S, z)


def parallel(q, k, v, alpha, p, state=None):
    """The whole sequence as one causal matrix of scores."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    rows = q
    cols = np.exp(p)[..., None] * k
    values = v
    decay = alpha
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state[0]
    ratio = _ratio(decay)
    from_start = _products(decay, -1)
    to_end = _to_end(decay, -1)
    scores = rows @ cols.mT * ratio
    total = from_start[..., -1]
    added = (to_end[..., :, None] * cols).mT @ values
    end = total[..., None, None] * S + added
    y_2 = scores @ values + (from_start[..., :, None] * rows) @ S
    values_2 = np.broadcast_to(np.array(1, v.dtype), (B, H, L))[..., None]
    start = np.zeros((B, H, n), v.dtype) if state is None else state[1]
    S_2 = start.reshape(B, H, rows.shape[-1], values_2.shape[-1])
    added_2 = (to_end[..., :, None] * cols).mT @ values_2
    end_2 = total[..., None, None] * S_2 + added_2
    y_3 = scores @ values_2 + (from_start[..., :, None] * rows) @ S_2
    y_4 = y_3[..., 0]
    end_3 = end_2.reshape(B, H, n)
    y = y_2 / (1 + _relu((2 * _relu(y_4) - y_4) - 1))[..., None]
    return y, (end, end_3)


def chunkwise(q, k, v, alpha, p, state=None, chunk=64):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    cols = np.exp(p)[..., None] * k
    rows = _chunks(q, chunk, 0)
    cols_2 = _chunks(cols, chunk, 0)
    values = _chunks(v, chunk, 0)
    decay = _chunks(alpha, chunk, 1)
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state[0]
    ratio = _ratio(decay)
    from_start = _products(decay, -1)
    to_end = _to_end(decay, -1)
    scores = rows @ cols_2.mT * ratio
    total = from_start[..., -1]
    added = (to_end[..., :, None] * cols_2).mT @ values
    starts = []
    for total_c, added_c in zip(
        np.moveaxis(total, 2, 0),
        np.moveaxis(added, 2, 0),
        strict=True,
    ):
        starts.append(S)
        S = total_c[..., None, None] * S + added_c
    starts = np.stack(starts, 2)
    y_2 = scores @ values + (from_start[..., :, None] * rows) @ starts
    y_3 = _unchunked(y_2, L)
    values_2 = np.broadcast_to(np.array(1, v.dtype), (B, H, L))[..., None]
    values_3 = _chunks(values_2, chunk, 0)
    start = np.zeros((B, H, n), v.dtype) if state is None else state[1]
    S_3 = start.reshape(B, H, rows.shape[-1], values_3.shape[-1])
    added_2 = (to_end[..., :, None] * cols_2).mT @ values_3
    starts_2 = []
    for total_c, added_c in zip(
        np.moveaxis(total, 2, 0),
        np.moveaxis(added_2, 2, 0),
        strict=True,
    ):
        starts_2.append(S_3)
        S_3 = total_c[..., None, None] * S_3 + added_c
    starts_2 = np.stack(starts_2, 2)
    y_4 = scores @ values_3 + (from_start[..., :, None] * rows) @ starts_2
    y_5 = _unchunked(y_4, L)
    y_6 = y_5[..., 0]
    end = S_3.reshape(B, H, n)
    y = y_3 / (1 + _relu((2 * _relu(y_6) - y_6) - 1))[..., None]
    return y, (S, end)


def associative_scan(q, k, v, alpha, p, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for q_c, k_c, v_c, alpha_c, p_c in zip(
        np.split(q, range(chunk, q.shape[2], chunk), 2),
        np.split(k, range(chunk, k.shape[2], chunk), 2),
        np.split(v, range(chunk, v.shape[2], chunk), 2),
        np.split(alpha, range(chunk, alpha.shape[2], chunk), 2),
        np.split(p, range(chunk, p.shape[2], chunk), 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(q_c, k_c, v_c, alpha_c, p_c, state)
        ys.append(y)
    return np.concat(ys, 2), state


def _associative_scan_of_chunk(q, k, v, alpha, p, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    start = np.zeros((B, H, n, d), v.dtype) if state is None else state[0]
    factor = alpha[..., None, None]
    term = (np.exp(p)[..., None] * k)[..., :, None] * v[..., None, :]
    S = _scan(factor, term, start)
    end = S[..., -1, :, :]
    y_2 = np.einsum("...ba,...b->...a", S, q)
    start_2 = np.zeros((B, H, n), v.dtype) if state is None else state[1]
    factor_2 = alpha[..., None]
    term_2 = np.exp(p)[..., None] * k
    z = _scan(factor_2, term_2, start_2)
    end_2 = z[..., -1, :]
    y_3 = np.einsum("...a,...a->...", q, z)
    y = y_2 / (1 + _relu((2 * _relu(y_3) - y_3) - 1))[..., None]
    return y, (end, end_2)


def _relu(x):
    """The positive part."""
    return np.maximum(x, 0)


def _chunks(x, chunk, fill):
    """Cut axis 2 into chunks, the last one filled up: [B, H, L, ...] to [B, H, N, chunk, ...]."""
    B, H, L, *rest = x.shape
    count = -(-L // chunk)
    end = np.full((B, H, count * chunk - L, *rest), fill, x.dtype)
    return np.concat([x, end], 2).reshape(B, H, count, chunk, *rest)


def _ratio(decay):
    """decay[j + 1] ... decay[i] at [i, j] for i >= j, each formed from j on; 0 elsewhere."""
    later = np.tri(decay.shape[-1], k=-1, dtype=bool)
    return np.tril(_products(np.where(later, decay[..., :, None], 1), -2))


def _to_end(decay, axis):
    """decay[j + 1] ... decay[last] at j, each product formed from the end on."""
    decay = np.moveaxis(decay, axis, 0)
    after = np.concat([decay[1:], np.full_like(decay[:1], 1)])
    return np.moveaxis(_products(after[::-1], 0)[::-1], 0, axis)


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
