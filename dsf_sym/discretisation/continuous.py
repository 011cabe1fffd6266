"""A layer in continuous time, its rates x' = A x + b and output, and its discretisations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..derivation.affine import split
from ..errors import DomainError, LanguageError, ShapeError
from ..language.declare import Declaration, Gate, Positive, Real
from ..language.domains import POSITIVE
from ..language.layer import Layer, Signal, layer, nearest, validate
from ..language.pairs import Complex
from ..language.spec import rebuild
from ..language.tensor import LABELS, Dims, Number, Reindex, Tensor, broadcast, shape_text
from .motion import Unknown, motions
from .rules import RULES, Moving, Rule

if TYPE_CHECKING:
    from .motion import Entry, Motion

WEIGHT = "lam"


@dataclass(frozen=True, eq=False)
class ContinuousLayer:
    """A layer in continuous time: x'(t) for each state, and the output y, over its signals.

    rates: the layer whose step is x'; its output reads x(t).
    """

    rates: Layer

    def __repr__(self) -> str:
        return f"<continuous {self.rates!r}>"

    @property
    def name(self) -> str:
        """The name of the function that gave x' and y."""
        return self.rates.name

    def discretise(
        self,
        rule: str,
        step: str = "Delta",
        *,
        declared: Declaration = Positive,
        name: str | None = None,
    ) -> Layer:
        """The layer whose state after token i is x at the end of a step of size Δ_i.

        With x' = A x + b (b what is free of the states), A, b and Δ of token i held over the step:

        - "zoh": x_i = e^{ΔA} x_{i-1} + (e^{ΔA} - 1)/A b, exact for the held input;
        - "bilinear": (x_i - x_{i-1})/Δ = A (x_i + x_{i-1})/2 + b, Tustin's rule with the input of
          token i, not the mean of the last two: x_i = (I - Δ/2 A)⁻¹ ((I + Δ/2 A) x_{i-1} + Δ b);
        - "euler": x_i = x_{i-1} + Δ (A x_{i-1} + b), forward, for every A;
        - "zoh_euler": x_i = e^{ΔA} x_{i-1} + Δ b, as S6 has it;
        - "exp_trapezoidal": x_i = e^{ΔA} (x_{i-1} + (1 - λ) Δ b_{i-1}) + λ Δ b_i, of Mamba-3,
          with a new gate `lam` (1 is "zoh_euler", 1/2 the trapezoid) and a new state `x_last` that
          carries b of the last token, 0 before the first.

        y_i reads x_i. For all but "euler", A must be a number for each entry of a state, or
        [[a, -b], [b, a]] for each entry of two states (the complex number a + i b); "bilinear" also
        takes either of them plus one outer product, by Sherman and Morrison.

        Parameters
        ----------
        rule
            One of those above.
        step
            The name of the signal Δ.
        declared
            What it is: `Positive` (a number a token), `Positive["d"]`, `Const[Positive["d"]]`, ...
            Its sizes must be sizes of every state; each entry moves by its own Δ.
        name
            The layer's name, by default that of the function.

        Raises
        ------
        LanguageError
            An unknown rule, an A that the rule has no formula for, or a name that is taken.
        NotAffine
            x' is not affine in the states.
        DomainError
            The rule divides by what can be zero, or Δ need not be positive.
        ShapeError
            Δ does not fit a state.
        """
        call = f"{self.name}.discretise({rule!r})"
        chosen = _rule(rule, call)
        made = _Step(call, self.rates, _signal(step, declared, self.rates, call))
        new, added = made.euler() if chosen.advance is None else made.by(chosen)
        (output,) = rebuild([self.rates.output], new)
        discrete = replace(
            self.rates,
            name=name or self.name,
            signals=(*self.rates.signals, made.delta, *added),
            step=new,
            output=output,
        )
        validate(discrete)
        return discrete


@dataclass(frozen=True)
class _Step:
    """One step of size delta along the rates of a layer."""

    call: str
    rates: Layer
    delta: Signal

    def size(self, state: str) -> Tensor:
        """Δ for the entries of a state: a number, or over all its axes."""
        dims, own = self.rates.signal(state).dims, self.delta.dims
        if not own or own == dims:
            return self.delta.tensor
        places = [[i for i, x in enumerate(dims) if x == size] for size in own]
        if any(len(found) != 1 for found in places) or len(set(own)) < len(own):
            raise ShapeError(
                f"{self.call}: {self.delta.name} is {shape_text(own)}, and the state {state} is "
                f"{shape_text(dims)}; every size of {self.delta.name} must name one axis of it"
            )
        source = "".join(LABELS[found[0]] for found in places)
        return Reindex(f"{source}->{LABELS[: len(dims)]}", self.delta.tensor, dims)

    def euler(self) -> tuple[dict[str, Tensor], list[Signal]]:
        """The new states `x + Δ x'`, and no signal more."""
        rates = self.rates
        self.driven()
        return {s: rates[s] + self.size(s) * x for s, x in rates.step.items()}, []

    def driven(self) -> dict[str, Tensor | None]:
        """What each state's rate adds to its linear part; raises NotAffine."""
        names = frozenset(self.rates.step)
        return {
            s: split(x, names, f"{self.call}: the rate of {s}").offset
            for s, x in self.rates.step.items()
        }

    def by(self, rule: Rule) -> tuple[dict[str, Tensor], list[Signal]]:
        """The new states by groups that are coupled, and the signals that the rule adds."""
        drive, rates = self.driven(), self.rates
        mix = Signal(WEIGHT, (), Gate.domain, "token")
        kept = {
            s: Signal(f"{s}_last", rates.signal(s).dims, Real.domain, "state")
            for s, b in drive.items()
            if rule.needs_last and b is not None
        }
        added = [mix, *kept.values()] if rule.needs_last else []
        for signal in added:
            _free(signal.name, rates, self.call)
        last = {s: signal.tensor for s, signal in kept.items()}
        new: dict[str, Tensor] = {}
        for motion in motions(rates):
            group = motion.states
            if isinstance(motion, Unknown) or (motion.low and not rule.low):
                raise LanguageError(_no_formula(self.call, rule, motion, rates))
            assert rule.advance is not None
            moving = Moving(
                motion=motion,
                x=_entry([rates[s] for s in group]),
                b=_known([drive[s] for s in group], rates.signal(group[0]).dims),
                size=self.size(group[0]),
                domains={s.name: s.domain for s in (*rates.signals, self.delta, *added)},
                call=self.call,
                last=_known([last.get(s) for s in group], rates.signal(group[0]).dims),
                mix=mix.tensor,
            )
            x = rule.advance(moving)
            parts = (x.re, x.im) if isinstance(x, Complex) else (x,)
            new.update(zip(group, parts, strict=True))
        ordered = {s: new[s] for s in rates.step}
        carried = {kept[s].name: b for s, b in drive.items() if s in kept and b is not None}
        return ordered | carried, added


def _entry(parts: Sequence[Tensor]) -> Entry:
    return parts[0] if len(parts) == 1 else Complex(*parts)


def _known(parts: Sequence[Tensor | None], dims: Dims) -> Entry | None:
    """The parts as one, zero where one of them is missing; None where all are."""
    if all(x is None for x in parts):
        return None
    zero = broadcast(Number(Fraction(0)), dims)
    return _entry([zero if x is None else x for x in parts])


def _rule(name: str, call: str) -> Rule:
    if name in RULES:
        return RULES[name]
    near = nearest(name, list(RULES))
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    listing = "\n".join(f"  {r.name:<16} x_i = {r.formula}" for r in RULES.values())
    raise LanguageError(f"{call}: no rule {name!r}; {hint}the rules are\n{listing}")


def _signal(name: str, declared: Declaration, rates: Layer, call: str) -> Signal:
    _free(name, rates, call)
    if not isinstance(declared, Declaration) or declared.kind == "state":
        raise LanguageError(
            f'{call}: declared={declared!r}: write Positive, Positive["d"] or Const[Positive]'
        )
    if not declared.domain.interval.within(POSITIVE.interval):
        raise DomainError(
            f"{call}: the step size {name} lies in {declared.domain} and must be positive: "
            f"declared=Positive, with its sizes, or Const[...] of it"
        )
    return Signal(name, declared.dims, declared.domain, declared.kind)


def _free(name: str, rates: Layer, call: str) -> None:
    if not name.isidentifier():
        raise LanguageError(f"{call}: {name!r} is no name of a signal")
    if any(s.name == name for s in rates.signals):
        raise LanguageError(
            f"{call} adds a signal {name}, and {rates.name} has one; rename it there, or, "
            f"for the step size, give another name: discretise(..., step=...)"
        )


def _no_formula(call: str, rule: Rule, motion: Motion | Unknown, rates: Layer) -> str:
    who = " and ".join(motion.states)
    what = motion.what if isinstance(motion, Unknown) else "a diagonal plus an outer product"
    takes = "one number an entry, or a rotation of two states an entry"
    takes += ", or one of them plus an outer product" if rule.low else ""
    works = (
        "'euler', which takes every A" if isinstance(motion, Unknown) else "'bilinear' or 'euler'"
    )
    return (
        f"{call}: the A of {who} is {what}; {rule.name!r} has a formula for {takes}. "
        f"Discretise with {works}"
    )


def continuous(
    function: Callable[..., Any] | None = None,
    *,
    title: str = "",
    cite: str = "",
    carried: str | None = None,
    start: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
) -> Any:
    """Make a ContinuousLayer of a function that returns x'(t) for each state, then the output y.

    `x' = A x + b`, `y = C x + D u`: arguments are annotated as those of a layer's step, and the
    options are `layer`'s. `discretise` makes layers of it. Raises LanguageError, ShapeError,
    DomainError.

        @continuous
        def memory(h: State["d"], v: Vec["d"], A: Const[Negative["d"]]):
            return A * h + v, h

        memory.discretise("zoh", declared=Positive["d"])
    """

    def make(rate: Callable[..., Any]) -> ContinuousLayer:
        traced = layer(title=title, cite=cite, carried=carried, start=start, names=names)
        return ContinuousLayer(traced(rate))

    return make if function is None else make(function)
