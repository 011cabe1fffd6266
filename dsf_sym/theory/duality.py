"""Other forms of one layer, and which matrices have a dual as masked attention.

Each form is a layer of its own, proved equal by a step map onto the recurrent one, with every chunk
boundary and every length at once:

- chunked: the state S0 at the start of a chunk, the product P of the transitions since then, and
  the memory M of the chunk alone, with S = P S0 + M; a flag on the token starts a chunk;
- masked: for a positive diagonal Λ, the log l of the product of all transitions and the sum Z of
  what is written, each divided by the product then, with S = e^l Z: a masked matrix
  y_i = Σ_j C_i e^{l_i - l_j} b_j, since l_i - l_j is the log of Λ_i ... Λ_{j+1};
- moved: every state times a free positive number t of the token, with S = S' / t of the last token:
  a change of basis, with Λ'_i = t_i Λ_i / t_{i-1}.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from ..certificates.certificate import header, where
from ..certificates.checkers import recheck, step_map
from ..certificates.checkers.duals import is_new, runs
from ..derivation.affine import AffineLayer, affine_layer
from ..derivation.blocks import Block
from ..derivation.derive import derive
from ..derivation.structure import structure
from ..errors import CertificateError, LanguageError, Rejected
from ..language.declare import Flag
from ..language.domains import POSITIVE, REAL
from ..language.evaluate import Sizes
from ..language.functions import einsum, exp, log, ones
from ..language.layer import Layer, Signal, validate
from ..language.ranges import ranges
from ..language.spec import rebuild, rename_sizes, serialise
from ..language.tensor import Eye, Tensor, add, multiply
from ..verdict import Question, Verdict
from .points import points, text
from .realising import coordinates, independent, realise, texts
from .settling import layer_of, sizes_of, without_layers

BOUNDARY, BASIS = "chunk", "basis"


@dataclass(frozen=True)
class Form:
    """A layer in another form, and the recurrent states as expressions in its states."""

    layer: Layer
    image: Mapping[str, Tensor]


def same_form(layer: Layer | str, form: str, *, sizes: Sizes | None = None) -> Verdict:
    """Whether the form "chunked", "masked" or "moved" has the recurrent form's output, always.

    Raises LanguageError for a layer whose Λ has no such form.
    """
    return _verdict(layer_of(layer), form, "step map", {}, sizes)


def spectrum_is_invariant(
    layer: Layer | str, *, sizes: Sizes | None = None, seed: int = 0
) -> Verdict:
    """Whether the eigenvalues of Λ are the same in every basis that moves with the token.

    Refuted by the "moved" form: equal for all lengths, with another spectrum at exact tokens. What
    is the same in both is the operator, C_i B_i + D_i and C_i Λ_i ... B_j.
    """
    made = layer_of(layer)
    at = sizes_of(made, sizes)
    other = moved(made).layer
    of = next(iter(made.step))
    for constants, tokens in points(other, at, 2, seed=seed):
        shown = {"constants": text(constants), "tokens": [text(t) for t in tokens]}
        more = {"of": of, "sizes of tokens": at, **shown}
        found = _verdict(made, "moved", "gauge", more, at)
        if found.certificate is not None:
            return replace(found, status="refuted")
    return replace(found, remains="no token with another trace of Λ was found")


def _verdict(
    made: Layer, form: str, kind: str, more: Mapping[str, Any], sizes: Sizes | None
) -> Verdict:
    began = time.perf_counter()
    if form not in FORMS:
        raise LanguageError(f"same_form({form!r}): the forms are {', '.join(FORMS)}")
    other = FORMS[form](made)
    question = Question(made.name, other.layer.name)
    at = sizes_of(made, sizes)
    data = header(kind, question, made, other.layer)
    data |= {"maps": [{"from": 1, "to": 0, **serialise(other.image)}], **more}
    layers = [made, other.layer]
    for chosen in ({}, {"sizes": at}):
        try:
            held = (*where(*layers), *step_map.conditions(layers, data | chosen))
            whole = data | chosen
            whole["claim"] = data["claim"] | {"where": list(dict.fromkeys(held))}
            said = recheck(whole)
        except (Rejected, CertificateError):
            continue
        seconds = time.perf_counter() - began
        status = "conditional" if held else "proved"
        return Verdict(
            question,
            status,
            said,
            dict(chosen.get("sizes", {})) or None,
            certificate=whole,
            conditions=tuple(held),
            seconds=seconds,
        )
    return Verdict(question, "undecided", "", at, remains="the step map is not accepted")


def chunked(layer: Layer) -> Form:
    """The layer by chunks. LanguageError where a state enters another's step, or starts from one.

    P is one number an entry of the state for a diagonal Λ, and a matrix for one that acts along the
    first of two axes.
    """
    affine, blocks = _parts(layer)
    if any(s.name == BOUNDARY for s in layer.signals):
        raise LanguageError(f"{layer.name} has a signal {BOUNDARY} already")
    flag = Signal(BOUNDARY, (), Flag.domain, "token")
    new, same = flag.tensor, 1 - flag.tensor
    signals: list[Signal] = []
    step: dict[str, Tensor] = {}
    image: dict[str, Tensor] = {}
    for s in layer.of_kind("state"):
        linear, offset = affine.step[s.name].linear, affine.step[s.name].offset
        dense = s.name in blocks and bool(blocks[s.name].outers or blocks[s.name].dense)
        square = (s.dims[0], s.dims[0]) if dense else s.dims
        p, first, rest = (
            Signal(_free(layer, f"{s.name}_{tail}"), dims, REAL, "state")
            for tail, dims in (("product", square), ("start", s.dims), ("chunk", s.dims))
        )
        signals += [p, first, rest]

        def through(x: Tensor, root: Tensor | None = linear, name: str = s.name) -> Tensor:
            if root is None:
                return multiply(0, x)  # type: ignore[arg-type]
            (graph,) = rebuild(rename_sizes([root], _square(name, layer, x)), {name: x})
            return graph

        one: Tensor = Eye(square) if dense else ones(*s.dims)
        image[s.name] = add(_apply(p.tensor, first.tensor, dense=dense), rest.tensor)
        step[p.name] = through(new * one + same * p.tensor)
        step[first.name] = new * image[s.name] + same * first.tensor
        memory = through(same * rest.tensor)
        step[rest.name] = memory if offset is None else memory + offset
    return _made(layer, "chunked", signals, step, image, [flag])


def masked(layer: Layer) -> Form:
    """The layer with the products of Λ summed as logs; LanguageError unless Λ > 0 is diagonal."""
    affine, blocks = _parts(layer)
    signals: list[Signal] = []
    step: dict[str, Tensor] = {}
    image: dict[str, Tensor] = {}
    for s in layer.of_kind("state"):
        linear, offset = affine.step[s.name].linear, affine.step[s.name].offset
        block = blocks.get(s.name)
        if linear is None or block is None or block.outers or block.dense:
            raise LanguageError(f"{layer.name}: Λ of {s.name} is {block.kind if block else 'zero'}")
        (rate,) = rebuild([linear], {s.name: ones(*s.dims)})
        if not ranges([rate], layer.domains)[rate].within(POSITIVE.interval):
            raise LanguageError(f"{layer.name}: Λ of {s.name} is not shown to be positive")
        logs, total = (
            Signal(_free(layer, f"{s.name}_{tail}"), s.dims, REAL, "state")
            for tail in ("log", "sum")
        )
        signals += [logs, total]
        image[s.name] = exp(logs.tensor) * total.tensor
        step[logs.name] = logs.tensor + log(rate)
        step[total.name] = total.tensor
        if offset is not None:
            step[total.name] = total.tensor + exp(-(logs.tensor + log(rate))) * offset
    return _made(layer, "masked", signals, step, image, [])


def moved(layer: Layer) -> Form:
    """The layer in a basis that moves with the token, by a free positive signal."""
    if layer.start:
        raise LanguageError(f"{layer.name}: a state starts from a weight")
    free = Signal(_free(layer, BASIS), (), POSITIVE, "token")
    last = Signal(_free(layer, f"{BASIS}_last"), (), REAL, "state")
    states = layer.of_kind("state")
    image = {s.name: s.tensor * last.tensor for s in states}
    # 1 / t of the last token is 0 before the first: the states are then 0 too.
    new = rebuild(list(layer.step.values()), image)
    step = {name: free.tensor * x for name, x in zip(layer.step, new, strict=True)}
    step[last.name] = 1 / free.tensor
    return _made(layer, "moved", [*states, last], step, image, [free])


FORMS: dict[str, Callable[[Layer], Form]] = {"chunked": chunked, "masked": masked, "moved": moved}


def _parts(layer: Layer) -> tuple[AffineLayer, dict[str, Block]]:
    if layer.start:
        raise LanguageError(f"{layer.name}: a state starts from a weight")
    affine, found = affine_layer(layer), structure(derive(layer))
    if any(row != column for row, column in found.blocks):
        raise LanguageError(f"{layer.name}: a state enters another's step")
    for name, block in found.blocks.items():
        acts = [x.axes for x in block.outers] + [x.axes for x in block.dense]
        if acts and (len(block.dims) != 2 or any(a != (0,) for a in acts)):
            raise LanguageError(f"{layer.name}: Λ of {name[0]} acts along more than the first axis")
    return affine, {row: block for (row, _), block in found.blocks.items()}


def _square(name: str, layer: Layer, x: Tensor) -> dict[str, str]:
    """The size of the second axis, renamed where the step acts on a square matrix."""
    dims = layer.signal(name).dims
    return {} if x.dims == dims else {dims[1]: dims[0]}


def _apply(p: Tensor, x: Tensor, *, dense: bool) -> Tensor:
    return einsum("ab,bc->ac", p, x) if dense else p * x


def _free(layer: Layer, name: str) -> str:
    while any(s.name == name for s in layer.signals):
        name += "_"
    return name


def _made(
    layer: Layer,
    form: str,
    states: Sequence[Signal],
    step: Mapping[str, Tensor],
    image: Mapping[str, Tensor],
    more: Sequence[Signal],
) -> Form:
    (output,) = rebuild([layer.output], image)
    others = [s for s in layer.signals if s.kind != "state"]
    made = Layer(
        name=f"{layer.name}, {form}",
        signals=(*states, *others, *more),
        step=dict(step),
        output=output,
    )
    validate(made)
    return Form(made, image)


def masked_attention(
    matrix: Sequence[Sequence[int | str]], width: int, *, skip: bool = False, states: bool = True
) -> Verdict:
    """Whether a causal matrix is `L ∘ (Q Kᵀ)` with Q, K of a width and a mask of one state.

    skip: beside a free diagonal. states: the certificate also shows a state-space form of the
    matrix, so that a "no" is about a system of that many states.
    """
    m = [[Fraction(x) for x in row] for row in matrix]
    sense = f"masked attention of width {width}" + (", with a skip" if skip else "")
    data = without_layers("masked attention", sense)
    data |= {"matrix": texts(m), "width": width, "skip": skip}
    if states:
        form = realise(m, len(m))
        data["states"] = {"count": form.states, **form.data}
    question = Question("", "", sense=sense)
    news = {tuple(r): [j for j in r if is_new(m, r, j, skip=skip)] for r in runs(m, skip=skip)}
    most = max(news.values(), key=len)
    status = "refuted" if len(most) > width else "proved"
    data |= {"new columns": most} if status == "refuted" else _factors(m, news, width, skip=skip)
    return Verdict(question, status, recheck(data), None, certificate=data)


def _factors(
    m: list[list[Fraction]],
    news: Mapping[tuple[int, ...], Sequence[int]],
    width: int,
    *,
    skip: bool,
) -> dict[str, Any]:
    """Q, K and a mask of 0 and 1: each column by the new ones of its run."""
    zero = Fraction(0)
    q = [[zero] * width for _ in m]
    k = [[zero] * width for _ in m]
    mask = [zero] * len(m)
    for run, new in news.items():
        completed: dict[int, list[Fraction]] = {}
        for j in run:
            below = [i for i in run if (i > j if skip else i >= j)]
            column = [m[i][j] for i in below]
            if j in new:
                k[j][new.index(j)] = Fraction(1)
                completed[j] = [m[i][j] if i in below else zero for i in run]
                continue
            before = [x for x in new if x < j]
            rows = [[completed[x][run.index(i)] for i in below] for x in before]
            use = independent(rows) if rows and below else []
            found = coordinates([rows[u] for u in use], column) if use else []
            for u, value in zip(use, found, strict=True):
                k[j][u] = value
        for i in run:
            q[i] = [completed[x][run.index(i)] for x in new] + [zero] * (width - len(new))
            mask[i] = Fraction(int(i != run[0]))
    return {"Q": texts(q), "K": texts(k), "mask": [str(a) for a in mask]}
