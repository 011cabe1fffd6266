"""Generated torch 2.13 code of S4D; do not edit.

Made by `dsf generate s4d --print torch` from derivations/s4d.py.
Transition: complex diagonal(cos(Delta w) exp(A Delta) + i (exp(A Delta) sin(Delta w))) along d and
  n of hr + i hi.
Schedules: recurrent, associative_scan, convolution.
no parallel: the states hr and hi are of one system: one reads another
no chunkwise: the states hr and hi are of one system: one reads another

v: [B, H, L, d], real
A: [H, d, n], (-inf, 0)
w: [H, d, n], real
Cr: [H, d, n], real
Ci: [H, d, n], real
D: [H, d], real
Delta: [H, d], (0, inf)
state, in and out: hr: [B, H, d, n], real
state, in and out: hi: [B, H, d, n], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from v); arrays of one type.

spec dc3edc0c1f73fa3f91e2b71f82dd5f85fa08e0e69685042c3d03a5bc63606658
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 9bc6350c0d09e570b0482a4ae0cd5c1841e48a037925d7950be79303f57fdc05
"""

import torch


def recurrent(v, A, w, Cr, Ci, D, Delta, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    d = v.shape[-1]
    n = A.shape[-1]
    hr = v.new_zeros((B, H, d, n)) if state is None else state[0]
    hi = v.new_zeros((B, H, d, n)) if state is None else state[1]
    x1 = D[:, None] * v
    ys = []
    for v_i, x1_i in zip(v.unbind(2), x1.unbind(2), strict=True):
        t1 = torch.broadcast_to(Delta[..., :, None], (B, H, d, n))
        t2 = torch.exp(t1 * A)
        t3 = t1 * w
        t4 = t2 * torch.cos(t3)
        t5 = t2 * torch.sin(t3)
        t6 = t4 - 1
        t7 = -w
        t8 = 1 / (A * A + w * w)
        t9 = (t6 * A - t5 * t7) * t8
        t10 = (t6 * t7 + t5 * A) * t8
        new_hr = (t4 * hr - t5 * hi) + (t9 * v_i[..., :, None] * 1 - 0 * t10)
        new_hi = (t4 * hi + t5 * hr) + (0 * t9 + t10 * v_i[..., :, None] * 1)
        y = 2 * torch.einsum("...ab->...a", Cr * new_hr - Ci * new_hi) + x1_i
        hr = new_hr
        hi = new_hi
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, (hr, hi)


def associative_scan(v, A, w, Cr, Ci, D, Delta, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for v_c in v.split(chunk, 2):
        y, state = _associative_scan_of_chunk(v_c, A, w, Cr, Ci, D, Delta, state)
        ys.append(y)
    return torch.concat(ys, 2), state


def _associative_scan_of_chunk(v, A, w, Cr, Ci, D, Delta, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H, L = v.shape[:3]
    d = v.shape[-1]
    n = A.shape[-1]
    start_1 = v.new_zeros((B, H, d, n)) if state is None else state[0]
    start_2 = v.new_zeros((B, H, d, n)) if state is None else state[1]
    x1 = Delta[:, None, :, None]
    x2 = x1 * w[:, None]
    x3 = torch.cos(x2)
    x4 = torch.exp(x1 * A[:, None])
    x5 = x3 * x4
    factor_1 = torch.broadcast_to(x5, (B, H, L, d, n))
    x6 = torch.sin(x2)
    x7 = x4 * x6
    factor_2 = torch.broadcast_to(-x7, (B, H, L, d, n))
    factor_3 = torch.broadcast_to(x7, (B, H, L, d, n))
    factor_4 = torch.broadcast_to(x5, (B, H, L, d, n))
    x8 = 1 / (A[:, None] * A[:, None] + w[:, None] * w[:, None])
    term_1 = (
        (v[..., :, None] * A[:, None] * x3 * x4 * x8 - v[..., :, None] * A[:, None] * x8)
        + v[..., :, None] * x4 * x8 * x6 * w[:, None]
    )
    term_2 = (
        (v[..., :, None] * A[:, None] * x4 * x8 * x6 - v[..., :, None] * x5 * x8 * w[:, None])
        + v[..., :, None] * x8 * w[:, None]
    )
    states = _scan_together(
        [[factor_1, factor_2], [factor_3, factor_4]],
        [term_1, term_2],
        [start_1, start_2],
    )
    hr = states[0]
    end_1 = hr[..., -1, :, :]
    hi = states[1]
    end_2 = hi[..., -1, :, :]
    y = (
        (-2 * torch.einsum("...ab,...ab->...a", Ci[:, None], hi)
        + 2 * torch.einsum("...ab,...ab->...a", Cr[:, None], hr))
        + D[:, None]
        * v
    )
    return y, (end_1, end_2)


def convolution(v, A, w, Cr, Ci, D, Delta, state=None, chunk=256):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for v_c in v.split(chunk, 2):
        y, state = _convolution_of_chunk(v_c, A, w, Cr, Ci, D, Delta, state)
        ys.append(y)
    return torch.concat(ys, 2), state


def _convolution_of_chunk(v, A, w, Cr, Ci, D, Delta, state):
    """All states of a chunk at once: what is added, convolved with the powers of Λ."""
    B, H = v.shape[:2]
    d = v.shape[-1]
    n = A.shape[-1]
    start_1 = v.new_zeros((B, H, d, n)) if state is None else state[0]
    start_2 = v.new_zeros((B, H, d, n)) if state is None else state[1]
    x1 = Delta[:, None, :, None]
    x2 = x1 * w[:, None]
    x3 = torch.cos(x2)
    x4 = torch.exp(x1 * A[:, None])
    x5 = x3 * x4
    factor_1 = torch.broadcast_to(x5, (H, 1, d, n))
    x6 = torch.sin(x2)
    x7 = x4 * x6
    factor_2 = torch.broadcast_to(-x7, (H, 1, d, n))
    factor_3 = torch.broadcast_to(x7, (H, 1, d, n))
    factor_4 = torch.broadcast_to(x5, (H, 1, d, n))
    x8 = 1 / (A[:, None] * A[:, None] + w[:, None] * w[:, None])
    term_1 = (
        (v[..., :, None] * A[:, None] * x3 * x4 * x8 - v[..., :, None] * A[:, None] * x8)
        + v[..., :, None] * x4 * x8 * x6 * w[:, None]
    )
    term_2 = (
        (v[..., :, None] * A[:, None] * x4 * x8 * x6 - v[..., :, None] * x5 * x8 * w[:, None])
        + v[..., :, None] * x8 * w[:, None]
    )
    states = _convolution(
        [[factor_1, factor_2], [factor_3, factor_4]],
        [term_1, term_2],
        [start_1, start_2],
    )
    hr = states[0]
    end_1 = hr[..., -1, :, :]
    hi = states[1]
    end_2 = hi[..., -1, :, :]
    y = (
        (-2 * torch.einsum("...ab,...ab->...a", Ci[:, None], hi)
        + 2 * torch.einsum("...ab,...ab->...a", Cr[:, None], hr))
        + D[:, None]
        * v
    )
    return y, (end_1, end_2)


def _convolution(factors, terms, starts):
    """h[i] = factors h[i - 1] + terms[i] along axis 2, by Fourier transforms of powers."""
    L, every = terms[0].shape[2], range(len(terms))
    like = next(x for row in factors for x in row if x is not None)[None]
    zero, one = torch.zeros_like(like), torch.ones_like(like)
    power = [[zero if x is None else x[None] for x in row] for row in factors]
    powers = [[one if i == j else zero for j in every] for i in every]
    first = [sum(x[:, :, 0] * h for x, h in zip(row, starts, strict=True)) for row in power]
    while powers[0][0].shape[2] < L:
        later = _times(powers, power)
        powers = [[torch.concat([powers[i][j], later[i][j]], 2) for j in every] for i in every]
        power = _times(power, power)
    size = 1 << (2 * L - 1).bit_length()
    written = [torch.fft.rfft(x, size, 2) for x in terms]
    states = []
    for row in powers:
        pairs = zip(row, written, strict=True)
        spectrum = sum(torch.fft.rfft(x[:, :, :L], size, 2) * b for x, b in pairs)
        begun = sum(x[:, :, :L] * h[:, :, None] for x, h in zip(row, first, strict=True))
        states.append(begun + torch.fft.irfft(spectrum, size, 2)[:, :, :L])
    return states


def _scan_together(factors, terms, starts):
    """h[i] = factors[i] h[i - 1] + terms[i] along axis 2, for several states that are coupled."""
    zero = torch.zeros_like(terms[0])
    factors = [[zero if x is None else x for x in row] for row in factors]
    first = [sum(a[:, :, 0] * h for a, h in zip(row, starts, strict=True)) for row in factors]
    terms = [
        torch.concat([x[:, :, :1] + h[:, :, None], x[:, :, 1:]], 2)
        for x, h in zip(terms, first, strict=True)
    ]
    return _tree_together(factors, terms)


def _tree_together(factors, terms):
    """The same from zero: pairs of steps are steps of a sequence half as long."""
    L = terms[0].shape[2]
    if L == 1:
        return terms
    if L % 2:
        terms = [torch.concat([x, x[:, :, :1]], 2) for x in terms]
        factors = [[torch.concat([x, x[:, :, :1]], 2) for x in row] for row in factors]
    a, b = ([[x[:, :, i::2] for x in row] for row in factors] for i in (0, 1))
    u, v = ([[x[:, :, i::2]] for x in terms] for i in (0, 1))
    later = [x + y for (x,), (y,) in zip(_times(b, u), v, strict=True)]
    odd = _tree_together(_times(b, a), later)
    before = [[torch.concat([torch.zeros_like(x[:, :, :1]), x[:, :, :-1]], 2)] for x in odd]
    even = [x + y for (x,), (y,) in zip(_times(a, before), u, strict=True)]
    both = (torch.stack([x, y], 3) for x, y in zip(even, odd, strict=True))
    return [x.reshape(*x.shape[:2], -1, *x.shape[4:])[:, :, :L] for x in both]


def _times(left, right):
    """The product of two matrices whose entries are arrays."""
    columns = list(zip(*right, strict=True))
    return [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in left
    ]


SCHEDULES = {
    "recurrent": recurrent,
    "associative_scan": associative_scan,
    "convolution": convolution,
}
