"""Helpers of the torch target."""

import torch

NEUTRAL = 1


def _step(x):
    """1 where x is positive, 0 elsewhere."""
    return (x > 0).to(x.dtype)


def _softplus(x):
    """log(1 + exp(x)) without overflow, and without the threshold of torch's own."""
    return torch.logaddexp(x, torch.zeros_like(x))


def _chunks(x, chunk, fill):
    """Cut axis 2 into chunks, the last one filled up: [B, H, L, ...] to [B, H, N, chunk, ...]."""
    B, H, L, *rest = x.shape
    count = -(-L // chunk)
    if count * chunk > L:
        x = torch.concat([x, x.new_full((B, H, count * chunk - L, *rest), fill)], 2)
    return x.reshape(B, H, count, chunk, *rest)


def _causal(rows):
    """1 where position j is not after position i, 0 elsewhere."""
    return rows.new_ones(rows.shape[-2], rows.shape[-2]).tril()


def _ratio(decay):
    """decay[j + 1] ... decay[i] at [i, j] for i >= j, each formed from j on; 0 elsewhere."""
    count = decay.shape[-1]
    later = torch.ones(count, count, dtype=torch.bool, device=decay.device).tril(-1)
    return _products(torch.where(later, decay[..., :, None], NEUTRAL), -2).tril()


def _scores(rows, cols, decay, before):
    """Sum over n of rows[i, n] decay[j + 1, n] ... decay[i, n] cols[j, n], for j <= i.

    before: the product ends at i - 1, and j < i. Pairs of blocks are joined, 1, 2, 4, ... positions
    long; a decay between two blocks is one up to where they meet times one from there on.
    """
    count = rows.shape[-2]
    length = 1 << (count - 1).bit_length()
    if length > count:
        rows, cols, decay = (
            torch.concat([x, x.new_full((*x.shape[:-2], length - count, x.shape[-1]), fill)], -2)
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
        upper = torch.concat([first, torch.zeros_like(across)], -1)
        blocks = torch.concat([upper, torch.concat([across, second], -1)], -2)
        size *= 2
    return blocks[..., 0, :count, :count]


def _inverse(lower):
    """The inverse of I - lower, which is strictly lower triangular."""
    one = torch.eye(lower.shape[-1], dtype=lower.dtype, device=lower.device)
    return torch.linalg.solve_triangular(one - lower, one, upper=False, unitriangular=True)


def _solved_each(lower, rates, right):
    """Rows x[i] = right[i] + rates[i] * (lower[i] @ x); lower is strictly lower."""
    one = torch.eye(lower.shape[-1], dtype=lower.dtype, device=lower.device)
    each = one - rates.mT[..., None] * lower[..., None, :, :]
    columns = torch.linalg.solve_triangular(
        each, right.mT[..., None], upper=False, unitriangular=True
    )
    return columns[..., 0].mT


def _to_end(decay, axis):
    """decay[j + 1] ... decay[last] at j, each product formed from the end on."""
    first, after = decay.split([1, decay.shape[axis] - 1], axis)
    after = torch.concat([after, torch.full_like(first, NEUTRAL)], axis)
    return _products(after.flip(axis), axis).flip(axis)


def _earlier(x, axis, fill):
    """Each entry along an axis taken from the one before it, the first filled."""
    before, last = x.split([x.shape[axis] - 1, 1], axis)
    return torch.concat([torch.full_like(last, fill), before], axis)


def _products(decay, axis):
    """Running products along an axis."""
    return torch.cumprod(decay, axis)


def _products_of_logs(decay, axis):
    """Running products along an axis, of which the logarithms are given."""
    return torch.exp(torch.cumsum(decay, axis))


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


def _seen(x, axis, fill):
    """Values by query and entry, on an axis and the next; `fill` at entries after the query."""
    count, entries = x.shape[axis], x.shape[axis + 1]
    seen = torch.ones(count, entries, dtype=torch.bool, device=x.device).tril(entries - count)
    return torch.where(seen.reshape(count, entries, *[1] * (-axis - 2)), x, fill)


def _below_largest(x, axis):
    """Entries less the largest one along an axis, which cancels, and so does its derivative."""
    return x - x.detach().amax(axis, keepdim=True)


def _merged(x, heads, axis):
    """An axis made part of that of the heads, as its faster part."""
    return x.movedim(axis, heads + 1).flatten(heads, heads + 1)


def _parted(x, count, axis):
    """The faster part of axis 1, `count` entries, made an axis of its own."""
    return x.unflatten(1, (-1, count)).movedim(2, axis)
