"""Kernels against the definition and autograd: what the tests of C++ and of CUDA measure by."""

from functools import cache

import numpy as np
from codegen_layers import EXTRA

import numeric
from dsf_sym import Gate, KernelLayer, State, Vec, layer, outer
from dsf_sym.codegen import cuda_source
from dsf_sym.language.loading import catalogue
from numeric import samples
from numeric.budgets import budget
from numeric.oracle import definition


@layer
def old_read(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], a: Gate, z: Vec["d"]):
    """A chunk whose tokens read the state before them."""
    return a * S + outer(k, v), z * (q @ S) + v


ALL = {**catalogue(), **EXTRA, "old_read": old_read}
LAYERS = {n: x for n, x in ALL.items() if not isinstance(x, KernelLayer)}
SIZES = {"n": 9, "d": 19, "m": 3, "h": 2}


@cache
def cuda_of(name):
    """The CUDA source of a layer, by which several modules choose what to test."""
    return cuda_source(LAYERS[name])


def sizes_of(layer, **other):
    return {name: {**SIZES, **other}.get(name, 4) for name in layer.sizes}


def tuple_of(x):
    return x if isinstance(x, tuple) else (x,)


def error(got, want):
    """The largest difference over the largest output of the sequence."""
    scale = max(np.abs(want[0]).max(), 1e-300)
    pairs = zip((got[0], *tuple_of(got[1])), (want[0], *tuple_of(want[1])), strict=True)
    worst = 0.0
    for a, b in pairs:
        assert a.shape == b.shape
        difference = np.abs(np.asarray(a, float) - b)
        assert not np.isnan(difference).any()
        worst = max(worst, float(difference.max() / max(np.abs(b).max(), scale)))
    return worst


def drawn(layer, length, dtype="float64", lead=(1, 2), **sizes):
    given = samples.signals(layer, sizes_of(layer, **sizes), (*lead, length), seed=0)
    state = tuple_of(samples.state(layer, sizes_of(layer, **sizes), lead, seed=1))
    given = {n: x.astype(dtype) for n, x in given.items()}
    state = tuple(x.astype(dtype) for x in state)
    return given, state if len(state) > 1 else state[0]


def computes_the_definition(made, layer, lengths, schedule, dtype):
    """A kernel without and with a state, at every length, within the budget of a schedule."""
    for length in lengths:
        given, state = drawn(layer, length, dtype, lead=(1, 2) if length < 1000 else (1, 1))
        state = state if length > 63 else None
        got = made(**given, state=state)
        assert error(got, definition(layer, given, state)) <= budget(schedule, dtype)


def gradients(call, given, state):
    """Those of a random functional of outputs and last states in all inputs and first states."""
    import torch

    leaves = {n: torch.tensor(x, requires_grad=True) for n, x in given.items()}
    first = tuple(
        torch.tensor(x, requires_grad=True) for x in tuple_of(() if state is None else state)
    )
    start = None if state is None else first if len(first) > 1 else first[0]
    y, ends = call(**leaves, state=start)
    torch.manual_seed(0)
    total = sum((x * torch.randn(x.shape, dtype=x.dtype)).sum() for x in (y, *tuple_of(ends)))
    found = torch.autograd.grad(total, [*leaves.values(), *first], allow_unused=True)
    pairs = zip(found, [*leaves.values(), *first], strict=True)
    return [np.zeros(x.shape) if g is None else g.numpy() for g, x in pairs]


def wrong_by(layer, got, given, state):
    """How far gradients are from those that autograd finds in generated torch code."""
    reference = numeric.schedules(layer, "torch")
    want = gradients(reference.get("chunkwise", reference["recurrent"]), given, state)
    worst = 0.0
    for a, b in zip(got, want, strict=True):
        assert a.shape == b.shape
        difference = np.abs(a - b).max()
        assert not np.isnan(difference)
        worst = max(worst, float(difference / max(1, np.abs(b).max())))
    return worst
