"""Complex numbers as pairs of real tensors, for layers whose states are complex."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import ShapeError
from .functions import cos, sin
from .symbol import Symbol
from .tensor import Tensor, broadcast, lift, shape_text, text


@dataclass(frozen=True, eq=False)
class Complex(Symbol):
    """`re + i im`, entry by entry, with the arithmetic of complex numbers.

    re, im: real tensors of one shape, or numbers; a number is repeated to the other's shape. A
    complex state of a layer is declared as two real states, and returned as two. Tensors, numbers
    and Python's complex numbers meet a pair as numbers do. Raises ShapeError where shapes differ.
    """

    re: Tensor
    im: Tensor

    outranks_tensors: ClassVar[bool] = True

    def __init__(self, re: object, im: object = 0) -> None:
        a, b = lift(re), lift(im)
        a, b = broadcast(a, b.dims), broadcast(b, a.dims)
        if a.dims != b.dims:
            raise ShapeError(
                f"Complex({text(a)}, {text(b)}): the real part is {shape_text(a.dims)}, the "
                f"imaginary part {shape_text(b.dims)}"
            )
        object.__setattr__(self, "re", a)
        object.__setattr__(self, "im", b)

    def conj(self) -> Complex:
        """The conjugate, `re - i im`."""
        return Complex(self.re, -self.im)

    def abs2(self) -> Tensor:
        """The squared modulus, `re² + im²`."""
        return self.re * self.re + self.im * self.im

    def __add__(self, other: object) -> Complex:
        z = _pair(other)
        return Complex(self.re + z.re, self.im + z.im)

    __radd__ = __add__

    def __neg__(self) -> Complex:
        return Complex(-self.re, -self.im)

    def __sub__(self, other: object) -> Complex:
        return self + -_pair(other)

    def __rsub__(self, other: object) -> Complex:
        return _pair(other) + -self

    def __mul__(self, other: object) -> Complex:
        if not isinstance(other, Complex | complex):
            return Complex(self.re * lift(other), self.im * lift(other))
        z = _pair(other)
        return Complex(self.re * z.re - self.im * z.im, self.re * z.im + self.im * z.re)

    __rmul__ = __mul__

    def __matmul__(self, other: object) -> Complex:
        if not isinstance(other, Complex):
            return Complex(self.re @ lift(other), self.im @ lift(other))
        z = other
        return Complex(self.re @ z.re - self.im @ z.im, self.re @ z.im + self.im @ z.re)

    def __rmatmul__(self, other: object) -> Complex:
        return Complex(lift(other) @ self.re, lift(other) @ self.im)

    def __truediv__(self, other: object) -> Complex:
        """`z w* / |w|²`; where w may be 0 the layer is refused, naming |w|²."""
        if not isinstance(other, Complex | complex):
            return Complex(self.re / lift(other), self.im / lift(other))
        z = _pair(other)
        top, square = self * z.conj(), z.abs2()
        return Complex(top.re / square, top.im / square)

    def __rtruediv__(self, other: object) -> Complex:
        return _pair(other) / self

    def __repr__(self) -> str:
        return f"Complex({text(self.re)}, {text(self.im)})"


def polar(modulus: object, angle: object) -> Complex:
    """`r (cos φ + i sin φ)` for the modulus r and the angle φ in radians, tensors or numbers."""
    r, phi = lift(modulus), lift(angle)
    return Complex(r * cos(phi), r * sin(phi))


def _pair(x: object) -> Complex:
    if isinstance(x, Complex):
        return x
    if isinstance(x, complex):
        return Complex(x.real, x.imag)
    real = lift(x)
    return Complex(real, broadcast(lift(0), real.dims))
