"""Generated torch 2.13 code of Kimi delta attention (KDA); do not edit.

Made by `dsf generate kda --print torch` from derivations/kda.py.
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

Requires torch 2.13; L >= 1 (read from q); arrays of one type.

spec 37caec4ddfbbac2d57f49308fa02d0b123787e71dd339a3a7a70ea13e5f041fc
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 39135b6c6be25d6e2f8beccd0c894761e43073e799b6ce7d3067336f92b7f951
"""

import torch


def recurrent(q, k, v, alpha, beta, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = v.new_zeros((B, H, n, d)) if state is None else state
    ys = []
    for q_i, k_i, v_i, alpha_i, beta_i in zip(
        q.unbind(2),
        k.unbind(2),
        v.unbind(2),
        alpha.unbind(2),
        beta.unbind(2),
        strict=True,
    ):
        t1 = alpha_i[..., :, None] * S
        t2 = torch.einsum("...a,...ab->...b", k_i, t1)
        S = t1 + beta_i[..., None, None] * k_i[..., :, None] * (v_i - t2)[..., None, :]
        y = torch.einsum("...a,...ab->...b", q_i, S)
        ys.append(y)
    ys = torch.stack(ys, 2)
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
    S = v.new_zeros((B, H, n, d)) if state is None else state
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
    S = v.new_zeros((B, H, n, d)) if state is None else state
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
        total.unbind(2),
        solved.unbind(2),
        solved_reads.unbind(2),
        cols_to_end.unbind(2),
        strict=True,
    ):
        starts.append(S)
        x = solved_c + solved_reads_c @ S
        S = total_c[..., :, None] * S + cols_to_end_c.mT @ x
        xs.append(x)
    starts = torch.stack(starts, 2)
    xs = torch.stack(xs, 2)
    y = scores @ xs + (from_start * rows) @ starts
    y = _unchunked(y, L)
    return y, S


def _chunks(x, chunk, fill):
    """Cut axis 2 into chunks, the last one filled up: [B, H, L, ...] to [B, H, N, chunk, ...]."""
    B, H, L, *rest = x.shape
    count = -(-L // chunk)
    if count * chunk > L:
        x = torch.concat([x, x.new_full((B, H, count * chunk - L, *rest), fill)], 2)
    return x.reshape(B, H, count, chunk, *rest)


def _scores(rows, cols, decay, before):
    """Sum over n of rows[i, n] decay[j + 1, n] ... decay[i, n] cols[j, n], for j <= i.

    before: the product ends at i - 1, and j < i. Pairs of blocks are joined, 1, 2, 4, ... positions
    long; a decay between two blocks is one up to where they meet times one from there on.
    """
    count = rows.shape[-2]
    length = 1 << (count - 1).bit_length()
    if length > count:
        rows, cols, decay = (
            torch.concat([x, x.new_full((*x.shape[:-2], length - count, x.shape[-1]), fill)], -2)
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
        upper = torch.concat([first, torch.zeros_like(across)], -1)
        blocks = torch.concat([upper, torch.concat([across, second], -1)], -2)
        size *= 2
    return blocks[..., 0, :count, :count]


def _inverse(lower):
    """The inverse of I - lower, which is strictly lower triangular."""
    one = torch.eye(lower.shape[-1], dtype=lower.dtype, device=lower.device)
    return torch.linalg.solve_triangular(one - lower, one, upper=False, unitriangular=True)


def _to_end(decay, axis):
    """decay[j + 1] ... decay[last] at j, each product formed from the end on."""
    first, after = decay.split([1, decay.shape[axis] - 1], axis)
    after = torch.concat([after, torch.full_like(first, 1)], axis)
    return _products(after.flip(axis), axis).flip(axis)


def _earlier(x, axis, fill):
    """Each entry along an axis taken from the one before it, the first filled."""
    before, last = x.split([x.shape[axis] - 1, 1], axis)
    return torch.concat([torch.full_like(last, fill), before], axis)


def _products(decay, axis):
    """Running products along an axis."""
    return torch.cumprod(decay, axis)


def _unchunked(x, L):
    """Join the chunks and cut off what filled up the last."""
    B, H, count, chunk, *rest = x.shape
    return x.reshape(B, H, count * chunk, *rest)[:, :, :L]


SCHEDULES = {
    "recurrent": recurrent,
    "parallel": parallel,
    "chunkwise": chunkwise,
}
