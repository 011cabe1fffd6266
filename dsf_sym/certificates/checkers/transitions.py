"""Check what holds for every transition Λ of a layer, or fails at exact tokens.

A property is proved for all sizes from the factors of Λ, or at sizes by identities and signs at a
symbolic token. It is refuted by tokens. With `of`, Λ is that of one state alone, `∂ step / ∂ h`,
and the other states enter it: proofs take any value of their invariant domain, refutations those
that the tokens reach.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...arithmetic.scalars import Irrational, Rationals
from ...automata.automaton import Automaton
from ...automata.run import Values, run
from ...derivation.affine import split
from ...errors import Rejected
from ...language.evaluate import Sizes
from ...language.graph import inputs, walk
from ...language.layer import Layer
from ...language.tensor import Input
from .everywhere import Everywhere
from .exact import Exact, exact
from .spectra import PROPERTIES
from .tokens import at_sizes, read_inside, read_sizes


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The property at every token, or its failure at the certificate's tokens."""
    (layer,) = layers
    if str(data["property"]) not in PROPERTIES:
        raise Rejected(f"no property of transitions is called {data['property']!r}")
    found = PROPERTIES[str(data["property"])]
    of = str(data["of"]) if data.get("of") else None
    if "tokens" in data:
        at = read_sizes(data["sizes"])
        constants = read_inside([layer], "constant", data["constants"], at, "the constants")
        tokens = [
            read_inside([layer], "token", t, at, f"token {i}") for i, t in enumerate(data["tokens"])
        ]
        return found.fails(at_tokens(layer, of, at, tokens, constants, found.tokens), data)
    seen = alone(layer, of)
    if "sizes" in data:
        sizes = read_sizes(data["sizes"])
        return found.holds(Everywhere(seen, sizes), data) + at_sizes(sizes)
    if found.everywhere is None:
        raise Rejected(f"{data['property']} are shown at sizes")
    return found.everywhere(seen, data)


def alone(layer: Layer, of: str | None) -> Layer:
    """The layer as far as Λ goes: its states; with `of` that one alone, the others being tokens."""
    names = list(layer.step) if of is None else [layer.signal(of).name]
    if any(name not in layer.step for name in names) or not names:
        raise Rejected(f"{layer.name} has no state {of}")
    step = {name: layer.step[name] for name in names}
    if of is not None:
        linear = split(layer.step[of], frozenset({of}), layer.name).linear
        step[of] = layer[of] * 0 if linear is None else linear
    # On the first token Λ meets the start, which where it is 0 tells nothing of Λ.
    bounds = layer.state_domains(layer.open_denominators, moved=not layer.start)
    read = inputs(*step.values())
    signals = tuple(
        replace(s, kind="token", domain=bounds[s.name])
        if s.kind == "state" and s.name not in names
        else s
        for s in layer.signals
        if s.kind != "state" or s.name in read or s.name in names
    )
    return Layer(
        name=layer.name,
        signals=signals,
        step=step,
        output=layer[names[0]],
        start={k: v for k, v in layer.start.items() if k in names},
    )


def at_tokens(
    layer: Layer,
    of: str | None,
    sizes: Sizes,
    tokens: Sequence[Values],
    constants: Values,
    count: int,
) -> Exact:
    """Λ at the last tokens; with `of` at the states that the tokens before them reach."""
    seen = alone(layer, of)
    if len(tokens) < count + (of is not None):
        raise Rejected(f"{len(tokens)} tokens are too few: states are those after a token")
    if of is None:
        return exact(Automaton((seen,), sizes), tokens[-count:], constants)
    others = [s.name for s in seen.of_kind("token") if s.name in layer.step]
    values = []
    for at in range(len(tokens) - count, len(tokens)):
        known = dict(tokens[at])
        for name in others:
            reader = _reader(layer, name)
            # The output at a token reads the state before it.
            try:
                known[name] = run(reader, tokens[: at + 1], constants, sizes, Rationals())[-1]
            except Irrational:
                raise Rejected(f"the state {name} is not rational on these tokens") from None
        values.append(known)
    return exact(Automaton((seen,), sizes), values, constants)


def _reader(layer: Layer, name: str) -> Layer:
    """The layer with one state as its output, and no state that it does not depend on."""
    needed, waiting = {name}, [name]
    while waiting:
        below = walk(layer.step[waiting.pop()])
        more = {n.name for n in below if isinstance(n, Input) and n.name in layer.step} - needed
        needed |= more
        waiting += more
    return Layer(
        name=layer.name,
        signals=tuple(s for s in layer.signals if s.kind != "state" or s.name in needed),
        step={k: x for k, x in layer.step.items() if k in needed},
        output=layer[name],
        start={k: v for k, v in layer.start.items() if k in needed},
    )
