"""How large a state must be, at a length and over all lengths, and how many heads a layer is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from ..certificates.certificate import header
from ..certificates.checkers import recheck
from ..certificates.checkers.realisations import operator_at
from ..certificates.checkers.state_match import LENGTH
from ..deciding.decide import compare
from ..deciding.pairing import rename_layer
from ..errors import DsfError, LanguageError, Rejected, SizeError, UnknownName
from ..language.evaluate import Sizes
from ..language.functions import concat
from ..language.layer import Layer
from ..language.spec import serialise
from ..language.tensor import Input, Number, broadcast
from ..language.ties import parse_tie
from ..verdict import Question, Verdict
from .points import points, text
from .realising import rank, realise
from .settling import Candidate, Data, layer_of, settle, sizes_of

TRIES = 6
MOST_HEADS = 8


def state_at_length(
    layer: Layer | str,
    length: int,
    at_least: int,
    *,
    skip: bool = True,
    causal: bool = False,
    given: Mapping[str, object] | None = None,
    constants: Mapping[str, Sequence[str]] | None = None,
    carried: str | None = None,
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Verdict:
    """Whether every state-space form of the layer's operator at a length needs N states.

    skip: with any D, else with D = 0. causal: Λ_i, B_i and C_i are functions of the tokens up to i;
    else of the whole sequence. given: ties. constants: weights to use. Proved by tokens at which a
    block has that rank; never refuted. Raises SizeError.
    """
    made = layer_of(layer)
    made = made.given(**dict(given)) if given else made  # type: ignore[arg-type]
    if length < 2:
        raise SizeError(f"state_at_length({made.name}, {length}): a length of at least 2")
    at, u = sizes_of(made, sizes), _input(made, carried)
    own = {name: list(map(Fraction, xs)) for name, xs in (constants or {}).items()}
    cut = length - 1 if causal else (length + (not skip)) // 2

    def candidates() -> Iterator[Candidate]:
        for drawn, tokens in points(made, at, length, seed=seed, tries=TRIES, simple=False):
            weights = drawn | own
            past, futures = tokens[:cut], [tokens[cut:]]
            if causal:
                more = points(made, at, 1, seed=seed + 1, tries=cut, simple=False)
                futures = [future for _, future in more]
            data: Data = {
                "sizes": at,
                "carried": u,
                "skip": skip,
                "states": at_least,
                "constants": text(weights),
                "past": [text(t) for t in past],
                "futures": [[text(t) for t in future] for future in futures],
            }
            yield "proved", data

    question = f"state at length {length}: at least {at_least}"
    remains = f"no block of the operator of rank {at_least} was found"
    return settle(made, "operator rank", question, candidates(), remains)


def rank_is_state(
    layer: Layer | str,
    length: int,
    *,
    carried: str | None = None,
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Verdict:
    """Whether the ordinary rank of the operator is a lower bound on the state.

    Refuted by exact tokens at which the operator has a form with fewer states than its rank.
    """
    made = layer_of(layer)
    at, u = sizes_of(made, sizes), _input(made, carried)

    def candidates() -> Iterator[Candidate]:
        for constants, tokens in points(made, at, length, seed=seed, tries=TRIES):
            try:
                operator = operator_at(made, tokens, constants, u, at)
            except DsfError:
                continue
            form, own = realise(operator, length), rank(operator)
            if form.states < own:
                data: Data = {"sizes": at, "carried": u, "states": form.states, "rank": own}
                shown: Data = {"constants": text(constants), "tokens": [text(t) for t in tokens]}
                yield "refuted", {**data, **shown, **form.data}

    sense = f"the ordinary rank at length {length} bounds the state"
    return settle(made, "realisation", sense, candidates(), "no operator of larger rank was found")


def heads(
    layer: Layer | str,
    number: int,
    *,
    length: int | None = None,
    generic: bool = False,
    constants: Mapping[str, Sequence[str]] | None = None,
    carried: str | None = None,
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Verdict:
    """Whether a layer that is the same at every time is H heads, and no fewer.

    `H = dim span {C B + D, C A^l B : 1 <= l < L}` at a length, or without one at every length above
    the number of states; at rational weights, simple ones by default, or at generic ones.
    """
    made = layer_of(layer)
    at, u = sizes_of(made, sizes), _input(made, carried)
    own = {name: list(map(Fraction, xs)) for name, xs in (constants or {}).items()}

    def candidates() -> Iterator[Candidate]:
        for drawn, _ in points(made, at, 1, seed=seed):
            data: Data = {"sizes": at, "carried": u, "length": length, "generic": generic}
            data["constants"] = text(drawn | own)
            yield "proved", data | {"heads": number}
            if own or generic:
                for other in range((length or MOST_HEADS) + 1):
                    yield "refuted", data | {"heads": other}

    return settle(made, "heads", f"{number} heads", candidates(), "at no weights tried")


def state_match(layer: Layer | str, cache: Layer | str, size: str, value: str) -> Verdict:
    """Whether a layer keeps as many numbers as another where one of its sizes has a value.

    value: a formula in the sizes and the length L, as "L * (m + d) / (d + 1)". A size of `cache`
    that is called like `size` is renamed m. A sum over the past keeps its entries L times.
    """
    made, other = layer_of(layer), layer_of(cache)
    other = rename_layer(other, {size: "m"}) if size in other.sizes else other
    names = dict.fromkeys([*made.sizes, *other.sizes, LENGTH])
    call = f"state_match({size} = {value})"
    graph = parse_tie(value, {n: Input(n, ()) for n in names}, call=call)
    question = Question(made.name, other.name, sense=f"as many numbers at {size} = {value}")
    data = header("state match", question, made, other)
    data |= {"size": size, "value": serialise({"value": graph})}
    try:
        said = recheck(data)
    except Rejected as error:
        return Verdict(question, "undecided", "", None, remains=str(error))
    return Verdict(question, "proved", said, None, certificate=data)


def embeds(
    layer: Layer | str,
    pad: Mapping[str, str],
    *,
    size: str = "n",
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Verdict:
    """Whether a layer is the one of size n + 1 with tokens padded by numbers: {"q": "0", "k": "0"}.

    The layer of size n is compared with the padded one, for all lengths. Raises UnknownName for a
    name that has no such size, LanguageError for a signal with that size and no padding.
    """
    made = layer_of(layer)
    if size not in made.sizes:
        raise UnknownName(f"embeds({made.name}): no size {size!r}; {', '.join(made.sizes)}")
    missing = [s.name for s in made.signals if s.kind != "state" and size in s.dims]
    missing = [name for name in missing if name not in pad]
    if missing:
        raise LanguageError(
            f"embeds({made.name}, pad={dict(pad)}): {', '.join(missing)} also has an axis of size "
            f"{size}; say what it is padded with"
        )
    large = rename_layer(made, {size: f"{size}+1"})
    known = {s.name: s for s in made.signals if s.kind != "state"}
    values = {}
    for name, number in pad.items():
        s = made.signal(name)
        if size not in s.dims:
            raise UnknownName(f"embeds({made.name}): {name} has no axis of size {size}")
        axis = s.dims.index(size)
        dims = tuple("1" if i == axis else d for i, d in enumerate(s.dims))
        more = broadcast(Number(Fraction(number)), dims)
        values[name] = concat(s.tensor, more, axis=axis)
    padded = large.tie(values, known, f"{made.name} padded")
    return compare(made, padded, sizes=sizes, seed=seed)


def _input(layer: Layer, carried: str | None) -> str:
    name = carried or layer.input_name
    if name is None:
        raise LanguageError(f"{layer.name}: name its input, carried=...")
    return layer.signal(name).name
