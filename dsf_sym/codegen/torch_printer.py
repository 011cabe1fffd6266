"""The torch target: differentiable, on any device; time is cut once, so backward is linear in L."""

from __future__ import annotations

from collections.abc import Sequence

from .printing import Printer


class TorchPrinter(Printer):
    """Text for torch."""

    name = "torch"
    library = "torch"
    imports = ("import torch",)
    concatenate = "torch.cat"
    functions = {  # noqa: RUF012
        "exp": "torch.exp",
        "log": "torch.log",
        "tanh": "torch.tanh",
        "sqrt": "torch.sqrt",
        "sigmoid": "torch.sigmoid",
        "softplus": "_softplus",
        "relu": "torch.relu",
        "elu": "torch.nn.functional.elu",
    }

    def eye(self, size: str) -> str:
        """Of the leader's type and device."""
        leader = self.program.leader
        return f"torch.eye({size}, dtype={leader}.dtype, device={leader}.device)"

    def broadcast(self, text: str, shape: str) -> str:
        """A view."""
        return f"torch.broadcast_to({text}, {shape})"

    def constant(self, value: str) -> str:
        """A tensor of no axes."""
        return f"{self.program.leader}.new_tensor({value})"

    def zeros(self, shape: str) -> str:
        """Zeros."""
        return f"{self.program.leader}.new_zeros({shape})"

    def permute(self, text: str, order: Sequence[int]) -> str:
        """A permutation of axes."""
        return f"{text}.permute({', '.join(map(str, order))})"

    def along_time(self, text: str) -> str:
        """All slices at once: to index one at a time would make backward quadratic in L."""
        return f"{text}.unbind(2)"

    def cuts(self, text: str) -> str:
        """Views, cut once."""
        return f"{text}.split(chunk, 2)"

    helpers = {  # noqa: RUF012
        "_softplus": '''
def _softplus(x):
    """log(1 + exp(x)) without overflow, and without the threshold of torch's own."""
    return torch.logaddexp(x, torch.zeros_like(x))
''',
        "_chunks": '''
def _chunks(x, chunk, fill):
    """Cut axis 2 into chunks, the last one filled up: [B, H, L, ...] to [B, H, N, chunk, ...]."""
    B, H, L, *rest = x.shape
    count = -(-L // chunk)
    if count * chunk > L:
        x = torch.cat([x, x.new_full((B, H, count * chunk - L, *rest), fill)], 2)
    return x.reshape(B, H, count, chunk, *rest)
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
    return rows.new_ones(rows.shape[-2], rows.shape[-2]).tril()
''',
        "_ratio": '''
def _ratio(decay):
    """decay[j + 1] ... decay[i] at [i, j] for i >= j, each formed from j on; 0 elsewhere."""
    count = decay.shape[-1]
    later = torch.ones(count, count, dtype=torch.bool, device=decay.device).tril(-1)
    return _products(torch.where(later, decay[..., :, None], NEUTRAL), -2).tril()
''',
        "_scores": '''
def _scores(rows, cols, decay, before):
    """Sum over n of rows[i, n] decay[j + 1, n] ... decay[i, n] cols[j, n], for j <= i.

    before: the product ends at i - 1, and j < i. Pairs of blocks are joined, 1, 2, 4, ... positions
    long; a decay between two blocks is one up to where they meet times one from there on.
    """
    count = rows.shape[-2]
    length = 1 << (count - 1).bit_length()
    if length > count:
        rows, cols, decay = (
            torch.cat([x, x.new_full((*x.shape[:-2], length - count, x.shape[-1]), fill)], -2)
            for x, fill in ((rows, 0), (cols, 0), (decay, NEUTRAL))
        )
    blocks = (rows * cols).sum(-1)[..., None, None] * (0 if before else 1)
    size = 1
    while size < length:
        pairs = (*rows.shape[:-2], length // (2 * size), 2, size, rows.shape[-1])
        (_, row), (col, _), (first_decay, second_decay) = (
            x.reshape(pairs).unbind(-3) for x in (rows, cols, decay)
        )
        since = _products(second_decay, -2)
        since = _earlier(since, -2, 1) if before else since
        across = (row * since) @ (col * _to_end(first_decay, -2)).mT
        first, second = blocks.unflatten(-3, (-1, 2)).unbind(-3)
        upper = torch.cat([first, torch.zeros_like(across)], -1)
        blocks = torch.cat([upper, torch.cat([across, second], -1)], -2)
        size *= 2
    return blocks[..., 0, :count, :count]
''',
        "_inverse": '''
def _inverse(lower):
    """The inverse of I - lower, which is strictly lower triangular."""
    one = torch.eye(lower.shape[-1], dtype=lower.dtype, device=lower.device)
    return torch.linalg.solve_triangular(one - lower, one, upper=False, unitriangular=True)
''',
        "_to_end": '''
def _to_end(decay, axis):
    """decay[j + 1] ... decay[last] at j, each product formed from the end on."""
    first, after = decay.split([1, decay.shape[axis] - 1], axis)
    after = torch.cat([after, torch.full_like(first, NEUTRAL)], axis)
    return _products(after.flip(axis), axis).flip(axis)
''',
        "_earlier": '''
def _earlier(x, axis, fill):
    """Each entry along an axis taken from the one before it, the first filled."""
    before, last = x.split([x.shape[axis] - 1, 1], axis)
    return torch.cat([torch.full_like(last, fill), before], axis)
''',
        "_products": '''
def _products(decay, axis):
    """Running products along an axis."""
    return torch.cumprod(decay, axis)
''',
        "_products (log)": '''
def _products(decay, axis):
    """Running products along an axis, of which the logarithms are given."""
    return torch.exp(torch.cumsum(decay, axis))
''',
        "_scan": '''
def _scan(factor, term, start):
    """h[i] = factor[i] * h[i - 1] + term[i] along axis 2 from h[-1] = start."""
    first, rest = term.split([1, term.shape[2] - 1], 2)
    first = factor[:, :, :1] * start[:, :, None] + first
    return _tree(factor, torch.cat([first, rest], 2))
''',
        "_tree": '''
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
''',
    }
