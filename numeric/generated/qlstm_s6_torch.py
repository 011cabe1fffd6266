"""Generated torch 2.13 code of qLSTM (without tanh); do not edit.

Made by `dsf generate qlstm_s6 --target torch` from derivations/qlstm.py.
Transition: diagonal(exp(-a softplus(z))) along d.
Schedules: recurrent, associative_scan.
no parallel: Λ is diagonal along d: the decay varies along the values
no chunkwise: Λ is diagonal along d: the decay varies along the values

v: [B, H, L, d], real
g: [B, H, L, d], (0, 1]
o: [B, H, L, d], (0, 1]
a: [H], (0, inf)
z: [B, H, L, d], real
state, in and out: h: [B, H, d], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from v); arrays of one type.

spec 72b6da0d335ffe0c9dd6cc22d46fb73eacb0abd493c22ae966390d23258931ec
generator b3668fcff3394c56223e065426ff049f9bfa45d9ce7f55ff05148864abdea16d
body c447a9a5efc16443eb94c3e8470f27ac5abe1c77946a5305631367a50485b7c4
"""

import torch


def recurrent(v, g, o, a, z, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    d = v.shape[-1]
    h = v.new_zeros((B, H, d)) if state is None else state
    x1 = torch.exp(-(a[:, None, None] * _softplus(z)))
    x2 = g * v
    ys = []
    for o_i, x1_i, x2_i in zip(o.unbind(2), x1.unbind(2), x2.unbind(2), strict=True):
        h = x1_i * h + x2_i
        y = o_i * h
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, h


def associative_scan(v, g, o, a, z, state=None, chunk=64):
    """A tree over time within chunks; the state is carried from chunk to chunk."""
    ys = []
    for v_c, g_c, o_c, z_c in zip(
        v.split(chunk, 2),
        g.split(chunk, 2),
        o.split(chunk, 2),
        z.split(chunk, 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(v_c, g_c, o_c, a, z_c, state)
        ys.append(y)
    return torch.cat(ys, 2), state


def _associative_scan_of_chunk(v, g, o, a, z, state):
    """All states of a chunk at once, by a tree over time of depth log2(chunk)."""
    B, H = v.shape[:2]
    d = v.shape[-1]
    start = v.new_zeros((B, H, d)) if state is None else state
    factor = torch.exp(-(a[:, None, None] * _softplus(z)))
    term = g * v
    h = _scan(factor, term, start)
    end = h[..., -1, :]
    y = h * o
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
