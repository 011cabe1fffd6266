"""Generated NumPy 2 code of minGRU; do not edit.

Made by `dsf generate mingru --print numpy` from derivations/mingru.py.
Transition: diagonal(f) along d.
Schedules: recurrent, associative_scan.
no parallel: Λ is diagonal along d: the decay varies along the values
no chunkwise: Λ is diagonal along d: the decay varies along the values
no convolution: Λ is not constant in time

v: [B, H, L, d], real
f: [B, H, L, d], (0, 1]
state, in and out: h: [B, H, d], real
returns y: [B, H, L, d], and the state after the last token

Requires numpy 2; L >= 1 (read from v); arrays of one type.

spec 14358d1d4930fd988bc318f10bc95962be295d1f13545eef18d2ce8753e8690f
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body ee424f19bfb9a1034b6d1697e038d2feade2d75c6d26f8e0174ceb710bce633e
"""

import numpy as np


def recurrent(v, f, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    d = v.shape[-1]
    h = np.zeros((B, H, d), v.dtype) if state is None else state
    x1 = (1 - f) * v
    ys = []
    for f_i, x1_i in zip(np.moveaxis(f, 2, 0), np.moveaxis(x1, 2, 0), strict=True):
        h = f_i * h + x1_i
        y = h
        ys.append(y)
    ys = np.stack(ys, 2)
    return ys, h


def associative_scan(v, f, state=None, chunk=32):
    """One chunk of tokens after the other, each handing its state to the next."""
    ys = []
    for v_c, f_c in zip(
        np.split(v, range(chunk, v.shape[2], chunk), 2),
        np.split(f, range(chunk, f.shape[2], chunk), 2),
        strict=True,
    ):
        y, state = _associative_scan_of_chunk(v_c, f_c, state)
        ys.append(y)
    return np.concat(ys, 2), state


def _associative_scan_of_chunk(v, f, state):
    """All states of a chunk at once, by a scan of every entry over time."""
    B, H = v.shape[:2]
    d = v.shape[-1]
    start = np.zeros((B, H, d), v.dtype) if state is None else state
    factor = f
    term = (1 - f) * v
    h = _scan(factor, term, start)
    end = h[..., -1, :]
    y = h
    return y, end


def _scan(factor, term, start):
    """h[i] = factor[i] * h[i - 1] + term[i] along axis 2 from h[-1] = start."""
    first = factor[:, :, :1] * start[:, :, None] + term[:, :, :1]
    return _tree(factor, np.concat([first, term[:, :, 1:]], 2))


def _tree(factor, term):
    """The same from zero: pairs of steps are steps of a sequence half as long."""
    L = term.shape[2]
    if L == 1:
        return term
    if L % 2:
        factor, term = (np.concat([x, x[:, :, :1]], 2) for x in (factor, term))
    odd = _tree(
        factor[:, :, 1::2] * factor[:, :, ::2],
        factor[:, :, 1::2] * term[:, :, ::2] + term[:, :, 1::2],
    )
    even = term[:, :, ::2] + np.concat(
        [np.zeros_like(odd[:, :, :1]), factor[:, :, 2::2] * odd[:, :, :-1]], 2
    )
    both = np.stack([even, odd], 3)
    return both.reshape(*both.shape[:2], -1, *both.shape[4:])[:, :, :L]


SCHEDULES = {
    "recurrent": recurrent,
    "associative_scan": associative_scan,
}
