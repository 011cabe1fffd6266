"""Generated torch 2.13 code of S6 (Mamba); do not edit.

Made by `dsf generate s6 --print torch` from derivations/s6.py.
Transition: diagonal(exp(A Delta)) entry by entry.
Schedules: recurrent, associative_scan.
no parallel: Λ is diagonal entry by entry: the decay varies along the values
no chunkwise: Λ is diagonal entry by entry: the decay varies along the values
no convolution: Λ is not constant in time

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
Delta: [B, H, L, d], (0, inf)
A: [H, d, n], (-inf, 0)
D: [H, d], real
state, in and out: h: [B, H, d, n], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from q); arrays of one type.

spec bca15ac597748d578b19e89daab8e7809615497d202e649e12e7c59da4f61397
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 52e7532b3b7f65d91b74b3b150b268068c93fb170470e175d6e53313210c2322
"""

import torch


def recurrent(q, k, v, Delta, A, D, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    h = v.new_zeros((B, H, d, n)) if state is None else state
    x1 = Delta * v
    x2 = D[:, None] * v
    ys = []
    for q_i, k_i, Delta_i, x1_i, x2_i in zip(
        q.unbind(2),
        k.unbind(2),
        Delta.unbind(2),
        x1.unbind(2),
        x2.unbind(2),
        strict=True,
    ):
        h = torch.exp(Delta_i[..., :, None] * A) * h + x1_i[..., :, None] * k_i[..., None, :]
        y = torch.einsum("...ab,...b->...a", h, q_i) + x2_i
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, h


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
    start = v.new_zeros((B, H, d, n)) if state is None else state
    factor = torch.exp(Delta[..., :, None] * A[:, None])
    term = (Delta * v)[..., :, None] * k[..., None, :]
    h = _scan(factor, term, start)
    end = h[..., -1, :, :]
    y = D[:, None] * v + torch.einsum("...ab,...b->...a", h, q)
    return y, end


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


SCHEDULES = {
    "recurrent": recurrent,
    "associative_scan": associative_scan,
}
