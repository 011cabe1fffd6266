"""How the pieces of a formula are written, as LaTeX and as plain text in Unicode."""

from __future__ import annotations

import re
from fractions import Fraction

GREEK = dict(
    alpha="α", beta="β", gamma="γ", delta="δ", epsilon="ε", zeta="ζ", eta="η", theta="θ",
    iota="ι", kappa="κ", lambda_="λ", mu="μ", nu="ν", xi="ξ", pi="π", rho="ρ", sigma="σ",
    tau="τ", upsilon="υ", phi="φ", chi="χ", psi="ψ", omega="ω", Gamma="Γ", Delta="Δ",
    Theta="Θ", Lambda="Λ", Xi="Ξ", Pi="Π", Sigma="Σ", Upsilon="Υ", Phi="Φ", Psi="Ψ", Omega="Ω",
)  # fmt: skip
GREEK = {name.rstrip("_"): letter for name, letter in GREEK.items()}
NAMES = {letter: name for name, letter in GREEK.items()}
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def pieces(name: str) -> tuple[str, list[str]]:
    """A signal's name as a letter and its subscripts: "x_k1" is x with subscripts k and 1."""
    found = [p for part in name.split("_") for p in re.findall(r"\d+|\D+", part)]
    return (found[0], found[1:]) if found else (name, [])


class Latex:
    """LaTeX, for a book or a notebook."""

    minus, times, kron, entrywise, dot, top = (
        "-",
        " ",
        r" \otimes ",
        r" \odot ",
        r" \cdot ",
        r"^\top",
    )
    delta, total, over = r"\delta", r"\sum", r" \oslash "

    def letter(self, name: str) -> str:
        """One piece of a name."""
        name = NAMES.get(name, name)
        return rf"\{name}" if name in GREEK else name if len(name) == 1 else rf"\mathrm{{{name}}}"

    def subscript(self, base: str, marks: list[str]) -> str:
        """A letter with subscripts."""
        joined = ",".join(marks)
        return (
            base
            if not marks
            else f"{base}_{joined}"
            if len(joined) == 1
            else f"{base}_{{{joined}}}"
        )

    def number(self, value: Fraction) -> str:
        """A number that is not negative."""
        if value.denominator == 1:
            return str(value)
        return rf"\tfrac{{{value.numerator}}}{{{value.denominator}}}"

    def power(self, base: str, exponent: int) -> str:
        """A base that needs no parentheses, to a power."""
        return f"{base}^{{{exponent}}}"

    def paren(self, inner: str) -> str:
        """A formula in parentheses of fitting height."""
        tall = any(mark in inner for mark in (r"\frac", r"\sum", r"\begin"))
        return rf"\left({inner}\right)" if tall else f"({inner})"

    def call(self, name: str, inner: str) -> str:
        """A named function of a formula."""
        known = {"log": r"\log", "tanh": r"\tanh", "sigmoid": r"\sigma", "exp": r"\exp"}
        known |= {"cos": r"\cos", "sin": r"\sin"}
        known |= {"exp⊙": r"\exp_{\odot}", "log⊙": r"\log_{\odot}"}
        known |= {
            "sqrt⊙": r"\operatorname{sqrt}_{\odot}",
            "inverse⊙": r"\operatorname{inv}_{\odot}",
        }
        function = known.get(name, rf"\operatorname{{{name}}}")
        if "^{" in inner and "frac" not in inner:
            return rf"{function}\!\big({inner}\big)"
        return function + self.paren(inner)

    def exp(self, inner: str) -> str:
        """The exponential."""
        return f"e^{{{inner}}}"

    def sqrt(self, inner: str, *, atomic: bool) -> str:
        """The square root."""
        return rf"\sqrt{{{inner}}}"

    def fraction(self, above: str, below: str, *, atomic: bool) -> str:
        """A quotient; atomic: the denominator needs no parentheses."""
        return rf"\frac{{{above}}}{{{below}}}"

    def norm(self, inner: str, exponent: int) -> str:
        """A power of the norm of a vector."""
        return self.power(rf"\lVert {inner} \rVert", exponent)

    def ones(self, size: str) -> str:
        """The vector of ones."""
        return self.subscript(r"\mathbf{1}", [size])

    def matrix(self, grid: list[list[str]]) -> str:
        """A matrix of blocks."""
        lines = r" \\ ".join(" & ".join(line) for line in grid)
        return rf"\begin{{pmatrix}} {lines} \end{{pmatrix}}"

    def entries(self, inner: str, axes: str) -> str:
        """The tensor with these entries."""
        return rf"\Big[{inner}\Big]_{{{axes}}}"


class Text:
    """Unicode for a terminal."""

    minus, times, kron, entrywise, dot, top = "−", " ", " ⊗ ", " ⊙ ", "·", "ᵀ"
    delta, total, over = "δ", "Σ", " ⊘ "

    def letter(self, name: str) -> str:
        """One piece of a name."""
        return GREEK.get(name, name)

    def subscript(self, base: str, marks: list[str]) -> str:
        """A letter with subscripts."""
        return Latex().subscript(base, marks)

    def number(self, value: Fraction) -> str:
        """A number that is not negative."""
        return str(value) if value.denominator == 1 else f"({value})"

    def power(self, base: str, exponent: int) -> str:
        """A base that needs no parentheses, to a power."""
        return base + str(exponent).translate(SUPERSCRIPTS)

    def paren(self, inner: str) -> str:
        """A formula in parentheses."""
        return f"({inner})"

    def call(self, name: str, inner: str) -> str:
        """A named function of a formula."""
        known = {"sigmoid": "σ", "sqrt⊙": "√⊙"}
        return f"{known.get(name, name)}({inner})"

    def exp(self, inner: str) -> str:
        """The exponential."""
        return f"exp({inner})"

    def sqrt(self, inner: str, *, atomic: bool) -> str:
        """The square root."""
        return f"√{inner}" if atomic else f"√({inner})"

    def fraction(self, above: str, below: str, *, atomic: bool) -> str:
        """A quotient; atomic: the denominator needs no parentheses."""
        return f"{above}/{below}" if atomic else f"{above}/({below})"

    def norm(self, inner: str, exponent: int) -> str:
        """A power of the norm of a vector."""
        return self.power(f"‖{inner}‖", exponent)

    def ones(self, size: str) -> str:
        """The vector of ones."""
        return self.subscript("1", [size])

    def matrix(self, grid: list[list[str]]) -> str:
        """A matrix of blocks."""
        return f"[{'; '.join(', '.join(line) for line in grid)}]"

    def entries(self, inner: str, axes: str) -> str:
        """The tensor with these entries."""
        return f"[{inner}]_{{{axes}}}"
