"""Generated NumPy 2 code of Based (Taylor kernel of order 2); do not edit.

Made by `dsf generate based --print numpy` from derivations/based.py.
Transition: block diagonal; S0 from S0: identity; S1 from S1: identity; S2 from S2: identity; z0
  from z0: identity; z1 from z1: identity; z2 from z2: identity.
Schedules: recurrent, parallel, chunkwise, associative_scan.
no convolution: Λ is the identity: a sum over time needs no transform

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
state, in and out: S0: [B, H, d], real
state, in and out: S1: [B, H, n, d], real
state, in and out: S2: [B, H, n, n, d], real
state, in and out: z0: [B, H], real
state, in and out: z1: [B, H, n], real
state, in and out: z2: [B, H, n, n], real
returns y: [B, H, L, d], and the state after the last token

Requires numpy 2; L >= 1 (read from q); arrays of one type.

spec 6e5230c2f2464999466d165ae6083de3ef9551329baf8b8fbb5412195d78fb7f
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 0ac2ead71e8e6054d061ddcd9b0b64832c3f31acc3f6867d8e9cbd6df6b2bff5
"""

import numpy as np


def recurrent(q, k, v, state=None):
    """One token after the other, as the layer is defined."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    S0 = np.zeros((B, H, d), v.dtype) if state is None else state[0]
    S1 = np.zeros((B, H, n, d), v.dtype) if state is None else state[1]
    S2 = np.zeros((B, H, n, n, d), v.dtype) if state is None else state[2]
    z0 = np.zeros((B, H), v.dtype) if state is None else state[3]
    z1 = np.zeros((B, H, n), v.dtype) if state is None else state[4]
    z2 = np.zeros((B, H, n, n), v.dtype) if state is None else state[5]
    x3 = np.broadcast_to(1 / np.sqrt(np.array(n, v.dtype)), (B, H, L))
    x1 = x3[..., None] * q
    x2 = (x3 * x3)[..., None] * q
    ys = []
    for q_i, k_i, v_i, x1_i, x2_i in zip(
        np.moveaxis(q, 2, 0),
        np.moveaxis(k, 2, 0),
        np.moveaxis(v, 2, 0),
        np.moveaxis(x1, 2, 0),
        np.moveaxis(x2, 2, 0),
        strict=True,
    ):
        new_S0 = S0 + v_i
        new_S1 = S1 + k_i[..., :, None] * v_i[..., None, :]
        new_S2 = (
            S2 + (k_i[..., :, None] * k_i[..., None, :])[..., :, :, None] * v_i[..., None, None, :]
        )
        new_z0 = z0 + 1
        new_z1 = z1 + k_i
        new_z2 = z2 + k_i[..., :, None] * k_i[..., None, :]
        t1 = np.einsum("...b,...ba->...a", x1_i, new_S1)
        t2 = (x2_i[..., :, None] * q_i[..., None, :]) / 2
        t3 = np.einsum("...bc,...bca->...a", t2, new_S2)
        t4 = np.einsum("...b,...b->...", x1_i, new_z1)
        t5 = np.einsum("...bc,...bc->...", t2, new_z2)
        y = ((new_S0 + t1) + t3) / ((new_z0 + t4) + t5)[..., None]
        S0 = new_S0
        S1 = new_S1
        S2 = new_S2
        z0 = new_z0
        z1 = new_z1
        z2 = new_z2
        ys.append(y)
    ys = np.stack(ys, 2)
    return ys, (S0, S1, S2, z0, z1, z2)


def parallel(q, k, v, state=None):
    """The whole sequence as one causal matrix of scores."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    rows = np.broadcast_to(np.array(1, v.dtype), (B, H, L))[..., None]
    values = v
    start = np.zeros((B, H, d), v.dtype) if state is None else state[0]
    S = start.reshape(B, H, rows.shape[-1], values.shape[-1])
    ratio = _causal(rows)
    scores = rows @ rows.mT * ratio
    added = rows.mT @ values
    end = S + added
    y_2 = scores @ values + rows @ S
    end_2 = end.reshape(B, H, d)
    rows_2 = (1 / np.sqrt(np.array(n, v.dtype)))[..., None] * q
    cols = k
    S_2 = np.zeros((B, H, n, d), v.dtype) if state is None else state[1]
    ratio_2 = _causal(rows_2)
    scores_2 = rows_2 @ cols.mT * ratio_2
    added_2 = cols.mT @ values
    end_3 = S_2 + added_2
    y_3 = scores_2 @ values + rows_2 @ S_2
    x1 = 1 / np.sqrt(np.array(n, v.dtype))
    rows_3 = ((((x1 * x1)[..., None] * q)[..., :, None] * q[..., None, :]) / 2).reshape(B, H, L, -1)
    cols_2 = (k[..., :, None] * k[..., None, :]).reshape(B, H, L, -1)
    start_2 = np.zeros((B, H, n, n, d), v.dtype) if state is None else state[2]
    S_3 = start_2.reshape(B, H, rows_3.shape[-1], values.shape[-1])
    ratio_3 = _causal(rows_3)
    scores_3 = rows_3 @ cols_2.mT * ratio_3
    added_3 = cols_2.mT @ values
    end_4 = S_3 + added_3
    y_4 = scores_3 @ values + rows_3 @ S_3
    end_5 = end_4.reshape(B, H, n, n, d)
    start_3 = np.zeros((B, H), v.dtype) if state is None else state[3]
    S_4 = start_3.reshape(B, H, rows.shape[-1], rows.shape[-1])
    added_4 = rows.mT @ rows
    end_6 = S_4 + added_4
    y_5 = scores @ rows + rows @ S_4
    y_6 = y_5[..., 0]
    end_7 = end_6.reshape(B, H, )
    start_4 = np.zeros((B, H, n), v.dtype) if state is None else state[4]
    S_5 = start_4.reshape(B, H, rows_2.shape[-1], rows.shape[-1])
    added_5 = cols.mT @ rows
    end_8 = S_5 + added_5
    y_7 = scores_2 @ rows + rows_2 @ S_5
    y_8 = y_7[..., 0]
    end_9 = end_8.reshape(B, H, n)
    start_5 = np.zeros((B, H, n, n), v.dtype) if state is None else state[5]
    S_6 = start_5.reshape(B, H, rows_3.shape[-1], rows.shape[-1])
    added_6 = cols_2.mT @ rows
    end_10 = S_6 + added_6
    y_9 = scores_3 @ rows + rows_3 @ S_6
    y_10 = y_9[..., 0]
    end_11 = end_10.reshape(B, H, n, n)
    y = ((y_2 + y_3) + y_4) / ((y_6 + y_8) + y_10)[..., None]
    return y, (end_2, end_3, end_5, end_7, end_9, end_11)


def chunkwise(q, k, v, state=None, chunk=64):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    rows = np.broadcast_to(np.array(1, v.dtype), (B, H, L))[..., None]
    rows_2 = _chunks(rows, chunk, 0)
    values = _chunks(v, chunk, 0)
    start = np.zeros((B, H, d), v.dtype) if state is None else state[0]
    S = start.reshape(B, H, rows_2.shape[-1], values.shape[-1])
    ratio = _causal(rows_2)
    scores = rows_2 @ rows_2.mT * ratio
    added = rows_2.mT @ values
    starts = []
    for added_c in np.moveaxis(added, 2, 0):
        starts.append(S)
        S = S + added_c
    starts = np.stack(starts, 2)
    y_2 = scores @ values + rows_2 @ starts
    y_3 = _unchunked(y_2, L)
    end = S.reshape(B, H, d)
    rows_3 = (1 / np.sqrt(np.array(n, v.dtype)))[..., None] * q
    rows_4 = _chunks(rows_3, chunk, 0)
    cols = _chunks(k, chunk, 0)
    S_3 = np.zeros((B, H, n, d), v.dtype) if state is None else state[1]
    ratio_2 = _causal(rows_4)
    scores_2 = rows_4 @ cols.mT * ratio_2
    added_2 = cols.mT @ values
    starts_2 = []
    for added_c in np.moveaxis(added_2, 2, 0):
        starts_2.append(S_3)
        S_3 = S_3 + added_c
    starts_2 = np.stack(starts_2, 2)
    y_4 = scores_2 @ values + rows_4 @ starts_2
    y_5 = _unchunked(y_4, L)
    x1 = 1 / np.sqrt(np.array(n, v.dtype))
    rows_5 = ((((x1 * x1)[..., None] * q)[..., :, None] * q[..., None, :]) / 2).reshape(B, H, L, -1)
    cols_2 = (k[..., :, None] * k[..., None, :]).reshape(B, H, L, -1)
    rows_6 = _chunks(rows_5, chunk, 0)
    cols_3 = _chunks(cols_2, chunk, 0)
    start_2 = np.zeros((B, H, n, n, d), v.dtype) if state is None else state[2]
    S_5 = start_2.reshape(B, H, rows_6.shape[-1], values.shape[-1])
    ratio_3 = _causal(rows_6)
    scores_3 = rows_6 @ cols_3.mT * ratio_3
    added_3 = cols_3.mT @ values
    starts_3 = []
    for added_c in np.moveaxis(added_3, 2, 0):
        starts_3.append(S_5)
        S_5 = S_5 + added_c
    starts_3 = np.stack(starts_3, 2)
    y_6 = scores_3 @ values + rows_6 @ starts_3
    y_7 = _unchunked(y_6, L)
    end_2 = S_5.reshape(B, H, n, n, d)
    start_3 = np.zeros((B, H), v.dtype) if state is None else state[3]
    S_7 = start_3.reshape(B, H, rows_2.shape[-1], rows_2.shape[-1])
    added_4 = rows_2.mT @ rows_2
    starts_4 = []
    for added_c in np.moveaxis(added_4, 2, 0):
        starts_4.append(S_7)
        S_7 = S_7 + added_c
    starts_4 = np.stack(starts_4, 2)
    y_8 = scores @ rows_2 + rows_2 @ starts_4
    y_9 = _unchunked(y_8, L)
    y_10 = y_9[..., 0]
    end_3 = S_7.reshape(B, H, )
    start_4 = np.zeros((B, H, n), v.dtype) if state is None else state[4]
    S_9 = start_4.reshape(B, H, rows_4.shape[-1], rows_2.shape[-1])
    added_5 = cols.mT @ rows_2
    starts_5 = []
    for added_c in np.moveaxis(added_5, 2, 0):
        starts_5.append(S_9)
        S_9 = S_9 + added_c
    starts_5 = np.stack(starts_5, 2)
    y_11 = scores_2 @ rows_2 + rows_4 @ starts_5
    y_12 = _unchunked(y_11, L)
    y_13 = y_12[..., 0]
    end_4 = S_9.reshape(B, H, n)
    start_5 = np.zeros((B, H, n, n), v.dtype) if state is None else state[5]
    S_11 = start_5.reshape(B, H, rows_6.shape[-1], rows_2.shape[-1])
    added_6 = cols_3.mT @ rows_2
    starts_6 = []
    for added_c in np.moveaxis(added_6, 2, 0):
        starts_6.append(S_11)
        S_11 = S_11 + added_c
    starts_6 = np.stack(starts_6, 2)
    y_14 = scores_3 @ rows_2 + rows_6 @ starts_6
    y_15 = _unchunked(y_14, L)
    y_16 = y_15[..., 0]
    end_5 = S_11.reshape(B, H, n, n)
    y = ((y_3 + y_5) + y_7) / ((y_10 + y_13) + y_16)[..., None]
    return y, (end, S_3, end_2, end_3, end_4, end_5)


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
    start = np.zeros((B, H, d), v.dtype) if state is None else state[0]
    factor = np.broadcast_to(np.array(1, v.dtype), (B, H, L, d))
    term = v
    S0 = _scan(factor, term, start)
    end = S0[..., -1, :]
    y_2 = S0
    start_2 = np.zeros((B, H, n, d), v.dtype) if state is None else state[1]
    factor_2 = np.broadcast_to(np.array(1, v.dtype), (B, H, L, n, d))
    term_2 = k[..., :, None] * v[..., None, :]
    S1 = _scan(factor_2, term_2, start_2)
    end_2 = S1[..., -1, :, :]
    y_3 = (1 / np.sqrt(np.array(n, v.dtype)))[..., None] * np.einsum("...ba,...b->...a", S1, q)
    start_3 = np.zeros((B, H, n, n, d), v.dtype) if state is None else state[2]
    factor_3 = np.broadcast_to(np.array(1, v.dtype), (B, H, L, n, n, d))
    term_3 = (k[..., :, None] * k[..., None, :])[..., :, :, None] * v[..., None, None, :]
    S2 = _scan(factor_3, term_3, start_3)
    end_3 = S2[..., -1, :, :, :]
    y_4 = (
        ((1 / np.sqrt(np.array(n, v.dtype)) / np.sqrt(np.array(n, v.dtype)))[..., None]
        * np.einsum("...ba,...b->...a", np.einsum("...bca,...c->...ba", S2, q), q))
        / 2
    )
    start_4 = np.zeros((B, H), v.dtype) if state is None else state[3]
    factor_4 = np.broadcast_to(np.array(1, v.dtype), (B, H, L))
    term_4 = np.broadcast_to(np.array(1, v.dtype), (B, H, L))
    z0 = _scan(factor_4, term_4, start_4)
    end_4 = z0[..., -1]
    y_5 = z0
    start_5 = np.zeros((B, H, n), v.dtype) if state is None else state[4]
    factor_5 = np.broadcast_to(np.array(1, v.dtype), (B, H, L, n))
    term_5 = k
    z1 = _scan(factor_5, term_5, start_5)
    end_5 = z1[..., -1, :]
    y_6 = 1 / np.sqrt(np.array(n, v.dtype)) * np.einsum("...a,...a->...", q, z1)
    start_6 = np.zeros((B, H, n, n), v.dtype) if state is None else state[5]
    factor_6 = np.broadcast_to(np.array(1, v.dtype), (B, H, L, n, n))
    term_6 = k[..., :, None] * k[..., None, :]
    z2 = _scan(factor_6, term_6, start_6)
    end_6 = z2[..., -1, :, :]
    y_7 = (
        (1
        / np.sqrt(np.array(n, v.dtype))
        / np.sqrt(np.array(n, v.dtype))
        * np.einsum("...ab,...ba->...", q[..., :, None] * q[..., None, :], z2))
        / 2
    )
    y = ((y_2 + y_3) + y_4) / ((y_5 + y_6) + y_7)[..., None]
    return y, (end, end_2, end_3, end_4, end_5, end_6)


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
