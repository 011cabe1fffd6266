"""Expressions as text: axes are lined up by the letters of their products.

NumPy and torch spell indexing, arithmetic and `@` alike; a target adds its names and helpers.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ..language.graph import walk
from ..language.tensor import (
    Add,
    Concat,
    Dims,
    Eye,
    Function,
    Input,
    Number,
    Product,
    Reindex,
    Tensor,
)
from . import ir

SUM, PRODUCT, ATOM = 1, 2, 3
Text = tuple[str, int]


def tight(text: Text, level: int) -> str:
    """The text in parentheses where it binds less tightly than `level`."""
    return f"({text[0]})" if text[1] < level else text[0]


class ExpressionPrinter:
    """Expressions in one target's words, which subclasses give."""

    library = ""
    functions: dict[str, str] = {}  # noqa: RUF012
    concatenate = ""

    def __init__(self, program: ir.Program) -> None:
        self.program = program
        self.constants = {s.name for s in program.signals if s.kind == "constant"}
        self.in_loop = False
        self.size_names = {size: variable for size, variable, _, _ in program.sizes}
        self.varying: set[str] = set()

    def eye(self, size: str) -> str:
        """The identity matrix."""
        raise NotImplementedError

    def broadcast(self, text: str, shape: str) -> str:
        """The array repeated to a shape."""
        raise NotImplementedError

    def constant(self, value: str) -> str:
        """A number as an array."""
        raise NotImplementedError

    def zeros(self, shape: str) -> str:
        """An array of zeros of the signals' type."""
        raise NotImplementedError

    def permute(self, text: str, order: Sequence[int]) -> str:
        """The array with its axes in another order."""
        raise NotImplementedError

    def along_time(self, text: str) -> str:
        """An iterable of slices along axis 2."""
        raise NotImplementedError

    def expression(self, node: Tensor, full: bool = False) -> Text:
        """The text of a node; `full`: every feature axis has its size, not 1."""
        if full and not self.covers(node):
            return self.broadcast(self.array(node), self.shape(node.dims)), ATOM
        match node:
            case Input():
                return self.reference(node, ""), ATOM
            case Number(value=value):
                return self.number(value)
            case Eye(dims=dims):
                return self.eye(self.size(dims[0])), ATOM
            case Add():
                return self.sum(node)
            case Product():
                return self.product(node)
            case Reindex():
                return self.reindex(node)
            case Function(name="inverse", arg=arg):
                return f"1 / {tight(self.expression(arg), ATOM)}", PRODUCT
            case Function(name=name, arg=arg):
                return f"{self.functions[name]}({self.array(arg)})", ATOM
            case Concat(parts=parts, axis=axis, dims=dims):
                texts = ", ".join(self.everywhere(x)[0] for x in parts)
                return f"{self.concatenate}([{texts}], {axis - len(dims)})", ATOM
        raise AssertionError(node)

    def reference(self, node: Input, index: str) -> str:
        """A variable with an index; a constant gets a time axis outside loops."""
        parts = [p for p in index.split(", ") if p]
        if node.name in self.constants and not self.in_loop:
            own = parts or [":"] * len(node.dims)
            while own and own[-1] == ":":
                own.pop()
            return f"{node.name}[{', '.join([':', 'None', *own])}]"
        if not parts:
            return node.name
        return f"{node.name}[..., {', '.join(parts)}]"

    def number(self, value: Fraction) -> Text:
        """A rational number; whole where it can be, so that exact arrays stay exact."""
        if value.denominator == 1:
            return str(value.numerator), ATOM if value >= 0 else SUM
        return f"{value.numerator} / {value.denominator}", PRODUCT

    def sum(self, node: Add) -> Text:
        """Terms with their signs; a broken number is brought to a common denominator."""
        numbers = [x.value for x in map(_unspread, node.terms) if isinstance(x, Number)]
        below = Fraction(1)
        for value in numbers:
            below *= value.denominator
        out = ""
        for x in node.terms:
            bare = _unspread(x)
            if isinstance(bare, Number):
                negative, text = bare.value < 0, self.number(abs(bare.value) * below)[0]
            else:
                negative, positive = _sign(x)
                shown = self.expression(positive)
                text = tight(shown, PRODUCT)
                if below != 1:
                    text = f"{below} * {tight(shown, ATOM)}"
            sign = (" - " if negative else " + ") if out else ("-" if negative else "")
            out += sign + text
        return (out, SUM) if below == 1 else (f"({out}) / {below}", PRODUCT)

    def product(self, node: Product) -> Text:
        """Entry by entry with axes lined up, a matrix product, or an einsum."""
        inputs, _, lo = node.spec.partition("->")
        la, _, lb = inputs.partition(",")
        for number, other, letters in ((node.left, node.right, lb), (node.right, node.left, la)):
            bare = _unspread(number)
            if isinstance(bare, Number) and letters == lo:
                return self.scaled(bare.value, other)
        letters = la + lb
        simple = set(letters) <= set(lo) and all(len(set(x)) == len(x) for x in (la, lb))
        if simple and _ordered(la, lo) and _ordered(lb, lo):
            inverse = node.right
            first = tight(self.aligned(node.left, la, lo), PRODUCT)
            if isinstance(inverse, Function) and inverse.name == "inverse":
                return f"{first} / {tight(self.aligned(inverse.arg, lb, lo), ATOM)}", PRODUCT
            second = self.aligned(node.right, lb, lo)
            # Division and the matrix product bind as `*` does, from the left.
            loose = " / " in second[0] or " @ " in second[0]
            return f"{first} * {tight(second, ATOM if loose else PRODUCT)}", PRODUCT
        pattern = _matrix_pattern(la, lb, lo)
        if pattern is not None:
            left, right = (tight(self.expression(x, True), ATOM) for x in (node.left, node.right))
            return f"{left}{pattern[0]} @ {right}{pattern[1]}", PRODUCT
        texts = [self.expression(x, True)[0] for x in (node.left, node.right)]
        spec = f"...{la},...{lb}->...{lo}"
        return f'{self.library}.einsum("{spec}", {texts[0]}, {texts[1]})', ATOM

    def scaled(self, value: Fraction, other: Tensor) -> Text:
        """A number times an expression, as whole numbers above and below."""
        shown = self.expression(other)
        if value == 0:
            return f"0 * {tight(shown, ATOM)}", PRODUCT
        top, bottom = value.numerator, value.denominator
        text = tight(shown, PRODUCT if top in (1, -1) and bottom == 1 else ATOM)
        if top == -1:
            text = f"-{tight(shown, ATOM)}"
        elif top != 1:
            text = f"{top} * {text}"
        return (text if bottom == 1 else f"{text} / {bottom}"), PRODUCT

    def aligned(self, node: Tensor, letters: str, target: str) -> Text:
        """An operand with new axes of length 1 where the target has letters that it lacks."""
        bare = _unspread(node)
        if bare is not node:
            node, letters = bare, ""
        if letters == target:
            return self.expression(node)
        index = ", ".join(":" if c in letters else "None" for c in target)
        if isinstance(node, Input):
            return self.reference(node, index), ATOM
        if isinstance(node, Number):
            return self.number(node.value)
        return f"{tight(self.expression(node), ATOM)}[..., {index}]", ATOM

    def reindex(self, node: Reindex) -> Text:
        """Axes permuted, summed or repeated; what repeats stays of length 1."""
        source, _, target = node.spec.partition("->")
        kept = "".join(c for c in target if c in source)
        bare = _unspread(node.arg)
        if isinstance(bare, Number) and source and not target:
            sizes = [self.size(dim) for dim in node.arg.dims]
            numbers = [self.number(bare.value)[0]] if bare.value != 1 else []
            return self.constant(" * ".join([*numbers, *sizes])), ATOM
        if source == kept:
            return self.aligned(node.arg, source, target)
        inner = self.expression(node.arg, True)
        if len(source) == 2 and kept == source[::-1]:
            text = f"{tight(inner, ATOM)}.mT"
        else:
            text = f'{self.library}.einsum("...{source}->...{kept}", {inner[0]})'
        if kept != target:
            text += f"[..., {', '.join(':' if c in source else 'None' for c in target)}]"
        return text, ATOM

    def covers(self, node: Tensor) -> bool:
        """Whether the text of a node has every feature axis at its size."""
        return self._covered(node) == set(range(len(node.dims)))

    def _covered(self, node: Tensor) -> set[int]:
        everything = set(range(len(node.dims)))
        match node:
            case Number():
                return set()
            case Add(terms=terms):
                return set().union(*(self._covered(x) for x in terms))
            case Function(arg=arg):
                return self._covered(arg)
            case Reindex(spec=spec):
                source, _, target = spec.partition("->")
                return {i for i, c in enumerate(target) if c in source}
            case Product(spec=spec, left=left, right=right):
                inputs, _, lo = spec.partition("->")
                la, _, lb = inputs.partition(",")
                if not set(la + lb) <= set(lo):
                    return everything
                at = {la[i] for i in self._covered(left)} | {lb[i] for i in self._covered(right)}
                return {i for i, c in enumerate(lo) if c in at}
        return everything

    def varies(self, node: Tensor) -> bool:
        """Whether the text of a node has batch and time at their sizes."""
        return any(isinstance(x, Input) and x.name in self.varying for x in walk(node))

    def everywhere(self, node: Tensor) -> Text:
        """The node repeated to every leading and feature axis."""
        if self.varies(node) and self.covers(node):
            return self.expression(node)
        return self.broadcast(self.array(node), self.shape(node.dims)), ATOM

    def array(self, node: Tensor) -> str:
        """The text of a node where only an array will do, and a number of the language will not."""
        text = self.expression(node)[0]
        return self.constant(text) if _is_number(node) else text

    def size(self, dim: str) -> str:
        """The text of a size; a sum of sizes in parentheses."""
        parts = [self.size_names.get(x, x) for x in dim.split("+")]
        return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"

    def shape(self, dims: Dims) -> str:
        """The shape of a token array, or inside a loop of one token's."""
        lead = ["B", "H"] if self.in_loop else ["B", "H", "L"]
        return f"({', '.join([*lead, *map(self.size, dims)])})"


def _unspread(x: Tensor) -> Tensor:
    """A scalar that is repeated, itself."""
    if not isinstance(x, Reindex):
        return x
    source, _, target = x.spec.partition("->")
    bare = _unspread(x.arg)
    return bare if not bare.dims and set(source) <= set(target) else x


def _is_number(x: Tensor) -> bool:
    """Whether the text of an expression has numbers alone."""
    return all(
        isinstance(n, Number | Add | Product)
        or (isinstance(n, Reindex) and n.spec.startswith("->"))
        for n in walk(x)
    )


def _sign(x: Tensor) -> tuple[bool, Tensor]:
    """Whether a term carries a minus sign, and the term without it."""
    if isinstance(x, Product) and isinstance(x.left, Number) and x.left.value == -1:
        return True, x.right
    return False, x


def _ordered(letters: str, target: str) -> bool:
    return [c for c in target if c in letters] == list(letters)


def _matrix_pattern(la: str, lb: str, lo: str) -> tuple[str, str] | None:
    """The suffixes of the two factors of a matrix product, or None where it is no such product."""
    if not len(la) == len(lb) == len(lo) == 2 or len({*la, *lb}) != 3:
        return None
    shared = (set(la) & set(lb)).pop()
    free_left, free_right = la.replace(shared, ""), lb.replace(shared, "")
    if shared in lo or lo != free_left + free_right:
        return None
    return ("" if la[1] == shared else ".mT"), ("" if lb[0] == shared else ".mT")
