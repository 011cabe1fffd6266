"""Solve the equations of equality, lag by lag, for relations between weights and tokens.

Positive and negative symbols make factors that cannot vanish; a difference of two positive terms
vanishes where their logarithms agree. What is found is a candidate: `conditions` verifies it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from ..errors import DsfError
from ..language.domains import Domain, Interval
from ..language.ranges import ranges
from .equations import Entry, Equation, Expression, System, graph

MOST_BRANCHES = 16


@dataclass(frozen=True)
class Step:
    """An equation that forced `entry = value`, at token `time`; `older`: by the token after it."""

    equation: Equation
    symbol: Expression
    value: Expression
    time: int
    older: bool


@dataclass(frozen=True)
class Solution:
    """Relations that hold at every time, as replacements of symbols.

    now: a weight by weights, or an entry of the token 0 by weights and the token 0. before: an
    entry of the token 0 by weights and the token 1, which follows it. left: equations of the last
    lag that were not solved. steps: what forced each relation, in order. forced: whether no step
    was one of several ways to satisfy its equation. pairs: polynomials in the entries of the tokens
    0 and 1 that vanish for every two tokens, the earlier one in the place of 0. never: an equation
    that cannot hold beside the relations; outside: where it holds only at values outside a domain,
    one of these.
    """

    system: System
    now: tuple[tuple[Expression, Expression], ...] = ()
    before: tuple[tuple[Expression, Expression], ...] = ()
    left: tuple[Expression, ...] = ()
    steps: tuple[Step, ...] = ()
    forced: bool = True
    pairs: tuple[Expression, ...] = ()
    never: Equation | None = None
    outside: Step | None = None

    def reduce(self, x: Expression, lag: int) -> Expression:
        """The numerator of x with every relation put in, at the times 0 ... lag."""
        import sympy

        for time in range(lag + 1):
            x = x.subs(self._at(self.now, time))
        for time in range(lag):
            x = x.subs(self._at(self.before, time))
        top = sympy.together(sympy.expand(x, power_exp=True)).as_numer_denom()[0]
        return self._modulo_pairs(sympy.expand(top, power_exp=True), lag)

    def _modulo_pairs(self, x: Expression, lag: int) -> Expression:
        import sympy

        if not self.pairs or x == 0:
            return x
        basis = self._pair_basis(lag)
        return sympy.reduced(x, basis.exprs, *basis.gens, order="grevlex")[1]

    def _pair_basis(self, lag: int) -> Expression:
        import sympy

        times = [(j, i) for i in range(lag + 1) for j in range(i)]
        every = [self.between(r, j, i) for r in self.pairs for j, i in times]
        gens = sorted({s for r in every for s in r.free_symbols}, key=str)
        return sympy.groebner(every, *gens, order="grevlex")

    def between(self, relation: Expression, earlier: int, later: int) -> Expression:
        """A relation of the tokens 0 and 1 as one of two others."""
        times = {0: earlier, 1: later}
        moved = {
            x: self.system.symbol(e.signal.name, e.index, times[e.time])
            for x, e in self._entries.items()
            if e.time is not None
        }
        return relation.xreplace(moved)

    def _at(
        self, relations: tuple[tuple[Expression, Expression], ...], time: int
    ) -> list[tuple[Expression, Expression]]:
        moved = {x: self._moved(e, time) for x, e in self._entries.items() if e.time is not None}
        return [(x.xreplace(moved), value.xreplace(moved)) for x, value in relations]

    @cached_property
    def _entries(self) -> dict[Expression, Entry]:
        return self.system.entries([0, 1])

    def _moved(self, entry: Entry, by: int) -> Expression:
        assert entry.time is not None
        return self.system.symbol(entry.signal.name, entry.index, entry.time + by)

    @property
    def inside_domains(self) -> bool:
        """Whether no value of a token or weight is one outside its domain."""
        entries = self._entries
        return all(_where(value, entries[x], entries) != "outside" for x, value in self.now)

    def with_step(self, step: Step) -> Solution:
        """One relation more, put into those that are there."""
        pair, steps = (step.symbol, step.value), (*self.steps, step)
        if step.older:
            return replace(self, before=(*self.before, pair), steps=steps)
        at = {time: self._at((pair,), time) for time in (0, 1)}
        return replace(
            self,
            now=(*((old, was.subs(at[0])) for old, was in self.now), pair),
            before=tuple((old, was.subs(at[1])) for old, was in self.before),
            steps=steps,
        )


def solve_lag(solution: Solution, lag: int) -> list[Solution]:
    """The solution extended by what the equations at this lag need, one for each branch.

    Equations that no rule solves are `left`.
    """
    waiting: list[Solution] = [solution]
    done: list[Solution] = []
    equations = solution.system.at_lag(lag)
    while waiting and len(done) + len(waiting) <= MOST_BRANCHES:
        this = waiting.pop()
        rest = [(x, e) for e in equations if (x := this.reduce(e.value, lag)) != 0]
        if not rest:
            done.append(replace(this, left=()))
            continue
        branches = None
        for reduced, equation in sorted(rest, key=_simplest):
            found = _branches(this, reduced, equation)
            # One way goes on without cases: it is forced.
            if found is not None and len(found) < 2:
                branches = found
                break
            branches = branches or found
        if branches == []:
            outside = _outside(this, reduced, equation)
            done.append(replace(this, never=equation, outside=outside, left=()))
        elif branches is None:
            pair = _pair(this, [x for x, _ in rest], lag)
            if pair is not None and pair not in this.pairs:
                waiting.append(replace(this, pairs=(*this.pairs, pair)))
                continue
            done.append(replace(this, left=tuple(x for x, _ in rest)))
        else:
            waiting += branches
    # Past the limit each way that is left is one that no rule solved.
    return done + [replace(x, left=tuple(e.value for e in equations)) for x in waiting]


def _simplest(row: tuple[Expression, Equation]) -> tuple[bool, int, str]:
    """Equations without logarithms go first: their solutions stay rational in exponentials."""
    import sympy

    return row[0].has(sympy.log), row[0].count_ops(), str(row[0])


def _pair(solution: Solution, equations: list[Expression], lag: int) -> Expression | None:
    """A polynomial r in the tokens 0 and lag, as of 0 and 1, with r = 0 all that they say.

    Each equation is c r, and r lies in the ideal of the c: where all c vanish, so does r.
    """
    import sympy

    entries = solution.system.entries(range(lag + 1))
    symbols = {s for x in equations for s in x.free_symbols}
    if not lag or any(not x.is_polynomial(*symbols) for x in equations):
        return None
    common = sympy.gcd_list(equations)
    if common.is_number:
        return None
    r = sympy.primitive(common)[1]
    read = {entries[s].time for s in r.free_symbols} if r.free_symbols <= entries.keys() else set()
    if read != {0, lag}:
        return None
    cofactors = [sympy.cancel(x / r) for x in equations]
    gens = sorted({s for x in [r, *cofactors] for s in x.free_symbols}, key=str)
    if not sympy.groebner(cofactors, *gens, order="grevlex").contains(r):
        return None
    moved = {
        s: solution.system.symbol(entries[s].signal.name, entries[s].index, 1)
        for s in r.free_symbols
        if entries[s].time == lag
    }
    return r.xreplace(moved)


def _branches(solution: Solution, reduced: Expression, equation: Equation) -> list[Solution] | None:
    """One solution for each factor that can vanish; None where a factor is beyond the rules."""
    out = []
    for factor in _factors(reduced):
        steps = list(_steps(solution, factor, equation))
        inside = next((step for where, step in steps if where != "outside"), None)
        if any(where == "outside" for where, _ in steps):
            continue
        if inside is None:
            return None
        extended = solution.with_step(inside)
        if extended.inside_domains:
            out.append(extended)
    return out if len(out) == 1 else [replace(x, forced=False) for x in out]


def _outside(solution: Solution, reduced: Expression, equation: Equation) -> Step | None:
    """The relation that the one factor asks for, where it leads out of a domain."""
    found = [
        step
        for factor in _factors(reduced)
        for where, step in _steps(solution, factor, equation)
        if where == "outside"
    ]
    return found[0] if found else None


def _factors(equation: Expression) -> Iterator[Expression]:
    """The factors that can vanish on the domains, a difference of positive terms by logarithms."""
    import sympy

    for power in sympy.Mul.make_args(sympy.factor(equation)):
        factor = power.as_base_exp()[0] if power.is_Pow else power
        if _cannot_vanish(factor):
            continue
        terms = factor.as_ordered_terms()
        if len(terms) == 2 and factor.has(sympy.exp):
            one, other = terms if terms[0].is_positive else reversed(terms)
            if one.is_positive and (-other).is_positive:
                logs = [sympy.expand_log(sympy.log(t), force=True) for t in (one, -other)]
                yield from _factors(sympy.expand(logs[0] - logs[1]))
                continue
        if len(terms) == 2 and all(_has_root(t) for t in terms):
            yield from _factors(sympy.expand(terms[0] ** 2 - terms[1] ** 2))
            continue
        yield factor


def _has_root(x: Expression) -> bool:
    """Whether a term has a square root as a factor."""
    return any(f.is_Pow and f.exp.is_Rational and f.exp.q == 2 for f in x.as_ordered_factors())


def _cannot_vanish(x: Expression) -> bool:
    return bool(x.is_positive or x.is_negative or x.is_nonzero)


def _steps(
    solution: Solution, factor: Expression, equation: Equation
) -> Iterator[tuple[str, Step]]:
    """Relations that make the factor vanish: weights first, then one token, then the older.

    Each with where its value lies: "inside" the domain, "outside", or "" where that depends.
    """
    system = solution.system
    entries = system.entries(range(equation.lag + 1))
    found = []
    for x in factor.free_symbols & entries.keys():
        entry = entries[x]
        if entry.signal.name not in system.bound:
            continue
        value = _isolated(factor, x)
        if value is None:
            continue
        where = _where(value, entry, entries)
        signs = (x.is_positive, value.is_positive), (x.is_negative, value.is_negative)
        narrows = not where and narrowed(system, x, value, entries) is not None
        if not where and not narrows and any(own and not y for own, y in signs):
            continue
        times = {entries[y].time for y in value.free_symbols & entries.keys()} - {None}
        if entry.time is None and not times:
            rank, older = 0, False
        elif entry.time is not None and times <= {entry.time}:
            rank, older = 1, False
        elif entry.time == 0 and times == {1}:
            rank, older = 2, True
        else:
            continue
        time = entry.time or 0
        symbol, value = (_earlier(system, e, 0 if older else time, entries) for e in (x, value))
        size = len([e for e in entries.values() if e.signal.name == entry.signal.name])
        # A value is more likely to stay inside a wide domain.
        narrow = entry.signal.domain.interval.high is not None
        key = (rank, narrow, size, [-i for i in entry.index], str(x))
        found.append((key, (where, Step(equation, symbol, value, time, older))))
    for _, step in sorted(found, key=lambda f: f[0]):
        yield step


def _where(value: Expression, entry: Entry, entries: dict[Expression, Entry]) -> str:
    """Whether the values of an expression all lie inside the domain of an entry, or all outside."""
    found = _range(value, {x: e.signal.domain for x, e in entries.items()})
    own = entry.signal.domain.interval
    if found is None:
        return ""
    return "inside" if found.within(own) else "outside" if found.meet(own).is_empty() else ""


def _range(value: Expression, domains: dict[Expression, Domain]) -> Interval | None:
    named = {x: f"x{i}" for i, x in enumerate(domains)}
    try:
        made = graph(value, named)
        return ranges([made], {named[x]: domain for x, domain in domains.items()})[made]
    except DsfError:
        return None


def narrowed(
    system: System, x: Expression, value: Expression, entries: dict[Expression, Entry]
) -> tuple[str, Interval] | None:
    """Where the one signal that a value of x reads must lie for the value to lie in x's domain.

    None where there is no such interval, or the value lies there anyway.
    """
    import sympy

    if len(value.free_symbols) != 1 or not value.free_symbols <= entries.keys():
        return None
    (y,) = value.free_symbols
    own, other = entries[x].signal.domain, entries[y].signal.domain
    if entries[y].signal.name not in system.bound or other.unit or own.unit:
        return None
    inverse = _isolated(sympy.fraction(sympy.together(value - x))[0], y)
    if inverse is None and _has_root(value):
        square = sympy.Dummy("square", positive=True)
        inverse = _isolated(sympy.expand(value**2 - x**2).subs(y**2, square), square)
        inverse = inverse and sympy.sqrt(inverse)
    image = None if inverse is None else _range(inverse, {x: own})
    if image is None:
        return None
    inside = image.meet(other.interval)
    found = None if inside.is_empty() else _range(value, {y: Domain(inside)})
    if found is None or not found.within(own.interval) or inside == other.interval:
        return None
    return entries[y].signal.name, inside


def _earlier(
    system: System, x: Expression, shift: int, entries: dict[Expression, Entry]
) -> Expression:
    if not shift:
        return x
    return x.xreplace(
        {
            s: system.symbol(e.signal.name, e.index, e.time - shift)
            for s, e in entries.items()
            if e.time is not None
        }
    )


def _isolated(factor: Expression, x: Expression) -> Expression | None:
    """The one value of x at which the factor vanishes, where x or log x enters linearly."""
    import sympy

    log, plain = sympy.log(x), sympy.Dummy("log", real=True)
    for unknown, undo in ((x, None), (plain, sympy.exp)):
        y = factor if undo is None else factor.subs(log, plain)
        if (undo is not None and y.has(x)) or not y.is_polynomial(unknown):
            continue
        poly = sympy.Poly(y, unknown)
        # Where `slope x + rest = 0` and the rest is not zero, neither is the slope.
        if poly.degree() == 1 and any(map(_cannot_vanish, poly.all_coeffs())):
            value = sympy.expand(-poly.coeff_monomial(1) / poly.coeff_monomial(unknown))
            if undo is not None:
                value = sympy.powsimp(sympy.expand(undo(value), power_exp=True))
            return value
    return None
