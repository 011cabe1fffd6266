"""State-space forms as SymPy matrices at concrete sizes: operator, Markov, Hankel, gauge.

States are stacked in the order of the step, row-major; so are u and y. A token's entry at time i is
the symbol `k_i_0`, without a time `k_0`; constants have no time. Markov parameters follow the
convention that y_i reads h_i.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from ..arithmetic.sparse import Sparse, SparseAlgebra
from ..errors import LanguageError, ShapeError, SizeError
from ..index.forms import entries, signal_atom, zero
from ..language.evaluate import Sizes, shape_of
from ..language.layer import Layer, Signal
from .derive import StateSpace, derive

if TYPE_CHECKING:
    from fractions import Fraction

    from ..index.atoms import Form
    from ..language.tensor import Dims

Matrix = Any
"""A SymPy matrix; SymPy is imported only when one is made."""


@dataclass(frozen=True)
class _SymPy:
    """SymPy's expressions as a ring of scalars."""

    sympy: Any

    def number(self, value: Fraction) -> Any:
        return self.sympy.Rational(value.numerator, value.denominator)

    def is_zero(self, x: Any) -> bool:
        return bool(x == 0)

    def function(self, name: str, x: Any) -> Any:
        s = self.sympy
        if name == "inverse":
            return 1 / x
        if name == "sigmoid":
            return 1 / (1 + s.exp(-x))
        if name == "softplus":
            return s.log(1 + s.exp(x))
        if name == "relu":
            return s.Max(x, 0)
        if name == "elu":
            return s.Max(x, 0) + s.exp(s.Min(x, 0)) - 1
        if name == "step":
            return s.Heaviside(x, 0)
        return getattr(s, name)(x)


@dataclass(frozen=True)
class Realization:
    """A state-space form at concrete sizes, in a basis of the state that may have been changed.

    gauge: the matrix T of `h' = T h`, over symbols without a time, or None. A T that reads tokens
    is taken at the token of its time, and as the identity before the first.
    """

    space: StateSpace
    sizes: Sizes
    gauge: Matrix = None

    # Laws, each in tests/test_realize.py: operator(L) has markov(i, j) as its blocks, is unchanged
    # by `transform`, and hankel(i, L) is its block of rows from i and columns before i.

    @property
    def order(self) -> int:
        """The number of entries of the state."""
        return sum(prod(shape_of(s.dims, self.sizes)) for s in self.space.states)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of u; () where it is the number 1."""
        return () if self.space.u is None else shape_of(self.space.u.dims, self.sizes)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of y."""
        return shape_of(self.space.y_dims, self.sizes)

    def matrices(self, time: int | None = None) -> tuple[Matrix, Matrix, Matrix, Matrix]:
        """Λ, B, C, D: `h_i = Λ h_{i-1} + B u_i`, `y_i = C h_i + D u_i`.

        Raises LanguageError where the form has no readout from the new state.
        """
        C, D = self.space.C, self.space.D
        if C is None or D is None:
            raise LanguageError(
                f"{self.space.layer.name}: no C and D, {'; '.join(self.space.notes)}. "
                "old_readout gives y from the old state"
            )
        lam, b = self._dynamics(time)
        c = self._readout(C, time) * self._inverse(time)
        return lam, b, c, self._table(D, len(self.space.y_dims), time)

    def old_readout(self, time: int | None = None) -> tuple[Matrix, Matrix]:
        """R and E: `y_i = R h_{i-1} + E u_i`."""
        before = None if time is None else time - 1
        R = self._readout(self.space.R, time) * self._inverse(before)
        return R, self._table(self.space.E, len(self.space.y_dims), time)

    def remainder(self, time: int | None = None) -> tuple[Matrix, Matrix]:
        """The columns c and e of `h_i = ... + c`, and of y_i from the old state, `... + e`."""
        import sympy

        rows = [self._table(self.space.free[s.name], len(s.dims), time) for s in self.space.states]
        n = len(self.space.y_dims)
        return (
            self._gauge(time) * sympy.Matrix.vstack(*rows),
            self._table(self.space.free_old, n, time),
        )

    def start(self) -> Matrix:
        """The column h_{-1}: constants of the layer, or zeros."""
        import sympy

        layer = self.space.layer
        columns = []
        for s in self.space.states:
            first = layer.start.get(s.name)
            count = prod(shape_of(s.dims, self.sizes))
            values = self._symbols(layer.signal(first), None) if first else None
            columns.append(
                sympy.Matrix(count, 1, values.flat(sympy.Integer(0)))
                if values is not None
                else sympy.zeros(count, 1)
            )
        return self._gauge(-1) * sympy.Matrix.vstack(*columns)

    def transition(self, i: int, j: int) -> Matrix:
        """`Λ_i Λ_{i-1} ... Λ_{j+1}`; the identity where i = j."""
        import sympy

        out = sympy.eye(self.order)
        for time in range(j + 1, i + 1):
            out = self._dynamics(time)[0] * out
        return out

    def markov(self, i: int, j: int) -> Matrix:
        """The response of y_i to u_j: `C_i Λ_i ... Λ_{j+1} B_j`, plus D_i where i = j.

        Computed from the old readout, `R_i Λ_{i-1} ... Λ_{j+1} B_j` and E_i, which every layer has.
        """
        import sympy

        if j > i:
            return sympy.zeros(prod(self.output_shape), prod(self.input_shape))
        R, E = self.old_readout(i)
        return E if i == j else R * self.transition(i - 1, j) * self._dynamics(j)[1]

    def operator(self, length: int) -> Matrix:
        """The block lower-triangular matrix from u_0 ... u_{L-1} to y_0 ... y_{L-1}.

        Raises SizeError for a length below 1.
        """
        return self._blocks(range(_positive(length)), range(length))

    def hankel(self, i: int, length: int) -> Matrix:
        """From the past u_0 ... u_{i-1} to the future y_i ... y_{L-1}: the operator's block.

        Raises SizeError unless 0 < i < L.
        """
        if not 0 < i < length:
            raise SizeError(f"hankel({i}, {length}): the time must lie strictly inside the length")
        return self._blocks(range(i, length), range(i))

    def transform(self, T: Matrix) -> Realization:
        """The same layer in the state h' = T h, for an invertible T of constants or token symbols.

        Λ' = T_i Λ_i T_{i-1}⁻¹, B' = T_i B_i, C' = C_i T_i⁻¹, D' = D_i. Raises ShapeError, and
        LanguageError where det T is identically zero.
        """
        if tuple(T.shape) != (self.order, self.order):
            raise ShapeError(f"transform: T is {T.shape}, the state has {self.order} entries")
        if T.det().expand() == 0:
            raise LanguageError("transform: det T = 0, so T changes no basis")
        return Realization(self.space, self.sizes, T if self.gauge is None else T * self.gauge)

    # Building.

    def _blocks(self, rows: range, columns: range) -> Matrix:
        import sympy

        # One sweep per column, so that no product of transitions is computed twice.
        last = max(rows)
        readouts = {i: self.old_readout(i) for i in rows}
        dynamics = {i: self._dynamics(i) for i in range(min(columns), last + 1)}
        stacks = []
        for j in columns:
            cells, state = [], None
            for i in range(j, last + 1):
                if i in readouts:
                    R, E = readouts[i]
                    cells.append(E if state is None else R * state)
                state = dynamics[j][1] if state is None else dynamics[i][0] * state
            empty = len(rows) - len(cells)
            blank = sympy.zeros(prod(self.output_shape), prod(self.input_shape))
            stacks.append(sympy.Matrix.vstack(*[blank] * empty, *cells))
        return sympy.Matrix.hstack(*stacks)

    def _dynamics(self, time: int | None) -> tuple[Matrix, Matrix]:
        import sympy

        states = self.space.states
        rows = []
        for r in states:
            blocks = []
            for c in states:
                form = self.space.Lam.get((r.name, c.name), zero(r.dims + c.dims))
                blocks.append(self._table(form, len(r.dims), time))
            rows.append(sympy.Matrix.hstack(*blocks))
        before = None if time is None else time - 1
        lam = self._gauge(time) * sympy.Matrix.vstack(*rows) * self._inverse(before)
        inputs = [self._table(self.space.B[s.name], len(s.dims), time) for s in states]
        return lam, self._gauge(time) * sympy.Matrix.vstack(*inputs)

    def _readout(self, parts: Mapping[str, Form], time: int | None) -> Matrix:
        import sympy

        y: Dims = self.space.y_dims
        forms = [parts.get(s.name, zero(y + s.dims)) for s in self.space.states]
        return sympy.Matrix.hstack(*(self._table(form, len(y), time) for form in forms))

    def _table(self, form: Form, rows: int, time: int | None) -> Matrix:
        """The matrix of a form whose first `rows` axes are the rows."""
        import sympy

        values = {signal_atom(s).key: self._symbols(s, time) for s in self.space.layer.signals}
        table = entries(form, values, SparseAlgebra(_SymPy(sympy), self.sizes))
        flat = table.flat(sympy.Integer(0))
        height = prod(table.shape[:rows])
        return sympy.Matrix(height, prod(table.shape[rows:]), flat)

    def _symbols(self, signal: Signal, time: int | None) -> Sparse:
        shape = shape_of(signal.dims, self.sizes)
        index = product(*map(range, shape))
        return Sparse(shape, {i: symbol(self.space.layer, signal, i, time) for i in index})

    @cached_property
    def _gauge_inverse(self) -> Matrix:
        return None if self.gauge is None else self.gauge.inv()

    def _gauge(self, time: int | None) -> Matrix:
        return self._timed(self.gauge, time)

    def _inverse(self, time: int | None) -> Matrix:
        return self._timed(self._gauge_inverse, time)

    def _timed(self, change: Matrix, time: int | None) -> Matrix:
        """The change of basis, or its inverse, at one time."""
        import sympy

        if change is None:
            return sympy.eye(self.order)
        if time is None:
            if self._moves():
                raise LanguageError("a basis that moves with the token has matrices at a time only")
            return change
        if time < 0 and self._moves():
            return sympy.eye(self.order)
        return change.xreplace(self._timing(time))

    def _moves(self) -> bool:
        return bool(self.gauge.free_symbols & set(self._timing(0)))

    def _timing(self, time: int) -> dict[Any, Any]:
        """From the symbols of a token without a time to those at one."""
        out = {}
        for s in self.space.layer.of_kind("token"):
            for index, x in self._symbols(s, None).entries.items():
                out[x] = symbol(self.space.layer, s, index, time)
        return out


def symbol(layer: Layer, signal: Signal, index: tuple[int, ...], time: int | None = None) -> Any:
    """The SymPy symbol of one entry, `k_0`, or `k_3_0` for the token at time 3.

    Its assumptions follow from the domain: real, and positive, negative or of one sign with zero.
    Where names of the layer's signals could then be confused, they are written `k[3, 0]`.
    """
    import sympy

    timed = () if signal.kind == "constant" or time is None else (time,)
    at = [*timed, *index]
    names = [s.name for s in layer.signals]
    unclear = any(re.fullmatch(rf"{re.escape(a)}(_\d+)+", b) for a in names for b in names)
    name = "_".join([signal.name, *map(str, at)])
    if unclear and at:
        name = f"{signal.name}{at}"
    interval = signal.domain.interval
    known: dict[str, bool] = {"real": True}
    if interval.low is not None and interval.low >= 0:
        known["positive" if interval.low > 0 or interval.low_open else "nonnegative"] = True
    elif interval.high is not None and interval.high <= 0:
        known["negative" if interval.high < 0 or interval.high_open else "nonpositive"] = True
    return sympy.Symbol(name, **known)


def realize(layer_or_space: Layer | StateSpace, sizes: Sizes) -> Realization:
    """The state-space form at concrete sizes. Raises SizeError for one missing or below 1."""
    space = derive(layer_or_space) if isinstance(layer_or_space, Layer) else layer_or_space
    for name in space.layer.sizes:
        if name not in sizes:
            raise SizeError(f"size {name} has no value: give it as {name}=2")
        if sizes[name] < 1:
            raise SizeError(f"size {name}={sizes[name]}: sizes are at least 1")
    return Realization(space, dict(sizes))


def matrices(
    space: StateSpace, sizes: Sizes, time: int | None = None
) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    """Λ, B, C, D as SymPy matrices; see `Realization.matrices`."""
    return realize(space, sizes).matrices(time)


def operator(layer_or_space: Layer | StateSpace, sizes: Sizes, length: int) -> Matrix:
    """The matrix from all inputs to all outputs; see `Realization.operator`."""
    return realize(layer_or_space, sizes).operator(length)


def markov(layer_or_space: Layer | StateSpace, sizes: Sizes, i: int, j: int) -> Matrix:
    """The response of y_i to u_j; see `Realization.markov`."""
    return realize(layer_or_space, sizes).markov(i, j)


def hankel(layer_or_space: Layer | StateSpace, sizes: Sizes, i: int, length: int) -> Matrix:
    """From the past before i to the future from i on; see `Realization.hankel`."""
    return realize(layer_or_space, sizes).hankel(i, length)


def transition(layer_or_space: Layer | StateSpace, sizes: Sizes, i: int, j: int) -> Matrix:
    """`Λ_i ... Λ_{j+1}`; see `Realization.transition`."""
    return realize(layer_or_space, sizes).transition(i, j)


def transform(layer_or_space: Layer | StateSpace, sizes: Sizes, T: Matrix) -> Realization:
    """The form in the state h' = T h; see `Realization.transform`."""
    return realize(layer_or_space, sizes).transform(T)


def _positive(length: int) -> int:
    if length < 1:
        raise SizeError(f"operator({length}): the length is at least 1")
    return length
