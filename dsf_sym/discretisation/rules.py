"""Discretisation rules: the state at the end of a step of size Δ, from x' = A x + b.

Every entry moves by its own Δ: the rules integrate x' = Δ ⊙ (A x + b) over one unit of time, with
A, b and Δ those of token i throughout. `a` below is A entry by entry, real or complex.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from ..errors import DomainError
from ..language.functions import exp
from ..language.pairs import Complex, polar
from ..language.ranges import ranges
from ..language.tensor import (
    LABELS,
    Function,
    Number,
    Product,
    Reindex,
    Tensor,
    add,
    multiply,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..language.domains import Domain
    from .motion import Entry, Low, Motion

HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Moving:
    """One group of states within a step.

    x: the states before it, as one tensor or pair. b: what drives them, None for zero. last: the b
    of the last token and mix the weight λ of this one, for the rule that reads them. domains: those
    of the signals. call: for messages.
    """

    motion: Motion
    x: Entry
    b: Entry | None
    size: Tensor
    domains: Mapping[str, Domain]
    call: str
    last: Entry | None = None
    mix: Tensor | None = None

    def driven(self, x: Entry, gain: Entry) -> Entry:
        """`x + gain b`."""
        if self.b is None:
            return x
        return x + gain * self.b

    def check(self, denominator: Tensor, what: str, advice: str) -> None:
        """Refuse a denominator that can be zero on the domains of the signals."""
        try:
            ranges([Function("inverse", denominator, denominator.dims)], self.domains)
        except DomainError:
            states = ", ".join(self.motion.states)
            raise DomainError(f"{self.call}: the state {states}: {what}; {advice}") from None


@dataclass(frozen=True)
class Rule:
    """A rule by name and formula. advance: the new state of a group, None where any A will do.

    low: it takes an A with an outer product. needs_last: it reads b of the last token, and λ.
    """

    name: str
    formula: str
    advance: Callable[[Moving], Entry] | None = field(repr=False)
    low: bool = False
    needs_last: bool = False


def _decay(g: Moving) -> Entry:
    """e^{ΔA}."""
    a = g.motion.a
    assert a is not None
    return polar(exp(g.size * a.re), g.size * a.im) if isinstance(a, Complex) else exp(g.size * a)


def _zoh(g: Moving) -> Entry:
    a = g.motion.a
    if a is None:
        return g.driven(g.x, g.size)
    decay = _decay(g)
    if g.b is None:
        return decay * g.x
    shown = f"{text(a.re)} + i {text(a.im)}" if isinstance(a, Complex) else text(a)
    bounds = [ranges([x], g.domains)[x] for x in ([a.re, a.im] if isinstance(a, Complex) else [a])]
    lies = " + i ".join(str(x) for x in bounds)
    g.check(
        _square(a),
        f"'zoh' divides by A, and A = {shown} lies in {lies}, which holds 0",
        "declare A as Negative or Positive, or discretise with 'zoh_euler', 'bilinear' or 'euler', "
        "which divide by no A",
    )
    return g.driven(decay * g.x, (decay - 1) / a)


def _zoh_euler(g: Moving) -> Entry:
    return g.driven(g.x if g.motion.a is None else _decay(g) * g.x, g.size)


def _exp_trapezoidal(g: Moving) -> Entry:
    assert g.mix is not None
    if g.last is None:
        return _zoh_euler(g)
    before = g.x + g.last * ((1 - g.mix) * g.size)
    return g.driven(before if g.motion.a is None else _decay(g) * before, g.mix * g.size)


def _bilinear(g: Moving) -> Entry:
    # With M = Δ/2 A: (I - M)⁻¹ ((I + M) x + Δ b) = 2 (I - M)⁻¹ (x + Δ/2 b) - x, a shorter Λ.
    a, low, half = g.motion.a, g.motion.low, HALF * g.size
    new, square = g.driven(g.x, half), None
    behind = None if a is None else 1 - half * a
    if behind is not None:
        square = _square(behind)
        advice = "declare the real part of A as Negative, or discretise with 'euler'"
        g.check(square, "'bilinear' divides by 1 - Δ/2 A, which can be 0", advice)
        new = new / behind
    if low is None:
        return 2 * new - g.x
    column = half * low.left if behind is None else half * low.left / behind
    under = 1 - _summed(low, _meeting(low, half, behind, square))
    advice = "give A the outer product -p pᵀ and a negative diagonal, or discretise with 'euler'"
    g.check(under, f"'bilinear' divides by {text(under)}, which is not shown to exclude 0", advice)
    # (E - c rᵀ)⁻¹ = E⁻¹ + E⁻¹ c rᵀ E⁻¹ / (1 - rᵀ E⁻¹ c), Sherman and Morrison.
    return 2 * (new + _column(column, _inner(low, low.right, new) / under, low)) - g.x


def _square(x: Entry) -> Tensor:
    """What a division by x divides by."""
    return x.abs2() if isinstance(x, Complex) else x


def _meeting(low: Low, half: Tensor, behind: Entry | None, square: Tensor | None) -> Tensor:
    """The summands of `rightᵀ E⁻¹ left Δ/2`, with squares where left and right are one vector."""
    product = low.product
    if isinstance(behind, Complex):
        assert isinstance(product, Complex) and square is not None
        top = product.re * behind.re
        top = top if _is_zero(product.im) else top + product.im * behind.im
        return half * (top / square)
    real = product.re if isinstance(product, Complex) else product
    return half * real if behind is None else half * (real / behind)


def _is_zero(x: Tensor) -> bool:
    while isinstance(x, Reindex):
        x = x.arg
    return isinstance(x, Number) and x.value == 0


def _inner(low: Low, right: Entry, x: Entry) -> Tensor:
    """`rightᵀ x` along the axes, over both parts of a pair."""
    if isinstance(right, Complex):
        assert isinstance(x, Complex)
        return _summed(low, add(multiply(right.re, x.re), multiply(right.im, x.im)))
    assert isinstance(x, Tensor)
    return _summed(low, multiply(right, x))


def _summed(low: Low, x: Tensor) -> Tensor:
    letters = LABELS[: len(x.dims)]
    kept = [i for i in range(len(x.dims)) if i not in low.axes]
    target = "".join(letters[i] for i in kept)
    return Reindex(f"{letters}->{target}", x, tuple(x.dims[i] for i in kept))


def _column(left: Entry, share: Tensor, low: Low) -> Entry:
    """`left` times a number for each place that the outer product leaves alone."""
    if isinstance(left, Complex):
        return Complex(_scaled(left.re, share, low), _scaled(left.im, share, low))
    return _scaled(left, share, low)


def _scaled(left: Tensor, share: Tensor, low: Low) -> Tensor:
    letters = LABELS[: len(left.dims)]
    kept = "".join(x for i, x in enumerate(letters) if i not in low.axes)
    return Product(f"{kept},{letters}->{letters}", share, left, left.dims)


RULES = {
    rule.name: rule
    for rule in (
        Rule("zoh", "e^{ΔA} x + (e^{ΔA} - 1)/A b", _zoh),
        Rule("zoh_euler", "e^{ΔA} x + Δ b", _zoh_euler),
        Rule("bilinear", "(I - Δ/2 A)⁻¹ ((I + Δ/2 A) x + Δ b)", _bilinear, low=True),
        Rule("euler", "x + Δ (A x + b)", None, low=True),
        Rule(
            "exp_trapezoidal",
            "e^{ΔA} (x + (1 - λ) Δ b of the last token) + λ Δ b",
            _exp_trapezoidal,
            needs_last=True,
        ),
    )
}
