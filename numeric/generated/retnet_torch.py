"""Generated torch 2.13 code of RetNet; do not edit.

Made by `dsf generate retnet --print torch` from derivations/retnet.py.
Transition: alpha * identity.
Schedules: recurrent, parallel, chunkwise, associative_scan, convolution.

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
alpha: [H], (0, 1]
state, in and out: S: [B, H, n, d], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from q); arrays of one type.

spec 0f6e65a2a547ade4cce94526da6a294fd72a8912132cbe95a8e8ccab428c2b93
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 08de2c8ced485a92f4753864b1f9156095f8bfd35fd4f7d60f8b0a66e22420d6
"""

import torch


def recurrent(q, k, v, alpha, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = v.new_zeros((B, H, n, d)) if state is None else state
    ys = []
    for q_i, k_i, v_i in zip(q.unbind(2), k.unbind(2), v.unbind(2), strict=True):
        S = alpha[..., None, None] * S + k_i[..., :, None] * v_i[..., None, :]
        y = torch.einsum("...a,...ab->...b", q_i, S)
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, S


def parallel(q, k, v, alpha, state=None):
    """The whole sequence as one causal matrix of scores."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    rows = q
    cols = k
    values = v
    decay = torch.broadcast_to(alpha[:, None], (B, H, L))
    S = v.new_zeros((B, H, n, d)) if state is None else state
    ratio = _ratio(decay)
    from_start = _products(decay, -1)
    to_end = _to_end(decay, -1)
    scores = rows @ cols.mT * ratio
    total = from_start[..., -1]
    added = (to_end[..., :, None] * cols).mT @ values
    end = total[..., None, None] * S + added
    y = scores @ values + (from_start[..., :, None] * rows) @ S
    return y, end


def chunkwise(q, k, v, alpha, state=None, chunk=64):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    decay = torch.broadcast_to(alpha[:, None], (B, H, L))
    rows = _chunks(q, chunk, 0)
    cols = _chunks(k, chunk, 0)
    values = _chunks(v, chunk, 0)
    decay = _chunks(decay, chunk, 1)
    S = v.new_zeros((B, H, n, d)) if state is None else state
    ratio = _ratio(decay)
    from_start = _products(decay, -1)
    to_end = _to_end(decay, -1)
    scores = rows @ cols.mT * ratio
    total = from_start[..., -1]
    added = (to_end[..., :, None] * cols).mT @ values
    starts = []
    for total_c, added_c in zip(total.unbind(2), added.unbind(2), strict=True):
        starts.append(S)
        S = total_c[..., None, None] * S + added_c
    starts = torch.stack(starts, 2)
    y = scores @ values + (from_start[..., :, None] * rows) @ starts
    y = _unchunked(y, L)
    return y, S


def associative_scan(q, k, v, alpha, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for q_c, k_c, v_c in zip(
        q.split(chunk, 2),
        k.split(chunk, 2),
        v.split(chunk, 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(q_c, k_c, v_c, alpha, state)
        ys.append(y)
    return torch.concat(ys, 2), state


def _associative_scan_of_chunk(q, k, v, alpha, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    start = v.new_zeros((B, H, n, d)) if state is None else state
    factor = torch.broadcast_to(alpha[:, None, None, None], (B, H, L, n, d))
    term = k[..., :, None] * v[..., None, :]
    S = _scan(factor, term, start)
    end = S[..., -1, :, :]
    y = torch.einsum("...ba,...b->...a", S, q)
    return y, end


def convolution(q, k, v, alpha, state=None, chunk=256):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for q_c, k_c, v_c in zip(
        q.split(chunk, 2),
        k.split(chunk, 2),
        v.split(chunk, 2),
        strict=True,
    ):
        y, state = _convolution_of_chunk(q_c, k_c, v_c, alpha, state)
        ys.append(y)
    return torch.concat(ys, 2), state


def _convolution_of_chunk(q, k, v, alpha, state):
    """All states of a chunk at once: what is added, convolved with the powers of Λ."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    start_1 = v.new_zeros((B, H, n, d)) if state is None else state
    factor_1 = torch.broadcast_to(alpha[:, None, None, None], (H, 1, n, d))
    term_1 = k[..., :, None] * v[..., None, :]
    states = _convolution([[factor_1]], [term_1], [start_1])
    S = states[0]
    end_1 = S[..., -1, :, :]
    y = torch.einsum("...ba,...b->...a", S, q)
    return y, end_1


def _chunks(x, chunk, fill):
    """Cut axis 2 into chunks, the last one filled up: [B, H, L, ...] to [B, H, N, chunk, ...]."""
    B, H, L, *rest = x.shape
    count = -(-L // chunk)
    if count * chunk > L:
        x = torch.concat([x, x.new_full((B, H, count * chunk - L, *rest), fill)], 2)
    return x.reshape(B, H, count, chunk, *rest)


def _ratio(decay):
    """decay[j + 1] ... decay[i] at [i, j] for i >= j, each formed from j on; 0 elsewhere."""
    count = decay.shape[-1]
    later = torch.ones(count, count, dtype=torch.bool, device=decay.device).tril(-1)
    return _products(torch.where(later, decay[..., :, None], 1), -2).tril()


def _to_end(decay, axis):
    """decay[j + 1] ... decay[last] at j, each product formed from the end on."""
    first, after = decay.split([1, decay.shape[axis] - 1], axis)
    after = torch.concat([after, torch.full_like(first, 1)], axis)
    return _products(after.flip(axis), axis).flip(axis)


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


def _times(left, right):
    """The product of two matrices whose entries are arrays."""
    columns = list(zip(*right, strict=True))
    return [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in left
    ]


SCHEDULES = {
    "recurrent": recurrent,
    "parallel": parallel,
    "chunkwise": chunkwise,
    "associative_scan": associative_scan,
    "convolution": convolution,
}
