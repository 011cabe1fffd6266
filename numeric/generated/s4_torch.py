"""Generated torch 2.13 code of S4 (diagonal plus rank one); do not edit.

Made by `dsf generate s4 --print torch` from derivations/s4.py.
Transition: full; hr from hr: diagonal(-1 + 2 1/(1 - A Delta + 1/4 A A Delta Delta + 1/4 Delta
  Delta w w) - A Delta 1/(1 - A Delta + 1/4 A A Delta Delta + 1/4 Delta Delta w w)) entry by entry
  + rank 2 along n; hr from hi: (identity + rank 2) * diagonal(-Delta 1/(1 - A Delta + 1/4 A A
  Delta Delta + 1/4 Delta Delta w w) w) entry by entry along n; hi from hr: diagonal(Delta 1/(1 - A
  Delta + 1/4 A A Delta Delta + 1/4 Delta Delta w w) w) entry by entry * (identity + rank one)
  along n; hi from hi: diagonal(-1 + 2 1/(1 - A Delta + 1/4 A A Delta Delta + 1/4 Delta Delta w w)
  - A Delta 1/(1 - A Delta + 1/4 A A Delta Delta + 1/4 Delta Delta w w)) entry by entry + rank one
  along n.
Schedules: recurrent.
no parallel: the states hr and hi are of one system: one reads another
no chunkwise: the states hr and hi are of one system: one reads another
no associative_scan: Λ is diagonal entry by entry plus rank 2 along n: its products are no longer
  of that structure
no convolution: Λ is diagonal entry by entry plus rank 2 along n: its products are no longer of
  that structure

v: [B, H, L, d], real
A: [H, d, n], (-inf, 0)
w: [H, d, n], real
p: [H, d, n], real
Br: [H, d, n], real
Bi: [H, d, n], real
Cr: [H, d, n], real
Ci: [H, d, n], real
D: [H, d], real
Delta: [H, d], (0, inf)
state, in and out: hr: [B, H, d, n], real
state, in and out: hi: [B, H, d, n], real
returns y: [B, H, L, d], and the state after the last token

Requires torch 2.13; L >= 1 (read from v); arrays of one type.

spec ccdd0f6c7acad3add2577fe4d7974883b4a646d2a679e9d951d78b018e1c6618
generator f331999ca03f59b8243313be58001ff649122a370e058de3c1cea25db2527093
body 53d5529b57a3ec0ac57f00ded5af8470d9ddcb59675824d3d0a6ab7659b34fe6
"""

import torch


def recurrent(v, A, w, p, Br, Bi, Cr, Ci, D, Delta, state=None):
    """One token after the other, as the layer is defined."""
    B, H = v.shape[:2]
    d = v.shape[-1]
    n = A.shape[-1]
    hr = v.new_zeros((B, H, d, n)) if state is None else state[0]
    hi = v.new_zeros((B, H, d, n)) if state is None else state[1]
    x1 = D[:, None] * v
    ys = []
    for v_i, x1_i in zip(v.unbind(2), x1.unbind(2), strict=True):
        t1 = torch.broadcast_to(Delta[..., :, None] / 2, (B, H, d, n))
        t2 = hr + v_i[..., :, None] * Br * t1
        t3 = 1 - A * t1
        t4 = hi + v_i[..., :, None] * Bi * t1
        t5 = -(w * t1)
        t6 = -t5
        t7 = 1 / (t3 * t3 + t5 * t5)
        t8 = (t2 * t3 - t4 * t6) * t7
        t9 = -p
        t10 = 1 / (1 - torch.einsum("...ab->...a", t1 * -(p * p) * t3 * t7))
        t11 = p * t1
        t12 = 0 * t1
        new_hr = (
            2
            * (t8
            + (torch.einsum("...ab->...a", t9 * t8 + 0 * ((t2 * t6 + t4 * t3) * t7))
            * t10)[..., :, None] * (t11
            * t3 - t12
            * t6) * t7)
            - hr
        )
        t13 = hr + v_i[..., :, None] * Br * t1
        t14 = hi + v_i[..., :, None] * Bi * t1
        t15 = (t13 * t6 + t14 * t3) * t7
        new_hi = (
            2
            * (t15
            + (torch.einsum("...ab->...a", t9 * (t13 * t3 - t14 * t6) * t7 + 0 * t15)
            * t10)[..., :, None] * (t11
            * t6 + t12
            * t3) * t7)
            - hi
        )
        y = torch.einsum("...ab->...a", Cr * new_hr + Ci * new_hi) + x1_i
        hr = new_hr
        hi = new_hi
        ys.append(y)
    ys = torch.stack(ys, 2)
    return ys, (hr, hi)


SCHEDULES = {
    "recurrent": recurrent,
}
