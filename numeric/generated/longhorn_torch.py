"""Generated torch 2.13 code of Longhorn; do not edit.

Made by `dsf generate longhorn --print torch` from derivations/longhorn.py.
Transition: identity + rank one along n.
Schedules: recurrent, chunkwise.
no parallel: every value has a triangular system of its own, as long as the sequence
no associative_scan: Λ is identity plus rank one along n: products of it are no longer of that
  structure
no convolution: Λ is not constant in time

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
rate: [B, H, L, d], (0, inf)
state, in and out: S: [B, H, n, d], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from q); arrays of one type.

spec dfcb1f0606d27036e5ca67f26df5efab5d91de42f0433d0754ef255b6e926da7
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 071041ca2fbacf89f2aabaef800c2b1d7423372aecc8b6ed157ed4988813d109
"""

import torch


def recurrent(q, k, v, rate, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = v.new_zeros((B, H, n, d)) if state is None else state
    x1 = -v
    x3 = torch.einsum("...b,...b->...", k, k)
    x2 = 1 / (1 + rate * x3[..., None] * 1)
    ys = []
    for q_i, k_i, rate_i, x1_i, x2_i in zip(
        q.unbind(2),
        k.unbind(2),
        rate.unbind(2),
        x1.unbind(2),
        x2.unbind(2),
        strict=True,
    ):
        t1 = torch.einsum("...a,...ab->...b", k_i, S)
        S = S - (rate_i * (t1 + x1_i) * x2_i)[..., None, :] * k_i[..., :, None]
        y = torch.einsum("...a,...ab->...b", q_i, S)
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, S


def chunkwise(q, k, v, rate, state=None, chunk=16):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    x1 = torch.einsum("...b,...b->...", k, k)
    x2 = rate / (1 + rate * x1[..., None] * 1)
    values = x2 * v
    reads = -k
    rates = x2
    rows = _chunks(q, chunk, 0)
    cols = _chunks(k, chunk, 0)
    values = _chunks(values, chunk, 0)
    reads = _chunks(reads, chunk, 0)
    rates = _chunks(rates, chunk, 0)
    S = v.new_zeros((B, H, n, d)) if state is None else state
    ratio = _causal(rows)
    ratio_before = _earlier(ratio, -2, 0)
    scores = rows @ cols.mT * ratio
    mixed = reads @ cols.mT * ratio_before
    reads_from_start = reads
    starts = []
    xs = []
    for rates_c, reads_from_start_c, values_c, mixed_c, cols_c in zip(
        rates.unbind(2),
        reads_from_start.unbind(2),
        values.unbind(2),
        mixed.unbind(2),
        cols.unbind(2),
        strict=True,
    ):
        starts.append(S)
        right = values_c + rates_c * (reads_from_start_c @ S)
        x = _solved_each(mixed_c, rates_c, right)
        S = S + cols_c.mT @ x
        xs.append(x)
    starts = torch.stack(starts, 2)
    xs = torch.stack(xs, 2)
    y = scores @ xs + rows @ starts
    y = _unchunked(y, L)
    return y, S


def _chunks(x, chunk, fill):
    """Cut axis 2 into chunks, the last one filled up: [B, H, L, ...] to [B, H, N, chunk, ...]."""
    B, H, L, *rest = x.shape
    count = -(-L // chunk)
    if count * chunk > L:
        x = torch.concat([x, x.new_full((B, H, count * chunk - L, *rest), fill)], 2)
    return x.reshape(B, H, count, chunk, *rest)


def _causal(rows):
    """1 where position j is not after position i, 0 elsewhere."""
    return rows.new_ones(rows.shape[-2], rows.shape[-2]).tril()


def _solved_each(lower, rates, right):
    """Rows x[i] = right[i] + rates[i] * (lower[i] @ x); lower is strictly lower."""
    one = torch.eye(lower.shape[-1], dtype=lower.dtype, device=lower.device)
    each = one - rates.mT[..., None] * lower[..., None, :, :]
    columns = torch.linalg.solve_triangular(
        each, right.mT[..., None], upper=False, unitriangular=True
    )
    return columns[..., 0].mT


def _earlier(x, axis, fill):
    """Each entry along an axis taken from the one before it, the first filled."""
    before, last = x.split([x.shape[axis] - 1, 1], axis)
    return torch.concat([torch.full_like(last, fill), before], axis)


def _unchunked(x, L):
    """Join the chunks and cut off what filled up the last."""
    B, H, count, chunk, *rest = x.shape
    return x.reshape(B, H, count * chunk, *rest)[:, :, :L]


SCHEDULES = {
    "recurrent": recurrent,
    "chunkwise": chunkwise,
}
