"""Every conditional claim on both sides: signals that satisfy its relations, and all but one.

The relations are read here, by NumPy alone, and solved near random signals by Newton's method.
"""

import re
import sys
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import test_claims
import test_claims_confirmed
from test_claims import CLAIMS, chosen

from dsf_sym.certificates.certificate import layer_from_spec
from dsf_sym.claims import settle
from dsf_sym.theory.settling import layer_of
from numeric.oracle import definition
from numeric.samples import signals as samples

SIZES = {"n": 3, "d": 2}
LENGTH = 3
FUNCTIONS = {"exp": np.exp, "sqrt": np.sqrt, "__builtins__": {}}
SAME = "is the same number in every entry"


def given(layer):
    return [s for s in layer.signals if s.kind != "state"]


def around(signal):
    """Bounds for the solver: inside an open end, past a closed one, so that it can be reached."""
    at = signal.domain.interval
    low = -4.0 if at.low is None else float(at.low) + (0.02 if at.low_open else -0.5)
    high = 4.0 if at.high is None else float(at.high) - (0.02 if at.high_open else -0.5)
    return low, high


class Signals:
    """Random signals of two layers: tokens [L, ...] and constants [...] by name.

    A signal whose size is another in the other layer goes by the name `layer.signal`.
    """

    def __init__(self, a, b, length, way, seed):
        self.length = length
        self.shared = [x.split()[0] for x in way if x.endswith(SAME)]
        self.names, self.drawn, self.bounds, self.tokens = [], {}, {}, set()
        for i, (layer, other) in enumerate([(a, b), (b, a)]):
            dims = {s.name: s.dims for s in given(other)}
            drawn = samples(layer, SIZES, (1, 1, length), seed=2 * seed + i)
            named = {}
            for s in given(layer):
                same = dims.get(s.name, s.dims) == s.dims
                named[s] = name = s.name if same else f"{layer.name}.{s.name}"
                (low, high), before = around(s), self.bounds.get(name, (-np.inf, np.inf))
                self.bounds[name] = max(low, before[0]), min(high, before[1])
                x = drawn[s.name][0, 0] if s.kind == "token" else drawn[s.name][0]
                self.drawn[name] = np.clip(x, *self.bounds[name])
                self.tokens |= {name} if s.kind == "token" else set()
            self.names.append((layer, named))

    def split(self, flat):
        parts = np.split(flat, np.cumsum([x.size for x in self.drawn.values()])[:-1])
        return {n: p.reshape(x.shape) for (n, x), p in zip(self.drawn.items(), parts, strict=True)}

    def solve(self, relations):
        """Signals at which the relations hold, by Newton's method; None where it finds none."""
        low, high = (
            np.concatenate([np.full(x.size, self.bounds[n][i]) for n, x in self.drawn.items()])
            for i in (0, 1)
        )
        x = np.concatenate([x.ravel() for x in self.drawn.values()])

        def rest(flat):
            parts = self.split(flat)
            return np.concatenate([np.zeros(1), *(self.rest(r, parts) for r in relations)])

        for _ in range(40):
            if np.abs(rest(x)).max() < 1e-13:
                break
            # The derivative along each entry, from a step into the complex plane.
            slopes = np.array([rest(x + e).imag for e in 1e-30j * np.eye(len(x))]).T / 1e-30
            x = np.clip(x - np.linalg.lstsq(slopes, rest(x), rcond=1e-9)[0], low, high)
        return self.split(x) if np.abs(rest(x)).max() < 1e-11 else None

    def rest(self, relation, x):
        """What the relation lacks of holding, as a vector."""
        if relation.endswith(SAME):
            wide = x[relation.split()[0]]
            axes = tuple(range(int(relation.split()[0] in self.tokens), wide.ndim))
            return (wide - wide.mean(axes, keepdims=True)).ravel()
        if (of := re.fullmatch(r"(\S+) is (\w+)'s (\w+), repeated", relation)) is not None:
            wide, narrow = x[of[1]], x[f"{of[2]}.{of[3]}"]
            return (wide - narrow.reshape(narrow.shape + (1,) * (wide.ndim - narrow.ndim))).ravel()
        if (of := re.fullmatch(r"(\w+)_j · (\w+)_i = 0 for all j < i", relation)) is not None:
            pairs = combinations(range(self.length), 2)
            return np.array([x[of[1]][j] @ x[of[2]][i] for j, i in pairs])
        values = FUNCTIONS | {n: self.one_number(n, y) for n, y in x.items()}
        sides = relation.split(" = ")
        left, right = (value(side.removesuffix(" before"), values) for side in sides)
        if sides[0].endswith(" before"):
            left, right = left[:-1], right[1:]
        return np.ravel(left - right)

    def one_number(self, name, x):
        """The mean of the entries where the relations want one number."""
        return x.mean(tuple(range(int(name in self.tokens), x.ndim))) if name in self.shared else x

    def gap(self, x):
        """The largest difference of the outputs over their size."""
        outputs = []
        for layer, named in self.names:
            for s, name in named.items():
                at = s.domain.interval
                ends = (
                    -np.inf if at.low is None else at.low,
                    np.inf if at.high is None else at.high,
                )
                assert np.allclose(np.clip(x[name], *map(float, ends)), x[name], atol=1e-12)
            run = {
                s.name: x[name][None, None] if s.kind == "token" else x[name][None]
                for s, name in named.items()
            }
            outputs.append(definition(layer, run)[0])
        a, b = outputs
        return np.abs(a - b).max() / np.abs(a).max()


def value(text, values):
    """A side of a relation; `k_0` is the token 0 of k, and a dot a scalar product."""
    text = re.sub(r"(\w+?)_(\d+) · (\w+?)_(\d+)", r"\1[\2] @ \3[\4]", text)
    text = re.sub(r"\b([a-zA-Z]+)_(\d+)\b", r"\1[\2]", text)
    return eval(re.sub(r"([)\]]) ?\(", r"\1 * (", text), values)


def repeated(a, b):
    """The relations of signals that have two sizes: the smaller one repeated is the larger one."""
    sizes = [{s.name: s.dims for s in given(x)} for x in (a, b)]
    for name in sizes[0].keys() & sizes[1].keys():
        if sizes[0][name] != sizes[1][name]:
            wide, narrow = sorted((a, b), key=lambda x: -len(x.signal(name).dims))
            yield f"{wide.name}.{name} is {narrow.name}'s {name}, repeated"


def ways(name):
    """The layers of a claim, what holds on both sides, and the ways to be equal that it states."""
    stated = CLAIMS[name]
    a, b = (layer_of(stated.arguments[x]) for x in "ab")
    if stated.procedure == "equal":
        found = settle(name).verdict.conditions
        assert set(found) == set(repeated(a, b))
        return a, b, [], [found]
    kept = [*stated.arguments.get("given", ()), *repeated(a, b)]
    # An interval narrows the domain, which the bounds of both layers do.
    return a, b, kept, [[r for r in way if " in (" not in r] for way in stated.arguments["are"]]


MAPPED = [n for n in chosen("equal", "conditional") if CLAIMS[n].arguments.get("maps")]
RELATED = [n for n in chosen("equal", "conditional") if n not in MAPPED]


def gap(a, b, length, way, relations):
    """How far the outputs differ where the relations hold, from the first start that gets there."""
    for seed in range(20):
        signals = Signals(a, b, length, way, seed)
        if (found := signals.solve(relations)) is not None:
            return signals.gap(found)
    raise AssertionError(f"no signals found with {relations}")


@pytest.mark.parametrize("name", chosen("conditions", "conditional") + RELATED)
def test_points_inside_and_outside_of_relations(name):
    a, b, kept, found = ways(name)
    length = CLAIMS[name].arguments.get("length") or LENGTH
    for way in found:
        assert gap(a, b, length, way, [*kept, *way]) < 1e-9
        for left_out in way:
            others = [r for r in way if r != left_out]
            assert gap(a, b, length, way, [*kept, *others]) > 1e-4, left_out


# One number for each signal, and for each state where the zero is not met from the start.
POLES = {
    "on-values-with": ({"q": 1, "k": 1, "v": 1, "w": 1, "c": 2}, {"S": 0, "R": -2, "z": -1}),
    "it-keeps": ({"k": 1, "v": 1, "prior": -1, "information": -1}, None),
    "least-squares-of-one": ({"q": 1, "k": 1, "v": 1, "prior": -1}, None),
    "the-recursion": ({"k": 1, "v": 1, "prior": -1, "information": -1}, None),
}


@pytest.mark.parametrize("name", MAPPED)
def test_points_with_and_without_a_denominator(name):
    """Equal wherever the denominators differ from 0; at a zero there is no output to compare."""
    data = settle(name).verdict.certificate
    layers = [layer_from_spec(x) for x in data["layers"]]
    assert data["claim"]["where"] and all(x.endswith("!= 0") for x in data["claim"]["where"])
    run = samples(layers[0], data["sizes"], (4, 1, LENGTH), seed=5)
    a, b = (definition(x, run)[0] for x in layers)
    # Some of these outputs are 0 in exact numbers.
    assert np.abs(a - b).max() < 1e-9
    ((numbers, states),) = (x for start, x in POLES.items() if name.startswith(start))
    for layer in layers:
        point = {
            s.name: np.full((1,) * (len(s.dims) + (3 if s.kind == "token" else 1)), numbers[s.name])
            for s in given(layer)
        }
        begin = states and tuple(
            np.full((1,) * (len(s.dims) + 2), Fraction(states[s.name]))
            for s in layer.of_kind("state")
        )
        with pytest.raises(ZeroDivisionError):
            definition(layer, point, begin, scalars="fraction")


@pytest.mark.parametrize("name", chosen("no state with history", "conditional"))
def test_a_skip_alone_has_the_outputs_where_the_input_is_not_zero(name):
    """The skip D = y v'/(v·v) of the history has D v = y, and no value at v = 0, where y has."""
    a, b = (layer_from_spec(x) for x in settle(name).verdict.certificate["layers"])
    run = samples(a, SIZES, (1, 1, LENGTH), seed=6)
    assert np.allclose(definition(a, run)[0], definition(b, run)[0], rtol=1e-12)
    run["v"][0, 0, -1] = 0
    with np.errstate(invalid="ignore"):
        assert np.isnan(definition(b, run)[0][0, 0, -1]).all()
    assert np.abs(definition(a, run)[0][0, 0, -1]).min() > 1e-3


@pytest.mark.parametrize("name", chosen("bounded where", "conditional"))
def test_a_factor_is_bounded_with_the_sum_of_the_steps(name):
    layer = layer_of(CLAIMS[name].arguments["layer"])
    i = np.arange(1.0, 3001)

    def largest(steps):
        return definition(layer, {"Delta": steps[None, None], "A": np.array([-1.0])})[0].max()

    assert largest(1 / i**2) < np.exp(np.pi**2 / 6)
    assert largest(1 / i) > 3000


# Tests of whole procedures, whose cases are not told apart by the name of a claim.
BY_PROCEDURE = {
    "stationary": test_claims.test_the_variance_of_rg_lru,
    "coefficient sum": test_claims.test_coefficients_that_add_up_to_one_and_others,
    "order": test_claims.test_the_order_of_the_past,
}

# Settles claims again and runs no layer.
SETTLED = [test_claims.test_a_claim_of_each_kind_has_its_verdict_and_a_certificate]


def test_every_claim_that_is_refuted_or_conditional_is_confirmed():
    named = set()
    for module in (sys.modules[__name__], test_claims, test_claims_confirmed):
        for each in vars(module).values():
            for mark in getattr(each, "pytestmark", ()):
                if mark.name == "parametrize" and mark.args[0] == "name" and each not in SETTLED:
                    named |= set(mark.args[1])
    for stated in CLAIMS.values():
        if stated.expect in ("refuted", "conditional"):
            assert stated.name in named or stated.procedure in BY_PROCEDURE, stated.name
