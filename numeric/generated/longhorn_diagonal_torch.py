"""Generated torch 2.13 code of Longhorn, diagonal; do not edit.

Made by `dsf generate longhorn_diagonal --print torch` from derivations/longhorn.py.
Transition: diagonal(1 - 1/(1 + rate k k) k k rate) entry by entry.
Schedules: recurrent, associative_scan.
no parallel: Λ is diagonal entry by entry: the decay varies along the values
no chunkwise: Λ is diagonal entry by entry: the decay varies along the values
no convolution: Λ is not constant in time

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
rate: [B, H, L, d], (0, inf)
state, in and out: S: [B, H, n, d], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from q); arrays of one type.

spec 9f24a225347569a41b99d57c532c45a52716ba11aaaefda57fc9db6bc300726d
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body f3b48a9b9ac710d79fabfcbc76bf0f000efb2e64af46d0e9c7647ba75082aada
"""

import torch


def recurrent(q, k, v, rate, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    S = v.new_zeros((B, H, n, d)) if state is None else state
    x1 = k * k
    x4 = torch.einsum("...a,...a->...", k, k)
    x2 = rate / (1 + rate * x4[..., None])
    x3 = x2 * v
    ys = []
    for q_i, k_i, x1_i, x2_i, x3_i in zip(
        q.unbind(2),
        k.unbind(2),
        x1.unbind(2),
        x2.unbind(2),
        x3.unbind(2),
        strict=True,
    ):
        S = (
            (S - x1_i[..., :, None] * x2_i[..., None, :] * S)
            + k_i[..., :, None] * x3_i[..., None, :]
        )
        y = torch.einsum("...a,...ab->...b", q_i, S)
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, S


def associative_scan(q, k, v, rate, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for q_c, k_c, v_c, rate_c in zip(
        q.split(chunk, 2),
        k.split(chunk, 2),
        v.split(chunk, 2),
        rate.split(chunk, 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(q_c, k_c, v_c, rate_c, state)
        ys.append(y)
    return torch.concat(ys, 2), state


def _associative_scan_of_chunk(q, k, v, rate, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H = v.shape[:2]
    n = q.shape[-1]
    d = v.shape[-1]
    start = v.new_zeros((B, H, n, d)) if state is None else state
    x1 = torch.einsum("...a,...a->...", k, k)
    x2 = rate / (1 + rate * x1[..., None])
    factor = 1 - (k * k)[..., :, None] * x2[..., None, :]
    term = k[..., :, None] * (x2 * v)[..., None, :]
    S = _scan(factor, term, start)
    end = S[..., -1, :, :]
    y = torch.einsum("...ba,...b->...a", S, q)
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
