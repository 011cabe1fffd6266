"""Generated torch 2.13 code of Linear attention, normalised; do not edit.

Made by `dsf generate linear_attention_normalised --print torch` from
  derivations/linear_attention_normalised.py.
Transition: block diagonal; S from S: identity; z from z: identity.
Schedules: recurrent, parallel, chunkwise, associative_scan.
no convolution: Λ is the identity: a sum over time needs no transform

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
state, in and out: S: [B, H, n, d], real
state, in and out: z: [B, H, n], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from q); arrays of one type.

spec f87375dd1920d0b249883d6b1c138c5787300fbfcc58909f1f20a03b6a6958d8
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 3cc200116a7eab782cc6a1d6001a6559e03f89946a4cb3aeb5bfaa58078f9a5d
"""

import torch


def recurrent(q, k, v, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = v.new_zeros((B, H, n, d)) if state is None else state[0]
    z = v.new_zeros((B, H, n)) if state is None else state[1]
    x1 = torch.nn.functional.elu(k) + 1
    x2 = torch.nn.functional.elu(q) + 1
    ys = []
    for v_i, x1_i, x2_i in zip(v.unbind(2), x1.unbind(2), x2.unbind(2), strict=True):
        new_S = S + x1_i[..., :, None] * v_i[..., None, :]
        new_z = z + x1_i
        t1 = torch.einsum("...a,...a->...", x2_i, new_z)
        y = torch.einsum("...a,...ab->...b", x2_i, new_S) / t1[..., None]
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
    rows = torch.nn.functional.elu(q) + 1
    cols = torch.nn.functional.elu(k) + 1
    values = v
    S = v.new_zeros((B, H, n, d)) if state is None else state[0]
    ratio = _causal(rows)
    scores = rows @ cols.mT * ratio
    added = cols.mT @ values
    end = S + added
    y_2 = scores @ values + rows @ S
    values_2 = torch.broadcast_to(v.new_tensor(1), (B, H, L))[..., None]
    start = v.new_zeros((B, H, n)) if state is None else state[1]
    S_2 = start.reshape(B, H, rows.shape[-1], values_2.shape[-1])
    added_2 = cols.mT @ values_2
    end_2 = S_2 + added_2
    y_3 = scores @ values_2 + rows @ S_2
    y_4 = y_3[..., 0]
    end_3 = end_2.reshape(B, H, n)
    y = y_2 / y_4[..., None]
    return y, (end, end_3)


def chunkwise(q, k, v, state=None, chunk=64):
    """Matrix products within chunks of tokens; the state is carried from chunk to chunk."""
    B, H, L = v.shape[:3]
    n = q.shape[-1]
    d = v.shape[-1]
    chunk = min(chunk, L)
    rows = torch.nn.functional.elu(q) + 1
    cols = torch.nn.functional.elu(k) + 1
    rows_2 = _chunks(rows, chunk, 0)
    cols_2 = _chunks(cols, chunk, 0)
    values = _chunks(v, chunk, 0)
    S = v.new_zeros((B, H, n, d)) if state is None else state[0]
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
    values_2 = torch.broadcast_to(v.new_tensor(1), (B, H, L))[..., None]
    values_3 = _chunks(values_2, chunk, 0)
    start = v.new_zeros((B, H, n)) if state is None else state[1]
    S_3 = start.reshape(B, H, rows_2.shape[-1], values_3.shape[-1])
    added_2 = cols_2.mT @ values_3
    starts_2 = []
    for added_c in added_2.unbind(2):
        starts_2.append(S_3)
        S_3 = S_3 + added_c
    starts_2 = torch.stack(starts_2, 2)
    y_4 = scores @ values_3 + rows_2 @ starts_2
    y_5 = _unchunked(y_4, L)
    y_6 = y_5[..., 0]
    end = S_3.reshape(B, H, n)
    y = y_3 / y_6[..., None]
    return y, (S, end)


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
    start = v.new_zeros((B, H, n, d)) if state is None else state[0]
    factor = torch.broadcast_to(v.new_tensor(1), (B, H, L, n, d))
    term = (torch.nn.functional.elu(k) + 1)[..., :, None] * v[..., None, :]
    S = _scan(factor, term, start)
    end = S[..., -1, :, :]
    y_2 = torch.einsum("...ba,...b->...a", S, torch.nn.functional.elu(q) + 1)
    start_2 = v.new_zeros((B, H, n)) if state is None else state[1]
    factor_2 = torch.broadcast_to(v.new_tensor(1), (B, H, L, n))
    term_2 = torch.nn.functional.elu(k) + 1
    z = _scan(factor_2, term_2, start_2)
    end_2 = z[..., -1, :]
    y_3 = torch.einsum("...a,...a->...", torch.nn.functional.elu(q) + 1, z)
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
