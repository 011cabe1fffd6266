"""Generated NumPy 2 code of Softmax attention; do not edit.

Made by `dsf generate softmax_attention --print numpy` from derivations/softmax_attention.py.
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

Requires numpy 2; L >= 1 (read from q); arrays of one type.

spec 740fed476247aedb00dfede0d17715b374580aedd3bed431655f5c0f347ed2dd
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body eb8740697d4cd2cfef57b20c9af1109319ad380c4c49b6036f65c587044735d9
"""

import numpy as np


def recurrent(q, k, v, state=None):
    """One token after the other: its entry joins the cache, which answers its query."""
    return parallel(q, k, v, state, chunk=1)


def parallel(q, k, v, state=None, chunk=128):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for q_c, k_c, v_c in zip(
        np.split(q, range(chunk, q.shape[2], chunk), 2),
        np.split(k, range(chunk, k.shape[2], chunk), 2),
        np.split(v, range(chunk, v.shape[2], chunk), 2),
        strict=True,
    ):
        y, state = _parallel_of_chunk(q_c, k_c, v_c, state)
        ys.append(y)
    return np.concat(ys, 2), state


def _parallel_of_chunk(q, k, v, state):
    """A block of queries, each against all entries up to its own."""
    n = q.shape[-1]
    k_j = k if state is None else np.concat([state[0], k], 2)
    v_j = v if state is None else np.concat([state[1], v], 2)
    exponents = q @ k_j.mT / np.sqrt(np.array(n, v.dtype))[..., None, None]
    exponents = _seen(exponents, -2, -np.inf)
    exponents = _below_largest(exponents, -1)
    weights = np.exp(exponents)
    y = weights @ v_j / np.einsum("...ab->...a", weights)[..., :, None]
    return y, (k_j, v_j)


def _seen(x, axis, fill):
    """Values by query and entry, on an axis and the next; `fill` at entries after the query."""
    count, entries = x.shape[axis], x.shape[axis + 1]
    seen = np.tri(count, entries, entries - count, dtype=bool)
    return np.where(seen.reshape(count, entries, *[1] * (-axis - 2)), x, fill)


def _below_largest(x, axis):
    """Entries less the largest one along an axis."""
    return x - x.max(axis, keepdims=True)


SCHEDULES = {
    "recurrent": recurrent,
    "parallel": parallel,
}
