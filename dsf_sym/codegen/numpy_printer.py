"""The NumPy target: runs on floats and, where a layer is rational, on arrays of exact numbers."""

from __future__ import annotations

from collections.abc import Sequence

from .printing import Printer


class NumpyPrinter(Printer):
    """Text for NumPy."""

    name = "numpy"
    library = "np"
    imports = ("import numpy as np",)
    concatenate = "np.concatenate"
    functions = {  # noqa: RUF012
        "exp": "np.exp",
        "log": "np.log",
        "tanh": "np.tanh",
        "sqrt": "np.sqrt",
        "cos": "np.cos",
        "sin": "np.sin",
        "step": "_step",
        "sigmoid": "_sigmoid",
        "softplus": "_softplus",
        "relu": "_relu",
        "elu": "_elu",
    }

    def eye(self, size: str) -> str:
        """Of the signals' type, so that exact arrays stay exact and floats short."""
        return f"np.eye({size}, dtype={self.program.leader}.dtype)"

    def broadcast(self, text: str, shape: str) -> str:
        """A read-only view."""
        return f"np.broadcast_to({text}, {shape})"

    def constant(self, value: str) -> str:
        """An array of no axes."""
        return f"np.array({value}, {self.program.leader}.dtype)"

    def zeros(self, shape: str) -> str:
        """Zeros."""
        return f"np.zeros({shape}, {self.program.leader}.dtype)"

    def permute(self, text: str, order: Sequence[int]) -> str:
        """A transpose."""
        return f"{text}.transpose({', '.join(map(str, order))})"

    def along_time(self, text: str) -> str:
        """A view with time first, which Python iterates over."""
        return f"np.moveaxis({text}, 2, 0)"

    def cuts(self, text: str) -> str:
        """Views."""
        return f"np.split({text}, range(chunk, {text}.shape[2], chunk), 2)"

    def repeated(self, text: str, count: str, axis: int) -> str:
        """A copy."""
        return f"np.repeat({text}, {count}, {axis})"

    helpers = {  # noqa: RUF012
        "_sigmoid": '''
def _sigmoid(x):
    """1 / (1 + exp(-x)) without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)
''',
        "_softplus": '''
def _softplus(x):
    """log(1 + exp(x)) without overflow."""
    return np.logaddexp(x, 0)
''',
        "_step": '''
def _step(x):
    """1 where x is positive, 0 elsewhere."""
    return np.where(x > 0, 1, 0).astype(x.dtype)
''',
        "_relu": '''
def _relu(x):
    """The positive part."""
    return np.maximum(x, 0)
''',
        "_elu": '''
def _elu(x):
    """The identity where x is positive, else exp(x) - 1."""
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
''',
        "_chunks": '''
def _chunks(x, chunk, fill):
    """Cut axis 2 into chunks, the last one filled up: [B, H, L, ...] to [B, H, N, chunk, ...]."""
    B, H, L, *rest = x.shape
    count = -(-L // chunk)
    end = np.full((B, H, count * chunk - L, *rest), fill, x.dtype)
    return np.concatenate([x, end], 2).reshape(B, H, count, chunk, *rest)
''',
        "_unchunked": '''
def _unchunked(x, L):
    """Join the chunks and cut off what filled up the last."""
    B, H, count, chunk, *rest = x.shape
    return x.reshape(B, H, count * chunk, *rest)[:, :, :L]
''',
        "_causal": '''
def _causal(rows):
    """1 where position j is not after position i, 0 elsewhere."""
    return np.tri(rows.shape[-2], dtype=rows.dtype)
''',
        "_ratio": '''
def _ratio(decay):
    """decay[j + 1] ... decay[i] at [i, j] for i >= j, each formed from j on; 0 elsewhere."""
    later = np.tri(decay.shape[-1], k=-1, dtype=bool)
    return np.tril(_products(np.where(later, decay[..., :, None], NEUTRAL), -2))
''',
        "_scores": '''
def _scores(rows, cols, decay, before):
    """Sum over n of rows[i, n] decay[j + 1, n] ... decay[i, n] cols[j, n], for j <= i.

    before: the product ends at i - 1, and j < i. Pairs of blocks are joined, 1, 2, 4, ... positions
    long; a decay between two blocks is one up to where they meet times one from there on.
    """
    count, K = rows.shape[-2:]
    length = 1 << (count - 1).bit_length()
    rows, cols, decay = (
        np.concatenate([x, np.full_like(x, fill, shape=(*x.shape[:-2], length - count, K))], -2)
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
        upper = np.concatenate([first, np.zeros_like(across)], -1)
        blocks = np.concatenate([upper, np.concatenate([across, second], -1)], -2)
        size *= 2
        rows, cols, decay = (x.reshape(*x.shape[:-4], length, K) for x in (rows, cols, decay))
    return blocks[..., 0, :count, :count]
''',
        "_inverse": '''
def _inverse(lower):
    """The inverse of I - lower, which is strictly lower triangular, row by row."""
    out = np.eye(lower.shape[-1], dtype=lower.dtype) + 0 * lower
    for i in range(1, lower.shape[-1]):
        out[..., i, :i] = (lower[..., i, None, :i] @ out[..., :i, :i])[..., 0, :]
    return out
''',
        "_solved_each": '''
def _solved_each(lower, rates, right):
    """Rows x[i] = right[i] + rates[i] * (lower[i] @ x), one by one; lower is strictly lower."""
    x = right + 0 * rates
    for i in range(1, lower.shape[-1]):
        x[..., i, :] += rates[..., i, :] * (lower[..., i, None, :i] @ x[..., :i, :])[..., 0, :]
    return x
''',
        "_to_end": '''
def _to_end(decay, axis):
    """decay[j + 1] ... decay[last] at j, each product formed from the end on."""
    decay = np.moveaxis(decay, axis, 0)
    after = np.concatenate([decay[1:], np.full_like(decay[:1], NEUTRAL)])
    return np.moveaxis(_products(after[::-1], 0)[::-1], 0, axis)
''',
        "_earlier": '''
def _earlier(x, axis, fill):
    """Each entry along an axis taken from the one before it, the first filled."""
    x = np.moveaxis(x, axis, 0)
    return np.moveaxis(np.concatenate([np.full_like(x[:1], fill), x[:-1]]), 0, axis)
''',
        "_products": '''
def _products(decay, axis):
    """Running products along an axis."""
    return np.cumprod(decay, axis=axis)
''',
        "_products (log)": '''
def _products(decay, axis):
    """Running products along an axis, of which the logarithms are given."""
    return np.exp(np.cumsum(decay, axis=axis))
''',
        "_scan": '''
def _scan(factor, term, start):
    """h[i] = factor[i] * h[i - 1] + term[i] along axis 2 from h[-1] = start."""
    first = factor[:, :, :1] * start[:, :, None] + term[:, :, :1]
    return _tree(factor, np.concatenate([first, term[:, :, 1:]], 2))
''',
        "_tree": '''
def _tree(factor, term):
    """The same from zero: pairs of steps are steps of a sequence half as long."""
    L = term.shape[2]
    if L == 1:
        return term
    if L % 2:
        factor, term = (np.concatenate([x, x[:, :, :1]], 2) for x in (factor, term))
    odd = _tree(
        factor[:, :, 1::2] * factor[:, :, ::2],
        factor[:, :, 1::2] * term[:, :, ::2] + term[:, :, 1::2],
    )
    even = term[:, :, ::2] + np.concatenate(
        [np.zeros_like(odd[:, :, :1]), factor[:, :, 2::2] * odd[:, :, :-1]], 2
    )
    both = np.stack([even, odd], 3)
    return both.reshape(*both.shape[:2], -1, *both.shape[4:])[:, :, :L]
''',
        "_convolution": '''
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
        powers = [[np.concatenate([powers[i][j], later[i][j]], 2) for j in every] for i in every]
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
''',
        "_seen": '''
def _seen(x, axis, fill):
    """Values by query and entry, on an axis and the next; `fill` at entries after the query."""
    count, entries = x.shape[axis], x.shape[axis + 1]
    seen = np.tri(count, entries, entries - count, dtype=bool)
    return np.where(seen.reshape(count, entries, *[1] * (-axis - 2)), x, fill)
''',
        "_below_largest": '''
def _below_largest(x, axis):
    """Entries less the largest one along an axis."""
    return x - x.max(axis, keepdims=True)
''',
        "_merged": '''
def _merged(x, heads, axis):
    """An axis made part of that of the heads, as its faster part."""
    x = np.moveaxis(x, axis, heads + 1)
    return x.reshape(*x.shape[:heads], -1, *x.shape[heads + 2 :])
''',
        "_parted": '''
def _parted(x, count, axis):
    """The faster part of axis 1, `count` entries, made an axis of its own."""
    return np.moveaxis(x.reshape(x.shape[0], -1, count, *x.shape[2:]), 2, axis)
''',
        "_scan_together": '''
def _scan_together(factors, terms, starts):
    """h[i] = factors[i] h[i - 1] + terms[i] along axis 2, for several states that are coupled."""
    zero = np.zeros_like(terms[0])
    factors = [[zero if x is None else x for x in row] for row in factors]
    first = [sum(a[:, :, 0] * h for a, h in zip(row, starts, strict=True)) for row in factors]
    terms = [
        np.concatenate([x[:, :, :1] + h[:, :, None], x[:, :, 1:]], 2)
        for x, h in zip(terms, first, strict=True)
    ]
    return _tree_together(factors, terms)
''',
        "_tree_together": '''
def _tree_together(factors, terms):
    """The same from zero: pairs of steps are steps of a sequence half as long."""
    L = terms[0].shape[2]
    if L == 1:
        return terms
    if L % 2:
        terms = [np.concatenate([x, x[:, :, :1]], 2) for x in terms]
        factors = [[np.concatenate([x, x[:, :, :1]], 2) for x in row] for row in factors]
    a, b = ([[x[:, :, i::2] for x in row] for row in factors] for i in (0, 1))
    u, v = ([[x[:, :, i::2]] for x in terms] for i in (0, 1))
    later = [x + y for (x,), (y,) in zip(_times(b, u), v, strict=True)]
    odd = _tree_together(_times(b, a), later)
    before = [[np.concatenate([np.zeros_like(x[:, :, :1]), x[:, :, :-1]], 2)] for x in odd]
    even = [x + y for (x,), (y,) in zip(_times(a, before), u, strict=True)]
    both = (np.stack([x, y], 3) for x, y in zip(even, odd, strict=True))
    return [x.reshape(*x.shape[:2], -1, *x.shape[4:])[:, :, :L] for x in both]
''',
        "_times": '''
def _times(left, right):
    """The product of two matrices whose entries are arrays."""
    columns = list(zip(*right, strict=True))
    return [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns]
        for row in left
    ]
''',
    }
