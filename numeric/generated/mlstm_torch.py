"""Generated torch 2.13 code of mLSTM; do not edit.

Made by `dsf generate mlstm --print torch` from derivations/mlstm.py.
Transition: none, mlstm: the output's denominator is not affine in its state: relu(q @ (alpha * z +
  exp(p) * k)) reads the state.
Schedules: recurrent, parallel, chunkwise, associative_scan.
no convolution: Λ is not constant in time

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
alpha: [B, H, L], (0, 1]
p: [B, H, L], real
state, in and out: S: [B, H, n, d], real
state, in and out: z: [B, H, n], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from q); arrays of one type.

spec 3d4f0fcb8e7628cb7ef5ce958641340f60d002a0cd31603768a8ab1a7490420c
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 6467e30c2076308ff70ddf23a869ef377b98e07a2d074ac40765b795accb2bd5
"""

import torch


def recurrent(q, k, v, alpha, p, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = v.new_zeros((B, H, n, d)) if state is None else state[0]
    z = v.new_zeros((B, H, n)) if state is None else state[1]
    x1 = torch.exp(p)
    x2 = x1[..., None] * k
    ys = []
    for q_i, k_i, v_i, alpha_i, x1_i, x2_i in zip(
        q.unbind(2),
        k.unbind(2),
        v.unbind(2),
        alpha.unbind(2),
        x1.unbind(2),
        x2.unbind(2),
        strict=True,
    ):
        new_S = (
            alpha_i[..., None, None] * S
            + x1_i[..., None, None] * k_i[..., :, None] * v_i[..., None, :]
        )
        new_z = alpha_i[..., None] * z + x2_i
        t1 = torch.einsum("...a,...a->...", q_i, new_z)
        y = (
            torch.einsum("...a,...ab->...b", q_i, new_S)
            / (1 + torch.relu((2 * torch.relu(t1) - t1) - 1))[..., None]
        )
        S = new_S
        z = new_z
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, (S, z)


def parallel(q, k, v, alpha, p, state=None):
    """The whole sequence as one causal matrix of scores."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    rows = q
    cols = torch.exp(p)[..., None] * k
    values = v
    decay = alpha
    S = v.new_zeros((B, H, n, d)) if state is None else state[0]
    ratio = _ratio(decay)
    from_start = _products(decay, -1)
    to_end = _to_end(decay, -1)
    scores = rows @ cols.mT * ratio
    total = from_start[..., -1]
    added = (to_end[..., :, None] * cols).mT @ values
    end = total[..., None, None] * S + added
    y_2 = scores @ values + (from_start[..., :, None] * rows) @ S
    values_2 = torch.broadcast_to(v.new_tensor(1), (B, H, L))[..., None]
    start = v.new_zeros((B, H, n)) if state is None else state[1]
    S_2 = start.reshape(B, H, rows.shape[-1], values_2.shape[-1])
    added_2 = (to_end[..., :, None] * cols).mT @ values_2
    end_2 = total[..., None, None] * S_2 + added_2
    y_3 = scores @ values_2 + (from_start[..., :, None] * rows) @ S_2
    y_4 = y_3[..., 0]
    end_3 = end_2.reshape(B, H, n)
    y = y_2 / (1 + torch.relu((2 * torch.relu(y_4) - y_4) - 1))[..., None]
    return y, (end, end_3)


def chunkwise(q, k, v, alpha, p, state=None, chunk=64):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    cols = torch.exp(p)[..., None] * k
    rows = _chunks(q, chunk, 0)
    cols_2 = _chunks(cols, chunk, 0)
    values = _chunks(v, chunk, 0)
    decay = _chunks(alpha, chunk, 1)
    S = v.new_zeros((B, H, n, d)) if state is None else state[0]
    ratio = _ratio(decay)
    from_start = _products(decay, -1)
    to_end = _to_end(decay, -1)
    scores = rows @ cols_2.mT * ratio
    total = from_start[..., -1]
    added = (to_end[..., :, None] * cols_2).mT @ values
    starts = []
    for total_c, added_c in zip(total.unbind(2), added.unbind(2), strict=True):
        starts.append(S)
        S = total_c[..., None, None] * S + added_c
    starts = torch.stack(starts, 2)
    y_2 = scores @ values + (from_start[..., :, None] * rows) @ starts
    y_3 = _unchunked(y_2, L)
    values_2 = torch.broadcast_to(v.new_tensor(1), (B, H, L))[..., None]
    values_3 = _chunks(values_2, chunk, 0)
    start = v.new_zeros((B, H, n)) if state is None else state[1]
    S_3 = start.reshape(B, H, rows.shape[-1], values_3.shape[-1])
    added_2 = (to_end[..., :, None] * cols_2).mT @ values_3
    starts_2 = []
    for total_c, added_c in zip(total.unbind(2), added_2.unbind(2), strict=True):
        starts_2.append(S_3)
        S_3 = total_c[..., None, None] * S_3 + added_c
    starts_2 = torch.stack(starts_2, 2)
    y_4 = scores @ values_3 + (from_start[..., :, None] * rows) @ starts_2
    y_5 = _unchunked(y_4, L)
    y_6 = y_5[..., 0]
    end = S_3.reshape(B, H, n)
    y = y_3 / (1 + torch.relu((2 * torch.relu(y_6) - y_6) - 1))[..., None]
    return y, (S, end)


def associative_scan(q, k, v, alpha, p, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for q_c, k_c, v_c, alpha_c, p_c in zip(
        q.split(chunk, 2),
        k.split(chunk, 2),
        v.split(chunk, 2),
        alpha.split(chunk, 2),
        p.split(chunk, 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(q_c, k_c, v_c, alpha_c, p_c, state)
        ys.append(y)
    return torch.concat(ys, 2), state


def _associative_scan_of_chunk(q, k, v, alpha, p, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    start = v.new_zeros((B, H, n, d)) if state is None else state[0]
    factor = alpha[..., None, None]
    term = (torch.exp(p)[..., None] * k)[..., :, None] * v[..., None, :]
    S = _scan(factor, term, start)
    end = S[..., -1, :, :]
    y_2 = torch.einsum("...ba,...b->...a", S, q)
    start_2 = v.new_zeros((B, H, n)) if state is None else state[1]
    factor_2 = alpha[..., None]
    term_2 = torch.exp(p)[..., None] * k
    z = _scan(factor_2, term_2, start_2)
    end_2 = z[..., -1, :]
    y_3 = torch.einsum("...a,...a->...", q, z)
    y = y_2 / (1 + torch.relu((2 * torch.relu(y_3) - y_3) - 1))[..., None]
    return y, (end, end_2)


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


SCHEDULES = {
    "recurrent": recurrent,
    "parallel": parallel,
    "chunkwise": chunkwise,
    "associative_scan": associative_scan,
}
