"""Generated torch 2.13 code of S6 (Mamba); do not edit.

Made by `dsf generate s6_softplus --target torch` from derivations/s6.py.
Transition: diagonal(exp(A softplus(z))) entry by entry.
Schedules: recurrent, associative_scan.
no parallel: Λ is diagonal entry by entry: the decay varies along the values
no chunkwise: Λ is diagonal entry by entry: the decay varies along the values

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
A: [H, d, n], (-inf, 0)
D: [H, d], real
z: [B, H, L, d], real
state, in and out: h: [B, H, d, n], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from q); arrays of one type.

spec 3709b157e1e565a77bfacf3b8b586986fcb58603385ae7e19a5520cccc2d278b
generator b3668fcff3394c56223e065426ff049f9bfa45d9ce7f55ff05148864abdea16d
body 6c49ae72d5d8e80f8e090f5d4430680da1ee031f9250315b449779f8931d3632
"""

import torch


def recurrent(q, k, v, A, D, z, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    h = v.new_zeros((B, H, d, n)) if state is None else state
    x1 = _softplus(z)
    x2 = x1 * v
    x3 = D[:, None] * v
    ys = []
    for q_i, k_i, x1_i, x2_i, x3_i in zip(
        q.unbind(2),
        k.unbind(2),
        x1.unbind(2),
        x2.unbind(2),
        x3.unbind(2),
        strict=True,
    ):
        h = torch.exp(x1_i[..., :, None] * A) * h + x2_i[..., :, None] * k_i[..., None, :]
        y = torch.einsum("...ab,...b->...a", h, q_i) + x3_i
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, h


def associative_scan(q, k, v, A, D, z, state=None, chunk=64):
    """A tree over time within chunks; the state is carried from chunk to chunk."""
    ys = []
    for q_c, k_c, v_c, z_c in zip(
        q.split(chunk, 2),
        k.split(chunk, 2),
        v.split(chunk, 2),
        z.split(chunk, 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(q_c, k_c, v_c, A, D, z_c, state)
        ys.append(y)
    return torch.cat(ys, 2), state


def _associative_scan_of_chunk(q, k, v, A, D, z, state):
    """All states of a chunk at once, by a tree over time of depth log2(chunk)."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    start = v.new_zeros((B, H, d, n)) if state is None else state
    x1 = _softplus(z)
    factor = torch.exp(x1[..., :, None] * A[:, None])
    term = (x1 * v)[..., :, None] * k[..., None, :]
    h = _scan(factor, term, start)
    end = h[..., -1, :, :]
    y = D[:, None] * v + torch.einsum("...ab,...b->...a", h, q)
    return y, end


def _softplus(x):
    """log(1 + exp(x)) without overflow, and without the threshold of torch's own."""
    return torch.logaddexp(x, torch.zeros_like(x))


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
    "associative_scan": associative_scan,
}
