"""Layers beside the catalogue's that exercise what code generation must read off a structure."""

from dsf_sym import (
    Const,
    Gate,
    Layer,
    Mat,
    Negative,
    Positive,
    Scalar,
    State,
    Vec,
    attention,
    concat,
    einsum,
    elu,
    exp,
    eye,
    heads,
    layer,
    log,
    maximum,
    ones,
    outer,
    relu,
    scale,
    sigmoid,
    softplus,
    sqrt,
    sum,
    tanh,
)


@layer
def decay_then_correct(
    S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate["n"], beta: Gate
):
    """The correction reads the memory that its own gate has decayed, key by key."""
    S = scale(alpha, S, axis="n")
    S = S + beta * outer(k, v - k @ S)
    return S, q @ S


@layer
def two_columns(
    S: State["n", "d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    w: Gate["n"],
    a: Vec["n"],
    b: Vec["n"],
):
    """Diagonal plus rank one whose column is not the key: two columns are written."""
    S = scale(w, S, axis="n") + outer(b, a @ S) + outer(k, v)
    return S, q @ S


@layer
def rwkv7_transposed(
    S: State["d", "n"],
    r: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    w: Gate["n"],
    a: Vec["n"],
    b: Vec["n"],
):
    """Values first, as RWKV-7 keeps its state."""
    S = einsum("ij,j->ij", S, w) + outer(S @ a, b) + outer(v, k)
    return S, S @ r


@layer
def bonus(
    S: State["n", "d"], r: Vec["n"], k: Vec["n"], v: Vec["d"], w: Gate["n"], u: Const[Vec["n"]]
):
    """The output reads the old state, and the current token through a bonus: RWKV-6."""
    y = r @ (S + outer(u * k, v))
    return scale(w, S, axis="n") + outer(k, v), y


@layer
def delta_read_before(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], beta: Gate):
    """A delta rule whose output reads the old state."""
    return S + beta * outer(k, v - k @ S), q @ S


@layer
def gated_output(
    S: State["n", "d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    z: Vec["d"],
    f: Scalar,
    D: Const[Vec["d"]],
):
    """Functions around the memory: a sigmoid gate inside, one on the output, a skip."""
    S = sigmoid(f) * S + outer((1 - sigmoid(f)) * tanh(k), v)
    return S, sigmoid(z) * (q @ S) + D * v


@layer
def three_axes(
    S: State["m", "d", "n"], q: Mat["m", "n"], k: Mat["m", "n"], v: Vec["d"], a: Gate["m"]
):
    """Two key axes with the values between them, decayed along one of the two."""
    S = einsum("m,mdn->mdn", a, S) + einsum("mn,d->mdn", k, v)
    return S, einsum("mn,mdn->d", q, S)


@layer
def key_by_value_read(S: State["n", "m", "d"], q: Vec["n"], k: Vec["n"], x: Mat["m", "d"], a: Gate):
    """A value that is a matrix, under names that the code uses itself."""
    S = a * S + outer(k, x)
    return S, einsum("n,nmd->md", q, S)


@layer(start={"h": "h0"})
def learned_start(h: State["n"], x: Vec["n"], f: Gate["n"], h0: Const[Vec["n"]]):
    """An elementwise memory that starts from a weight: a minimal gated unit."""
    h = f * h + (1 - f) * x
    return h, h


@layer
def dense_constant(h: State["n"], u: Scalar, A: Const[Mat["n", "n"]], c: Const[Vec["n"]]):
    """A dense constant transition: no fast schedule."""
    h = A @ h / 4 + outer(c, u)
    return h, c @ h


@layer
def rotation(a: State["n"], b: State["n"], x: Vec["n"], c: Const[Gate["n"]], w: Vec["n"]):
    """A complex state as a pair of real ones, turned by a constant; the output reads the old."""
    y = w @ a
    a, b = c * (3 * a - 4 * b) / 5 + x, c * (4 * a + 3 * b) / 5
    return a, b, y


@layer
def rotation_by_token(a: State["n"], b: State["n"], x: Vec["n"], c: Gate["n"], s: Gate["n"]):
    """A complex state turned by the token: no fast schedule."""
    a, b = c * a - s * b + x, s * a + c * b
    return a, b, a + b


@layer
def pair_and_memory(a: State["n"], b: State["n"], z: State["n"], x: Vec["n"], c: Const[Gate["n"]]):
    """A pair of states, one of which feeds the other, and a third of its own."""
    a, b, z = c * a + x, (1 - c) * b + a, c * c * z + x * x
    return a, b, z, (a + b) / (1 + z * z)


@layer
def two_states(S: State["n", "d"], z: State["n"], q: Vec["n"], k: Vec["n"], v: Vec["d"], a: Gate):
    """Numerator and denominator of one normalised memory."""
    S, z = a * S + outer(exp(k), v), a * z + exp(k)
    return S, z, (exp(q) @ S) / (exp(q) @ z)


@layer
def bounded_ratio(
    S: State["n", "d"], z: State["n"], q: Vec["n"], k: Vec["n"], v: Vec["d"], f: Gate, i: Positive
):
    """The numerator over max(|z·q|, 1), as mLSTM reads it."""
    S, z = f * S + outer(i * k, v), f * z + i * k
    return S, z, (q @ S) / maximum(abs(q @ z), 1)


@layer
def delta_and_decay(
    S: State["n", "d"],
    Z: State["n", "d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    beta: Gate,
    f: Gate["n"],
):
    """Two memories of different kinds that share keys, values and queries."""
    S = S + beta * outer(k, v - k @ S)
    Z = scale(f, Z, axis="n") + outer(k, v)
    return S, Z, q @ S + relu(q @ Z)


@layer
def entangled(h: State["n"], g: State["n"], x: Vec["n"], f: Gate["n"]):
    """One state feeds the other: no fast schedule."""
    h = f * h + x
    g = f * g + h
    return h, g, g


@layer
def householder_two(
    S: State["n", "d"], q: Vec["n"], k: Vec["n"], m: Vec["n"], v: Vec["d"], beta: Gate
):
    """Two corrections a token: rank two, which has no fast schedule here."""
    S = S - beta * outer(k, k @ S)
    S = S - beta * outer(m, m @ S) + outer(k, v)
    return S, q @ S


@layer
def value_decay(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate["d"]):
    """A decay along the values: only a scan keeps its structure."""
    S = scale(alpha, S, axis="d") + outer(k, v)
    return S, q @ S


@layer
def joined_keys(
    S: State["n+m", "d"], q: Vec["n"], p: Vec["m"], k: Vec["n"], j: Vec["m"], v: Vec["d"], a: Gate
):
    """Keys joined of two parts."""
    S = a * S + outer(concat(k, j), v)
    return S, concat(q, p) @ S


@layer
def every_function(
    h: State["n"], x: Vec["n"], g: Positive["n"], A: Const[Negative["n"]], s: Scalar
):
    """Every scalar function, powers, fractions, sums and a transpose."""
    gate = exp(softplus(x) * A)
    new = log(g) + sqrt(g) / 3 - relu(x) * elu(x) + tanh(x) ** 2 - x / (1 + g) + 3 / 2 * s
    h = gate * h + new + outer(x, x).T @ eye("n") @ g + sum(s * x, "n") * ones("n")
    return h, (h + 1 / 3) * sigmoid(s) - einsum("ab,b->a", outer(x, g).T, h)


@layer
def rates_of_values(
    S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate["n"], beta: Gate["d"]
):
    """A decayed memory corrected with a step for each value, as Longhorn's."""
    S = scale(alpha, S, axis="n")
    S = S + outer(k, beta * (v - k @ S))
    return S, q @ S


@attention
def cauchy(q: Vec["n"], k: Vec["n"]):
    """A rational kernel without a finite state: attention in exact arithmetic."""
    x = q - k
    return 1 / (1 + x @ x)


@attention(queries=("q", "w"))
def weighted_exponential(q: Vec["n"], w: Positive, k: Vec["n"], g: Gate, tau: Const[Positive]):
    """Factors of the query, of the key and of both beside two exponentials and a weight."""
    return (w * g + (1 + q @ k) ** 2) * exp(q @ k / tau) / exp(k @ k - g)


@attention(normalised=False)
def unnormalised_sum(q: Vec["n"], k: Vec["n"]):
    """A sum over the past without its normaliser."""
    return exp(-((q - k) @ (q - k)))


headed_gates = heads(gated_output, "m", shared=("q", "f"), name="headed_gates")
headed_correction = heads(decay_then_correct, "m", name="headed_correction")
cauchy_heads = heads(cauchy, "m", shared=("k", "k_j"), name="cauchy_heads")
tied_keys = weighted_exponential.given(name="tied_keys", k="2 * q", g="g * g")


EXTRA: dict[str, Layer] = {
    x.name: x
    for x in (
        decay_then_correct,
        two_columns,
        rwkv7_transposed,
        bonus,
        delta_read_before,
        gated_output,
        three_axes,
        key_by_value_read,
        learned_start,
        dense_constant,
        rotation,
        rotation_by_token,
        pair_and_memory,
        two_states,
        bounded_ratio,
        delta_and_decay,
        entangled,
        householder_two,
        value_decay,
        joined_keys,
        every_function,
        rates_of_values,
        headed_gates,
        headed_correction,
        cauchy,
        weighted_exponential,
        unnormalised_sum,
        cauchy_heads,
        tied_keys,
    )
}
