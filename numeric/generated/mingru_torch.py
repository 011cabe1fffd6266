"""Generated torch 2.13 code of minGRU; do not edit.

Made by `dsf generate mingru --print torch` from derivations/mingru.py.
Transition: diagonal(f) along d.
Schedules: recurrent, associative_scan.
no parallel: Λ is diagonal along d: the decay varies along the values
no chunkwise: Λ is diagonal along d: the decay varies along the values
no convolution: Λ is not constant in time

v: [B, H, L, d], real
f: [B, H, L, d], (0, 1]
state, in and out: h: [B, H, d], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from v); arrays of one type.

spec 14358d1d4930fd988bc318f10bc95962be295d1f13545eef18d2ce8753e8690f
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body bc5347eededd1125f360b49e43924742ff99e23b5b1a970c893d30bccbd23f02
"""

import torch


def recurrent(v, f, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    d = v.shape[-1]
    h = v.new_zeros((B, H, d)) if state is None else state
    x1 = (1 - f) * v
    ys = []
    for f_i, x1_i in zip(f.unbind(2), x1.unbind(2), strict=True):
        h = f_i * h + x1_i
        y = h
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, h


def associative_scan(v, f, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for v_c, f_c in zip(
        v.split(chunk, 2),
        f.split(chunk, 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(v_c, f_c, state)
        ys.append(y)
    return torch.concat(ys, 2), state


def _associative_scan_of_chunk(v, f, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H = v.shape[:2]
    d = v.shape[-1]
    start = v.new_zeros((B, H, d)) if state is None else state
    factor = f
    term = (1 - f) * v
    h = _scan(factor, term, start)
    end = h[..., -1, :]
    y = h
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
