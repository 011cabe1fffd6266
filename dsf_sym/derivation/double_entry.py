"""Double entry: printed matrices proved, for all sizes, to agree with a layer's step and output."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..index.atoms import Form
from ..index.normal import step_form
from ..language.functions import einsum
from ..language.tensor import Tensor, add

if TYPE_CHECKING:
    from ..index.atoms import Monomial
    from ..language.layer import Layer
    from ..language.matrices import Matrices

STEP = "h_i = Λ h_{i-1} + B u_i"
OUTPUT = "y_i = C h_i + D u_i"
_LETTERS = "ijlmprstwxyzabcdefghknoquv"


@dataclass(frozen=True)
class Entry:
    """One equation by printed matrices: `difference` is what they add to the layer's own.

    The difference holds for all sizes. Zero is a proof; another normal form refutes nothing, and
    `suspects` names the matrices that its terms come from.
    """

    layer: str
    source: str
    equation: str
    difference: Form
    suspects: tuple[str, ...]

    @property
    def proved(self) -> bool:
        """Whether printing and definition agree for all sizes."""
        return not self.difference

    def __str__(self) -> str:
        if self.proved:
            return f"{self.layer}: {self.equation} agrees with {self.source}, for all sizes"
        return (
            f"{self.layer}: {self.equation} is not proved to agree with {self.source}; "
            f"look at {' and '.join(self.suspects)}\n"
            f"  as printed, minus as defined: {terms_text(self.difference)}"
        )


def check_matrices(layer: Layer) -> list[Entry]:
    """Whether the matrices printed for the layer agree with it: two equations a source.

    `h_i = Λ h_{i-1} + B u_i` is compared with the new state. `y_i = C h_i + D u_i` is compared with
    the output, h_i being the layer's own new state, so that an error in Λ or B does not reach it.
    """
    own, entries = step_form(layer), []
    for printed in layer.matrices:
        other = step_form(printed_layer(layer, printed))
        (state,) = layer.step
        difference = other.new[state] - own.new[state]
        reading = _reads_state(difference)
        suspects = ("Λ",) * any(reading) + ("B",) * (not all(reading))
        entries.append(Entry(layer.name, printed.source, STEP, difference, suspects))
        difference = other.output - own.output
        # An error in C shows in the terms of h_i that are free of h_{i-1} as well.
        suspects = ("C",) if any(_reads_state(difference)) else ("D",) * bool(difference)
        entries.append(Entry(layer.name, printed.source, OUTPUT, difference, suspects))
    return entries


def printed_layer(layer: Layer, printed: Matrices) -> Layer:
    """The layer with the step `Λ h + B u`, and the output `C h + D u` at its own new state h."""
    (state,) = layer.of_kind("state")
    assert layer.input_name is not None
    u = layer.signal(layer.input_name).tensor
    step = add(_times(printed.Lam, state.tensor), _times(printed.B, u))
    output = add(_times(printed.C, layer.step[state.name]), _times(printed.D, u))
    return replace(layer, step={state.name: step}, output=output, matrices=())


def _times(matrix: Tensor, x: Tensor) -> Tensor:
    """The contraction of the last axes of `matrix` with all axes of `x`."""
    letters = _LETTERS[: len(matrix.dims)]
    kept = letters[: len(letters) - len(x.dims)]
    return einsum(f"{letters},{letters[len(kept) :]}->{kept}", matrix, x)


def _reads_state(form: Form) -> list[bool]:
    """For each term whether it reads a state."""
    parts = [Form(form.dims, {monomial: c}) for monomial, c in form.terms.items()]
    return [any(atom.kind == "state" for atom in part.atoms()) for part in parts]


def terms_text(form: Form) -> str:
    """The form in index notation, repeated letters summed over: `alpha k_i v_j - beta k_i v_j`."""
    out = ""
    for monomial, c in sorted(form.terms.items(), key=lambda item: (len(item[0]), item[0])):
        sign = ("-" if c < 0 else "") if not out else " - " if c < 0 else " + "
        number = [] if abs(c) == 1 and monomial else [str(abs(c))]
        out += sign + " ".join(number + _factors_text(monomial, len(form.dims)))
    return out or "0"


def _factors_text(monomial: Monomial, rank: int) -> list[str]:
    out = []
    for atom, labels in monomial:
        name = f"{atom.name}({terms_text(atom.arg)})" if atom.arg is not None else atom.name
        letters = "".join(_LETTERS[ls if ls >= 0 else rank - 1 - ls] for ls in labels)
        out.append(f"{name}_{letters}" if letters else name)
    return out
