"""Generated torch 2.13 code of Normalised attention; do not edit.

Made by `dsf generate normalised_attention_sigmoid --target torch` from
  derivations/normalised_attention.py.
Transition: identity.
Schedules: recurrent, parallel, chunkwise, associative_scan.

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
z: [B, H, L], real
state, in and out: S: [B, H, n, d], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from q); arrays of one type.

spec 681dc46dc1e1767e2f35be397459a379786459e615e956befc5f45b769ebcd9d
generator b3668fcff3394c56223e065426ff049f9bfa45d9ce7f55ff05148864abdea16d
body 40b1a08b397103b311d9e2d84cbf0d9bcb76c364d642aa45025c1ad38a8f3e52
"""

import torch


def recurrent(q, k, v, z, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = v.new_zeros((B, H, n, d)) if state is None else state
    x1 = 1 / torch.sigmoid(z)
    ys = []
    for q_i, k_i, v_i, x1_i in zip(
        q.unbind(2),
        k.unbind(2),
        v.unbind(2),
        x1.unbind(2),
        strict=True,
    ):
        S = S + k_i[..., :, None] * v_i[..., None, :]
        y = torch.einsum("...a,...ab->...b", q_i, S) * x1_i[..., None]
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, S


def parallel(q, k, v, z, state=None):
    """The whole sequence as one causal matrix of scores."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    rows = (1 / torch.sigmoid(z))[..., None] * q
    cols = k
    values = v
    S = v.new_zeros((B, H, n, d)) if state is None else state
    ratio = _causal(rows)
    scores = rows @ cols.mT * ratio
    added = cols.mT @ values
    end = S + added
    y = scores @ values + rows @ S
    return y, end


def chunkwise(q, k, v, z, state=None, chunk=64):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    rows = (1 / torch.sigmoid(z))[..., None] * q
    rows = _chunks(rows, chunk, 0)
    cols = _chunks(k, chunk, 0)
    values = _chunks(v, chunk, 0)
    S = v.new_zeros((B, H, n, d)) if state is None else state
    ratio = _causal(rows)
    scores = rows @ cols.mT * ratio
    added = cols.mT @ values
    starts = []
    for added_c in added.unbind(2):
        starts.append(S)
        S = S + added_c
    starts = torch.stack(starts, 2)
    y = scores @ values + rows @ starts
    y = _unchunked(y, L)
    return y, S


def associative_scan(q, k, v, z, state=None, chunk=64):
    """A tree over time within chunks; the state is carried from chunk to chunk."""
    ys = []
    for q_c, k_c, v_c, z_c in zip(
        q.split(chunk, 2),
        k.split(chunk, 2),
        v.split(chunk, 2),
        z.split(chunk, 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(q_c, k_c, v_c, z_c, state)
        ys.append(y)
    return torch.cat(ys, 2), state


def _associative_scan_of_chunk(q, k, v, z, state):
    """All states of a chunk at once, by a tree over time of depth log2(chunk)."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    start = v.new_zeros((B, H, n, d)) if state is None else state
    factor = torch.broadcast_to(v.new_tensor(1), (B, H, L, n, d))
    term = k[..., :, None] * v[..., None, :]
    S = _scan(factor, term, start)
    end = S[..., -1, :, :]
    y = (1 / torch.sigmoid(z))[..., None] * torch.einsum("...ba,...b->...a", S, q)
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


def _causal(rows):
    """1 where position j is not after position i, 0 elsewhere."""
    return rows.new_ones(rows.shape[-2], rows.shape[-2]).tril()


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
