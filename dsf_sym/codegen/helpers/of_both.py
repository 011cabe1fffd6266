"""Helpers that NumPy and torch spell alike: for torch, `np` is read as `torch`."""

import numpy as np


def _unchunked(x, L):
    """Join the chunks and cut off what filled up the last."""
    B, H, count, chunk, *rest = x.shape
    return x.reshape(B, H, count * chunk, *rest)[:, :, :L]


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


def _scan_together(factors, terms, starts):
    """h[i] = factors[i] h[i - 1] + terms[i] along axis 2, for several states that are coupled."""
    zero = np.zeros_like(terms[0])
    factors = [[zero if x is None else x for x in row] for row in factors]
    first = [sum(a[:, :, 0] * h for a, h in zip(row, starts, strict=True)) for row in factors]
    terms = [
        np.concat([x[:, :, :1] + h[:, :, None], x[:, :, 1:]], 2)
        for x, h in zip(terms, first, strict=True)
    ]
    return _tree_together(factors, terms)


def _tree_together(factors, terms):
    """The same from zero: pairs of steps are steps of a sequence half as long."""
    L = terms[0].shape[2]
    if L == 1:
        return terms
    if L % 2:
        terms = [np.concat([x, x[:, :, :1]], 2) for x in terms]
        factors = [[np.concat([x, x[:, :, :1]], 2) for x in row] for row in factors]
    a, b = ([[x[:, :, i::2] for x in row] for row in factors] for i in (0, 1))
    u, v = ([[x[:, :, i::2]] for x in terms] for i in (0, 1))
    later = [x + y for (x,), (y,) in zip(_times(b, u), v, strict=True)]
    odd = _tree_together(_times(b, a), later)
    before = [[np.concat([np.zeros_like(x[:, :, :1]), x[:, :, :-1]], 2)] for x in odd]
    even = [x + y for (x,), (y,) in zip(_times(a, before), u, strict=True)]
    both = (np.stack([x, y], 3) for x, y in zip(even, odd, strict=True))
    return [x.reshape(*x.shape[:2], -1, *x.shape[4:])[:, :, :L] for x in both]


def _times(left, right):
    """The product of two matrices whose entries are arrays."""
    columns = list(zip(*right, strict=True))
    return [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in left
    ]
