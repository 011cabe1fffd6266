"""Helpers of the NumPy target."""

import numpy as np

NEUTRAL = 1


def _sigmoid(x):
    """1 / (1 + exp(-x)) without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def _softplus(x):
    """log(1 + exp(x)) without overflow."""
    return np.logaddexp(x, 0)


def _step(x):
    """1 where x is positive, 0 elsewhere."""
    return np.where(x > 0, 1, 0).astype(x.dtype)


def _relu(x):
    """The positive part."""
    return np.maximum(x, 0)


def _elu(x):
    """The identity where x is positive, else exp(x) - 1."""
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _chunks(x, chunk, fill):
    """Cut axis 2 into chunks, the last one filled up: [B, H, L, ...] to [B, H, N, chunk, ...]."""
    B, H, L, *rest = x.shape
    count = -(-L // chunk)
    end = np.full((B, H, count * chunk - L, *rest), fill, x.dtype)
    return np.concat([x, end], 2).reshape(B, H, count, chunk, *rest)


def _causal(rows):
    """1 where position j is not after position i, 0 elsewhere."""
    return np.tri(rows.shape[-2], dtype=rows.dtype)


def _ratio(decay):
    """decay[j + 1] ... decay[i] at [i, j] for i >= j, each formed from j on; 0 elsewhere."""
    later = np.tri(decay.shape[-1], k=-1, dtype=bool)
    return np.tril(_products(np.where(later, decay[..., :, None], NEUTRAL), -2))


def _scores(rows, cols, decay, before):
    """Sum over n of rows[i, n] decay[j + 1, n] ... decay[i, n] cols[j, n], for j <= i.

    before: the product ends at i - 1, and j < i. Pairs of blocks are joined, 1, 2, 4, ... positions
    long; a decay between two blocks is one up to where they meet times one from there on.
    """
    count, K = rows.shape[-2:]
    length = 1 << (count - 1).bit_length()
    rows, cols, decay = (
        np.concat([x, np.full_like(x, fill, shape=(*x.shape[:-2], length - count, K))], -2)
        for x, fill in ((rows, 0), (cols, 0), (decay, NEUTRAL))
    )
    blocks = (rows * cols).sum(-1)[..., None, None] * (0 if before else 1)
    size = 1
    while size < length:
        pairs = (*rows.shape[:-2], length // (2 * size), 2, size, K)
        rows, cols, decay = (x.reshape(pairs) for x in (rows, cols, decay))
        since = _products(decay[..., 1, :, :], -2)
        since = _earlier(since, -2, 1) if before else since
        until = _to_end(decay[..., 0, :, :], -2)
        across = (rows[..., 1, :, :] * since) @ (cols[..., 0, :, :] * until).mT
        first, second = blocks[..., 0::2, :, :], blocks[..., 1::2, :, :]
        upper = np.concat([first, np.zeros_like(across)], -1)
        blocks = np.concat([upper, np.concat([across, second], -1)], -2)
        size *= 2
        rows, cols, decay = (x.reshape(*x.shape[:-4], length, K) for x in (rows, cols, decay))
    return blocks[..., 0, :count, :count]


def _inverse(lower):
    """The inverse of I - lower, which is strictly lower triangular, row by row."""
    out = np.eye(lower.shape[-1], dtype=lower.dtype) + 0 * lower
    for i in range(1, lower.shape[-1]):
        out[..., i, :i] = (lower[..., i, None, :i] @ out[..., :i, :i])[..., 0, :]
    return out


def _solved_each(lower, rates, right):
    """Rows x[i] = right[i] + rates[i] * (lower[i] @ x), one by one; lower is strictly lower."""
    x = right + 0 * rates
    for i in range(1, lower.shape[-1]):
        x[..., i, :] += rates[..., i, :] * (lower[..., i, None, :i] @ x[..., :i, :])[..., 0, :]
    return x


def _to_end(decay, axis):
    """decay[j + 1] ... decay[last] at j, each product formed from the end on."""
    decay = np.moveaxis(decay, axis, 0)
    after = np.concat([decay[1:], np.full_like(decay[:1], NEUTRAL)])
    return np.moveaxis(_products(after[::-1], 0)[::-1], 0, axis)


def _earlier(x, axis, fill):
    """Each entry along an axis taken from the one before it, the first filled."""
    x = np.moveaxis(x, axis, 0)
    return np.moveaxis(np.concat([np.full_like(x[:1], fill), x[:-1]]), 0, axis)


def _products(decay, axis):
    """Running products along an axis."""
    return np.cumprod(decay, axis=axis)


def _products_of_logs(decay, axis):
    """Running products along an axis, of which the logarithms are given."""
    return np.exp(np.cumsum(decay, axis=axis))


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


def _seen(x, axis, fill):
    """Values by query and entry, on an axis and the next; `fill` at entries after the query."""
    count, entries = x.shape[axis], x.shape[axis + 1]
    seen = np.tri(count, entries, entries - count, dtype=bool)
    return np.where(seen.reshape(count, entries, *[1] * (-axis - 2)), x, fill)


def _below_largest(x, axis):
    """Entries less the largest one along an axis."""
    return x - x.max(axis, keepdims=True)


def _merged(x, heads, axis):
    """An axis made part of that of the heads, as its faster part."""
    x = np.moveaxis(x, axis, heads + 1)
    return x.reshape(*x.shape[:heads], -1, *x.shape[heads + 2 :])


def _parted(x, count, axis):
    """The faster part of axis 1, `count` entries, made an axis of its own."""
    return np.moveaxis(x.reshape(x.shape[0], -1, count, *x.shape[2:]), 2, axis)
