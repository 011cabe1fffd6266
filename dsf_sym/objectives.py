"""Layers from objectives: the state is a model that each token trains by one step of an optimiser.

`@online(optimiser)` takes a loss `ℓ(S; token)` and a readout; the update is derived from the loss.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from .errors import LanguageError, UnknownName
from .index.atoms import Form, atom_form, input_atom
from .index.forms import expression
from .index.terms import FormAlgebra
from .language.evaluate import evaluate
from .language.functions import outer
from .language.gradient import gradient, pull
from .language.graph import inputs, walk
from .language.layer import Layer, layer
from .language.spec import rebuild
from .language.tensor import Input, Number, Product, Reindex, Tensor, broadcast, divide, lift, text

Rate = str | int | float | Fraction
"""A number, or the name of a signal among the arguments."""


class Optimiser(Protocol):
    """How a step uses the loss."""

    def step(self, loss: Tensor, states: Mapping[str, Input], rates: Rates) -> list[Tensor]:
        """The new value of every state, in order; the first is the model."""


class Rates:
    """The arguments of a loss by name, to look up rates in."""

    def __init__(self, owner: str, arguments: Mapping[str, Tensor]) -> None:
        self.owner, self._arguments = owner, arguments

    def __getitem__(self, rate: Rate) -> Tensor:
        if not isinstance(rate, str):
            return lift(rate)
        if rate not in self._arguments:
            known = ", ".join(self._arguments)
            raise UnknownName(f"{self.owner}: no argument {rate!r} for a rate; it has {known}")
        return self._arguments[rate]


@dataclass(frozen=True)
class GradientDescent:
    """`S_i = α S - β ∇ℓ(α S)`, or `α S - β ∇ℓ(S)` where the gradient reads the old state.

    rate: β. decay: α, the weight decay. reads: "decayed" or "old".
    """

    rate: Rate = 1
    decay: Rate = 1
    reads: str = "decayed"

    def step(self, loss: Tensor, states: Mapping[str, Input], rates: Rates) -> list[Tensor]:
        """One step; LanguageError for another number of states."""
        (model,) = _models(states, 1, rates, "gradient descent")
        if self.reads not in ("decayed", "old"):
            raise LanguageError(f"{rates.owner}: reads={self.reads!r} is neither decayed nor old")
        decayed = rates[self.decay] * model
        where = decayed if self.reads == "decayed" else model
        (slope,) = rebuild([gradient(loss, model)], {model.name: where})
        return [decayed - rates[self.rate] * slope]


@dataclass(frozen=True)
class Momentum:
    """`M_i = μ M - β ∇ℓ(S)` and `S_i = S + M_i`: heavy ball, with the velocity M as a second state.

    rate: β. momentum: μ.
    """

    rate: Rate = 1
    momentum: Rate = 1

    def step(self, loss: Tensor, states: Mapping[str, Input], rates: Rates) -> list[Tensor]:
        """One step; LanguageError unless there are two states."""
        model, velocity = _models(states, 2, rates, "momentum")
        new = rates[self.momentum] * velocity - rates[self.rate] * gradient(loss, model)
        return [model + new, new]


@dataclass(frozen=True)
class Implicit:
    """`S_i = argmin ½‖X - S‖² + β ℓ(X)`: the proximal step, for a loss `½‖J S - v‖²`.

    With r = J S - v it is `S - Jᵀ (1/β + J Jᵀ)⁻¹ r`, in closed form where J Jᵀ is diagonal.
    rate: β, a number or one for each entry of r.
    """

    rate: Rate = 1

    def step(self, loss: Tensor, states: Mapping[str, Input], rates: Rates) -> list[Tensor]:
        """One step; LanguageError where the loss has another form."""
        (model,) = _models(states, 1, rates, "the implicit step")
        residual = _residual(loss, rates.owner)
        probe = Input("residual", residual.dims)
        up = pull(residual, model, probe)
        if model.name in inputs(up):
            raise LanguageError(f"{rates.owner}: {text(residual)} is not affine in {model.name}")
        start = broadcast(Number(Fraction(0)), model.dims)
        (offset,) = rebuild([residual], {model.name: start})
        (both,) = rebuild([residual - offset], {model.name: up})
        size = _scale(both, probe)
        if size is None:
            raise LanguageError(
                f"{rates.owner}: the implicit step inverts I + β J Jᵀ, and J Jᵀ does more here "
                "than scale each entry"
            )
        rate = rates[self.rate]
        (change,) = rebuild([up], {probe.name: divide(rate * residual, 1 + rate * size)})
        return [model - change]


@dataclass(frozen=True)
class LeastSquares:
    """`S_i = argmin ½ Σ_j λ^{i-j} ‖k_j X - v_j‖² + ½ λ^{i+1} tr(Xᵀ P₀⁻¹ X)`: all tokens so far.

    For the loss `½‖k S - v‖²`, in closed form by a second state P, the inverse of the matrix of the
    normal equations, which starts from P₀: with g = P k / (λ + k·P k) the new states are
    `S - g (k S - v)` and `(P - g kᵀ P) / λ` (Sherman and Morrison). key: the name of k. forget: λ.
    """

    key: str = "k"
    forget: Rate = 1

    def step(self, loss: Tensor, states: Mapping[str, Input], rates: Rates) -> list[Tensor]:
        """One step; LanguageError for other states or another loss."""
        if len(states) != 2:
            raise LanguageError(
                f"{rates.owner}: least squares takes the model and the inverse P as two states, "
                f"not {', '.join(states)}"
            )
        (model, inverse), key = states.values(), rates[self.key]
        residual = _residual(loss, rates.owner)
        (offset,) = rebuild([residual], {model.name: broadcast(Number(Fraction(0)), model.dims)})
        if _form(residual - offset) != _form(key @ model):
            raise LanguageError(
                f"{rates.owner}: least squares in closed form is for r = {self.key} @ {model.name} "
                f"- v, not {text(residual)}"
            )
        forget = rates[self.forget]
        gain = divide(inverse @ key, forget + key @ (inverse @ key))
        kept = divide(inverse - outer(gain, key @ inverse), forget)
        return [model - outer(gain, residual), kept]


def _scale(both: Tensor, probe: Input) -> Tensor | None:
    """The tensor c with `J Jᵀ r = c ⊙ r`, or None."""
    (at_ones,) = rebuild([both], {probe.name: broadcast(Number(Fraction(1)), probe.dims)})
    size = expression(_form(at_ones))
    return size if size is not None and _form(size * probe) == _form(both) else None


def _form(x: Tensor) -> Form:
    """The normal form of an expression, for all sizes."""
    inputs = {
        n.name: atom_form(input_atom(n.name, n.dims, kind="token"))
        for n in walk(x)
        if isinstance(n, Input)
    }
    (form,) = evaluate([x], inputs, FormAlgebra())
    return form


def _residual(loss: Tensor, owner: str) -> Tensor:
    """The r of a loss ½ r·r, which is written (r @ r) / 2 or 0.5 * sum(r * r)."""
    x, factor = loss, Fraction(1)
    while isinstance(x, Product | Reindex):
        if isinstance(x, Product) and x.left is x.right:
            half = factor == Fraction(1, 2)
            summed = not x.dims or x is not loss
            if half and summed:
                return x.left
            break
        if isinstance(x, Reindex):
            x = x.arg
            continue
        number = next((y for y in (x.left, x.right) if isinstance(y, Number)), None)
        if number is None:
            break
        factor *= number.value
        x = x.right if x.left is number else x.left
    raise LanguageError(
        f"{owner}: the implicit step needs a loss (r @ r) / 2 with r affine in the state, "
        f"not {text(loss)}"
    )


def _models(
    states: Mapping[str, Input], count: int, rates: Rates, method: str
) -> tuple[Input, ...]:
    if len(states) != count:
        wanted = "one state" if count == 1 else "the model and its velocity as two states"
        raise LanguageError(f"{rates.owner}: {method} takes {wanted}, not {', '.join(states)}")
    return tuple(states.values())


def online(optimiser: Optimiser, **options: Any) -> Callable[[Callable[..., Any]], Layer]:
    """Make a Layer of a function that returns a loss and a readout, both over the state.

    The state takes one step of the optimiser on the loss of the token, then y_i is read from the
    new state. options: those of `layer`. Raises LanguageError, ShapeError, DomainError.
    """

    def make(function: Callable[..., Any]) -> Layer:
        @functools.wraps(function)
        def step(**arguments: Tensor) -> tuple[Tensor, ...]:
            result = function(**arguments)
            if not isinstance(result, tuple) or len(result) != 2:
                raise LanguageError(f"{function.__name__}: return the loss and the readout")
            loss, readout = (lift(x) for x in result)
            states = {name: Input(name, arguments[name].dims) for name in _states(function)}
            new = optimiser.step(loss, states, Rates(function.__name__, arguments))
            (y,) = rebuild([readout], dict(zip(states, new, strict=True)))
            return (*new, y)

        made: Layer = layer(step, **options)
        if isinstance(optimiser, LeastSquares) and list(made.step)[1] not in made.start:
            inverse = list(made.step)[1]
            raise LanguageError(
                f"{made.name}: {inverse} would start from 0 and stay there, and nothing be learnt; "
                f"name its start, a Const[Mat[...]]: start={{{inverse!r}: {inverse + '0'!r}}}"
            )
        return made

    return make


def _states(function: Callable[..., Any]) -> list[str]:
    """The arguments that are declared as states."""
    declared = inspect.get_annotations(function, eval_str=True)
    return [name for name, x in declared.items() if getattr(x, "kind", "") == "state"]
