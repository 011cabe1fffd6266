"""Generated torch 2.13 code of RWKV-5 (Eagle); do not edit.

Made by `dsf generate rwkv5 --target torch` from derivations/rwkv5.py.
Transition: diagonal(alpha) along n.
Schedules: recurrent, parallel, chunkwise, associative_scan.

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
alpha: [H, n], (0, 1]
u: [H, n], real
state, in and out: S: [B, H, n, d], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from q); arrays of one type.

spec 4c787aba8e961079c10de97cfecc1c27af24367cd9d4221f7f1bf0f29b30ec5d
generator b3668fcff3394c56223e065426ff049f9bfa45d9ce7f55ff05148864abdea16d
body 39977c3905e2a8efa5a198761882f9dd3d87a3064b7a498e58e7dd04a9de6bb8
"""

import torch


def recurrent(q, k, v, alpha, u, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = v.new_zeros((B, H, n, d)) if state is None else state
    x1 = u[:, None] * k
    ys = []
    for q_i, k_i, v_i, x1_i in zip(
        q.unbind(2),
        k.unbind(2),
        v.unbind(2),
        x1.unbind(2),
        strict=True,
    ):
        new_S = alpha[..., :, None] * S + k_i[..., :, None] * v_i[..., None, :]
        y = torch.einsum("...a,...ab->...b", q_i, S + x1_i[..., :, None] * v_i[..., None, :])
        S = new_S
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, S


def parallel(q, k, v, alpha, u, state=None):
    """The whole sequence as one causal matrix of scores."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    rows = q
    cols = k
    values = v
    decay = torch.broadcast_to(alpha[:, None], (B, H, L, n))
    S = v.new_zeros((B, H, n, d)) if state is None else state
    from_start = _products(decay, -2)
    from_start_before = _earlier(from_start, -2, 1)
    to_end = _to_end(decay, -2)
    scores = _scores(rows, cols, decay, True)
    total = from_start[..., -1, :]
    added = (to_end * cols).mT @ values
    end = total[..., :, None] * S + added
    y = scores @ values + (from_start_before * rows) @ S
    y = torch.einsum("...a,...a->...", k * q, u[:, None])[..., None] * v + y
    return y, end


def chunkwise(q, k, v, alpha, u, state=None, chunk=64):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    decay = torch.broadcast_to(alpha[:, None], (B, H, L, n))
    rows = _chunks(q, chunk, 0)
    cols = _chunks(k, chunk, 0)
    values = _chunks(v, chunk, 0)
    decay = _chunks(decay, chunk, 1)
    S = v.new_zeros((B, H, n, d)) if state is None else state
    from_start = _products(decay, -2)
    from_start_before = _earlier(from_start, -2, 1)
    to_end = _to_end(decay, -2)
    scores = _scores(rows, cols, decay, True)
    total = from_start[..., -1, :]
    added = (to_end * cols).mT @ values
    starts = []
    for total_c, added_c in zip(total.unbind(2), added.unbind(2), strict=True):
        starts.append(S)
        S = total_c[..., :, None] * S + added_c
    starts = torch.stack(starts, 2)
    y = scores @ values + (from_start_before * rows) @ starts
    y = _unchunked(y, L)
    y = torch.einsum("...a,...a->...", k * q, u[:, None])[..., None] * v + y
    return y, S


def associative_scan(q, k, v, alpha, u, state=None, chunk=64):
    """A tree over time within chunks; the state is carried from chunk to chunk."""
    ys = []
    for q_c, k_c, v_c in zip(
        q.split(chunk, 2),
        k.split(chunk, 2),
        v.split(chunk, 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(q_c, k_c, v_c, alpha, u, state)
        ys.append(y)
    return torch.cat(ys, 2), state


def _associative_scan_of_chunk(q, k, v, alpha, u, state):
    """All states of a chunk at once, by a tree over time of depth log2(chunk)."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    start = v.new_zeros((B, H, n, d)) if state is None else state
    factor = torch.broadcast_to(alpha[:, None, :, None], (B, H, L, n, d))
    term = k[..., :, None] * v[..., None, :]
    S = _scan(factor, term, start)
    end = S[..., -1, :, :]
    S = torch.cat([start[:, :, None], S[:, :, :-1]], 2)
    y = (
        torch.einsum("...ba,...b->...a", S, q)
        + torch.einsum("...a,...a->...", k * q, u[:, None])[..., None] * v
    )
    return y, end


def _chunks(x, chunk, fill):
    """Cut axis 2 into chunks, the last one filled up: [B, H, L, ...] to [B, H, N, chunk, ...]."""
    B, H, L, *rest = x.shape
    count = -(-L // chunk)
    if count * chunk > L:
        x = torch.cat([x, x.new_full((B, H, count * chunk - L, *rest), fill)], 2)
    return x.reshape(B, H, count, chunk, *rest)


def _unchunked(x, L):
    """Join the chunks and cut off what filled up the last."""
    B, H, count, chunk, *rest = x.shape
    return x.reshape(B, H, count * chunk, *rest)[:, :, :L]


def _scores(rows, cols, decay, before):
    """Sum over n of rows[i, n] decay[j + 1, n] ... decay[i, n] cols[j, n], for j <= i.

    before: the product ends at i - 1, and j < i. Pairs of blocks are joined, 1, 2, 4, ... positions
    long; a decay between two blocks is one up to where they meet times one from there on.
    """
    count = rows.shape[-2]
    length = 1 << (count - 1).bit_length()
    if length > count:
        rows, cols, decay = (
            torch.cat([x, x.new_full((*x.shape[:-2], length - count, x.shape[-1]), fill)], -2)
            for x, fill in ((rows, 0), (cols, 0), (decay, 1))
        )
    blocks = (rows * cols).sum(-1)[..., None, None] * (0 if before else 1)
    size = 1
    while size < length:
        pairs = (*rows.shape[:-2], length // (2 * size), 2, size, rows.shape[-1])
        (_, row), (col, _), (first_decay, second_decay) = (
            x.reshape(pairs).unbind(-3) for x in (rows, cols, decay)
        )
        since = _products(second_decay, -2)
        since = _earlier(since, -2, 1) if before else since
        across = (row * since) @ (col * _to_end(first_decay, -2)).mT
        first, second = blocks.unflatten(-3, (-1, 2)).unbind(-3)
        upper = torch.cat([first, torch.zeros_like(across)], -1)
        blocks = torch.cat([upper, torch.cat([across, second], -1)], -2)
        size *= 2
    return blocks[..., 0, :count, :count]


def _to_end(decay, axis):
    """decay[j + 1] ... decay[last] at j, each product formed from the end on."""
    first, after = decay.split([1, decay.shape[axis] - 1], axis)
    after = torch.cat([after, torch.full_like(first, 1)], axis)
    return _products(after.flip(axis), axis).flip(axis)


def _earlier(x, axis, fill):
    """Each entry along an axis taken from the one before it, the first filled."""
    before, last = x.split([x.shape[axis] - 1, 1], axis)
    return torch.cat([torch.full_like(last, fill), before], axis)


def _products(decay, axis):
    """Running products along an axis."""
    return torch.cumprod(decay, axis)


def _scan(factor, term, start):
    """h[i] = factor[i] * h[i - 1] + term[i] along axis 2 from h[-1] = start."""
    first, rest = term.split([1, term.shape[2] - 1], 2)
    first = factor[:, :, :1] * start[:, :, None] + first
    return _tree(factor, torch.cat([first, rest], 2))


def _tree(factor, term):
    """The same from zero: pairs of steps are steps of a sequence half as long."""
    L = term.shape[2]
    if L == 1:
        return term
    if L % 2:
        factor, term = (torch.cat([x, x[:, :, :1]], 2) for x in (factor, term))
    (a_even, a_odd), (b_even, b_odd) = (
        x.unflatten(2, (-1, 2)).unbind(3) for x in (factor, term)
    )
    odd = _tree(a_odd * a_even, a_odd * b_even + b_odd)
    before = torch.cat([torch.zeros_like(odd[:, :, :1]), a_even[:, :, 1:] * odd[:, :, :-1]], 2)
    even = b_even + before
    return torch.stack([even, odd], 3).flatten(2, 3)[:, :, :L]


SCHEDULES = {
    "recurrent": recurrent,
    "parallel": parallel,
    "chunkwise": chunkwise,
    "associative_scan": associative_scan,
}
