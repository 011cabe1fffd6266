"""Generated torch 2.13 code of Softmax attention; do not edit.

Made by `dsf generate softmax_attention --print torch` from derivations/softmax_attention.py.
Transition: none, softmax_attention has no finite state that was found: exp((q @ k_j) /
  sqrt(sum(ones('n')))) reads the query of one token and a key of another, so that y_i needs every
  past key.
Schedules: recurrent, parallel.
no chunkwise: there is no finite state; every query reads the whole cache
no associative_scan: there is no finite state; every query reads the whole cache
no convolution: there is no finite state; every query reads the whole cache

q: [B, H, L, n], real
k: [B, H, L, n], real
v: [B, H, L, d], real
cache of P tokens, in and out: k_j: [B, H, P, n], real
cache of P tokens, in and out: v_j: [B, H, P, d], real
returns y: [B, H, L, d], and the cache after the last token

Requires torch 2.13; L >= 1 (read from q); arrays of one type.

spec 740fed476247aedb00dfede0d17715b374580aedd3bed431655f5c0f347ed2dd
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 2308497a47e42da0e3b794a1e6d6b562bdf77bdea513b0455f8ffba5a07fc083
"""

import torch


def recurrent(q, k, v, state=None):
    """One token after the other: its entry joins the cache, which answers its query."""
    return parallel(q, k, v, state, chunk=1)


def parallel(q, k, v, state=None, chunk=128):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for q_c, k_c, v_c in zip(
        q.split(chunk, 2),
        k.split(chunk, 2),
        v.split(chunk, 2),
        strict=True,
    ):
        y, state = _parallel_of_chunk(q_c, k_c, v_c, state)
        ys.append(y)
    return torch.concat(ys, 2), state


def _parallel_of_chunk(q, k, v, state):
    """A block of queries, each against all entries up to its own."""
    n = q.shape[-1]
    k_j = k if state is None else torch.concat([state[0], k], 2)
    v_j = v if state is None else torch.concat([state[1], v], 2)
    exponents = q @ k_j.mT / torch.sqrt(v.new_tensor(n))[..., None, None]
    exponents = _seen(exponents, -2, -torch.inf)
    exponents = _below_largest(exponents, -1)
    weights = torch.exp(exponents)
    y = weights @ v_j / torch.einsum("...ab->...a", weights)[..., :, None]
    return y, (k_j, v_j)


def _seen(x, axis, fill):
    """Values by query and entry, on an axis and the next; `fill` at entries after the query."""
    count, entries = x.shape[axis], x.shape[axis + 1]
    seen = torch.ones(count, entries, dtype=torch.bool, device=x.device).tril(entries - count)
    return torch.where(seen.reshape(count, entries, *[1] * (-axis - 2)), x, fill)


def _below_largest(x, axis):
    """Entries less the largest one along an axis, which cancels, and so does its derivative."""
    return x - x.detach().amax(axis, keepdim=True)


SCHEDULES = {
    "recurrent": recurrent,
    "parallel": parallel,
}
