"""Generated torch 2.13 code of DeltaNet; do not edit.

Made by `dsf generate deltanet --print torch` from derivations/deltanet.py.
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

Requires torch 2.13; L >= 1 (read from q); arrays of one type.

spec e9d4ba9fa0480d422af3c1c64ef0d94418936d661125474994d62507c9557df5
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 9007126b46c1e9c1fe3d7908527801ce52afee97ab76cff7d68b664b49d16b55
"""

import torch


def recurrent(q, k, v, beta, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = v.new_zeros((B, H, n, d)) if state is None else state
    x1 = beta[..., None] * k
    ys = []
    for q_i, k_i, v_i, x1_i in zip(
        q.unbind(2),
        k.unbind(2),
        v.unbind(2),
        x1.unbind(2),
        strict=True,
    ):
        t1 = torch.einsum("...a,...ab->...b", k_i, S)
        S = S + x1_i[..., :, None] * (v_i - t1)[..., None, :]
        y = torch.einsum("...a,...ab->...b", q_i, S)
        ys.append(y)
    ys = torch.stack(ys, 2)
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
    S = v.new_zeros((B, H, n, d)) if state is None else state
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
    S = v.new_zeros((B, H, n, d)) if state is None else state
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
        solved.unbind(2),
        solved_reads.unbind(2),
        cols.unbind(2),
        strict=True,
    ):
        starts.append(S)
        x = solved_c + solved_reads_c @ S
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


def _inverse(lower):
    """The inverse of I - lower, which is strictly lower triangular."""
    one = torch.eye(lower.shape[-1], dtype=lower.dtype, device=lower.device)
    return torch.linalg.solve_triangular(one - lower, one, upper=False, unitriangular=True)


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
    "parallel": parallel,
    "chunkwise": chunkwise,
}
