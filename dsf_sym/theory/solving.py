"""Solve the equations of equality, lag by lag, for relations between weights and tokens.

Positive and negative symbols make factors that cannot vanish; a difference of two positive terms
vanishes where their logarithms agree. What is found is a candidate: `conditions` verifies it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from .equations import Entry, Equation, Expression, System

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
    that cannot hold beside the relations.
    """

    system: System
    now: tuple[tuple[Expression, Expression], ...] = ()
    before: tuple[tuple[Expression, Expression], ...] = ()
    left: tuple[Expression, ...] = ()
    steps: tuple[Step, ...] = ()
    forced: bool = True
    pairs: tuple[Expression, ...] = ()
    never: Equation | None = None

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
        for reduced, equation in sorted(rest, key=lambda e: (e[0].count_ops(), str(e[0]))):
            branches = _branches(this, reduced, equation)
            if branches is not None:
                break
        if branches == []:
            done.append(replace(this, never=equation, left=()))
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


def _pair(solution: Solution, equations: list[Expression], lag: int) -> Expression | None:
    """A polynomial r in the tokens 0 and lag, as of 0 and 1, with r = 0 all that they say.

    Each equation is c r, and r lies in the ideal of the c: where all c vanish, so does r.
    """
    import sympy

    entries = solution.system.entries(range(lag + 1))
    symbols = {s for x in equations for s in x.free_symbols}
    if any(not x.is_polynomial(*symbols) for x in equations):
        return None
    r = sympy.primitive(sympy.gcd_list(equations))[1]
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
        step = next(iter(_steps(solution, factor, equation)), None)
        if step is None:
            return None
        out.append(solution.with_step(step))
    return out if len(out) == 1 else [replace(x, forced=False) for x in out]


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
        yield factor


def _cannot_vanish(x: Expression) -> bool:
    return bool(x.is_positive or x.is_negative or x.is_nonzero)


def _steps(solution: Solution, factor: Expression, equation: Equation) -> Iterator[Step]:
    """Relations that make the factor vanish: weights first, then one token, then the older."""
    system = solution.system
    entries = system.entries(range(equation.lag + 1))
    found = []
    for x in factor.free_symbols & entries.keys():
        entry = entries[x]
        if entry.signal.name not in system.bound:
            continue
        value = _isolated(factor, x)
        if value is None or (x.is_positive and not value.is_positive):
            continue
        if x.is_negative and not value.is_negative:
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
        found.append((key, Step(equation, symbol, value, time, older)))
    for _, step in sorted(found, key=lambda f: f[0]):
        yield step


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
        if poly.degree() == 1 and _cannot_vanish(poly.coeff_monomial(unknown)):
            value = sympy.expand(-poly.coeff_monomial(1) / poly.coeff_monomial(unknown))
            if undo is not None:
                value = sympy.powsimp(sympy.expand(undo(value), power_exp=True))
            return value
    return None
