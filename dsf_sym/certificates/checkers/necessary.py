"""Check that equal outputs force relations between weights and tokens: the "only if" of conditions.

Each relation comes from one coefficient of the difference of two Markov parameters, which vanishes
where the layers agree for all values of the free signals. With the earlier relations put in, the
coefficient, or the logarithm of the quotient of its two terms, is `slope · x + rest` in the entry x
or in log x, its slope has no zero on the domain, and the stated value of x is the one zero. What is
found at a place of a window of tokens holds at that place of every window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from ...arithmetic.poly import Frac, Poly, frac, variable
from ...automata.automaton import entry_name
from ...errors import Rejected
from ...language.evaluate import shape_of
from ...language.layer import Layer
from ...language.ranges import ranges
from .comparable import require_at_rest, require_comparable
from .division import by_root
from .known import Known
from .power_series import SeriesRing
from .tokens import at_sizes, read_sizes
from .window import Entry, Index, Window

HIGHEST = 6


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """Every step of the derivation, in order."""
    sizes = read_sizes(data["sizes"])
    bound = [str(x) for x in data["bound"]]
    require_comparable(layers, bound)
    # Then a window that follows tokens without an input is like the first one.
    require_at_rest(Window(layers, sizes, bound, 1))
    known: list[Known] = []
    for at, row in enumerate(data["steps"]):
        relation = Known.read(row, bound)
        try:
            _Derivation(Window(layers, sizes, bound, relation.lag + 1), known).require(
                row, relation
            )
        except Rejected as error:
            raise Rejected(f"step {at}, {relation}: {error}") from None
        known.append(relation)
    here = at_sizes(sizes)
    if data["claim"]["sense"] != ("never" if "never" in data else "only if"):
        raise Rejected(f"the derivation does not prove the sense {data['claim']['sense']}")
    if "never" in data:
        row = data["never"]
        if int(row["lag"]) < 0:
            raise Rejected(f"there is no lag {row['lag']}")
        _Derivation(Window(layers, sizes, bound, int(row["lag"]) + 1), known).contradict(row)
        return f"{layers[0].name} and {layers[1].name} are equal{here} for no {bound}"
    if not known:
        raise Rejected("no relation is derived")
    shown = "; ".join(map(str, known))
    return f"{layers[0].name} = {layers[1].name}{here} only if {shown}"


class _Derivation:
    """One window of tokens, with the relations known so far put in."""

    def __init__(self, window: Window, known: list[Known]) -> None:
        self.window, self.universe = window, window.universe
        lag = window.length - 1
        # A relation reads no entry that an earlier one replaced, so the last one goes first.
        now = [k for k in reversed(known) if not k.older]
        for relation in [*now, *(k for k in known if k.older), *now]:
            for t in reversed(relation.times(lag)):
                value = self._value(relation, t)
                window.tokens[t][relation.name].entries[relation.index] = value

    def require(self, row: Mapping[str, Any], relation: Known) -> None:
        """The coefficient that the row names vanishes only where the relation holds."""
        constant = self.window.signals[relation.name].kind == "constant"
        x = self.window.own[relation.name, relation.index, None if constant else relation.time]
        value = self._value(relation, relation.time)
        coefficient = self._coefficient(row)
        if not any(self._forces(y, x, value) for y in self._readings(coefficient)):
            raise Rejected("the coefficient does not force it")

    def contradict(self, row: Mapping[str, Any]) -> None:
        """The coefficient that the row names has no zero on the domain.

        Its sign shows that, or the one value of an entry at which it vanishes, outside a domain.
        """
        if "signal" in row:
            relation = Known.read(row, list(self.window.bound))
            self.require(row, relation)
            signals = self.window.signals.values()
            domains = {
                entry_name(s.name, i): s.domain
                for s in signals
                for i in product(*map(range, shape_of(s.dims, self.window.sizes)))
            }
            found = ranges([relation.value], domains)[relation.value]
            if not found.meet(self.window.signals[relation.name].domain.interval).is_empty():
                raise Rejected(f"{relation} is possible")
            return
        certain = self.universe.certainly_positive
        if not any(certain(x) or certain(-x) for x in self._readings(self._coefficient(row))):
            raise Rejected("the last coefficient is not shown to have no zero")

    def _value(self, relation: Known, time: int) -> Frac:
        """The value of a relation; of a constant it reads constants."""
        signals = self.window.signals
        constant = signals[relation.name].kind == "constant"
        names = [n for n, s in signals.items() if s.kind == "constant" or not constant]
        at = 0 if constant else time + relation.older
        return self.window.value(relation.value, self.window.entries(at, names))

    def _coefficient(self, row: Mapping[str, Any]) -> Poly:
        """A monomial's coefficient in an entry of the difference of the two responses.

        Of their power series in a free entry, or of those of their logarithms, where the row says.
        """
        impulse, output = (tuple(map(int, row[key])) for key in ("input", "output"))
        if "order" in row:
            difference = self._expanded(row, impulse, output)
        else:
            left, right = (
                self.window.response(x, impulse).entries.get(output, frac(0))
                for x in self.window.layers
            )
            difference = left - right
        wanted = {_entry(m[:3]): int(m[3]) for m in row["monomial"]}
        at = {v: key for key, x in self.window.own.items() for v in x.variables()}
        for monomial, coefficient in self.window.coefficients(difference).items():
            if {at[v]: e for v, e in monomial} == wanted:
                return coefficient
        return Poly({})

    def _expanded(self, row: Mapping[str, Any], impulse: Index, output: Index) -> Frac:
        order = int(row["order"])
        if not 0 <= order <= HIGHEST:
            raise Rejected(f"the order is between 0 and {HIGHEST}")
        at, zero = _entry(row["in"]), [_entry(x) for x in row["zero"]]
        ring = SeriesRing(self.universe, order)
        found = []
        for layer in self.window.layers:
            y = self.window.expanded(layer, impulse, at, zero, order).entries.get(output)
            y = ring.constant(frac(0)) if y is None else y
            if row["log"]:
                if not self.universe.certainly_positive(y.terms[0]):
                    raise Rejected("the logarithm of what is not shown to be positive")
                y = ring.function("log", y)
            found.append(y)
        difference: Frac = (found[0] - found[1]).terms[order]
        return difference

    def _readings(self, coefficient: Poly) -> Iterator[Frac]:
        """Scalars that vanish where the coefficient does.

        For `p - q` also p² - q², and with positive terms log p - log q; for a root times what is
        positive its square.
        """
        certain = self.universe.certainly_positive
        yield Frac(coefficient)
        parts = [Frac(Poly({m: c})) for m, c in coefficient.terms.items()]
        if len(parts) == 2:
            squares = parts[0] * parts[0] - parts[1] * parts[1]
            yield Frac(self.universe.reduce(squares.num), squares.den)
            for p, q in (parts, parts[::-1]):
                if certain(p) and certain(-q):
                    yield self.universe.log(p) - self.universe.log(-q)
        for m in coefficient.terms if len(parts) == 1 else ():
            for v, _ in m:
                square = self.universe.variables[v].square
                rest = Poly({tuple((w, e) for w, e in m if w != v): 1})
                if square is not None and certain(Frac(rest)):
                    yield Frac(square)

    def _forces(self, y: Frac, x: Frac, value: Frac) -> bool:
        """Whether y vanishes only where `x = value`: it is (x - value) q, and q has no zero."""
        certain = self.universe.certainly_positive
        candidates = [(x, value), (self.universe.exp(x), self.universe.exp(value))]
        if certain(x) and certain(value):
            candidates.append((self.universe.log(x), self.universe.log(value)))
        for unknown, zero in candidates:
            sign = next((s for s in (1, -1) if (unknown * frac(s)).variable() is not None), 0)
            if not sign:
                continue
            (v,) = unknown.variables()
            quotient, rest = by_root(y.num, v, zero * frac(sign))
            # Of q x + r with r never zero, q is not zero where the whole is.
            last = Frac(y.num) - quotient * Frac(variable(v))
            whole = [] if v in quotient.num.variables() | last.num.variables() else [last]
            steep = any(certain(q) or certain(-q) for q in (quotient, *whole))
            if steep and self.universe.is_zero(rest):
                return True
        return False


def _entry(row: Sequence[Any]) -> Entry:
    name, index, time = row
    return str(name), tuple(map(int, index)), None if time is None else int(time)
