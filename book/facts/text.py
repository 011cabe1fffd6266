"""MyST text from plain text: what must be escaped, and the blocks that pages share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dsf_sym.rendering.report import layer_names, shaped, value_text
from dsf_sym.verdict import Verdict

from .folders import BOOK, CERTIFICATES, ROOT

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|$#~@^])")

# An index or an exponent after one letter or a bracket: S_{i-1}, k_jᵀ, (1 + e^z)^a.
_SCRIPT = re.compile(r"((?<!\w)\w|[)|])([_^])(?:\{([^{}`]+)\}|([^\W_]))(?![A-Za-z0-9_])")
_ROLES = {"_": "sub", "^": "sup"}

# A number in an interval, and one that is written with all its digits.
_BALL = re.compile(r"\[(-?[\d.]+(?:e[-+]?\d+)?) \+/- [\d.e+-]+\]")
_DECIMAL = re.compile(r"(?<![\w.])-?\d+\.\d{9,}(?![\w.])")
# A layer that a file of the catalogue has for itself.
_PRIVATE = re.compile(r"(?<![\w.)|}])_(?=[a-z]\w)")
# A signal of a layer, such as s6.Delta, which would be taken for the address of a site.
_DOTTED = re.compile(r"(?<![`\w./])[a-z]\w+\.[A-Za-z]\w*(?![`\w./])")


def plain(text: str) -> str:
    """Text that means itself: code in backquotes stays code, dotted names become code.

    The indices and exponents of formulas are set low and high, and <= and >= as one sign.
    """
    parts = re.split(r"(`[^`]+`)", _DOTTED.sub(r"`\g<0>`", text))
    return "".join(part if part.startswith("`") else _formula(part) for part in parts)


def _formula(text: str) -> str:
    """Text without code, its indices and exponents as roles."""
    text = text.replace("<=", "≤").replace(">=", "≥")
    done, at = "", 0
    for found in _SCRIPT.finditer(text):
        base, mark, braced, single = found.groups()
        done += _escaped(text[at : found.start()] + base)
        done += f"{{{_ROLES[mark]}}}`{_escaped(braced or single)}`"
        at = found.end()
    return done + _escaped(text[at:])


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def readable(text: str) -> str:
    """Text of a verdict: intervals as the number in them, and layers without a leading `_`."""
    text = _BALL.sub(lambda ball: f"≈ {float(ball[1]):.6g}", text)
    text = _DECIMAL.sub(lambda found: f"{float(found[0]):.6g}", text)
    return _PRIVATE.sub("", text)


def code(text: str) -> str:
    """A word or two as code."""
    return f"`{text}`"


def block(text: str, language: str = "text") -> str:
    """Lines of code, whatever backquotes are in them."""
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 3)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are MyST already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def table_of_lists(head: Sequence[str], rows: Iterable[Sequence[Sequence[str]]]) -> str:
    """A table whose cells hold a list each, or one line; what they list is MyST already."""
    lines = ["```{list-table}", ":header-rows: 1"]
    for row in ([[cell] for cell in head], *rows):
        for i, cell in enumerate(row):
            items = [f"- {item}" for item in cell] if len(cell) > 1 else list(cell) or [""]
            lines += [f"{'  ' if i else '* '}- {items[0]}", *(f"    {item}" for item in items[1:])]
    return "\n".join([*lines, "```"])


def folded(title: str, body: str) -> str:
    """A part that the reader opens."""
    return f"::::::{{dropdown}} {title}\n{body}\n::::::"


def page(title: str, body: str, **fields: str) -> str:
    """A page with its head."""
    head = "\n".join(
        f"{key}: {json.dumps(x, ensure_ascii=False)}" for key, x in fields.items() if x
    )
    return f"---\ntitle: {json.dumps(title, ensure_ascii=False)}\n{head}\n---\n\n{body}\n"


def anchor(layer: str) -> str:
    """The label of a layer's page."""
    return f"layer-{layer.replace('_', '-')}"


def layer_link(name: str, title: str = "") -> str:
    """A link to a layer's page."""
    return f"[{plain(title) or code(name)}](#{anchor(name)})"


def publish(name: str, certificate: Mapping[str, Any], folder: Path = CERTIFICATES) -> str:
    """Write the certificate of a verdict for readers; its address from the root.

    A checker has accepted it before the verdict was given. The files that it names are told from
    the root of the project.
    """
    data = _told_from_root(json.loads(json.dumps(certificate)))
    path = folder / f"{name}.json"
    path.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n")
    return f"/{path.relative_to(BOOK).as_posix()}"


def _told_from_root(data: Any) -> Any:
    """The same with all sources told from the root; a certificate may have others in it."""
    if isinstance(data, list):
        return [_told_from_root(each) for each in data]
    if not isinstance(data, dict):
        return data
    return {
        key: [_from_root(x) for x in value] if key == "sources" else _told_from_root(value)
        for key, value in data.items()
    }


def _from_root(source: str) -> str:
    path = Path(source)
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def witness(verdict: Verdict) -> str:
    """The tokens, the weights and the two last outputs of a refuted verdict, as a table."""
    found = verdict.witness
    if found is None:
        return ""
    outputs = [
        f"$y_{{{found.length - 1}}}$ of {code(readable(name))} is "
        f"{code(readable('(' + ', '.join(output) + ')'))}"
        for name, output in zip(layer_names(verdict.question), found.outputs, strict=True)
        if output
    ]
    steps = [(str(i), token) for i, token in enumerate(found.tokens)]
    steps += [("weights", found.constants)] if found.constants else []
    names = list(dict.fromkeys(name for _, values in steps for name in values))
    rows = []
    for label, values in steps:
        cells = {name: code(value_text(x)) for name, x in shaped(verdict, values).items()}
        rows.append([label, *(cells.get(name, "") for name in names)])
    shown = table(["token", *map(code, names)], rows)
    return f"{shown}\n\n{', and '.join(outputs)}." if outputs else shown
