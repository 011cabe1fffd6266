"""Generated torch 2.13 code of ReBased (square kernel); do not edit.

Made by `dsf generate rebased --print torch` from derivations/rebased.py.
Transition: block diagonal; S from S: identity; z from z: identity.
Schedules: recurrent, parallel, chunkwise, associative_scan.
no convolution: Λ is the identity: a sum over time needs no transform

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
state, in and out: S: [B, H, n, n, d], real
state, in and out: z: [B, H, n, n], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from q); arrays of one type.

spec 187a73a43b9ad27e3958d39ca12033949dbdc81dc015696a7e973607eaf3a744
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body df4677b5887891d883bb0eb071606dfa3de3e4dffbd492c28efb3809e68ce142
"""

import torch


def recurrent(q, k, v, state=None):
    """One token after the other, as the layer is defined."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    S = v.new_zeros((B, H, n, n, d)) if state is None else state[0]
    z = v.new_zeros((B, H, n, n)) if state is None else state[1]
    x2 = torch.broadcast_to(1 / torch.sqrt(v.new_tensor(n)), (B, H, L))
    x1 = (x2 * x2)[..., None] * q
    ys = []
    for q_i, k_i, v_i, x1_i in zip(
        q.unbind(2),
        k.unbind(2),
        v.unbind(2),
        x1.unbind(2),
        strict=True,
    ):
        new_S = (
            S + (k_i[..., :, None] * k_i[..., None, :])[..., :, :, None] * v_i[..., None, None, :]
        )
        new_z = z + k_i[..., :, None] * k_i[..., None, :]
        t1 = x1_i[..., :, None] * q_i[..., None, :]
        t2 = torch.einsum("...bc,...bc->...", t1, new_z)
        y = torch.einsum("...bc,...bca->...a", t1, new_S) / t2[..., None]
        S = new_S
        z = new_z
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, (S, z)


def parallel(q, k, v, state=None):
    """The whole sequence as one causal matrix of scores."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    x1 = 1 / torch.sqrt(v.new_tensor(n))
    rows = (((x1 * x1)[..., None] * q)[..., :, None] * q[..., None, :]).reshape(B, H, L, -1)
    cols = (k[..., :, None] * k[..., None, :]).reshape(B, H, L, -1)
    values = v
    start = v.new_zeros((B, H, n, n, d)) if state is None else state[0]
    S = start.reshape(B, H, rows.shape[-1], values.shape[-1])
    ratio = _causal(rows)
    scores = rows @ cols.mT * ratio
    added = cols.mT @ values
    end = S + added
    y_2 = scores @ values + rows @ S
    end_2 = end.reshape(B, H, n, n, d)
    values_2 = torch.broadcast_to(v.new_tensor(1), (B, H, L))[..., None]
    start_2 = v.new_zeros((B, H, n, n)) if state is None else state[1]
    S_2 = start_2.reshape(B, H, rows.shape[-1], values_2.shape[-1])
    added_2 = cols.mT @ values_2
    end_3 = S_2 + added_2
    y_3 = scores @ values_2 + rows @ S_2
    y_4 = y_3[..., 0]
    end_4 = end_3.reshape(B, H, n, n)
    y = y_2 / y_4[..., None]
    return y, (end_2, end_4)


def chunkwise(q, k, v, state=None, chunk=64):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    x1 = 1 / torch.sqrt(v.new_tensor(n))
    rows = (((x1 * x1)[..., None] * q)[..., :, None] * q[..., None, :]).reshape(B, H, L, -1)
    cols = (k[..., :, None] * k[..., None, :]).reshape(B, H, L, -1)
    rows_2 = _chunks(rows, chunk, 0)
    cols_2 = _chunks(cols, chunk, 0)
    values = _chunks(v, chunk, 0)
    start = v.new_zeros((B, H, n, n, d)) if state is None else state[0]
    S = start.reshape(B, H, rows_2.shape[-1], values.shape[-1])
    ratio = _causal(rows_2)
    scores = rows_2 @ cols_2.mT * ratio
    added = cols_2.mT @ values
    starts = []
    for added_c in added.unbind(2):
        starts.append(S)
        S = S + added_c
    starts = torch.stack(starts, 2)
    y_2 = scores @ values + rows_2 @ starts
    y_3 = _unchunked(y_2, L)
    end = S.reshape(B, H, n, n, d)
    values_2 = torch.broadcast_to(v.new_tensor(1), (B, H, L))[..., None]
    values_3 = _chunks(values_2, chunk, 0)
    start_2 = v.new_zeros((B, H, n, n)) if state is None else state[1]
    S_3 = start_2.reshape(B, H, rows_2.shape[-1], values_3.shape[-1])
    added_2 = cols_2.mT @ values_3
    starts_2 = []
    for added_c in added_2.unbind(2):
        starts_2.append(S_3)
        S_3 = S_3 + added_c
    starts_2 = torch.stack(starts_2, 2)
    y_4 = scores @ values_3 + rows_2 @ starts_2
    y_5 = _unchunked(y_4, L)
    y_6 = y_5[..., 0]
    end_2 = S_3.reshape(B, H, n, n)
    y = y_3 / y_6[..., None]
    return y, (end, end_2)


def associative_scan(q, k, v, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for q_c, k_c, v_c in zip(
        q.split(chunk, 2),
        k.split(chunk, 2),
        v.split(chunk, 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(q_c, k_c, v_c, state)
        ys.append(y)
    return torch.concat(ys, 2), state


def _associative_scan_of_chunk(q, k, v, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    start = v.new_zeros((B, H, n, n, d)) if state is None else state[0]
    factor = torch.broadcast_to(v.new_tensor(1), (B, H, L, n, n, d))
    term = (k[..., :, None] * k[..., None, :])[..., :, :, None] * v[..., None, None, :]
    S = _scan(factor, term, start)
    end = S[..., -1, :, :, :]
    y_2 = (
        (1 / torch.sqrt(v.new_tensor(n)) / torch.sqrt(v.new_tensor(n)))[..., None]
        * torch.einsum("...ba,...b->...a", torch.einsum("...bca,...c->...ba", S, q), q)
    )
    start_2 = v.new_zeros((B, H, n, n)) if state is None else state[1]
    factor_2 = torch.broadcast_to(v.new_tensor(1), (B, H, L, n, n))
    term_2 = k[..., :, None] * k[..., None, :]
    z = _scan(factor_2, term_2, start_2)
    end_2 = z[..., -1, :, :]
    y_3 = (
        1
        / torch.sqrt(v.new_tensor(n))
        / torch.sqrt(v.new_tensor(n))
        * torch.einsum("...ab,...ba->...", q[..., :, None] * q[..., None, :], z)
    )
    y = y_2 / y_3[..., None]
    return y, (end, end_2)


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
