"""Balanced truncation of layers that are the same at every time, with its error bound.

For a stable `x_{i+1} = A x_i + B u_i`, `y_i = R x_i + E u_i` with Gramians P = A P Aᵀ + B Bᵀ and
Q = Aᵀ Q A + Rᵀ R the Hankel singular values σ are the roots of the eigenvalues of P Q, and the
balanced system cut to r states has an error of at most 2 Σ_{k > r} σ_k in the H∞ norm: that is the
largest gain of the difference, over all inputs. Numbers are floats: evidence, not a certificate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..automata.automaton import Automaton
from ..automata.run import count
from ..certificates.checkers.operators import require_linear
from ..errors import DomainError, LanguageError
from ..language.evaluate import Sizes
from ..language.layer import Layer
from .points import points
from .settling import layer_of, sizes_of

FREQUENCIES = 512
Array = Any
"""A NumPy array; NumPy and SciPy are imported only when a system is reduced."""


@dataclass(frozen=True)
class Reduced:
    """A system of `order` states beside the one it comes from.

    A, B, R, E: its matrices. hankel: the Hankel singular values, largest first. bound: twice the
    sum of those cut off. measured: the largest gain of the difference on a grid of frequencies.
    """

    layer: str
    order: int
    A: Array
    B: Array
    R: Array
    E: Array
    hankel: tuple[float, ...]
    bound: float
    measured: float


def balanced_truncation(
    layer: Layer | str,
    order: int,
    *,
    constants: Mapping[str, Sequence[str]] | None = None,
    carried: str | None = None,
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Reduced:
    """The layer at rational weights, cut to a number of states; needs SciPy.

    constants: weights, simple ones where not given. Raises LanguageError for a layer with tokens
    besides its input, DomainError for one that is not stable or an order beyond its states.
    """
    import numpy
    from scipy import linalg

    a, b, r, e = system(layer, constants=constants, carried=carried, sizes=sizes, seed=seed)
    name, states = layer_of(layer).name, len(a)
    if not 0 < order <= states:
        raise DomainError(f"balanced_truncation({name}, {order}): it has {states} states")
    if max(abs(linalg.eigvals(a))) >= 1:
        raise DomainError(f"balanced_truncation({name}): an eigenvalue of Λ is at least 1 in size")
    reach = linalg.solve_discrete_lyapunov(a, b @ b.T)
    shown = linalg.solve_discrete_lyapunov(a.T, r.T @ r)
    left, right = (_root(numpy, x) for x in (reach, shown))
    u, s, v = linalg.svd(right.T @ left)
    kept = s[:order] ** -0.5
    project, embed = (kept[:, None] * (u[:, :order].T @ right.T)), left @ v[:order].T * kept
    small = (project @ a @ embed, project @ b, r @ embed, e)
    tail = float(s[order:].sum())
    return Reduced(
        name,
        order,
        *small,
        tuple(map(float, s)),
        2 * tail * (1 + 1e-9),
        _largest_gain(numpy, (a, b, r, e), small),
    )


def system(
    layer: Layer | str,
    *,
    constants: Mapping[str, Sequence[str]] | None = None,
    carried: str | None = None,
    sizes: Sizes | None = None,
    seed: int = 0,
) -> tuple[Array, Array, Array, Array]:
    """A, B, R, E of a layer whose only token is its input, as NumPy arrays of floats."""
    import numpy

    from ..certificates.checkers.exact import exact

    made = layer_of(layer)
    at, u = sizes_of(made, sizes), carried or made.input_name
    if u is None or [s.name for s in made.of_kind("token")] != [u]:
        raise LanguageError(f"{made.name} has tokens besides its input, so that it moves with time")
    require_linear(made, u)
    drawn, _ = next(points(made, at, 1, seed=seed))
    weights = drawn | {k: list(map(Fraction, xs)) for k, xs in (constants or {}).items()}
    width = count(made.signal(u), at)
    tokens = [{u: [Fraction(i == j) for i in range(width)]} for j in range(width)]
    found = exact(Automaton((made,), at), tokens, weights)

    def table(rows: Sequence[Sequence[Any]]) -> Array:
        return numpy.array([[float(x) for x in row] for row in rows])

    a = table(found.forms[0].transition)
    readout = table(found.forms[0].readout)[:, : len(a)]
    b = table([f.write for f in found.forms]).T
    e = table([[row[-1] for row in f.readout] for f in found.forms]).T
    return a, b, readout, e


def _root(numpy: Any, x: Array) -> Array:
    """L with L Lᵀ = x, for a positive semidefinite x."""
    values, vectors = numpy.linalg.eigh((x + x.T) / 2)
    return vectors * numpy.sqrt(numpy.clip(values, 0, None))


def _largest_gain(numpy: Any, one: Sequence[Array], other: Sequence[Array]) -> float:
    def response(system: Sequence[Array], z: complex) -> Array:
        a, b, r, e = system
        return r @ numpy.linalg.solve(z * numpy.eye(len(a)) - a, b) + e

    angles = numpy.linspace(0, numpy.pi, FREQUENCIES)
    gaps = (response(one, z) - response(other, z) for z in numpy.exp(1j * angles))
    return float(max(numpy.linalg.norm(gap, 2) for gap in gaps))
