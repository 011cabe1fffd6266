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
        "cos": "torch.cos",
        "sin": "torch.sin",
        "step": "_step",
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

    def repeated(self, text: str, count: str, axis: int) -> str:
        """A copy."""
        return f"{text}.repeat_interleave({count}, {axis})"

    helpers = {  # noqa: RUF012
        "_step": '''
def _step(x):
    """1 where x is positive, 0 elsewhere."""
    return (x > 0).to(x.dtype)
''',
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
        "_solved_each": '''
def _solved_each(lower, rates, right):
    """Rows x[i] = right[i] + rates[i] * (lower[i] @ x); lower is strictly lower."""
    one = torch.eye(lower.shape[-1], dtype=lower.dtype, device=lower.device)
    each = one - rates.mT[..., None] * lower[..., None, :, :]
    columns = torch.linalg.solve_triangular(
        each, right.mT[..., None], upper=False, unitriangular=True
    )
    return columns[..., 0].mT
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
class _Scan(torch.autograd.Function):
    """Step after step, in one array: a tree does twice the work, and autograd would keep it all."""

    @staticmethod
    def forward(factor, term, start):
        h, states = start, torch.empty_like(term)
        steps = zip(factor.unbind(2), term.unbind(2), states.unbind(2), strict=True)
        for a, b, out in steps:
            h = torch.addcmul(b, a, h, out=out)
        return states

    @staticmethod
    def setup_context(ctx, inputs, output):
        factor, _, start = inputs
        ctx.save_for_backward(factor, start, output)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        factor, start, states = ctx.saved_tensors
        adjoint, by_factor = torch.empty_like(grad), torch.empty_like(grad)
        g, after = torch.zeros_like(start), torch.zeros_like(factor[:, :, 0])
        steps = zip(factor.unbind(2), grad.unbind(2), adjoint.unbind(2), strict=True)
        for a, b, out in reversed(list(steps)):
            g, after = torch.addcmul(b, after, g, out=out), a
        torch.mul(adjoint[:, :, 1:], states[:, :, :-1], out=by_factor[:, :, 1:])
        torch.mul(adjoint[:, :, 0], start, out=by_factor[:, :, 0])
        return by_factor.sum_to_size(factor.shape), adjoint, after * g


def _scan(factor, term, start):
    """h[i] = factor[i] * h[i - 1] + term[i] along axis 2 from h[-1] = start."""
    return _Scan.apply(factor, term, start)
''',
        "_convolution": '''
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
        powers = [[torch.cat([powers[i][j], later[i][j]], 2) for j in every] for i in every]
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
''',
        "_seen": '''
def _seen(x, axis, fill):
    """Values by query and entry, on an axis and the next; `fill` at entries after the query."""
    count, entries = x.shape[axis], x.shape[axis + 1]
    seen = torch.ones(count, entries, dtype=torch.bool, device=x.device).tril(entries - count)
    return torch.where(seen.reshape(count, entries, *[1] * (-axis - 2)), x, fill)
''',
        "_below_largest": '''
def _below_largest(x, axis):
    """Entries less the largest one along an axis, which cancels, and so does its derivative."""
    return x - x.detach().amax(axis, keepdim=True)
''',
        "_merged": '''
def _merged(x, heads, axis):
    """An axis made part of that of the heads, as its faster part."""
    return x.movedim(axis, heads + 1).flatten(heads, heads + 1)
''',
        "_parted": '''
def _parted(x, count, axis):
    """The faster part of axis 1, `count` entries, made an axis of its own."""
    return x.unflatten(1, (-1, count)).movedim(2, axis)
''',
        "_scan_together": '''
def _scan_together(factors, terms, starts):
    """h[i] = factors[i] h[i - 1] + terms[i] along axis 2, for several states that are coupled."""
    zero = torch.zeros_like(terms[0])
    factors = [[zero if x is None else x for x in row] for row in factors]
    first = [sum(a[:, :, 0] * h for a, h in zip(row, starts, strict=True)) for row in factors]
    terms = [
        torch.cat([x[:, :, :1] + h[:, :, None], x[:, :, 1:]], 2)
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
        terms = [torch.cat([x, x[:, :, :1]], 2) for x in terms]
        factors = [[torch.cat([x, x[:, :, :1]], 2) for x in row] for row in factors]
    a, b = ([[x[:, :, i::2] for x in row] for row in factors] for i in (0, 1))
    u, v = ([[x[:, :, i::2]] for x in terms] for i in (0, 1))
    later = [x + y for (x,), (y,) in zip(_times(b, u), v, strict=True)]
    odd = _tree_together(_times(b, a), later)
    before = [[torch.cat([torch.zeros_like(x[:, :, :1]), x[:, :, :-1]], 2)] for x in odd]
    even = [x + y for (x,), (y,) in zip(_times(a, before), u, strict=True)]
    both = (torch.stack([x, y], 3) for x, y in zip(even, odd, strict=True))
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
