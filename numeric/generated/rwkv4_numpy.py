"""Generated NumPy 2 code of RWKV-4; do not edit.

Made by `dsf generate rwkv4 --print numpy` from derivations/rwkv4.py.
Transition: block diagonal; a from a: diagonal(exp(w)) along d; b from b: diagonal(exp(w)) along d.
Schedules: recurrent, associative_scan, convolution.
no parallel: Λ is diagonal along d: the decay varies along the values
no chunkwise: Λ is diagonal along d: the decay varies along the values

p: [B, H, L, d], real
v: [B, H, L, d], real
w: [H, d], (-inf, 0)
c: [H, d], real
state, in and out: a: [B, H, d], real
state, in and out: b: [B, H, d], real
returns y: [B, H, L, d], and the state after the last token

Requires numpy 2; L >= 1 (read from p); arrays of one type.

spec 61ce8f972fec96b091cffef940ca731c4bb6b47fd91ca1a1f38dfc52659c628f
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 1c3d74e16db37eab376161ae49d2ecb89c05d824a25446dff59e3488fd0a66af
"""

import numpy as np


def recurrent(p, v, w, c, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    d = p.shape[-1]
    a = np.zeros((B, H, d), v.dtype) if state is None else state[0]
    b = np.zeros((B, H, d), v.dtype) if state is None else state[1]
    x5 = np.exp(p)
    x1 = x5 * v
    x2 = x5
    x6 = np.exp(c[:, None] + p)
    x3 = x6 * v
    x4 = x6
    ys = []
    for x1_i, x2_i, x3_i, x4_i in zip(
        np.moveaxis(x1, 2, 0),
        np.moveaxis(x2, 2, 0),
        np.moveaxis(x3, 2, 0),
        np.moveaxis(x4, 2, 0),
        strict=True,
    ):
        t1 = np.exp(w)
        new_a = t1 * a + x1_i
        new_b = t1 * b + x2_i
        y = (a + x3_i) / (b + x4_i)
        a = new_a
        b = new_b
        ys.append(y)
    ys = np.stack(ys, 2)
    return ys, (a, b)


def associative_scan(p, v, w, c, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for p_c, v_c in zip(
        np.split(p, range(chunk, p.shape[2], chunk), 2),
        np.split(v, range(chunk, v.shape[2], chunk), 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(p_c, v_c, w, c, state)
        ys.append(y)
    return np.concat(ys, 2), state


def _associative_scan_of_chunk(p, v, w, c, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H, L = v.shape[:3]
    d = p.shape[-1]
    start = np.zeros((B, H, d), v.dtype) if state is None else state[0]
    factor = np.broadcast_to(np.exp(w[:, None]), (B, H, L, d))
    term = np.exp(p) * v
    a = _scan(factor, term, start)
    end = a[..., -1, :]
    a_2 = np.concat([start[:, :, None], a[:, :, :-1]], 2)
    y_2 = a_2 + np.exp(c[:, None] + p) * v
    start_2 = np.zeros((B, H, d), v.dtype) if state is None else state[1]
    term_2 = np.exp(p)
    b = _scan(factor, term_2, start_2)
    end_2 = b[..., -1, :]
    b_2 = np.concat([start_2[:, :, None], b[:, :, :-1]], 2)
    y_3 = b_2 + np.exp(c[:, None] + p)
    y = y_2 / y_3
    return y, (end, end_2)


def convolution(p, v, w, c, state=None, chunk=256):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for p_c, v_c in zip(
        np.split(p, range(chunk, p.shape[2], chunk), 2),
        np.split(v, range(chunk, v.shape[2], chunk), 2),
        strict=True,
    ):
        y, state = _convolution_of_chunk(p_c, v_c, w, c, state)
        ys.append(y)
    return np.concat(ys, 2), state


def _convolution_of_chunk(p, v, w, c, state):
    """All states of a chunk at once: what is added, convolved with the powers of Λ."""
    B, H = v.shape[:2]
    d = p.shape[-1]
    start_1 = np.zeros((B, H, d), v.dtype) if state is None else state[0]
    factor_1 = np.broadcast_to(np.exp(w[:, None]), (H, 1, d))
    term_1 = np.exp(p) * v
    states = _convolution([[factor_1]], [term_1], [start_1])
    a = states[0]
    end_1 = a[..., -1, :]
    a_2 = np.concat([start_1[:, :, None], a[:, :, :-1]], 2)
    y_2 = a_2 + np.exp(c[:, None] + p) * v
    start_1_2 = np.zeros((B, H, d), v.dtype) if state is None else state[1]
    term_1_2 = np.exp(p)
    states_2 = _convolution([[factor_1]], [term_1_2], [start_1_2])
    b = states_2[0]
    end_1_2 = b[..., -1, :]
    b_2 = np.concat([start_1_2[:, :, None], b[:, :, :-1]], 2)
    y_3 = b_2 + np.exp(c[:, None] + p)
    y = y_2 / y_3
    return y, (end_1, end_1_2)


def _scan(factor, term, start):
    """h[i] = factor[i] * h[i - 1] + term[i] along axis 2 from h[-1] = start."""
    first = factor[:, :, :1] * start[:, :, None] + term[:, :, :1]
    return _tree(factor, np.concat([first, term[:, :, 1:]], 2))


def _tree(factor, term):
    """The same from zero: pairs of steps are steps of a sequence half as long."""
    L = term.shape[2]
    if L == 1:
        return term
    if L % 2:
        factor, term = (np.concat([x, x[:, :, :1]], 2) for x in (factor, term))
    odd = _tree(
        factor[:, :, 1::2] * factor[:, :, ::2],
        factor[:, :, 1::2] * term[:, :, ::2] + term[:, :, 1::2],
    )
    even = term[:, :, ::2] + np.concat(
        [np.zeros_like(odd[:, :, :1]), factor[:, :, 2::2] * odd[:, :, :-1]], 2
    )
    both = np.stack([even, odd], 3)
    return both.reshape(*both.shape[:2], -1, *both.shape[4:])[:, :, :L]


def _convolution(factors, terms, starts):
    """h[i] = factors h[i - 1] + terms[i] along axis 2, by Fourier transforms of powers."""
    L, every = terms[0].shape[2], range(len(terms))
    like = next(x for row in factors for x in row if x is not None)[None]
    zero, one = np.zeros_like(like), np.ones_like(like)
    power = [[zero if x is None else x[None] for x in row] for row in factors]
    powers = [[one if i == j else zero for j in every] for i in every]
    first = [sum(x[:, :, 0] * h for x, h in zip(row, starts, strict=True)) for row in power]
    while powers[0][0].shape[2] < L:
        later = _times(powers, power)
        powers = [[np.concat([powers[i][j], later[i][j]], 2) for j in every] for i in every]
        power = _times(power, power)
    size = 1 << (2 * L - 1).bit_length()
    written = [np.fft.rfft(x, size, 2) for x in terms]
    states = []
    for row in powers:
        pairs = zip(row, written, strict=True)
        spectrum = sum(np.fft.rfft(x[:, :, :L], size, 2) * b for x, b in pairs)
        begun = sum(x[:, :, :L] * h[:, :, None] for x, h in zip(row, first, strict=True))
        states.append(begun + np.fft.irfft(spectrum, size, 2)[:, :, :L])
    return states


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
