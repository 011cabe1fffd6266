"""What a relation between two tokens says of the later one, solved over the reals.

`x_before = x K e^{c x}` has its positive solutions in Lambert's W, with w = W(w e^w): one where
c >= 0, and for c < 0 the two real branches where c x_before / K >= -1/e, none elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .equations import Expression


@dataclass(frozen=True)
class Recurrence:
    """`x_before = value(x, other signals of the token, weights)`, in symbols with their signs."""

    x: Expression
    value: Expression

    @property
    def solved(self) -> tuple[str, ...]:
        """The solutions x, or 1/x, each with where it is one; () where there is no form of them."""
        found = self._form
        if found is None:
            return ()
        upside_down, K, c = found
        before = self.before**-1 if upside_down else self.before
        shown = f"1/{self.x}" if upside_down else str(self.x)
        return tuple(f"{shown} = {y}" for y in _solutions(K, c, before) if y != str(before))

    @property
    def growth(self) -> tuple[str, Expression] | None:
        """`x` or `1/x` as text and the r > 0 with `x_i = x_{i-1} e^r`, where r does not read x."""
        import sympy

        found = self._form
        if found is None or found[2] != 0:
            return None
        upside_down, K, _ = found
        r = sympy.log(K) if upside_down else -sympy.log(K)
        if r.is_positive or r.is_negative:
            return (f"{self.x}", r) if r.is_positive else (f"1/{self.x}", -r)
        return None

    @property
    def before(self) -> Expression:
        """The symbol of the last token's x."""
        import sympy

        return sympy.Symbol(f"{self.x}_before", positive=True)

    @property
    def _form(self) -> tuple[bool, Expression, Expression] | None:
        """Whether of 1/x, and K > 0 and c without x in `x_before = x K e^{c x}`."""
        import sympy

        if not self.x.is_positive:
            return None
        for upside_down, value in (
            (False, self.value),
            (True, 1 / self.value.subs(self.x, 1 / self.x)),
        ):
            ratio = sympy.powsimp(value / self.x)
            log = sympy.expand(sympy.expand_log(sympy.log(ratio), force=True))
            c = sympy.diff(log, self.x)
            rest = sympy.expand(log - c * self.x)
            if not c.has(self.x) and not rest.has(self.x) and log.is_real:
                return upside_down, sympy.exp(rest), sympy.factor(c)
        return None


def _solutions(K: Expression, c: Expression, before: Expression) -> Iterator[str]:
    import sympy

    last = sympy.powsimp(before / K)
    main, other = (sympy.LambertW(c * last, *k, evaluate=False) / c for k in ((), (-1,)))
    if c.is_zero:
        yield str(last)
    elif c.is_positive:
        yield str(main)
    else:
        where = f"{last} <= {-sympy.exp(-1) / c}"
        if not c.is_negative:
            minus = bool(c.could_extract_minus_sign())
            shown, above, below = (-c, "<", ">") if minus else (c, ">", "<")
            yield f"{main} where {shown} {above} 0"
            yield f"{last} where {shown} = 0"
            where = f"{shown} {below} 0 and {where}"
        yield f"{main} where {where}, and at most {-1 / c}"
        yield f"{other} where {where}, and at least {-1 / c}"
