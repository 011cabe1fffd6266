"""Verdicts as text for a terminal and as LaTeX for a notebook; no line is longer than asked."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from ..verdict import Question, Verdict

WIDTH = 80
HARD = "\N{NO-BREAK SPACE}"
SENSES = {
    "equal": "the same output for all tokens, weights and lengths",
    "contains": "for all weights of the second layer there are weights of the first, and a map "
    "from each token to the first's, with the same output for all lengths",
    "iff": "the same output for all values of the signals that no condition ties, exactly where "
    "the conditions hold",
    "only if": "the same output for all values of the signals that no condition ties only where "
    "the conditions hold",
    "never": "no values of the signals that conditions may tie give the same output for all values "
    "of the others",
    "kernel rank": "how many features φ(q), ψ(k) a kernel κ(q, k) = φ(q)·ψ(k) needs at least",
    "minimal state": "the fewest numbers that a state with the same output can have",
}
Paint = Callable[[str, str], str]
Nested = str | list[Any]


def plain(text: str, role: str) -> str:
    """The text without colour; what `paint` does unless a terminal asks for more."""
    return text


def wrap(text: str, width: int = WIDTH, *, first: str = "", rest: str | None = None) -> list[str]:
    """Lines of at most `width` characters, broken at spaces and, where there is none, anywhere.

    first, rest: what the first line and the others begin with; `rest` is blank by default. A
    no-break space is printed as a space.
    """
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=" " * len(first) if rest is None else rest,
        break_on_hyphens=False,
    )
    return [line.replace(HARD, " ") for line in lines] or [first.rstrip()]


def by_terms(text: str) -> str:
    """A formula that `wrap` breaks only in front of its signs, where its terms fit a line."""
    joined = text.replace(" ", HARD)
    for sign in "+-−=":
        joined = joined.replace(f"{HARD}{sign}{HARD}", f" {sign}{HARD}")
    return joined


def fields(rows: Iterable[tuple[str, str]], width: int = WIDTH, *, indent: str = "  ") -> list[str]:
    """Labels and values in two aligned columns, long values wrapped under their column."""
    shown = [(label, value) for label, value in rows if value]
    column = max((len(label) for label, _ in shown), default=0)
    out = []
    for label, value in shown:
        first = f"{indent}{label:<{column}}  "
        for i, line in enumerate(value.split("\n")):
            out += wrap(line, width, first=first if i == 0 else " " * len(first))
    return out


def plural(count: int, noun: str) -> str:
    """A count and its noun: "1 token", "2 tokens"."""
    return f"{count} {noun}{'s' * (count != 1)}"


def signal_dims(verdict: Verdict) -> dict[str, tuple[str, ...]]:
    """The shape of every signal, from the definitions in the certificate."""
    layers = (verdict.certificate or {}).get("layers", [])
    return {row["name"]: tuple(row["dims"]) for layer in layers for row in layer["signals"]}


def nested(flat: Sequence[Fraction | str], shape: Sequence[int]) -> Nested:
    """Row-major entries as text in nested lists; a scalar is one text."""
    if not shape:
        return str(flat[0])
    step = len(flat) // shape[0]
    return [nested(flat[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


def shaped(verdict: Verdict, values: Mapping[str, Sequence[Fraction]]) -> dict[str, Nested]:
    """The values of signals, each in its shape."""
    from ..language.evaluate import shape_of

    dims = signal_dims(verdict)
    return {
        name: nested(
            flat, shape_of(dims[name], verdict.sizes or {}) if name in dims else [len(flat)]
        )
        for name, flat in values.items()
    }


def value_text(value: Nested) -> str:
    """A value as `1/2`, `(0,1)` or `((0,1),(1,0))`."""
    if isinstance(value, str):
        return value
    return f"({','.join(map(value_text, value))})"


def headline(verdict: Verdict) -> str:
    """The answer in one line."""
    a, b = layer_names(verdict.question)
    if verdict.question.sense == "contains":
        return {
            "proved": f"every {b} is one of {a}",
            "conditional": f"every {b} is one of {a} under the conditions below",
            "refuted": f"{a} does not contain {b}",
            "undecided": f"whether {a} contains {b} is not known",
        }[verdict.status]
    return {
        "proved": f"{a} = {b}",
        "conditional": f"{a} = {b} under the conditions below",
        "refuted": f"{a} and {b} differ",
        "undecided": f"whether {a} = {b} is not known",
    }[verdict.status]


def verdict_text(verdict: Verdict, width: int = WIDTH, paint: Paint = plain) -> str:
    """A verdict in full: sense, ties, domains, sizes, proof, and the witness with both outputs."""
    question = verdict.question
    title = wrap(headline(verdict), width, first=f"{verdict.status}: ")
    title[0] = title[0].replace(verdict.status, paint(verdict.status, verdict.status), 1)
    rows = [
        ("sense", f"{question.sense}: {SENSES.get(question.sense, question.sense)}"),
        ("sizes", "all" if verdict.sizes is None else verdict.scope),
        ("maps" if question.sense == "contains" else "given", "\n".join(question.given)),
        ("ties", "\n".join(question.bridges)),
        ("where", "\n".join(x for x in verdict.conditions if x not in question.bridges)),
        ("domains", "\n".join(question.domains)),
        ("signals", without_partner(verdict)),
        ("proof", verdict.proof if verdict.status in ("proved", "conditional") else ""),
        (
            "witness" if verdict.witness else "because",
            verdict.proof if verdict.status == "refuted" else "",
        ),
        ("evidence", verdict.proof if verdict.status == "undecided" else ""),
        ("remains", verdict.remains),
    ]
    lines = [*title, "", *fields(rows, width)]
    if verdict.witness is not None:
        lines += ["", *witness_lines(verdict, width)]
    return "\n".join(lines)


def without_partner(verdict: Verdict) -> str:
    """Where outputs differ and both layers have signals that the other lacks: which, and a tie."""
    layers = (verdict.certificate or {}).get("layers", [])
    if verdict.status != "refuted" or verdict.question.sense != "equal" or len(layers) != 2:
        return ""
    tokens = [{r["name"]: r for r in x["signals"] if r["kind"] == "token"} for x in layers]
    ours, theirs = ([n for n in x if n not in y] for x, y in (tokens, tokens[::-1]))
    if not (ours and theirs):
        return ""
    a, b = layer_names(verdict.question)
    alike = [(y, x) for y in theirs for x in ours if tokens[1][y] == tokens[0][x] | {"name": y}]
    y, x = alike[0] if alike else (theirs[0], "...")
    return (
        f"matched by name: {', '.join(ours)} of {a} and {', '.join(theirs)} of {b} have no "
        f'partner; ties give them one, as in --given "{y} = {x}"'
    )


def witness_lines(verdict: Verdict, width: int = WIDTH, *, indent: str = "  ") -> list[str]:
    """The tokens, the weights and the two last outputs of a refuted verdict."""
    witness = verdict.witness
    if witness is None:
        return []
    tokens = [_cells(shaped(verdict, token)) for token in witness.tokens]
    constants = _cells(shaped(verdict, witness.constants))
    labels = [f"token {i}" for i in range(len(tokens))]
    column = max(map(len, [*labels, "weights" if constants else ""]))
    widths = [max(map(len, cells)) for cells in zip(*tokens, strict=True)]
    aligned = len(indent) + column + sum(w + 2 for w in widths) <= width
    lines = []
    for label, cells in zip(labels, tokens, strict=True):
        first = f"{indent}{label:<{column}}  "
        if aligned:
            padded = [f"{cell:<{w}}" for cell, w in zip(cells, widths, strict=True)]
            lines.append((first + "  ".join(padded)).rstrip())
        else:
            lines += wrap(" ".join(cells), width, first=first)
    if constants:
        lines += wrap(" ".join(constants), width, first=f"{indent}{'weights':<{column}}  ")
    last = f"y_{witness.length - 1}"
    question = verdict.question
    rows = [
        (f"{last} of {name}", f"({', '.join(map(_exact, output))})")
        for name, output in zip(layer_names(question), witness.outputs, strict=True)
    ]
    return [*lines, "", *fields(rows, width, indent=indent)]


def layer_names(question: Question) -> tuple[str, str]:
    """The names of the two layers, told apart where they are the same."""
    a, b = question.a, question.b
    return (f"{a} (first)", f"{b} (second)") if a == b else (a, b)


def _exact(entry: str) -> str:
    """A ball that is a whole number without its zeros."""
    whole, _, zeros = entry.partition(".")
    return whole if zeros and not zeros.strip("0") else entry


def _cells(values: Mapping[str, Nested]) -> list[str]:
    return [f"{name}={value_text(value)}" for name, value in values.items()]


def verdict_latex(verdict: Verdict) -> str:
    """A verdict as one LaTeX formula, for notebooks."""
    question = verdict.question
    sign = {"proved": "=", "conditional": "=", "refuted": r"\neq", "undecided": r"\overset{?}{=}"}
    if question.sense == "contains":
        yes, no = r"\supseteq", r"\not\supseteq"
        sign = {"proved": yes, "conditional": yes, "refuted": no}
        sign["undecided"] = rf"\overset{{?}}{{{yes}}}"
    a, b = _roman(question.a), _roman(question.b)
    notes = [verdict.status, "all lengths" if verdict.witness is None else ""]
    notes += ["all sizes" if verdict.sizes is None else verdict.scope, *question.domains]
    rows = [rf"& {a} {sign[verdict.status]} {b} \quad {_roman('; '.join(filter(None, notes)))}"]
    rows += [rf"& {_roman(f'if {tie}')}" for tie in [*question.given, *question.bridges]]
    if verdict.witness is not None:
        for i, token in enumerate(verdict.witness.tokens):
            rows.append(rf"& {_roman(f'token {i}:')}\ {_assignments(shaped(verdict, token))}")
        if verdict.witness.constants:
            weights = _assignments(shaped(verdict, verdict.witness.constants))
            rows.append(rf"& {_roman('weights:')}\ {weights}")
        last = verdict.witness.length - 1
        left, right = (_latex_value([_exact(x) for x in y]) for y in verdict.witness.outputs)
        rows.append(rf"& y_{{{last}}} = {left} \neq {right}")
    elif verdict.proof:
        rows.append(rf"& {_roman(verdict.proof)}")
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _roman(text: str) -> str:
    special = {"\\": r"\backslash ", "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$"}
    special |= {"{": r"\{", "}": r"\}", "^": r"\^{}", "~": r"\~{}"}
    return r"\text{" + "".join(special.get(c, c) for c in text) + "}"


def _assignments(values: Mapping[str, Nested]) -> str:
    from .glyphs import Latex, pieces

    glyphs, shown = Latex(), []
    for name, value in values.items():
        letter, marks = pieces(name)
        symbol = glyphs.subscript(glyphs.letter(letter), [glyphs.letter(m) for m in marks])
        shown.append(f"{symbol} = {_latex_value(value)}")
    return r",\ ".join(shown)


def _latex_value(value: Nested) -> str:
    if not isinstance(value, str):
        return rf"({', '.join(map(_latex_value, value))})"
    top, bar, bottom = value.partition("/")
    if not (bar and bottom.isdigit()):
        return value.replace("+/-", r"\pm")
    return rf"{'-' * top.startswith('-')}\tfrac{{{top.lstrip('-')}}}{{{bottom}}}"
