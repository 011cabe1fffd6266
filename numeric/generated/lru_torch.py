"""Generated torch 2.13 code of LRU; do not edit.

Made by `dsf generate lru --print torch` from derivations/lru.py.
Transition: complex diagonal(cos(theta) exp(-exp(nu)) + i (exp(-exp(nu)) sin(theta))) along n of hr
  + i hi.
Schedules: recurrent, associative_scan, convolution.
no parallel: the states hr and hi are of one system: one reads another
no chunkwise: the states hr and hi are of one system: one reads another

v: [B, H, L, d], real
nu: [H, n], real
theta: [H, n], real
gamma: [H, n], (0, inf)
Br: [H, n, d], real
Bi: [H, n, d], real
Cr: [H, d, n], real
Ci: [H, d, n], real
D: [H, d], real
state, in and out: hr: [B, H, n], real
state, in and out: hi: [B, H, n], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from v); arrays of one type.

spec 586a12277d94d32a3d2f1eb195148d8fdafa0a9374fc9ee819614c0fca553c0f
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 64a325942b661c96361ac15eb0a0dba76de0c3da956a326301a36c6c03206591
"""

import torch


def recurrent(v, nu, theta, gamma, Br, Bi, Cr, Ci, D, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = nu.shape[-1]
    hr = v.new_zeros((B, H, n)) if state is None else state[0]
    hi = v.new_zeros((B, H, n)) if state is None else state[1]
    x1 = D[:, None] * v
    ys = []
    for v_i, x1_i in zip(v.unbind(2), x1.unbind(2), strict=True):
        t1 = torch.exp(-torch.exp(nu))
        t2 = t1 * torch.cos(theta)
        t3 = t1 * torch.sin(theta)
        t4 = torch.einsum("...ab,...b->...a", Br, v_i)
        new_hr = (t2 * hr - t3 * hi) + t4 * gamma
        t5 = torch.einsum("...ab,...b->...a", Bi, v_i)
        new_hi = (t2 * hi + t3 * hr) + t5 * gamma
        t6 = torch.einsum("...ab,...b->...a", Cr, new_hr)
        t7 = torch.einsum("...ab,...b->...a", Ci, new_hi)
        y = (t6 - t7) + x1_i
        hr = new_hr
        hi = new_hi
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, (hr, hi)


def associative_scan(v, nu, theta, gamma, Br, Bi, Cr, Ci, D, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for v_c in v.split(chunk, 2):
        y, state = _associative_scan_of_chunk(v_c, nu, theta, gamma, Br, Bi, Cr, Ci, D, state)
        ys.append(y)
    return torch.concat(ys, 2), state


def _associative_scan_of_chunk(v, nu, theta, gamma, Br, Bi, Cr, Ci, D, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H, L = v.shape[:3]
    n = nu.shape[-1]
    start_1 = v.new_zeros((B, H, n)) if state is None else state[0]
    start_2 = v.new_zeros((B, H, n)) if state is None else state[1]
    x1 = torch.exp(-torch.exp(nu[:, None]))
    x2 = torch.cos(theta[:, None]) * x1
    factor_1 = torch.broadcast_to(x2, (B, H, L, n))
    x3 = x1 * torch.sin(theta[:, None])
    factor_2 = torch.broadcast_to(-x3, (B, H, L, n))
    factor_3 = torch.broadcast_to(x3, (B, H, L, n))
    factor_4 = torch.broadcast_to(x2, (B, H, L, n))
    term_1 = gamma[:, None] * torch.einsum("...ab,...b->...a", Br[:, None], v)
    term_2 = gamma[:, None] * torch.einsum("...ab,...b->...a", Bi[:, None], v)
    states = _scan_together(
        [[factor_1, factor_2], [factor_3, factor_4]],
        [term_1, term_2],
        [start_1, start_2],
    )
    hr = states[0]
    end_1 = hr[..., -1, :]
    hi = states[1]
    end_2 = hi[..., -1, :]
    y = (
        (-torch.einsum("...ab,...b->...a", Ci[:, None], hi)
        + torch.einsum("...ab,...b->...a", Cr[:, None], hr))
        + D[:, None]
        * v
    )
    return y, (end_1, end_2)


def convolution(v, nu, theta, gamma, Br, Bi, Cr, Ci, D, state=None, chunk=256):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for v_c in v.split(chunk, 2):
        y, state = _convolution_of_chunk(v_c, nu, theta, gamma, Br, Bi, Cr, Ci, D, state)
        ys.append(y)
    return torch.concat(ys, 2), state


def _convolution_of_chunk(v, nu, theta, gamma, Br, Bi, Cr, Ci, D, state):
    """All states of a chunk at once: what is added, convolved with the powers of Λ."""
    B, H = v.shape[:2]
    n = nu.shape[-1]
    start_1 = v.new_zeros((B, H, n)) if state is None else state[0]
    start_2 = v.new_zeros((B, H, n)) if state is None else state[1]
    x1 = torch.exp(-torch.exp(nu[:, None]))
    x2 = torch.cos(theta[:, None]) * x1
    factor_1 = torch.broadcast_to(x2, (H, 1, n))
    x3 = x1 * torch.sin(theta[:, None])
    factor_2 = torch.broadcast_to(-x3, (H, 1, n))
    factor_3 = torch.broadcast_to(x3, (H, 1, n))
    factor_4 = torch.broadcast_to(x2, (H, 1, n))
    term_1 = gamma[:, None] * torch.einsum("...ab,...b->...a", Br[:, None], v)
    term_2 = gamma[:, None] * torch.einsum("...ab,...b->...a", Bi[:, None], v)
    states = _convolution(
        [[factor_1, factor_2], [factor_3, factor_4]],
        [term_1, term_2],
        [start_1, start_2],
    )
    hr = states[0]
    end_1 = hr[..., -1, :]
    hi = states[1]
    end_2 = hi[..., -1, :]
    y = (
        (-torch.einsum("...ab,...b->...a", Ci[:, None], hi)
        + torch.einsum("...ab,...b->...a", Cr[:, None], hr))
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
