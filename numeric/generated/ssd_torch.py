"""Generated torch 2.13 code of SSD (Mamba-2); do not edit.

Made by `dsf generate ssd --print torch` from derivations/ssd.py.
Transition: exp(A Delta) * identity.
Schedules: recurrent, parallel, chunkwise, associative_scan.
no convolution: Λ is not constant in time

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
Delta: [B, H, L], (0, inf)
A: [H], (-inf, 0)
D: [H], real
state, in and out: S: [B, H, n, d], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from q); arrays of one type.

spec 2464accd63decbd10e962d0ec6ded6a395de0edf376620bd0d3b234ae3cc11c0
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body f3a6e468b27b10dea4ac87b0468db8addc6a30161329ff8db2530b22ea4f68c1
"""

import torch


def recurrent(q, k, v, Delta, A, D, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = v.new_zeros((B, H, n, d)) if state is None else state
    x1 = torch.exp(Delta * A[:, None])
    x2 = Delta[..., None] * k
    x3 = D[:, None, None] * v
    ys = []
    for q_i, v_i, x1_i, x2_i, x3_i in zip(
        q.unbind(2),
        v.unbind(2),
        x1.unbind(2),
        x2.unbind(2),
        x3.unbind(2),
        strict=True,
    ):
        S = x1_i[..., None, None] * S + x2_i[..., :, None] * v_i[..., None, :]
        y = torch.einsum("...a,...ab->...b", q_i, S) + x3_i
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, S


def parallel(q, k, v, Delta, A, D, state=None):
    """The whole sequence as one causal matrix of scores."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    rows = q
    cols = Delta[..., None] * k
    values = v
    decay = Delta * A[:, None]
    S = v.new_zeros((B, H, n, d)) if state is None else state
    ratio = _ratio(decay)
    from_start = _products(decay, -1)
    to_end = _to_end(decay, -1)
    scores = rows @ cols.mT * ratio
    total = from_start[..., -1]
    added = (to_end[..., :, None] * cols).mT @ values
    end = total[..., None, None] * S + added
    y = scores @ values + (from_start[..., :, None] * rows) @ S
    y = D[:, None, None] * v + y
    return y, end


def chunkwise(q, k, v, Delta, A, D, state=None, chunk=64):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    cols = Delta[..., None] * k
    decay = Delta * A[:, None]
    rows = _chunks(q, chunk, 0)
    cols = _chunks(cols, chunk, 0)
    values = _chunks(v, chunk, 0)
    decay = _chunks(decay, chunk, 0)
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
    y = D[:, None, None] * v + y
    return y, S


def associative_scan(q, k, v, Delta, A, D, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for q_c, k_c, v_c, Delta_c in zip(
        q.split(chunk, 2),
        k.split(chunk, 2),
        v.split(chunk, 2),
        Delta.split(chunk, 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(q_c, k_c, v_c, Delta_c, A, D, state)
        ys.append(y)
    return torch.concat(ys, 2), state


def _associative_scan_of_chunk(q, k, v, Delta, A, D, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    start = v.new_zeros((B, H, n, d)) if state is None else state
    factor = torch.exp(Delta * A[:, None])[..., None, None]
    term = (Delta[..., None] * k)[..., :, None] * v[..., None, :]
    S = _scan(factor, term, start)
    end = S[..., -1, :, :]
    y = D[:, None, None] * v + torch.einsum("...ba,...b->...a", S, q)
    return y, end


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
    return _products(torch.where(later, decay[..., :, None], 0), -2).tril()


def _to_end(decay, axis):
    """decay[j + 1] ... decay[last] at j, each product formed from the end on."""
    first, after = decay.split([1, decay.shape[axis] - 1], axis)
    after = torch.concat([after, torch.full_like(first, 0)], axis)
    return _products(after.flip(axis), axis).flip(axis)


def _products(decay, axis):
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
