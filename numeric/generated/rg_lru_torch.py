"""Generated torch 2.13 code of RG-LRU (Griffin); do not edit.

Made by `dsf generate rg_lru --target torch` from derivations/rg_lru.py.
Transition: diagonal(f) along d.
Schedules: recurrent, associative_scan.
no parallel: Λ is diagonal along d: the decay varies along the values
no chunkwise: Λ is diagonal along d: the decay varies along the values

v: [B, H, L, d], real
f: [B, H, L, d], (0, 1]
g: [B, H, L, d], (0, 1]
state, in and out: h: [B, H, d], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from v); arrays of one type.

spec a3d6f38f54c572604895e9ae615670c9eeea466b7ff3844256243b1482dc53a5
generator b3668fcff3394c56223e065426ff049f9bfa45d9ce7f55ff05148864abdea16d
body b0fa4a1917a4b2b558672bec7f118a58e27fb8c8445add696f536d2b15164ced
"""

import torch


def recurrent(v, f, g, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    d = v.shape[-1]
    h = v.new_zeros((B, H, d)) if state is None else state
    x1 = torch.sqrt(1 - f * f) * g * v
    ys = []
    for f_i, x1_i in zip(f.unbind(2), x1.unbind(2), strict=True):
        h = f_i * h + x1_i
        y = h
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, h


def associative_scan(v, f, g, state=None, chunk=64):
    """A tree over time within chunks; the state is carried from chunk to chunk."""
    ys = []
    for v_c, f_c, g_c in zip(
        v.split(chunk, 2),
        f.split(chunk, 2),
        g.split(chunk, 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(v_c, f_c, g_c, state)
        ys.append(y)
    return torch.cat(ys, 2), state


def _associative_scan_of_chunk(v, f, g, state):
    """All states of a chunk at once, by a tree over time of depth log2(chunk)."""
    B, H = v.shape[:2]
    d = v.shape[-1]
    start = v.new_zeros((B, H, d)) if state is None else state
    factor = f
    term = g * torch.sqrt(1 - f * f) * v
    h = _scan(factor, term, start)
    end = h[..., -1, :]
    y = h
    return y, end


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
