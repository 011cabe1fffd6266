"""Generated torch 2.13 code of RWKV-4; do not edit.

Made by `dsf generate rwkv4 --target torch` from derivations/rwkv4.py.
Transition: block diagonal; a from a: diagonal(exp(w)) along d; b from b: diagonal(exp(w)) along d.
Schedules: recurrent, associative_scan.
no parallel: Λ is diagonal along d: the decay varies along the values
no chunkwise: Λ is diagonal along d: the decay varies along the values

p: [B, H, L, d], real
v: [B, H, L, d], real
w: [H, d], (-inf, 0)
c: [H, d], real
state, in and out: a: [B, H, d], real
state, in and out: b: [B, H, d], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from p); arrays of one type.

spec 61ce8f972fec96b091cffef940ca731c4bb6b47fd91ca1a1f38dfc52659c628f
generator b3668fcff3394c56223e065426ff049f9bfa45d9ce7f55ff05148864abdea16d
body b6913e72ce98df55ef537cb545c2c727ddaf4c548f2a4d8fe3810e3d6660850a
"""

import torch


def recurrent(p, v, w, c, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    d = p.shape[-1]
    a = v.new_zeros((B, H, d)) if state is None else state[0]
    b = v.new_zeros((B, H, d)) if state is None else state[1]
    x5 = torch.exp(p)
    x1 = x5 * v
    x2 = x5
    x6 = torch.exp(c[:, None] + p)
    x3 = x6 * v
    x4 = x6
    ys = []
    for x1_i, x2_i, x3_i, x4_i in zip(
        x1.unbind(2),
        x2.unbind(2),
        x3.unbind(2),
        x4.unbind(2),
        strict=True,
    ):
        t1 = torch.exp(w)
        new_a = t1 * a + x1_i
        new_b = t1 * b + x2_i
        y = (a + x3_i) / (b + x4_i)
        a = new_a
        b = new_b
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, (a, b)


def associative_scan(p, v, w, c, state=None, chunk=64):
    """A tree over time within chunks; the state is carried from chunk to chunk."""
    ys = []
    for p_c, v_c in zip(
        p.split(chunk, 2),
        v.split(chunk, 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(p_c, v_c, w, c, state)
        ys.append(y)
    return torch.cat(ys, 2), state


def _associative_scan_of_chunk(p, v, w, c, state):
    """All states of a chunk at once, by a tree over time of depth log2(chunk)."""
    B, H, L = v.shape[:3]
    d = p.shape[-1]
    start = v.new_zeros((B, H, d)) if state is None else state[0]
    factor = torch.broadcast_to(torch.exp(w[:, None]), (B, H, L, d))
    term = torch.exp(p) * v
    a = _scan(factor, term, start)
    end = a[..., -1, :]
    a_2 = torch.cat([start[:, :, None], a[:, :, :-1]], 2)
    y_2 = a_2 + torch.exp(c[:, None] + p) * v
    start_2 = v.new_zeros((B, H, d)) if state is None else state[1]
    term_2 = torch.exp(p)
    b = _scan(factor, term_2, start_2)
    end_2 = b[..., -1, :]
    b_2 = torch.cat([start_2[:, :, None], b[:, :, :-1]], 2)
    y_3 = b_2 + torch.exp(c[:, None] + p)
    y = y_2 / y_3
    return y, (end, end_2)


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
