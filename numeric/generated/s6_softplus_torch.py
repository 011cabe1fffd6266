"""Generated torch 2.13 code of S6 (Mamba); do not edit.

Made by `dsf generate s6_softplus --print torch` from derivations/s6.py.
Transition: diagonal(exp(A softplus(z))) entry by entry.
Schedules: recurrent, associative_scan.
no parallel: Λ is diagonal entry by entry: the decay varies along the values
no chunkwise: Λ is diagonal entry by entry: the decay varies along the values
no convolution: Λ is not constant in time

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
A: [H, d, n], (-inf, 0)
D: [H, d], real
z: [B, H, L, d], real
state, in and out: h: [B, H, d, n], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from q); arrays of one type.

spec 3709b157e1e565a77bfacf3b8b586986fcb58603385ae7e19a5520cccc2d278b
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 5c5cb6302f72690b89a4ab99ce5a3907155b62a40e428995247415c8b17819aa
"""

import torch


def recurrent(q, k, v, A, D, z, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    h = v.new_zeros((B, H, d, n)) if state is None else state
    x1 = _softplus(z)
    x2 = x1 * v
    x3 = D[:, None] * v
    ys = []
    for q_i, k_i, x1_i, x2_i, x3_i in zip(
        q.unbind(2),
        k.unbind(2),
        x1.unbind(2),
        x2.unbind(2),
        x3.unbind(2),
        strict=True,
    ):
        h = torch.exp(x1_i[..., :, None] * A) * h + x2_i[..., :, None] * k_i[..., None, :]
        y = torch.einsum("...ab,...b->...a", h, q_i) + x3_i
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, h


def associative_scan(q, k, v, A, D, z, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for q_c, k_c, v_c, z_c in zip(
        q.split(chunk, 2),
        k.split(chunk, 2),
        v.split(chunk, 2),
        z.split(chunk, 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(q_c, k_c, v_c, A, D, z_c, state)
        ys.append(y)
    return torch.concat(ys, 2), state


def _associative_scan_of_chunk(q, k, v, A, D, z, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    start = v.new_zeros((B, H, d, n)) if state is None else state
    x1 = _softplus(z)
    factor = torch.exp(x1[..., :, None] * A[:, None])
    term = (x1 * v)[..., :, None] * k[..., None, :]
    h = _scan(factor, term, start)
    end = h[..., -1, :, :]
    y = D[:, None] * v + torch.einsum("...ab,...b->...a", h, q)
    return y, end


def _softplus(x):
    """log(1 + exp(x)) without overflow, and without the threshold of torch's own."""
    return torch.logaddexp(x, torch.zeros_like(x))


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
