"""Generated NumPy 2 code of Linear attention, normalised; do not edit.

Made by `dsf generate linear_attention_normalised --print numpy` from
  derivations/linear_attention_normalised.py.
Transition: block diagonal; S from S: identity; z from z: identity.
Schedules: recurrent, parallel, chunkwise, associative_scan.
no convolution: Λ is the identity: a sum over time needs no transform

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
state, in and out: S: [B, H, n, d], real
state, in and out: z: [B, H, n], real
returns y: [B, H, L, d], and the state after the last token

Requires numpy 2; L >= 1 (read from q); arrays of one type.

spec f87375dd1920d0b249883d6b1c138c5787300fbfcc58909f1f20a03b6a6958d8
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 510a6d62605a1feee5bd0eda5050852c8949315629b80a8573c7ce2236b26250
"""

import numpy as np


def recurrent(q, k, v, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state[0]
    z = np.zeros((B, H, n), v.dtype) if state is None else state[1]
    x1 = _elu(k) + 1
    x2 = _elu(q) + 1
    ys = []
    for v_i, x1_i, x2_i in zip(
        np.moveaxis(v, 2, 0),
        np.moveaxis(x1, 2, 0),
        np.moveaxis(x2, 2, 0),
        strict=True,
    ):
        new_S = S + x1_i[..., :, None] * v_i[..., None, :]
        new_z = z + x1_i
        t1 = np.einsum("...a,...a->...", x2_i, new_z)
        y = np.einsum("...a,...ab->...b", x2_i, new_S) / t1[..., None]
        S = new_S
        z = new_z
        ys.append(y)
    ys = np.stack(ys, 2)
    return ys, (S, z)


def parallel(q, k, v, state=None):
    """The whole sequence as one causal matrix of scores."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    rows = _elu(q) + 1
    cols = _elu(k) + 1
    values = v
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state[0]
    ratio = _causal(rows)
    scores = rows @ cols.mT * ratio
    added = cols.mT @ values
    end = S + added
    y_2 = scores @ values + rows @ S
    values_2 = np.broadcast_to(np.array(1, v.dtype), (B, H, L))[..., None]
    start = np.zeros((B, H, n), v.dtype) if state is None else state[1]
    S_2 = start.reshape(B, H, rows.shape[-1], values_2.shape[-1])
    added_2 = cols.mT @ values_2
    end_2 = S_2 + added_2
    y_3 = scores @ values_2 + rows @ S_2
    y_4 = y_3[..., 0]
    end_3 = end_2.reshape(B, H, n)
    y = y_2 / y_4[..., None]
    return y, (end, end_3)


def chunkwise(q, k, v, state=None, chunk=64):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    rows = _elu(q) + 1
    cols = _elu(k) + 1
    rows_2 = _chunks(rows, chunk, 0)
    cols_2 = _chunks(cols, chunk, 0)
    values = _chunks(v, chunk, 0)
    S = np.zeros((B, H, n, d), v.dtype) if state is None else state[0]
    ratio = _causal(rows_2)
    scores = rows_2 @ cols_2.mT * ratio
    added = cols_2.mT @ values
    starts = []
    for added_c in np.moveaxis(added, 2, 0):
        starts.append(S)
        S = S + added_c
    starts = np.stack(starts, 2)
    y_2 = scores @ values + rows_2 @ starts
    y_3 = _unchunked(y_2, L)
    values_2 = np.broadcast_to(np.array(1, v.dtype), (B, H, L))[..., None]
    values_3 = _chunks(values_2, chunk, 0)
    start = np.zeros((B, H, n), v.dtype) if state is None else state[1]
    S_3 = start.reshape(B, H, rows_2.shape[-1], values_3.shape[-1])
    added_2 = cols_2.mT @ values_3
    starts_2 = []
    for added_c in np.moveaxis(added_2, 2, 0):
        starts_2.append(S_3)
        S_3 = S_3 + added_c
    starts_2 = np.stack(starts_2, 2)
    y_4 = scores @ values_3 + rows_2 @ starts_2
    y_5 = _unchunked(y_4, L)
    y_6 = y_5[..., 0]
    end = S_3.reshape(B, H, n)
    y = y_3 / y_6[..., None]
    return y, (S, end)


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
    n = q.shape[-1]
    d = v.shape[-1]
    start = np.zeros((B, H, n, d), v.dtype) if state is None else state[0]
    factor = np.broadcast_to(np.array(1, v.dtype), (B, H, L, n, d))
    term = (_elu(k) + 1)[..., :, None] * v[..., None, :]
    S = _scan(factor, term, start)
    end = S[..., -1, :, :]
    y_2 = np.einsum("...ba,...b->...a", S, _elu(q) + 1)
    start_2 = np.zeros((B, H, n), v.dtype) if state is None else state[1]
    factor_2 = np.broadcast_to(np.array(1, v.dtype), (B, H, L, n))
    term_2 = _elu(k) + 1
    z = _scan(factor_2, term_2, start_2)
    end_2 = z[..., -1, :]
    y_3 = np.einsum("...a,...a->...", _elu(q) + 1, z)
    y = y_2 / y_3[..., None]
    return y, (end, end_2)


def _elu(x):
    """The identity where x is positive, else exp(x) - 1."""
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


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
