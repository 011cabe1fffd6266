"""Generated torch 2.13 code of Gated DeltaNet; do not edit.

Made by `dsf generate gated_deltanet --print torch` from derivations/gated_deltanet.py.
Transition: alpha * (identity + rank one) along n.
Schedules: recurrent, parallel, chunkwise.
no associative_scan: Λ is scalar times identity plus rank one along n: products of it are no longer
  of that structure
no convolution: Λ is not constant in time

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
alpha: [B, H, L], (0, 1]
beta: [B, H, L], (0, 1]
state, in and out: S: [B, H, n, d], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from q); arrays of one type.

spec 1ef6c7bb6adb52985451aa0f1b5bb367009ff6fa385253760a9b31e1fa756f3b
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 3f56c93321de47a5781325d0e820e770f7d8760c4342ad7f73b0c17091d2044f
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
        t1 = torch.einsum("...a,...ab->...b", k_i, S)
        S = (
            alpha_i[..., None, None]
            * (S - beta_i[..., None, None] * k_i[..., :, None] * t1[..., None, :])
            + beta_i[..., None, None]
            * k_i[..., :, None]
            * v_i[..., None, :]
        )
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
    reads = -((alpha * beta)[..., None] * k)
    decay = alpha
    S = v.new_zeros((B, H, n, d)) if state is None else state
    ratio = _ratio(decay)
    ratio_before = _earlier(ratio, -2, 0)
    from_start = _products(decay, -1)
    from_start_before = _earlier(from_start, -1, 1)
    to_end = _to_end(decay, -1)
    scores = rows @ cols.mT * ratio
    mixed = reads @ cols.mT * ratio_before
    inverse = _inverse(mixed)
    solved = inverse @ values
    solved_reads = inverse @ (from_start_before[..., :, None] * reads)
    total = from_start[..., -1]
    cols_to_end = to_end[..., :, None] * cols
    x = solved + solved_reads @ S
    end = total[..., None, None] * S + cols_to_end.mT @ x
    y = scores @ x + (from_start[..., :, None] * rows) @ S
    return y, end


def chunkwise(q, k, v, alpha, beta, state=None, chunk=32):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    values = beta[..., None] * v
    reads = -((alpha * beta)[..., None] * k)
    rows = _chunks(q, chunk, 0)
    cols = _chunks(k, chunk, 0)
    values = _chunks(values, chunk, 0)
    reads = _chunks(reads, chunk, 0)
    decay = _chunks(alpha, chunk, 1)
    S = v.new_zeros((B, H, n, d)) if state is None else state
    ratio = _ratio(decay)
    ratio_before = _earlier(ratio, -2, 0)
    from_start = _products(decay, -1)
    from_start_before = _earlier(from_start, -1, 1)
    to_end = _to_end(decay, -1)
    scores = rows @ cols.mT * ratio
    mixed = reads @ cols.mT * ratio_before
    inverse = _inverse(mixed)
    solved = inverse @ values
    solved_reads = inverse @ (from_start_before[..., :, None] * reads)
    total = from_start[..., -1]
    cols_to_end = to_end[..., :, None] * cols
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
        S = total_c[..., None, None] * S + cols_to_end_c.mT @ x
        xs.append(x)
    starts = torch.stack(starts, 2)
    xs = torch.stack(xs, 2)
    y = scores @ xs + (from_start[..., :, None] * rows) @ starts
    y = _unchunked(y, L)
    return y, S


def _chunks(x, chunk, fill):
    """Cut axis 2 into chunks, the last one filled up: [B, H, L, ...] to [B, H, N, chunk, ...]."""
    B, H, L, *rest = x.shape
    count = -(-L // chunk)
    if count * chunk > L:
        x = torch.concat([x, x.new_full((B, H, count * chunk - L, *rest), fill)], 2)
    return x.reshape(B, H, count, chunk, *rest)


def _ratio(decay):
    """decay[j + 1] ... decay[i] at [i, j] for i >= j, each formed from j on; 0 elsewhere."""
    count = decay.shape[-1]
    later = torch.ones(count, count, dtype=torch.bool, device=decay.device).tril(-1)
    return _products(torch.where(later, decay[..., :, None], 1), -2).tril()


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
