"""Whether every layer of one kind is a special case of another: containment.

A contains B when for all weights of B there are weights of A, and a memoryless map from B's token
to A's, inside the domains, such that the outputs agree for all lengths. Proved by maps found among
the expressions of B itself, refuted by an obstruction on B's minimal form, else undecided.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import product

from ..certificates.certificate import header
from ..certificates.checkers import recheck
from ..certificates.checkers.every_transition import NoProperty
from ..certificates.checkers.obstruction import KINDS
from ..derivation.affine import affine_layer
from ..errors import DsfError, Rejected
from ..index.atoms import Form
from ..index.forms import signal_forms
from ..index.normal import step_form
from ..index.terms import FormAlgebra
from ..language.evaluate import Sizes, evaluate
from ..language.layer import Layer, Signal
from ..language.ranges import ranges
from ..language.tensor import Input, Number, Tensor, broadcast, multiply, reads_state, text, walk
from ..verdict import Question, Verdict
from .decide import compare, complete_sizes
from .intertwine import candidate_maps, image
from .minimal import minimal

MOST_MAPS = 4000
TRIES = 20


def contains(a: Layer, b: Layer, *, sizes: Sizes | None = None, seed: int = 0) -> Verdict:
    """Whether every `b` is an `a`, at the level of free signals.

    A proof holds for all sizes and gives the maps, as ties of a's signals; a refutation is at the
    given sizes (2 where not given). Raises NotAffine, SizeError.
    """
    began = time.perf_counter()
    for layer in (a, b):
        affine_layer(layer)
    at = complete_sizes([a, b], sizes)
    verdict = _by_maps(a, b, at, seed) or _by_obstruction(a, b, at, seed)
    if verdict is None:
        verdict = Verdict(
            Question(a.name, b.name, sense="contains"),
            "undecided",
            "no map was found among the expressions of the smaller layer",
            at,
            remains="a map of its tokens to those of the larger one, or an obstruction to all maps",
        )
    return replace(verdict, seconds=time.perf_counter() - began)


# --- maps -----------------------------------------------------------------------------------------


def _by_maps(a: Layer, b: Layer, sizes: Sizes, seed: int) -> Verdict | None:
    own = {s.name for s in b.signals}
    for maps in _maps(a, b):
        if a.name == b.name and any(
            name in own and text(value) != name for name, value in maps.items()
        ):
            # A tie on "f.k" would tie both layers, and B is not to be restricted.
            continue
        given = [f"{a.name}.{name} = {text(value)}" for name, value in maps.items()]
        try:
            verdict = compare(a, b, given=given, sizes=sizes, seed=seed)
        except DsfError:
            continue
        if verdict.certificate is not None and not _forced(verdict):
            verdict.certificate["claim"]["sense"] = "contains"
            question = replace(verdict.question, sense="contains")
            return replace(verdict, question=question)
    return None


def _forced(verdict: Verdict) -> bool:
    """Whether the verdict is no, or yes only on a part or under ties beyond the maps and sizes."""
    if verdict.question.domains:
        return True
    return verdict.status not in ("proved", "conditional") or any(
        ": size " not in condition for condition in verdict.conditions
    )


def _maps(a: Layer, b: Layer) -> Iterator[dict[str, Tensor]]:
    """Values of a's signals that make the two steps equal in index terms, parts in turn.

    The linear part of the step decides the signals that it reads, then the offset, then the output.
    """
    if len(a.of_kind("state")) != len(b.of_kind("state")):
        return
    choices = {s.name: list(_values(s, b)) for s in a.signals if s.kind != "state"}
    if any(affine_layer(x).denominator is not None for x in (a, b)):
        # The parts of a ratio are known up to a common factor: only the first choices are tried.
        if all(choices.values()):
            yield {name: values[0] for name, values in choices.items()}
        return
    own = step_form(b)
    for state_map in candidate_maps(b, a):
        states = {m.target: image(own.states[m.source], m, a) for m in state_map}
        wanted = {m.target: image(own.new[m.source], m, a) for m in state_map}
        yield from _search(a, b, choices, states, wanted, own.output)


def _search(
    a: Layer,
    b: Layer,
    choices: Mapping[str, list[Tensor]],
    states: Mapping[str, Form],
    wanted: Mapping[str, Form],
    output: Form,
) -> Iterator[dict[str, Tensor]]:
    part = affine_layer(a)
    names = frozenset(a.step)
    goals: list[tuple[Tensor | None, Form]] = []
    for name, affine in part.step.items():
        linear, offset = _apart(wanted[name], names | frozenset(b.step))
        goals += [(affine.linear, linear), (affine.offset, offset)]
    linear, offset = _apart(output, names | frozenset(b.step))
    goals += [(part.output.linear, linear), (part.output.offset, offset)]
    forms = _forms(b)

    def extend(at: int, chosen: dict[str, Tensor], spent: list[int]) -> Iterator[dict[str, Tensor]]:
        if at == len(goals):
            rest = [n for n in choices if n not in chosen]
            yield chosen | {n: choices[n][0] for n in rest if choices[n]}
            return
        graph, goal = goals[at]
        if graph is None:
            if not goal:
                yield from extend(at + 1, chosen, spent)
            return
        reads = {n.name for n in walk(graph) if isinstance(n, Input)} - names
        new = sorted(reads - chosen.keys())
        for values in product(*(choices[n] for n in new)):
            spent[0] += 1
            if spent[0] > MOST_MAPS:
                return
            trial = chosen | dict(zip(new, values, strict=True))
            inputs = {n: forms(trial[n]) for n in reads} | dict(states)
            (found,) = evaluate([graph], inputs, FormAlgebra())
            if found == goal:
                yield from extend(at + 1, trial, spent)

    yield from extend(0, {}, [0])


def _apart(form: Form, states: frozenset[str]) -> tuple[Form, Form]:
    """The terms with a state and those without."""
    linear = {m: c for m, c in form.terms.items() if any(x.kind == "state" for x, _ in m)}
    rest = {m: c for m, c in form.terms.items() if m not in linear}
    return Form(form.dims, linear), Form(form.dims, rest)


def _forms(b: Layer) -> Callable[[Tensor], Form]:
    """The normal form of an expression over b's signals, each computed once."""
    inputs = signal_forms(b)
    known: dict[Tensor, Form] = {}

    def form(x: Tensor) -> Form:
        if x not in known:
            (known[x],) = evaluate([x], inputs, FormAlgebra())
        return known[x]

    return form


def _values(s: Signal, b: Layer) -> Iterator[Tensor]:
    """Values for a signal of A: B's signal of that name, then what B computes, then 1, 0, 1 - x."""
    own = {x.name: x for x in b.signals if x.kind != "state"}
    states = frozenset(b.step)
    tokens = {x.name for x in b.of_kind("token")}
    found: list[Tensor] = [own[s.name].tensor] if s.name in own else []
    roots = [*b.step.values(), b.output]
    reads = {n for root in roots for n in reads_state(root, states)}
    for node in walk(*roots):
        if node not in reads and not isinstance(node, Number) and _readable(node):
            found.append(node)
    if s.name in own:
        found += [
            multiply(x.tensor, own[s.name].tensor)
            for x in own.values()
            if not x.dims and x.name != s.name
        ]
    found += [Number(Fraction(1)), Number(Fraction(0))]
    found += [1 - x for x in found if isinstance(x, Input)]
    seen: set[str] = set()
    for x in found:
        fits = x.dims in (s.dims, ())
        constant = not any(isinstance(n, Input) and n.name in tokens for n in walk(x))
        if fits and (s.kind == "token" or constant) and text(x) not in seen and _inside(s, x, b):
            seen.add(text(x))
            yield broadcast(x, s.dims)


def _readable(x: Tensor) -> bool:
    """Whether the text of an expression can be read back as a tie."""
    return len(text(x)) < 60 and "einsum" not in text(x) and "..." not in text(x)


def _inside(s: Signal, x: Tensor, b: Layer) -> bool:
    if s.domain.unit:
        return isinstance(x, Input) and b.signal(x.name).domain.unit
    try:
        return ranges([x], b.domains)[x].within(s.domain.interval)
    except DsfError:
        return False


# --- obstructions ---------------------------------------------------------------------------------


def _by_obstruction(a: Layer, b: Layer, sizes: Sizes, seed: int) -> Verdict | None:
    if any(affine_layer(x).denominator is not None for x in (a, b)):
        return None
    of_b = {n: sizes[n] for n in b.sizes}
    smallest = minimal(b, of_b, seed=seed)
    if smallest.certificate is None or smallest.found != smallest.state:
        return None
    question = Question(a.name, b.name, sense="contains")
    rng = random.Random(seed)
    for kind in KINDS:
        for _ in range(TRIES):
            data = header("obstruction", question, a, b)
            data |= {
                "sizes": sizes,
                "kind of obstruction": kind,
                "minimal": smallest.certificate,
                "tokens": _tokens(b, of_b, rng),
            }
            data["claim"]["lengths"] = "all"
            try:
                said = recheck(data)
            except NoProperty:
                break
            except Rejected:
                continue
            return Verdict(question, "refuted", said, sizes, certificate=data)
    return None


def _tokens(b: Layer, sizes: Sizes, rng: random.Random) -> list[dict[str, list[str]]]:
    from ..automata.automaton import Automaton
    from .witness import random_values

    automaton = Automaton((b,), sizes)
    return [
        {n: [str(x) for x in xs] for n, xs in random_values(automaton, "token", rng, 6).items()}
        for _ in range(2)
    ]
