"""Costs of a layer against operations counted one by one."""

import itertools

import pytest
from layers import gated_delta

from dsf_sym import (
    Const,
    Mat,
    Negative,
    Positive,
    Scalar,
    State,
    Vec,
    concat,
    diag,
    einsum,
    exp,
    layer,
    ones,
    outer,
    scale,
    softplus,
)
from dsf_sym.derivation.costs import SizePolynomial, costs
from dsf_sym.errors import SizeError


@layer(start={"h": "h0"})
def s6(
    h: State["d", "n"],
    x: Vec["d"],
    Delta: Positive["d"],
    b: Vec["n"],
    c: Vec["n"],
    A: Const[Negative["d", "n"]],
    D: Const[Vec["d"]],
    h0: Const[Mat["d", "n"]],
):
    h = exp(scale(Delta, A)) * h + outer(Delta * x, b)
    return h, h @ c + D * x


class Counted:
    """A number that counts what is done with it."""

    total = 0

    def __add__(self, other):
        Counted.total += 1
        return Counted()

    __sub__ = __mul__ = __add__


def counted_gated_delta(n, d):
    """The operations of one step, written with loops over numbers that count."""
    Counted.total = 0
    x = Counted()
    S = [[x] * d for _ in range(n)]
    q, k, v, alpha, beta = [x] * n, [x] * n, [x] * d, x, x
    read, y = [x] * d, [x] * d
    for i, j in itertools.product(range(n), range(d)):
        read[j] = read[j] + k[i] * S[i][j]
    for i, j in itertools.product(range(n), range(d)):
        S[i][j] = alpha * (S[i][j] - beta * (k[i] * read[j])) + beta * (k[i] * v[j])
    for i, j in itertools.product(range(n), range(d)):
        y[j] = y[j] + q[i] * S[i][j]
    return Counted.total


@pytest.mark.parametrize(("n", "d"), [(1, 1), (2, 3), (7, 4)])
def test_operations_of_the_gated_delta_rule(n, d):
    found = costs(gated_delta)
    sizes = {"n": n, "d": d}
    assert found.flops.at(sizes) == counted_gated_delta(n, d)
    assert found.state.at(sizes) == n * d and found.state_bytes.at(sizes) == 4 * n * d
    assert not found.functions and str(found.parameters) == "0"


def test_text():
    found = costs(gated_delta)
    assert str(found.flops) == "11 n d" and str(found.state) == "n d"
    found = costs(s6)
    assert str(found.flops) == "6 d n + 3 d"
    assert {name: str(x) for name, x in found.functions.items()} == {"exp": "d n"}
    assert str(found.parameters) == "2 d n + d"
    assert str(found) == (
        "state d n entries (4 d n bytes in float32), 6 d n + 3 d FLOPs per token, "
        "function calls exp: d n, 2 d n + d parameters"
    )


def test_shared_nodes_are_counted_once():
    @layer
    def shared(h: State["n"], x: Vec["n"], W: Const[Mat["n", "n"]]):
        r = W @ x
        h = h * r + r
        return h, h + r

    @layer
    def written_twice(h: State["n"], x: Vec["n"], W: Const[Mat["n", "n"]]):
        h = h * (W @ x) + (W @ x)
        return h, h + (W @ x)

    assert str(costs(shared).flops) == "2 n^2 + 3 n"
    assert str(costs(written_twice).flops) == "6 n^2 + 3 n"


def test_signs_axes_and_constants_are_free():
    @layer
    def free(H: State["n", "n"], x: Vec["n"], A: Const[Vec["n"]]):
        H = -H.T
        return H, outer(x, exp(A) * A)

    assert str(costs(free).flops) == "n^2" and not costs(free).functions

    @layer
    def spread(h: State["n"], x: Scalar):
        h = h + x * ones("n")
        return h, diag(h)

    assert str(costs(spread).flops) == "2 n"


def test_sums_concat_and_whole_numbers():
    @layer
    def mixed(h: State["n+m"], x: Vec["n"], p: Vec["m"], W: Mat["3", "n+m"]):
        h = h + concat(x, p)
        return h, (W @ h).sum() + einsum("ij,j->", W, h)

    found = costs(mixed)
    assert str(found.state) == "n + m"
    # n+m to add, 6(n+m) for each product with W, 3 for the sum and 1 to add the two.
    assert str(found.flops) == "13 n + 13 m + 4"
    assert found.flops.at({"n": 2, "m": 5}) == 13 * 7 + 4


def test_functions_are_counted_by_name():
    @layer
    def gates(h: State["n"], x: Vec["n"], z: Positive["n"]):
        h = exp(-softplus(x)) * h + x / z
        return h, h

    found = {name: str(x) for name, x in costs(gates).functions.items()}
    assert found == {"softplus": "n", "exp": "n", "inverse": "n"}


def test_polynomials():
    n = SizePolynomial({(("n", 1),): 1}, ("n", "d"))
    d = SizePolynomial({(("d", 1),): 1})
    total = (n + d) * (n + d) + n * 0 + d * 3
    assert str(total) == "n^2 + 2 n d + d^2 + 3 d"
    assert total.at({"n": 3, "d": 2}) == 31
    assert str(n * 0) == "0" and str(SizePolynomial({(): 1})) == "1"
    with pytest.raises(SizeError, match="size n has no value"):
        total.at({"d": 1})
