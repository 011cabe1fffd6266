"""Generated torch 2.13 code of HGRN2; do not edit.

Made by `dsf generate hgrn2 --print torch` from derivations/hgrn2.py.
Transition: diagonal(alpha) along n.
Schedules: recurrent, parallel, chunkwise, associative_scan.
no convolution: Λ is not constant in time

q: [B, H, L, n], real
v: [B, H, L, d], real
alpha: [B, H, L, n], (0, 1]
state, in and out: S: [B, H, n, d], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from q); arrays of one type.

spec 1e1d224f58c9d1d8176784f65ea676d5f6c143e48c83170257f15493f48eff2d
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body db6565719e11d0be852a8e820a0f5699f37c96f344400377ae7caae6997a8204
"""

import torch


def recurrent(q, v, alpha, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = v.new_zeros((B, H, n, d)) if state is None else state
    x1 = 1 - alpha
    ys = []
    for q_i, v_i, alpha_i, x1_i in zip(
        q.unbind(2),
        v.unbind(2),
        alpha.unbind(2),
        x1.unbind(2),
        strict=True,
    ):
        S = alpha_i[..., :, None] * S + x1_i[..., :, None] * v_i[..., None, :]
        y = torch.einsum("...a,...ab->...b", q_i, S)
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, S


def parallel(q, v, alpha, state=None):
    """The whole sequence as one causal matrix of scores."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    rows = q
    cols = 1 - alpha
    values = v
    decay = alpha
    S = v.new_zeros((B, H, n, d)) if state is None else state
    from_start = _products(decay, -2)
    to_end = _to_end(decay, -2)
    scores = _scores(rows, cols, decay, False)
    total = from_start[..., -1, :]
    added = (to_end * cols).mT @ values
    end = total[..., :, None] * S + added
    y = scores @ values + (from_start * rows) @ S
    return y, end


def chunkwise(q, v, alpha, state=None, chunk=64):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    cols = 1 - alpha
    rows = _chunks(q, chunk, 0)
    cols = _chunks(cols, chunk, 0)
    values = _chunks(v, chunk, 0)
    decay = _chunks(alpha, chunk, 1)
    S = v.new_zeros((B, H, n, d)) if state is None else state
    from_start = _products(decay, -2)
    to_end = _to_end(decay, -2)
    scores = _scores(rows, cols, decay, False)
    total = from_start[..., -1, :]
    added = (to_end * cols).mT @ values
    starts = []
    for total_c, added_c in zip(total.unbind(2), added.unbind(2), strict=True):
        starts.append(S)
        S = total_c[..., :, None] * S + added_c
    starts = torch.stack(starts, 2)
    y = scores @ values + (from_start * rows) @ starts
    y = _unchunked(y, L)
    return y, S


def associative_scan(q, v, alpha, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for q_c, v_c, alpha_c in zip(
        q.split(chunk, 2),
        v.split(chunk, 2),
        alpha.split(chunk, 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(q_c, v_c, alpha_c, state)
        ys.append(y)
    return torch.concat(ys, 2), state


def _associative_scan_of_chunk(q, v, alpha, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    start = v.new_zeros((B, H, n, d)) if state is None else state
    factor = alpha[..., :, None]
    term = (1 - alpha)[..., :, None] * v[..., None, :]
    S = _scan(factor, term, start)
    end = S[..., -1, :, :]
    y = torch.einsum("...ba,...b->...a", S, q)
    return y, end


def _chunks(x, chunk, fill):
    """Cut axis 2 into chunks, the last one filled up: [B, H, L, ...] to [B, H, N, chunk, ...]."""
    B, H, L, *rest = x.shape
    count = -(-L // chunk)
    if count * chunk > L:
        x = torch.concat([x, x.new_full((B, H, count * chunk - L, *rest), fill)], 2)
    return x.reshape(B, H, count, chunk, *rest)


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
            for x, fill in ((rows, 0), (cols, 0), (decay, 1))
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


def _to_end(decay, axis):
    """decay[j + 1] ... decay[last] at j, each product formed from the end on."""
    first, after = decay.split([1, decay.shape[axis] - 1], axis)
    after = torch.concat([after, torch.full_like(first, 1)], axis)
    return _products(after.flip(axis), axis).flip(axis)


def _earlier(x, axis, fill):
    """Each entry along an axis taken from the one before it, the first filled."""
    before, last = x.split([x.shape[axis] - 1, 1], axis)
    return torch.concat([torch.full_like(last, fill), before], axis)


def _products(decay, axis):
    """Running products along an axis."""
    return torch.cumprod(decay, axis)


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


def _unchunked(x, L):
    """Join the chunks and cut off what filled up the last."""
    B, H, count, chunk, *rest = x.shape
    return x.reshape(B, H, count * chunk, *rest)[:, :, :L]


SCHEDULES = {
    "recurrent": recurrent,
    "parallel": parallel,
    "chunkwise": chunkwise,
    "associative_scan": associative_scan,
}
