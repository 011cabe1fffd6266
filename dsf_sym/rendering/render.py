r"""Forms as a person writes them: `\alpha_i\,(I - \beta_i k_i k_i^\top) \otimes I_d`.

A form is first read into a tree of matrix notation that stands for exactly that form (`recognise`),
then the tree is printed. What has no matrix notation is printed by its entries.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator
from fractions import Fraction
from typing import Literal

from ..index.atoms import Atom, Factor, Form
from .glyphs import Latex, Text, pieces
from .notation import (
    Apply,
    Block,
    Compose,
    Diag,
    Entries,
    Flat,
    Hadamard,
    Identity,
    Kron,
    Node,
    Number,
    Ones,
    Power,
    Sum,
    Symbol,
    Times,
    Trace,
    Transpose,
    Zero,
    natural,
    shape,
)
from .products import ordered
from .recognise import recognise

Style = Literal["latex", "text"]
SUM, KRON, PRODUCT, ATOM = range(4)
Shown = tuple[str, int]


def render_operator(form: Form, rows: int, style: Style = "latex", time: bool = True) -> str:
    """A form as the map from its last axes to its first `rows` axes, in Kronecker notation.

    Axes are taken in order: the state S[n, d] counts as one vector in which d runs fastest, so that
    `A ⊗ B` acts as `A S B^T`. time: tokens carry the subscript i and states i-1.
    """
    return _Printer(style, time).whole(recognise(form, rows))


def render_form(
    form: Form, style: Style = "latex", time: bool = True, *, entrywise: bool = False
) -> str:
    """A form as a scalar, a column, or a matrix, as it stands in an update rule or a readout.

    entrywise: functions and the number 1 are understood to be those of every entry.
    """
    node = recognise(form, len(natural(form.dims)[0]), entrywise=entrywise)
    return _Printer(style, time).show(node, entrywise)[0]


def render_difference(form: Form, style: Style = "latex") -> str:
    """An unrolled form as a sum of products: `-β_0 β_1 (k_0·k_1)(k_1·q_1) v_0`."""
    printer = _Printer(style, True, dots=True)
    rows = len(natural(form.dims)[0])
    single = [Form(form.dims, {m: c}) for m, c in ordered(form)]
    return printer.total([recognise(f, rows) for f in single]) if single else "0"


def wrapped(shown: str, width: int = 80, indent: int = 0) -> str:
    """A formula in text style over several lines, broken before the outermost + and −."""
    depth = 0
    cuts: list[tuple[int, int]] = []
    for i, c in enumerate(shown):
        depth += (c in "([{") - (c in ")]}")
        if c in "+−" and shown[i - 1 : i] == " " and shown[i + 1 : i + 2] == " ":
            cuts.append((i, depth))
    lines, start = [], 0
    while len(shown) - start > width - indent:
        room = [(d, -i) for i, d in cuts if start < i <= start + width - indent]
        if not room:
            break
        at = -min(room)[1]
        lines.append(shown[start:at].rstrip())
        start = at
    return f"\n{' ' * indent}".join([*lines, shown[start:]])


class _Printer:
    """Prints trees; every method returns the text and how tightly it binds."""

    def __init__(self, style: Style, time: bool, *, dots: bool = False) -> None:
        if style not in ("latex", "text"):
            raise ValueError(f'style {style!r}: write "latex" or "text"')
        self.g = Latex() if style == "latex" else Text()
        self.time = time
        self.dots = dots

    def whole(self, node: Node) -> str:
        return self.show(node)[0]

    def tight(self, node: Node, level: int, entrywise: bool = False) -> str:
        """The text of a node, in parentheses where it binds less tightly than `level`."""
        shown, own = self.show(node, entrywise)
        return shown if own >= level else self.g.paren(shown)

    def show(self, node: Node, entrywise: bool = False) -> Shown:
        """Text and level. entrywise: 1 and functions of matrices are understood entry by entry."""
        g = self.g
        match node:
            case Number(value=value):
                shown = g.number(abs(value))
                # On its own a fraction needs no parentheses.
                shown, level = (shown[1:-1], KRON) if shown[0] == "(" else (shown, ATOM)
                return (g.minus + shown, SUM) if value < 0 else (shown, level)
            case Symbol(atom=atom):
                return self.symbol(atom)
            case Zero():
                return "0", ATOM
            case Ones(rows=rows, cols=cols):
                parts = [g.ones(d) for d in rows] + [g.ones(d) + g.top for d in cols]
                return ("1", ATOM) if entrywise else (" ".join(parts), PRODUCT)
            case Identity(size=size):
                return g.subscript("I", [size]), ATOM
            case Apply(name=name, arg=arg):
                return self.function(name, arg, entrywise)
            case Transpose(arg=arg):
                raised = isinstance(arg, Apply | Power | Transpose)
                return (g.paren(self.whole(arg)) if raised else self.tight(arg, ATOM)) + g.top, ATOM
            case Compose(factors=factors):
                return self.product(factors)
            case Kron(factors=factors):
                return g.kron.join(self.tight(f, PRODUCT) for f in factors), KRON
            case Hadamard(parts=parts):
                return self.entrywise(parts), KRON
            case Times(scalars=scalars, body=body):
                return self.scaled(scalars, body, entrywise)
            case Power(base=base, exponent=exponent):
                if _squared(base):
                    return self.norm(base, 2 * exponent)
                return g.power(self.tight(base, ATOM), exponent), ATOM
            case Sum(terms=terms):
                return self.total(list(terms), entrywise), SUM
            case Diag(arg=arg):
                return g.call("diag", self.show(arg, entrywise=True)[0]), ATOM
            case Trace(arg=arg):
                return g.call("tr", self.whole(arg)), ATOM
            case Flat(arg=arg):
                return g.call("flat", self.whole(arg)), ATOM
            case Block(grid=grid):
                lines = [["0" if x is None else self.whole(x) for x in line] for line in grid]
                return g.matrix(lines), ATOM
            case Entries(form=form, rows=split):
                return self.entries(form, split)

    def symbol(self, atom: Atom, axes: str = "") -> Shown:
        """A signal with its subscripts: its own, the time, then axes."""
        if atom.kind == "size":
            return atom.name, ATOM
        if atom.kind == "inject":
            small = atom.dims[1]
            end = small if atom.name == "0" else f"{atom.name}+{small}"
            return self.g.subscript("J", [f"{atom.name}:{end}", *([axes] if axes else [])]), ATOM
        name = atom.name.removeprefix("log_") or atom.name
        letter, marks = pieces(name)
        marks = [self.g.letter(m) for m in marks] + self.moment(atom) + ([axes] if axes else [])
        shown = self.g.subscript(self.g.letter(letter), marks)
        if name != atom.name:
            return (r"\log " if isinstance(self.g, Latex) else "log ") + shown, KRON
        return shown, ATOM

    def moment(self, atom: Atom) -> list[str]:
        if atom.time is not None:
            return [str(atom.time)]
        marks = {"token": "i", "state": "i-1"}
        return [marks[atom.kind]] if self.time and atom.kind in marks else []

    def function(self, name: str, arg: Node, entrywise: bool) -> Shown:
        g = self.g
        inner, level = self.show(arg, entrywise=True)
        rows, cols = shape(arg)
        inside = arg.body if isinstance(arg, Times) else arg
        plain = entrywise and not isinstance(inside, Compose)
        if rows and cols and not plain and name in ("exp", "log", "sqrt", "inverse"):
            # e^M and 1/M of a matrix would be read as what they are not.
            if name == "inverse":
                return f"1{g.over}{self.tight(arg, ATOM)}", KRON
            return g.call(f"{name}⊙", inner), ATOM
        if name == "exp":
            return g.exp(inner), ATOM
        if name == "sqrt":
            return g.sqrt(inner, atomic=level == ATOM), ATOM
        if name == "inverse":
            return g.fraction("1", inner, atomic=level == ATOM), self.quotient_level
        return g.call(name, inner), ATOM

    def entrywise(self, parts: tuple[tuple[Node, tuple[int, ...]], ...]) -> str:
        """A product entry by entry; an inverse is a denominator of the first letter beside it."""
        below = [(n.arg, at) for n, at in parts if isinstance(n, Apply) and n.name == "inverse"]
        out = ""
        for node, at in parts:
            if isinstance(node, Apply) and node.name == "inverse":
                continue
            found = [b for b in below if b[1] == at] if isinstance(node, Symbol) else []
            if found:
                below.remove(found[0])
                shown, level = self.quotient(self.show(node), found[0][0])
            else:
                shown, level = self.show(node, entrywise=True)
            if level < PRODUCT and len(parts) > 1 + bool(found):
                shown = self.g.paren(shown)
            out += self.g.entrywise + shown if out else shown
        for arg, _ in below:
            out = (out or "1") + self.g.over + self.tight(arg, PRODUCT, entrywise=True)
        return out

    def quotient(self, above: Shown, below: Node) -> Shown:
        inner, level = self.show(below, entrywise=True)
        top = above[0] if above[1] >= PRODUCT else self.g.paren(above[0])
        return self.g.fraction(top, inner, atomic=level == ATOM), self.quotient_level

    @property
    def quotient_level(self) -> int:
        """A fraction bar holds a quotient together; a slash does not."""
        return ATOM if isinstance(self.g, Latex) else KRON

    def product(self, factors: tuple[Node, ...]) -> Shown:
        if _squared(Compose(factors)):
            return self.norm(Compose(factors), 2)
        match factors:
            case (Transpose(arg=Symbol() as left), Symbol() as right) if self.dots:
                pair = self.tight(left, ATOM) + self.g.dot + self.tight(right, ATOM)
                return f"({pair})", ATOM
        shown = []
        for factor, run in itertools.groupby(factors):
            one, count = self.tight(factor, PRODUCT), len(list(run))
            square = isinstance(factor, Symbol) and len(set(shape(factor))) == 1
            shown += [self.g.power(one, count)] if square and count > 1 else [one] * count
        return self.juxtaposed(shown), PRODUCT

    def norm(self, square: Node, exponent: int) -> Shown:
        assert isinstance(square, Compose)
        return self.g.norm(self.whole(square.factors[1]), exponent), ATOM

    def juxtaposed(self, shown: list[str]) -> str:
        out = shown[0]
        for before, after in itertools.pairwise(shown):
            opens = after.startswith(("(", r"\left("))
            if opens and before.startswith(("(", r"\left(")):
                out += after
            else:
                out += (r"\," if opens and isinstance(self.g, Latex) else " ") + after
        return out

    def scaled(self, scalars: tuple[Node, ...], body: Node | None, entrywise: bool) -> Shown:
        """Scalars, their inverses as a denominator, then the map."""
        g = self.g
        value = Fraction(1)
        above: list[str] = []
        below: list[Node] = []
        if isinstance(scalars[0], Number):
            value, scalars = scalars[0].value, scalars[1:]
        if entrywise and isinstance(body, Ones):
            body = None
        for scalar in scalars:
            if isinstance(scalar, Apply) and scalar.name == "inverse":
                below.append(scalar.arg)
            else:
                shown, level = self.show(scalar)
                alone = len(scalars) == 1 and body is None and abs(value) == 1
                bare = level == ATOM or alone
                above.append(shown if bare else g.paren(shown))
        sign, size = (g.minus if value < 0 else ""), abs(value)
        if below:
            top = ([str(size.numerator)] if size.numerator > 1 else []) + above
            bottom = [str(size.denominator)] if size.denominator > 1 else []
            one = len(below) == 1 and not bottom
            bottom += [self.whole(x) if one else self.tight(x, PRODUCT) for x in below]
            atomic = one and self.show(below[0])[1] == ATOM
            quotient = g.fraction(
                self.juxtaposed(top) if top else "1", self.juxtaposed(bottom), atomic=atomic
            )
            above = [quotient if body is None or isinstance(g, Latex) else g.paren(quotient)]
        elif size != 1 or not (above or body):
            above.insert(0, g.number(size))
        level = PRODUCT
        if body is not None:
            shown, own = self.show(body, entrywise)
            level = min(own, PRODUCT) if own != SUM else PRODUCT
            above.append(g.paren(shown) if own == SUM else shown)
        return sign + self.juxtaposed(above), SUM if sign else level

    def total(self, terms: list[Node], entrywise: bool = False) -> str:
        """A sum, a positive term in front where there is one."""
        shown = [self.summand(t, entrywise) for t in terms]
        first = next((i for i, s in enumerate(shown) if not s.startswith(self.g.minus)), 0)
        out = shown.pop(first)
        for term in shown:
            negative = term.startswith(self.g.minus)
            out += f" {self.g.minus} {term[len(self.g.minus) :]}" if negative else f" + {term}"
        return out

    def summand(self, term: Node, entrywise: bool) -> str:
        shown = self.show(term, entrywise)[0]
        body = term.body if isinstance(term, Times) else term
        # Beside other terms the size of an identity is clear.
        return shown.removesuffix(self.show(body)[0]) + "I" if isinstance(body, Identity) else shown

    def entries(self, form: Form, rows: int) -> Shown:
        """The entry of a tensor in index notation, with the axes that its letters run over."""
        used = {a.name for a in form.atoms()} | {"i"}
        used |= {part for a in form.atoms() for d in a.dims for part in d.split("+")}
        letters = iter([c for c in string.ascii_letters if c not in used])
        axes = [next(letters) for _ in form.dims]
        inner = self.indexed(form, axes, letters)
        if not axes:
            return inner, SUM
        joined = ",".join("".join(part) for part in (axes[:rows], axes[rows:]) if part)
        return self.g.entries(inner, joined), ATOM

    def indexed(self, form: Form, axes: list[str], letters: Iterator[str]) -> str:
        out = ""
        for monomial, c in ordered(form):
            names = dict(enumerate(axes))
            for x in sorted({x for _, ls in monomial for x in ls if x < 0}, reverse=True):
                names[x] = next(letters)
            bound = "".join(names[x] for x in sorted(names, reverse=True) if x < 0)
            factors = [self.indexed_factor(f, names, letters) for f in monomial]
            if abs(c) != 1 or not factors:
                factors.insert(0, self.g.number(abs(c)))
            if bound:
                factors.insert(0, self.g.subscript(self.g.total, [bound]))
            term = " ".join(factors)
            sign = self.g.minus if c < 0 else "+"
            out += f" {sign} {term}" if out else self.g.minus + term if c < 0 else term
        return out or "0"

    def indexed_factor(self, factor: Factor, names: dict[int, str], letters: Iterator[str]) -> str:
        atom, labels = factor
        here = [names[x] for x in labels]
        if atom.kind == "eye":
            return self.g.subscript(self.g.delta, ["".join(here)])
        if atom.arg is None:
            shown, level = self.symbol(atom, "".join(here))
            return shown if level == ATOM else self.g.paren(shown)
        inner = self.indexed(atom.arg, here, letters)
        if atom.name == "inverse":
            return self.g.paren(self.g.fraction("1", inner, atomic=False))
        return self.g.exp(inner) if atom.name == "exp" else self.g.call(atom.name, inner)


def _squared(node: Node) -> bool:
    """Whether a node is x^T x."""
    return (
        isinstance(node, Compose)
        and len(node.factors) == 2
        and not shape(node.factors[1])[1]
        and node.factors[0] == Transpose(node.factors[1])
    )
